# SPDX-License-Identifier: MPL-2.0
"""Every route of the HTTP bridge and every answer that it has."""
import base64
import json
import uuid
from datetime import datetime, timedelta, timezone

import cbor2
import pytest

import harness

FIELDS = {
    "id", "rev", "status", "user_id", "asset_id", "renewals", "created_at", "expires_at",
    "created_seq", "returned_at", "eligible_asset_types", "created_at_location_id",
    "returned_at_location_id",
}  # fmt: skip


@pytest.fixture
def shop(client):
    """Two users, three mugs; nothing is out."""
    for user in ("u1", "u2"):
        client.ok("user.put", id=user)
    for asset in ("m1", "m2", "m3"):
        client.ok("asset.put", id=asset, asset_type="mug")
    return client


def qr(text):
    return base64.b64encode(text.encode()).decode()


def checkout(bridge, user="u1", asset="m1", **more):
    scan = {"location_id": "counter", "user_id": user, "asset_id": asset, **more}
    response = bridge.post("/rentals", scan)
    assert response.status == 202, response.body
    return response.json()["rental"]


def assert_problem(response, status, code, field=None):
    assert response.status == status, response.body
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status and problem["code"] == code, problem
    assert problem["title"] and problem["detail"] and problem["type"].startswith("urn:")
    assert problem.get("field") == field, problem


def now(**offset):
    return (datetime.now(timezone.utc) + timedelta(**offset)).isoformat()


# ---- the three calls that are the origin of the project ----


def test_a_rental_is_its_fields_and_nothing_around_them(bridge, shop):
    rental = checkout(bridge)
    response = bridge.get(f"/rentals/{rental['id']}")
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["ETag"] == '"1"'
    found = response.json()
    assert set(found) == FIELDS
    assert found == rental
    assert found["returned_at"] is None and found["returned_at_location_id"] is None


def test_a_rental_that_is_unchanged_is_not_sent_again(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}"
    for tag in ('"1"', '"7", "1"', 'W/"1"', "*"):
        response = bridge.get(path, {"If-None-Match": tag})
        assert response.status == 304 and response.body == b"", tag
        assert response.headers["ETag"] == '"1"'
    assert bridge.get(path, {"If-None-Match": '"11"'}).status == 200


def test_an_unknown_rental_is_not_found(bridge, shop):
    assert_problem(bridge.get("/rentals/nobody"), 404, "NOT_FOUND", "rental_id")
    assert_problem(bridge.put("/rentals/nobody", {}), 404, "NOT_FOUND", "rental_id")


def test_a_return_of_a_rental_goes_on_record(bridge, shop):
    rental = checkout(bridge, timestamp="2025-02-10T10:00:00Z", expires_at="2025-03-10T10:00:00Z")
    body = {"return_date": "2025-02-10T12:00:00+01:00", "location_id": "bin-7"}
    response = bridge.put(f"/rentals/{rental['id']}", body)
    assert response.status == 202
    result = response.json()
    assert result["outcome"] == "COMPLETED" and result["matched_by"] == "rental_id"
    again = bridge.get(f"/rentals/{rental['id']}")
    assert again.headers["ETag"] == '"2"'
    assert again.json()["status"] == "COMPLETED"
    assert again.json()["returned_at"] == "2025-02-10T11:00:00Z"
    assert again.json()["returned_at_location_id"] == "bin-7"
    events = bridge.get(f"/events?from_seq={rental['created_seq'] + 1}").json()["events"]
    command = response.headers["Location"].rpartition("/")[2]
    assert [event["type"] for event in events if event.get("command") == command] == [
        "RENTAL_RETURN_EVENT",
        "RENTAL_RETURN_COMPLETE_EVENT",
    ]


@pytest.mark.parametrize("body", [None, b"", b"{}", b'{"return_date":null}'])
def test_a_return_without_a_date_is_now(bridge, shop, body):
    rental = checkout(bridge)
    response = bridge.request("PUT", f"/rentals/{rental['id']}", body=body)
    assert response.status == 202
    returned = datetime.fromisoformat(response.json()["rental"]["returned_at"].replace("Z", "+00:00"))
    assert abs(datetime.now(timezone.utc) - returned) < timedelta(seconds=60)


@pytest.mark.parametrize(
    "body, code, field",
    [
        ({"return_date": "2025-02-30T10:00:00Z"}, "INVALID_ARGUMENT", "return_date"),
        ({"return_date": "2025-02-10"}, "INVALID_ARGUMENT", "return_date"),
        ({"return_date": "2025-02-10T10:00:00"}, "INVALID_ARGUMENT", "return_date"),
        ({"return_date": "yesterday"}, "INVALID_ARGUMENT", "return_date"),
        ({"return_date": 1739181600}, "INVALID_ARGUMENT", "return_date"),
        ({"location_id": ""}, "INVALID_ARGUMENT", "location_id"),
        ({"location_id": 5}, "INVALID_ARGUMENT", "location_id"),
        ({"location_id": "x" * 129}, "INVALID_ARGUMENT", "location_id"),
        ({"location": "bin"}, "INVALID_ARGUMENT", "location"),
        ([], "INVALID_ARGUMENT", None),
    ],
)
def test_a_bad_return_changes_nothing(bridge, shop, body, code, field):
    rental = checkout(bridge)
    head = shop.ok("hello")["head"]
    assert_problem(bridge.put(f"/rentals/{rental['id']}", body), 400, code, field)
    assert shop.ok("hello")["head"] == head


def test_what_a_rule_rejects_is_accepted_and_says_so(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}"
    assert bridge.put(path).json()["outcome"] == "COMPLETED"
    response = bridge.put(path)
    assert response.status == 202
    assert response.json()["outcome"] == "REJECTED"
    assert response.json()["reason"] == "ALREADY_RETURNED"
    late = checkout(bridge, asset="m2", timestamp=now(days=-3), expires_at=now(days=-1))
    response = bridge.put(f"/rentals/{late['id']}")
    assert response.status == 202
    assert response.json()["reason"] == "RENTAL_EXPIRED"


def test_the_rentals_of_a_user_are_one_array(bridge, shop):
    assert bridge.get("/rentals/users/u1").json() == []
    assert bridge.get("/rentals/users/nobody").json() == []
    rentals = [checkout(bridge, asset=asset) for asset in ("m1", "m2", "m3")]
    checkout(bridge, user="u2", asset="m1")  # m1 must have come back unseen
    response = bridge.get("/rentals/users/u1")
    assert response.status == 200
    found = response.json()
    assert [rental["id"] for rental in found] == [rental["id"] for rental in rentals]
    assert [rental["status"] for rental in found] == ["COMPLETED", "IN_PROGRESS", "IN_PROGRESS"]


def test_the_rentals_of_a_user_are_all_of_them(bridge, shop):
    for number in range(230):  # more than two pages
        shop.send("asset.put", {"id": f"a{number}", "asset_type": "mug"})
        scan = {"location_id": "c", "user_id": "u1", "asset_id": f"a{number}"}
        shop.send("rental.checkout", scan)
    for _ in range(460):
        assert shop.receive()["ok"]
    found = bridge.get("/rentals/users/u1").json()
    assert len({rental["id"] for rental in found}) == 230


# ---- scans, commands ----


def test_a_return_scan_by_qr(bridge, shop):
    rental = checkout(bridge)
    scan = {"timestamp": now(), "location_id": "bin", "user_qr_data": qr("u1"),
            "asset_qr_data": qr("m1")}  # fmt: skip
    response = bridge.post("/returns", scan)
    assert response.status == 202
    assert response.json()["outcome"] == "COMPLETED"
    assert response.json()["rental"]["id"] == rental["id"]
    unknown = {**scan, "asset_qr_data": qr("nothing")}
    assert bridge.post("/returns", unknown).json()["reason"] == "ASSET_UNKNOWN"


@pytest.mark.parametrize(
    "scan, field",
    [
        ({}, "timestamp"),
        ({"timestamp": "2025-02-30T10:00:00Z", "asset_id": "m1"}, "timestamp"),
        ({"timestamp": "2025-02-10T10:00:00Z", "asset_qr_data": "%%%"}, "asset_qr_data"),
        ({"timestamp": "2025-02-10T10:00:00Z", "asset_id": "m1", "colour": "red"}, "colour"),
    ],
)
def test_a_return_scan_that_is_not_well_formed(bridge, shop, scan, field):
    assert_problem(bridge.post("/returns", scan), 400, "INVALID_ARGUMENT", field)


def test_a_checkout(bridge, shop):
    scan = {"location_id": "counter", "user_id": "u1", "asset_id": "m1", "loan_period": "P1D"}
    response = bridge.post("/rentals", scan)
    assert response.status == 202
    assert response.json()["outcome"] == "CREATED"
    assert bridge.post("/rentals", scan).json()["outcome"] == "ALREADY_OUT"
    assert bridge.post("/rentals", {**scan, "user_id": "x"}).json()["reason"] == "USER_UNKNOWN"
    assert_problem(bridge.post("/rentals", {}), 400, "INVALID_ARGUMENT", "location_id")


def test_a_command_can_be_read_again(bridge, shop):
    scan = {"location_id": "counter", "user_id": "u1", "asset_id": "m1"}
    response = bridge.post("/rentals", scan)
    location = response.headers["Location"]
    assert location.startswith("/commands/")
    assert bridge.get(location).status == 200
    assert bridge.get(location).json() == response.json()
    assert_problem(bridge.get(f"/commands/{uuid.uuid4()}"), 404, "NOT_FOUND", "command_id")
    assert_problem(bridge.get("/commands/5"), 400, "INVALID_ARGUMENT", "id")


def test_the_idempotency_key_is_the_command_id(bridge, shop):
    key = str(uuid.UUID(bytes=harness.uuid7()))
    scan = {"location_id": "counter", "user_id": "u1", "asset_id": "m1"}
    first = bridge.post("/rentals", scan, {"Idempotency-Key": key})
    again = bridge.post("/rentals", scan, {"Idempotency-Key": key})
    assert first.headers["Location"] == again.headers["Location"] == f"/commands/{key}"
    assert first.json() == again.json()
    assert first.json()["outcome"] == "CREATED"
    for bad in ("5", "", key[:-1], key + "0"):
        response = bridge.post("/rentals", scan, {"Idempotency-Key": bad})
        assert_problem(response, 400, "INVALID_ARGUMENT", "Idempotency-Key")


def test_waiting_is_understood(bridge, shop):
    scan = {"location_id": "counter", "user_id": "u1", "asset_id": "m1"}
    response = bridge.post("/rentals", scan, {"Prefer": "wait=5"})
    assert response.status == 202 and response.json()["outcome"] == "CREATED"


# ---- things ----


@pytest.mark.parametrize(
    "path, member, body, stored",
    [
        ("users", "users", {"name": "Ann"}, {"id": "x y", "name": "Ann"}),
        ("assets", "assets", {"asset_type": "mug"}, {"id": "x y", "asset_type": "mug"}),
        (
            "asset-types",
            "asset_types",
            {"loan_period": "P2D"},
            {"id": "x y", "loan_period": "P2D", "renewal_period": "P2D",
             "eligible_asset_types": ["x y"]},
        ),
        ("locations", "locations", {}, {"id": "x y"}),
    ],
)
def test_things_are_put_got_and_listed(bridge, daemon, path, member, body, stored):
    one = f"/{path}/x%20y"
    assert_problem(bridge.get(one), 404, "NOT_FOUND", "id")
    assert bridge.get(f"/{path}").json() == {member: []}
    response = bridge.put(one, body)
    assert response.status == 202 and response.json()["outcome"] == "CREATED"
    assert response.headers["Location"].startswith("/commands/")
    assert bridge.put(one, {"id": "x y", **body}).json()["outcome"] == "UNCHANGED"
    assert bridge.get(one).json() == stored
    assert bridge.get(f"/{path}").json() == {member: [stored]}
    assert_problem(bridge.put(one, {"id": "z", **body}), 400, "INVALID_ARGUMENT", "id")
    assert_problem(bridge.put(one, {**body, "size": 5}), 400, "INVALID_ARGUMENT", "size")


def test_an_asset_needs_its_type(bridge, daemon):
    assert_problem(bridge.put("/assets/a", {}), 400, "INVALID_ARGUMENT", "asset_type")


def test_lists_page_by_cursor(bridge, client):
    for number in range(5):
        client.ok("location.put", id=f"l{number}")
    seen, query = [], "limit=2"
    while True:
        page = bridge.get(f"/locations?{query}").json()
        assert len(page["locations"]) <= 2
        seen += [location["id"] for location in page["locations"]]
        if "cursor" not in page:
            break
        query = f"limit=2&cursor={page['cursor']}"
    assert seen == [f"l{number}" for number in range(5)]


def test_rentals_are_picked_by_what_is_asked(bridge, shop):
    out = checkout(bridge)
    done = checkout(bridge, asset="m2")
    late = checkout(bridge, "u2", "m3", timestamp=now(days=-3), expires_at=now(days=-1))
    bridge.put(f"/rentals/{done['id']}")

    def ids(query):
        return [rental["id"] for rental in bridge.get(f"/rentals?{query}").json()["rentals"]]

    assert ids("") == [out["id"], done["id"], late["id"]]
    assert ids("user_id=u1&status=IN_PROGRESS") == [out["id"]]
    assert ids("status=COMPLETED") == [done["id"]]
    assert ids("expired=true") == [late["id"]]
    assert ids("asset_id=m2") == [done["id"]]
    assert ids("user_id=nobody") == []


@pytest.mark.parametrize(
    "query, field",
    [
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("status=OPEN", "status"),
        ("expired=maybe", "expired"),
        ("user_id=", "user_id"),
        ("user_id=%FF", "user_id"),
        ("colour=red", "colour"),
        ("limit=1&limit=2", "limit"),
        ("user_id=%", None),
    ],
)
def test_a_bad_query_is_named(bridge, daemon, query, field):
    assert_problem(bridge.get(f"/rentals?{query}"), 400, "INVALID_ARGUMENT", field)


# ---- events ----


def test_events_page(bridge, shop):
    checkout(bridge)
    page = bridge.get("/events?limit=2").json()
    assert [event["seq"] for event in page["events"]] == [1, 2]
    assert page["next_seq"] == 3
    assert page["head"] == shop.ok("hello")["head"]
    event = page["events"][0]
    assert event["specversion"] == "1.0" and event["type"] == "HELLO_EVENT"
    rest = bridge.get(f"/events?from_seq={page['next_seq']}").json()
    assert [event["seq"] for event in rest["events"]] == list(range(3, page["head"] + 1))
    assert rest["next_seq"] == page["head"] + 1
    picked = bridge.get("/events?type=RENTAL_CREATED_EVENT&type=USER_CREATED_EVENT").json()
    assert [event["type"] for event in picked["events"]] == ["USER_CREATED_EVENT"] * 2 + [
        "RENTAL_CREATED_EVENT"
    ]
    assert bridge.get("/events?since=2999-01-01T00:00:00Z").json()["events"] == []
    assert len(bridge.get("/events?since=2000-01-01T00:00:00%2B01:00").json()["events"]) > 3
    assert_problem(bridge.get("/events?since=now"), 400, "INVALID_ARGUMENT", "since")
    assert_problem(bridge.get("/events?from_seq=-1"), 400, "INVALID_ARGUMENT", "from_seq")


# ---- forms and methods ----


def test_cbor_for_those_who_prefer_it(bridge, shop):
    accept = {"Accept": "application/cbor"}
    scan = {"location_id": "counter", "user_id": "u1", "asset_id": "m1"}
    response = bridge.post("/rentals", scan, accept)
    assert response.headers["Content-Type"] == "application/cbor"
    rental = cbor2.loads(response.body)["rental"]
    assert cbor2.dumps(cbor2.loads(response.body), canonical=True) == response.body
    one = bridge.get(f"/rentals/{rental['id']}", accept)
    assert one.headers["Content-Type"] == "application/cbor"
    assert cbor2.loads(one.body) == rental == shop.ok("rental.get", rental_id=rental["id"])["rental"]
    command = bridge.get(response.headers["Location"], accept)
    assert command.body == response.body
    assert bridge.get("/rentals/nobody", accept).headers["Content-Type"].endswith("problem+json")
    wild = bridge.get(f"/rentals/{rental['id']}", {"Accept": "*/*"})
    assert wild.headers["Content-Type"] == "application/json"


def test_head_is_get_without_a_body(bridge, shop):
    rental = checkout(bridge)
    for path in (f"/rentals/{rental['id']}", "/livez", "/events", "/rentals/users/u1"):
        full = bridge.get(path)
        head = bridge.request("HEAD", path, headers={"Accept": "text/event-stream"})
        assert head.status == 200 and head.body == b""
        assert head.headers["Content-Length"] == str(len(full.body))


@pytest.mark.parametrize(
    "method, path, allow",
    [
        ("DELETE", "/rentals/r1", "GET, HEAD, PUT"),
        ("GET", "/returns", "POST"),
        ("PUT", "/rentals", "GET, HEAD, POST"),
        ("OPTIONS", "/livez", "GET, HEAD"),
        ("BREW", "/events", "GET, HEAD, POST"),
    ],
)
def test_a_method_that_a_path_has_not(bridge, daemon, method, path, allow):
    response = bridge.request(method, path)
    assert_problem(response, 405, "UNKNOWN_OP")
    assert response.headers["Allow"] == allow


@pytest.mark.parametrize("path", ["/", "/rental", "/rentals/", "/rentals/a/b", "/metrics", "//"])
def test_a_path_that_is_none(bridge, daemon, path):
    assert_problem(bridge.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "kind, status",
    [
        (None, 202),
        ("application/json", 202),
        ("application/json; charset=utf-8", 202),
        ("application/x-www-form-urlencoded", 202),
        ("text/plain", 415),
        ("application/cbor", 415),
        ("multipart/form-data", 415),
    ],
)
def test_a_body_says_what_it_is(bridge, daemon, kind, status):
    headers = {"Content-Type": kind} if kind else {}
    response = bridge.request("PUT", "/users/u9", headers=headers, body=b'{"name":"N"}')
    assert response.status == status
    if status == 415:
        assert_problem(response, 415, "INVALID_ARGUMENT", "Content-Type")


@pytest.mark.parametrize("body", [b"{", b"name=Ann", b"\xff", b'{"name":"a","name":"b"}', b"{}{}"])
def test_a_body_that_is_no_json(bridge, daemon, body):
    assert_problem(bridge.request("PUT", "/users/u9", body=body), 400, "MALFORMED")


def test_pages_of_other_sites_may_not_write(bridge, daemon):
    foreign = {"Origin": "https://elsewhere.example"}
    own = {"Origin": f"http://127.0.0.1:{bridge.port}"}
    assert_problem(bridge.put("/users/u9", {}, foreign), 403, "PERMISSION_DENIED", "Origin")
    assert_problem(bridge.put("/users/u9", {}, {"Origin": "null"}), 403, "PERMISSION_DENIED",
                   "Origin")  # fmt: skip
    assert bridge.put("/users/u9", {}, own).status == 202
    assert bridge.get("/users/u9", foreign).status == 200


# ---- the service itself ----


def test_live_and_ready(bridge, daemon):
    assert bridge.get("/livez").json() == {"status": "ok"}
    ready = bridge.get("/readyz")
    assert ready.status == 200 and ready.json()["protocol"] == 1


def test_without_the_daemon_it_is_live_and_not_ready(bridge, daemon):
    assert bridge.get("/readyz").status == 200
    daemon.kill()
    response = bridge.get("/readyz")
    assert response.status in (503, 504)
    assert response.json()["code"] == "UNAVAILABLE"
    assert int(response.headers["Retry-After"]) >= 1
    assert bridge.get("/livez").status == 200
    daemon.start()
    harness.wait_until(lambda: bridge.get("/readyz").status == 200)


def test_openapi_is_served(bridge, daemon):
    response = bridge.get("/openapi.json")
    assert response.headers["Content-Type"] == "application/json"
    document = json.loads(response.body)
    assert document["openapi"].startswith("3.1")
    assert set(document["components"]["schemas"]["Rental"]["required"]) == FIELDS


def test_the_answers_have_the_fields_that_openapi_says(bridge, shop):
    schemas = bridge.get("/openapi.json").json()["components"]["schemas"]
    rental = checkout(bridge)
    result = bridge.put(f"/rentals/{rental['id']}").json()
    event = bridge.get("/events?limit=1").json()["events"][0]
    problem = bridge.get("/rentals/nobody").json()
    for name, value in (("Rental", rental), ("Rental", result["rental"]), ("CommandResult", result),
                        ("Event", event), ("Problem", problem)):  # fmt: skip
        schema = schemas[name]
        assert set(schema["required"]) <= set(value) <= set(schema["properties"]), name
