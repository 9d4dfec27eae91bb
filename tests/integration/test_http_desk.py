# SPDX-License-Identifier: MPL-2.0
"""A day at the desk over HTTP: renewals, judgements, blocks, policies, dry runs."""
import select
import signal
import socket
from datetime import datetime, timedelta, timezone

import cbor2
import pytest

import harness
from bridges import assert_problem, head, key, put, scan
from ledgers import stock, verify

DEFAULTS = {
    "version": 0,
    "max_skew": "PT5M",
    "late_return": "reject",
    "return_match": "oldest",
    "renewal_grace": "PT0S",
}


def now(**offset):
    return (datetime.now(timezone.utc) + timedelta(**offset)).isoformat()


def time(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.fixture
def shop(client):
    """Two users, three mugs that are lent for two days and may be renewed twice."""
    mug = {"id": "mug", "loan_period": "P2D", "renewals_max": 2}
    stock(client, ["u1", "u2"], [("m1", "mug"), ("m2", "mug"), ("m3", "mug")], [mug])
    yield client
    verify(client)


def checkout(bridge, user="u1", asset="m1", **more):
    response = bridge.post("/rentals", scan(user, asset, **more))
    assert response.status == 202, response.body
    return response.json()["rental"]


def accepted(bridge, response):
    """The result of a command that is on record and can be read again."""
    assert response.status == 202, response.body
    result = response.json()
    assert "dry_run" not in result and "events" not in result
    location = response.headers["Location"]
    assert location.startswith("/commands/")
    assert bridge.get(location).json() == result
    return result


def tried(response):
    """The result of a dry run."""
    assert response.status == 200, response.body
    assert "Location" not in response.headers
    result = response.json()
    assert result["dry_run"] is True and result["events"], result
    return result


# ---- renewals and judgements ----


@pytest.mark.parametrize(
    "body, expected",
    [
        (None, timedelta(days=2)),
        ({"period": "P3D"}, timedelta(days=3)),
        ({"rental_id": None, "dry_run": False, "period": "PT1H"}, timedelta(hours=1)),
    ],
)
def test_a_renewal_puts_the_end_later(bridge, shop, body, expected):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}"
    result = accepted(bridge, bridge.post(f"{path}/renew", body))
    assert result["outcome"] == "UPDATED"
    renewed = bridge.get(path)
    assert renewed.headers["ETag"] == '"2"' and renewed.json() == result["rental"]
    assert renewed.json()["renewals"] == 1
    assert time(renewed.json()["expires_at"]) - time(rental["expires_at"]) == expected


def test_a_renewal_to_a_date(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}/renew"
    body = {"expires_at": "2999-01-01T01:00:00+01:00", "rental_id": rental["id"]}
    result = accepted(bridge, bridge.post(path, body))
    assert result["rental"]["expires_at"] == "2999-01-01T00:00:00Z"
    result = accepted(bridge, bridge.post(path, body))
    assert result["outcome"] == "REJECTED" and result["reasons"] == ["NOT_LATER"]
    accepted(bridge, bridge.post(path))
    result = accepted(bridge, bridge.post(path, body))
    assert result["reason"] == "RENEWAL_LIMIT"
    assert result["reasons"] == ["RENEWAL_LIMIT", "NOT_LATER"]
    both = {"expires_at": body["expires_at"], "period": "P1D"}
    assert_problem(bridge.post(path, both), 400, "INVALID_ARGUMENT", "period")


def test_a_rental_is_forgiven(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}"
    result = accepted(bridge, bridge.post(f"{path}/forgive", {"reason": "lost in the flood"}))
    assert result["outcome"] == "UPDATED"
    found = bridge.get(path).json()
    assert found["status"] == "FORGIVEN" and found["closed_by"] == "forgive"
    event = bridge.get(f"/events?from_seq={result['seq']}").json()["events"][0]
    assert event["type"] == "RENTAL_FORGIVEN_EVENT"
    assert event["data"]["reason"] == "lost in the flood"
    again = accepted(bridge, bridge.post(f"{path}/forgive", {"reason": "again"}))
    assert again["outcome"] == "REJECTED" and again["reason"] == "RENTAL_CLOSED"
    assert accepted(bridge, bridge.post(f"{path}/renew"))["reason"] == "RENTAL_CLOSED"


def test_a_rental_is_flagged_and_unflagged(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}"
    assert accepted(bridge, bridge.post(f"{path}/unflag"))["reason"] == "NOT_FLAGGED"
    result = accepted(bridge, bridge.post(f"{path}/flag", {"reason": "chipped"}))
    assert result["rental"]["status"] == "FLAGGED"
    assert result["rental"]["flag_reason"] == "chipped"
    listed = bridge.get("/rentals?status=FLAGGED").json()["rentals"]
    assert listed == [result["rental"]] == [bridge.get(path).json()]
    result = accepted(bridge, bridge.post(f"{path}/unflag", {}))
    assert result["rental"]["status"] == "IN_PROGRESS"
    assert "flag_reason" not in bridge.get(path).json()


# ---- users and types ----


def test_a_blocked_user_takes_nothing_out(bridge, shop):
    out = checkout(bridge)
    result = accepted(bridge, bridge.post("/users/u1/block", {"reason": "owes a mug"}))
    assert result["outcome"] == "UPDATED"
    assert bridge.get("/users/u1").json() == {"id": "u1", "block_reason": "owes a mug"}
    again = accepted(bridge, bridge.post("/users/u1/block", {"reason": "owes a mug"}))
    assert again["outcome"] == "UNCHANGED"
    refused = accepted(bridge, bridge.post("/rentals", scan(asset="m2")))
    assert refused["outcome"] == "REJECTED" and refused["reasons"] == ["USER_BLOCKED"]
    assert bridge.put(f"/rentals/{out['id']}").json()["outcome"] == "COMPLETED"
    bridge.put("/users/u1", {"name": "Ann", "user_limit": 0})
    user = {"id": "u1", "name": "Ann", "user_limit": 0, "block_reason": "owes a mug"}
    assert bridge.get("/users/u1").json() == user
    refused = accepted(bridge, bridge.post("/rentals", scan(asset="m2")))
    assert refused["reason"] == "USER_BLOCKED"
    assert refused["reasons"] == ["USER_BLOCKED", "USER_LIMIT"]
    assert accepted(bridge, bridge.post("/users/u1/unblock"))["outcome"] == "UPDATED"
    assert accepted(bridge, bridge.post("/users/u1/unblock", {}))["outcome"] == "UNCHANGED"
    del user["block_reason"]
    assert bridge.get("/users/u1").json() == user


def test_an_asset_type_says_how_it_is_lent(bridge, daemon):
    body = {
        "user_limit": 1,
        "loan_period": "P2D",
        "renewals_max": 0,
        "due_soon_lead": "PT6H",
        "renewal_period": "P1D",
        "eligible_asset_types": ["mug", "cup"],
    }
    assert accepted(bridge, bridge.put("/asset-types/mug", body))["outcome"] == "CREATED"
    assert bridge.get("/asset-types/mug").json() == {"id": "mug", **body}
    assert bridge.put("/asset-types/mug", {"loan_period": "P3D"}).json()["outcome"] == "UPDATED"
    assert bridge.get("/asset-types/mug").json() == {
        "id": "mug",
        "loan_period": "P3D",
        "renewal_period": "P3D",
        "eligible_asset_types": ["mug"],
    }
    response = bridge.put("/asset-types/mug", {"renewals_max": -1})
    assert_problem(response, 400, "INVALID_ARGUMENT", "renewals_max")


# ---- policies ----


def test_the_policy(bridge, shop):
    assert bridge.get("/policy").json() == DEFAULTS
    result = accepted(bridge, bridge.put("/policy", {"user_limit": 1, "late_return": "flag"}))
    assert result["outcome"] == "UPDATED"
    policy = {**DEFAULTS, "version": result["seq"], "user_limit": 1, "late_return": "flag"}
    assert bridge.get("/policy").json() == policy
    cbor = bridge.get("/policy", {"Accept": "application/cbor"})
    assert cbor2.loads(cbor.body) == policy
    checkout(bridge)
    assert bridge.post("/rentals", scan(asset="m2")).json()["reasons"] == ["USER_LIMIT"]
    assert accepted(bridge, bridge.put("/policy", {"user_limit": 1}))["outcome"] == "UNCHANGED"
    assert accepted(bridge, bridge.put("/policy"))["outcome"] == "UNCHANGED"
    accepted(bridge, bridge.put("/policy", {"user_limit": 0}))
    assert "user_limit" not in bridge.get("/policy").json()


@pytest.mark.parametrize(
    "field, value",
    [
        ("late_return", "perhaps"),
        ("return_match", "newest"),
        ("max_skew", "5"),
        ("user_limit", -1),
        ("version", 5),
        ("id", "x"),
    ],
)
def test_what_is_no_policy(bridge, shop, field, value):
    before = head(shop)
    assert_problem(bridge.put("/policy", {field: value}), 400, "INVALID_ARGUMENT", field)
    assert head(shop) == before and bridge.get("/policy").json() == DEFAULTS


# ---- what is refused ----


@pytest.mark.parametrize(
    "path, body, field",
    [
        ("/rentals/nobody/renew", {}, "rental_id"),
        ("/rentals/nobody/forgive", {"reason": "x"}, "rental_id"),
        ("/rentals/nobody/flag", {"reason": "x"}, "rental_id"),
        ("/rentals/nobody/unflag", {}, "rental_id"),
        ("/rentals/users/unflag", {}, "rental_id"),
        ("/users/nobody/block", {"reason": "x"}, "id"),
        ("/users/nobody/unblock", {}, "id"),
    ],
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_what_nobody_knows_is_not_found(bridge, shop, path, body, field, query):
    before = head(shop)
    assert_problem(bridge.post(path + query, body), 404, "NOT_FOUND", field)
    assert head(shop) == before


@pytest.mark.parametrize(
    "verb, body, field",
    [
        ("forgive", None, "reason"),
        ("forgive", {"reason": None}, "reason"),
        ("flag", {}, "reason"),
        ("flag", {"reason": 5}, "reason"),
        ("flag", {"reason": "x" * 1025}, "reason"),
        ("flag", {"reason": "x", "rental_id": "another"}, "rental_id"),
        ("flag", {"reason": "x", "id": "another"}, "id"),
        ("unflag", {"reason": "x"}, "reason"),
        ("renew", {"period": "P0D"}, "period"),
        ("renew", {"period": "a week"}, "period"),
        ("renew", {"expires_at": "2025-02-30T10:00:00Z"}, "expires_at"),
        ("renew", {"dry_run": "yes"}, "dry_run"),
    ],
)
def test_a_bad_command_on_a_rental_changes_nothing(bridge, shop, verb, body, field):
    rental = checkout(bridge)
    before = head(shop)
    response = bridge.post(f"/rentals/{rental['id']}/{verb}", body)
    assert_problem(response, 400, "INVALID_ARGUMENT", field)
    assert head(shop) == before


def test_a_user_is_named_by_the_path(bridge, shop):
    response = bridge.post("/users/u1/block", {"id": "u2", "reason": "x"})
    assert_problem(response, 400, "INVALID_ARGUMENT", "id")
    assert_problem(bridge.post("/users/u1/block"), 400, "INVALID_ARGUMENT", "reason")
    assert bridge.get("/users").json()["users"] == [{"id": "u1"}, {"id": "u2"}]


@pytest.mark.parametrize(
    "method, path, allow",
    [
        ("GET", "/rentals/r1/renew", "POST"),
        ("PUT", "/users/u1/block", "POST"),
        ("POST", "/policy", "GET, HEAD, PUT"),
        ("GET", "/batch", "POST"),
        ("PUT", "/rentals/users/renew", "GET, HEAD, POST"),
    ],
)
def test_a_method_that_a_path_has_not(bridge, daemon, method, path, allow):
    response = bridge.request(method, path)
    assert_problem(response, 405, "UNKNOWN_OP")
    assert response.headers["Allow"] == allow


def test_pages_of_other_sites_may_not_write(bridge, shop):
    foreign = {"Origin": "https://elsewhere.example"}
    before = head(shop)
    for path, body in (("/users/u1/block", {"reason": "x"}), ("/batch", {"commands": []}),
                       ("/rentals/r1/unflag", {})):  # fmt: skip
        assert_problem(bridge.post(path, body, foreign), 403, "PERMISSION_DENIED", "Origin")
    assert_problem(bridge.put("/policy", {}, foreign), 403, "PERMISSION_DENIED", "Origin")
    assert head(shop) == before


def test_an_id_may_be_a_word_of_another_path(bridge, shop):
    for user in ("users", "a/b", "block"):
        path = "/users/" + user.replace("/", "%2F")
        assert bridge.put(path, {}).status == 202
        assert bridge.post(f"{path}/block", {"reason": "x"}).json()["outcome"] == "UPDATED"
        assert bridge.get(path).json() == {"id": user, "block_reason": "x"}
    rental = checkout(bridge, asset="m1")
    assert bridge.get("/rentals/users/renew").json() == []
    assert bridge.get("/rentals/users/u1").json() == [rental]


# ---- the same command again ----


def test_a_renewal_again_is_the_same_renewal(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}"
    headers = {"Idempotency-Key": key()}
    first = bridge.post(f"{path}/renew", {"period": "P1D"}, headers)
    again = bridge.post(f"{path}/renew", {"period": "P1D"}, headers)
    assert accepted(bridge, first) == accepted(bridge, again)
    assert first.headers["Location"] == again.headers["Location"]
    assert bridge.get(path).json()["renewals"] == 1


def test_a_key_whose_command_is_still_on_its_way(bridge, daemon):
    """One is served and the other told, while the daemon takes its time."""
    request = f"PUT /users/u1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIdempotency-Key: {key()}\r\n"
    request += "Content-Length: 2\r\n\r\n{}"
    assert bridge.get("/readyz").status == 200
    daemon.signal(signal.SIGSTOP)
    try:
        address = ("127.0.0.1", bridge.port)
        both = [socket.create_connection(address, harness.REPLY_DEADLINE) for _ in range(2)]
        for connection in both:
            connection.sendall(request.encode())
        (told,) = select.select(both, [], [], harness.REPLY_DEADLINE)[0]
        refused = told.makefile("rb").read()
        (waiting,) = (connection for connection in both if connection is not told)
        assert bridge.get("/livez").status == 200 and not select.select([waiting], [], [], 0)[0]
    finally:
        daemon.signal(signal.SIGCONT)
    assert refused.startswith(b"HTTP/1.1 409 ") and b'"code":"CONFLICT"' in refused
    assert waiting.makefile("rb").read().startswith(b"HTTP/1.1 202 ")
    for connection in both:
        connection.close()
    harness.wait_until(lambda: bridge.get("/users/u1").status == 200)


# ---- dry runs ----

IMPORT = {
    "id": "old",
    "status": "IN_PROGRESS",
    "user_id": "u2",
    "asset_id": "m3",
    "created_at": "2025-02-10T12:00:00Z",
    "expires_at": "2025-02-12T12:00:00Z",
    "created_at_location_id": "counter",
}
DRY_RUNS = [
    ("POST", "/rentals", scan(asset="m2"), "RENTAL_CREATED_EVENT"),
    ("POST", "/returns", scan(timestamp="NOW"), "RENTAL_RETURN_COMPLETE_EVENT"),
    ("PUT", "/rentals/RENTAL", {"location_id": "bin"}, "RENTAL_RETURN_COMPLETE_EVENT"),
    ("POST", "/rentals/RENTAL/renew", {}, "RENTAL_RENEWED_EVENT"),
    ("POST", "/rentals/RENTAL/forgive", {"reason": "x"}, "RENTAL_FORGIVEN_EVENT"),
    ("POST", "/rentals/RENTAL/flag", {"reason": "x"}, "RENTAL_FLAGGED_EVENT"),
    ("POST", "/rentals/RENTAL/unflag", {}, "COMMAND_REJECTED_EVENT"),
    ("POST", "/users/u1/block", {"reason": "x"}, "USER_BLOCKED_EVENT"),
    ("POST", "/users/u1/unblock", {}, "COMMAND_UNCHANGED_EVENT"),
    ("POST", "/imports", IMPORT, "RENTAL_IMPORTED_EVENT"),
    ("PUT", "/users/u3", {}, "USER_CREATED_EVENT"),
    ("PUT", "/assets/m9", {"asset_type": "mug"}, "ASSET_CREATED_EVENT"),
    ("PUT", "/asset-types/mug", {}, "ASSET_TYPE_UPDATED_EVENT"),
    ("PUT", "/locations/bin", {}, "LOCATION_CREATED_EVENT"),
    ("PUT", "/policy", {"user_limit": 5}, "POLICY_UPDATED_EVENT"),
]  # fmt: skip


def test_every_command_can_be_run_dry(bridge, shop):
    """However it is said, and nothing happens."""
    rental = checkout(bridge)
    paths = bridge.get("/openapi.json").json()["paths"]
    commands = {(method.upper(), path) for path, methods in paths.items()
                for method, operation in methods.items() if "202" in operation["responses"]
                and not path.startswith(("/events", "/consumers"))}  # fmt: skip
    assert len(commands) == len(DRY_RUNS)
    for method, path, body, last in DRY_RUNS:
        path = path.replace("RENTAL", rental["id"])
        if "timestamp" in body:
            body = {**body, "timestamp": now()}
        before = head(shop)
        headers = {"Idempotency-Key": key()}
        results = [
            tried(bridge.request(method, f"{path}?dry_run=true", body, headers)),
            tried(bridge.request(method, path, {**body, "dry_run": True}, headers)),
            tried(bridge.request(method, f"{path}?dry_run=true", {**body, "dry_run": True})),
        ]
        for result in results:
            assert result["seq"] == before and result["events"][-1]["type"] == last, path
            assert result["outcome"] == results[0]["outcome"]
        assert head(shop) == before
        unknown = bridge.get(f"/commands/{headers['Idempotency-Key']}")
        assert_problem(unknown, 404, "NOT_FOUND", "command_id")


def test_what_was_tried_can_be_done(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}/renew"
    headers = {"Idempotency-Key": key()}
    result = tried(bridge.post(f"{path}?dry_run=true", {"period": "P1D"}, headers))
    assert result["events"][0]["data"]["rental"] == result["rental"]
    assert result["rental"]["renewals"] == 1
    assert bridge.get(f"/rentals/{rental['id']}").json() == rental
    done = accepted(bridge, bridge.post(f"{path}?dry_run=false", {"period": "P1D"}, headers))
    assert done["rental"] == result["rental"]
    known = accepted(bridge, bridge.post(f"{path}?dry_run=true", {"period": "P1D"}, headers))
    assert known == done
    assert bridge.get(f"/rentals/{rental['id']}").json()["renewals"] == 1


@pytest.mark.parametrize(
    "query, body, field",
    [
        ("dryrun=true", {}, "dryrun"),
        ("dry_run=yes", {}, "dry_run"),
        ("dry_run=", {}, "dry_run"),
        ("dry_run", {}, "dry_run"),
        ("dry_run=true&dry_run=true", {}, "dry_run"),
        ("dry_run=true", {"dry_run": False}, "dry_run"),
        ("dry_run=false", {"dry_run": True}, "dry_run"),
        ("period=P1D", {}, "period"),
        ("dry_run=%", {}, None),
    ],
)
def test_a_query_that_is_misspelt_does_nothing(bridge, shop, query, body, field):
    rental = checkout(bridge)
    before = head(shop)
    paths = [("POST", f"/rentals/{rental['id']}/renew"), ("PUT", f"/rentals/{rental['id']}"),
             ("PUT", "/policy"), ("PUT", "/users/u3")]  # fmt: skip
    for method, path in paths:
        response = bridge.request(method, f"{path}?{query}", body)
        assert_problem(response, 400, "INVALID_ARGUMENT", field)
    assert head(shop) == before


# ---- openapi.json ----


def test_the_answers_have_the_fields_that_openapi_says(bridge, shop):
    schemas = bridge.get("/openapi.json").json()["components"]["schemas"]
    rental = checkout(bridge)
    bridge.post("/users/u1/block", {"reason": "x"})
    refused = bridge.post("/rentals", scan(asset="m2")).json()
    dry = bridge.post(f"/rentals/{rental['id']}/renew?dry_run=true").json()
    result = bridge.post("/batch", {"commands": [put("u3"), put("")]}).json()
    values = [("Policy", bridge.get("/policy").json()), ("User", bridge.get("/users/u1").json()),
              ("AssetType", bridge.get("/asset-types/mug").json()), ("CommandResult", refused),
              ("CommandResult", dry), ("Preview", dry["events"][0]), ("BatchResult", result),
              ("BatchReply", result["replies"][0]), ("BatchReply", result["replies"][1]),
              ("Error", result["replies"][1]["error"])]  # fmt: skip
    for name, value in values:
        schema = schemas[name]
        assert set(schema["required"]) <= set(value) <= set(schema["properties"]), name
