# SPDX-License-Identifier: MPL-2.0
"""The past over HTTP: reads as of then, histories, explanations, figures."""
import json
import threading
import uuid
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import cbor2
import pytest

import harness
from bridges import assert_problem, begun, frozen, head, key, scan
from ledgers import stock, verify

READS = [
    "/rentals/{rental}",
    "/rentals",
    "/rentals?user_id=u1&status=IN_PROGRESS",
    "/rentals/users/u1",
    "/users",
    "/users/u1",
    "/assets",
    "/assets/m1",
    "/asset-types",
    "/asset-types/mug",
    "/locations",
    "/locations/counter",
    "/devices",
    "/devices/d1",
    "/policy",
    "/stats",
]
# Of the daemon, or of the present.
PRESENT = {"requests", "errors", "commits", "started_at", "archived_seq", "first_seq"}
PRESENT |= {"journal_bytes", "archive_bytes", "snapshot_seq", "snapshots", "trims"}


def now(**offset):
    return (datetime.now(timezone.utc) + timedelta(**offset)).isoformat()


@pytest.fixture
def shop(client):
    mug = {"id": "mug", "loan_period": "P2D"}
    stock(client, ["u1", "u2"], [("m1", "mug"), ("m2", "mug"), ("m3", "mug")], [mug])
    client.ok("location.put", id="counter")
    yield client
    verify(client)


def checkout(bridge, user="u1", asset="m1", **more):
    response = bridge.post("/rentals", scan(user, asset, **more))
    assert response.status == 202, response.body
    return response.json()["rental"]


def give_back(bridge, rental, **body):
    response = bridge.put(f"/rentals/{rental['id']}", {"location_id": "bin", **body})
    assert response.status == 202 and response.json()["outcome"] == "COMPLETED", response.body
    return response


def command_of(response):
    return response.headers["Location"].removeprefix("/commands/")


def with_query(path, query):
    return f"{path}{'&' if '?' in path else '?'}{query}"


def read(bridge, path):
    response = bridge.request("GET", path, timeout=60)
    assert response.status == 200, (path, response.body)
    answer = response.json()
    if path.startswith("/stats"):
        answer = {name: value for name, value in answer.items() if name not in PRESENT}
    return answer


def last_event(bridge):
    page = bridge.get("/events?limit=1").json()
    return bridge.get(f"/events?from_seq={page['head']}").json()["events"][0]


# ---- as of then ----


def test_every_read_answers_as_it_did(bridge, shop):
    rental = checkout(bridge)
    body = scan("u1", "m2", timestamp=now(), device_id="d1", device_seq=1)
    assert bridge.post("/rentals", body).json()["outcome"] == "CREATED"
    paths = [path.format(rental=rental["id"]) for path in READS]
    then = {path: read(bridge, path) for path in paths}
    last = last_event(bridge)

    give_back(bridge, rental)
    late = scan("u2", "m1", timestamp=now(), device_id="d1", device_seq=5)
    assert bridge.post("/rentals", late).json()["outcome"] == "CREATED"
    for path, change in (
        ("/users/u1", {"name": "Ann"}),
        ("/users/u9", {}),
        ("/assets/m1", {"asset_type": "cup"}),
        ("/asset-types/mug", {"loan_period": "P9D"}),
        ("/locations/counter", {"name": "Front desk"}),
        ("/locations/bin", {}),
        ("/policy", {"user_limit": 2}),
    ):
        assert bridge.put(path, change).status == 202
    assert bridge.put("/assets/m3", {"asset_type": "cup"}).json()["outcome"] == "UPDATED"

    since = {path: read(bridge, path) for path in paths}
    assert all(since[path] != then[path] for path in paths)
    for query in (f"at_seq={last['seq']}", f"at={quote(last['time'])}"):
        for path in paths:
            assert read(bridge, with_query(path, query)) == then[path], (path, query)
    for path in paths:
        assert read(bridge, with_query(path, f"at_seq={head(shop)}")) == since[path], path


def test_a_rental_of_the_past_has_the_tag_of_then(bridge, shop):
    rental = checkout(bridge)
    seq = head(shop)
    give_back(bridge, rental)
    path = f"/rentals/{rental['id']}"
    assert bridge.get(path).headers["ETag"] == '"2"'
    past = bridge.get(f"{path}?at_seq={seq}")
    assert past.headers["ETag"] == '"1"' and past.json() == rental
    assert bridge.get(f"{path}?at_seq={seq}", {"If-None-Match": '"1"'}).status == 304
    assert cbor2.loads(bridge.get(f"{path}?at_seq={seq}", {"Accept": "application/cbor"}).body)[
        "rev"
    ] == 1  # fmt: skip
    assert bridge.request("HEAD", f"{path}?at_seq={seq}").status == 200


def test_what_was_not_there_yet_is_not_found(bridge, shop):
    seq = head(shop)
    rental = checkout(bridge)
    missing = bridge.get(f"/rentals/{rental['id']}?at_seq={seq}")
    assert_problem(missing, 404, "NOT_FOUND", "rental_id")
    assert_problem(bridge.get("/users/u1?at=2000-01-01T00:00:00Z"), 404, "NOT_FOUND", "id")
    assert bridge.get("/users?at=2000-01-01T00:00:00Z").json() == {"users": []}
    assert bridge.get("/users?at=2000-01-01T00:00:00%2B01:00").json() == {"users": []}
    assert bridge.get("/users?at_seq=0").json() == {"users": []}
    assert bridge.get(f"/rentals/users/u1?at_seq={seq}").json() == []


def test_the_rentals_of_a_user_at_a_time_are_all_of_them(bridge, shop):
    for number in range(230):  # more than two pages
        shop.send("asset.put", {"id": f"a{number}", "asset_type": "mug"})
        shop.send("rental.checkout", scan("u1", f"a{number}"))
    for _ in range(460):
        assert shop.receive()["ok"]
    seq = head(shop)
    then = bridge.get("/rentals/users/u1").json()
    for rental in then[:120]:
        shop.send("rental.forgive", {"rental_id": rental["id"], "reason": "moving"})
    for _ in range(120):
        assert shop.receive()["ok"]
    checkout(bridge, asset="m1")
    assert len(then) == 230
    assert read(bridge, f"/rentals/users/u1?at_seq={seq}") == then
    pages, query = [], "limit=100"
    while query:
        page = read(bridge, f"/rentals?at_seq={seq}&{query}")
        pages += page["rentals"]
        query = f"limit=100&cursor={quote(page['cursor'])}" if "cursor" in page else None
    assert pages == then


@pytest.mark.parametrize("path", [path.format(rental="x") for path in READS])
def test_a_bad_time_is_named(bridge, daemon, path):
    for query, field in (
        ("at=yesterday", "at"),
        ("at=", "at"),
        ("at_seq=-1", "at_seq"),
        ("at_seq=x", "at_seq"),
        ("at=2000-01-01T00:00:00Z&at_seq=1", "at_seq"),
        ("at_seq=1000000", "at_seq"),
        ("at=2999-01-01T00:00:00Z", "at"),
        ("att=2000-01-01T00:00:00Z", "att"),
    ):
        problem = bridge.get(with_query(path, query))
        assert_problem(problem, 400, "INVALID_ARGUMENT", field)


@pytest.mark.parametrize(
    "path, field",
    [
        ("/commands/{id}?at_seq=1", "at_seq"),
        ("/rentals/r1?rental_id=r1", "rental_id"),
        ("/users/u1?id=u1", "id"),
        ("/rentals/users/u1?limit=1", "limit"),
        ("/rentals/r1/explain?at_seq=1", "at_seq"),
        ("/rentals/r1/explain?rental_id=r1", "rental_id"),
        ("/commands/{id}/explain?rental_id=r1", "command_id"),
        ("/commands/{id}/explain?command_id={id}", "command_id"),
        ("/commands/5/explain", "command_id"),
        ("/rentals/r1/history?at_seq=1", "at_seq"),
        ("/rentals/r1/history?rental_id=r2", "rental_id"),
        ("/policy?limit=1", "limit"),
        ("/stats?limit=1", "limit"),
        ("/stats?since=yesterday", "since"),
    ],
)
def test_what_a_path_does_not_take_is_named(bridge, daemon, path, field):
    response = bridge.get(path.format(id=uuid.uuid4()))
    assert_problem(response, 400, "INVALID_ARGUMENT", field)


def test_the_past_may_take_long_and_others_are_served_meanwhile(bridge, daemon, shop):
    """An ordinary request is given up long before."""
    rental = checkout(bridge)
    paths = [f"/rentals/{rental['id']}?at_seq={head(shop)}", f"/rentals/{rental['id']}/explain"]
    answers = {}

    def ask(path):
        answers[path] = bridge.request("GET", path, timeout=90).status

    with frozen(daemon):
        threads = [threading.Thread(target=ask, args=(path,)) for path in paths]
        for thread in threads:
            thread.start()
        assert bridge.get("/livez").status == 200
        present = bridge.request("GET", f"/rentals/{rental['id']}", timeout=60)
        assert_problem(present, 504, "UNAVAILABLE")
        assert bridge.get("/livez").status == 200 and not answers
    for thread in threads:
        thread.join(60)
    assert answers == dict.fromkeys(paths, 200)


def test_the_end_of_the_bridge_ends_long_requests(bridge, daemon, shop):
    with frozen(daemon):
        with begun(bridge, b"GET /users?at_seq=1 HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            assert bridge.stop() == 0
            assert connection.makefile("rb").read().startswith(b"HTTP/1.1 503 ")


# ---- histories ----


def pages_of(bridge, path):
    """The pages from a path on, following Link."""
    while path:
        response = bridge.get(path)
        assert response.status == 200, response.body
        yield response.json()
        path = link_of(response)


def link_of(response):
    link, page = response.headers["Link"], response.json()
    assert (link is None) == (page["next_seq"] > page["head"])
    if link is None:
        return None
    target, _, rel = link.partition("; ")
    assert rel == 'rel="next"' and target[0] == "<" and target[-1] == ">"
    return target[1:-1]


def history(bridge, path):
    return [event for page in pages_of(bridge, path) for event in page["events"]]


def test_the_history_of_a_rental_a_user_an_asset(bridge, shop):
    first = checkout(bridge)
    other = checkout(bridge, "u2", "m2")
    bridge.post(f"/rentals/{first['id']}/renew", {"period": "P1D"})
    give_back(bridge, first)
    bridge.put("/users/u1", {"name": "Ann"})
    give_back(bridge, other)
    types = [event["type"] for event in history(bridge, f"/rentals/{first['id']}/history")]
    assert types == [
        "RENTAL_CHECKOUT_EVENT",
        "RENTAL_CREATED_EVENT",
        "RENTAL_RENEWED_EVENT",
        "RENTAL_RETURN_EVENT",
        "RENTAL_RETURN_COMPLETE_EVENT",
    ]
    types = [event["type"] for event in history(bridge, "/users/u1/history")]
    assert types == [
        "USER_CREATED_EVENT",
        "RENTAL_CHECKOUT_EVENT",
        "RENTAL_CREATED_EVENT",
        "RENTAL_RENEWED_EVENT",
        "RENTAL_RETURN_EVENT",
        "RENTAL_RETURN_COMPLETE_EVENT",
        "USER_UPDATED_EVENT",
    ]
    types = [event["type"] for event in history(bridge, "/assets/m2/history")]
    assert types == [
        "ASSET_CREATED_EVENT",
        "RENTAL_CHECKOUT_EVENT",
        "RENTAL_CREATED_EVENT",
        "RENTAL_RETURN_EVENT",
        "RENTAL_RETURN_COMPLETE_EVENT",
    ]
    assert history(bridge, "/users/nobody/history") == []
    picked = history(bridge, "/users/u1/history?type=USER_CREATED_EVENT&type=USER_UPDATED_EVENT")
    assert [event["type"] for event in picked] == ["USER_CREATED_EVENT", "USER_UPDATED_EVENT"]
    assert history(bridge, "/events?asset_id=m2") == history(bridge, "/assets/m2/history")
    both = bridge.get("/users/u1/history?asset_id=m1")
    assert both.status == 400 and both.json()["code"] == "INVALID_ARGUMENT"


def test_a_history_is_read_page_by_page(bridge, shop):
    user = "u /1"
    shop.ok("user.put", id=user)
    for _ in range(12):
        give_back(bridge, checkout(bridge, user))
    path = f"/users/{quote(user, safe='')}/history"
    whole = bridge.get(path).json()["events"]
    assert len(whole) == 49 and whole[0]["data"] == {"id": user}
    pages = list(pages_of(bridge, f"{path}?limit=10"))
    assert [event for page in pages for event in page["events"]] == whole
    assert len(pages) >= 5 and all(len(page["events"]) <= 10 for page in pages)
    later = history(bridge, f"{path}?limit=7&from_seq={whole[30]['seq']}")
    assert later == whole[30:]
    since = quote(whole[40]["time"])
    assert history(bridge, f"{path}?since={since}&limit=3")[-1] == whole[-1]
    assert bridge.get(path, {"Accept": "text/event-stream"}).json()["events"] == whole


def test_events_link_to_the_next_page(bridge, shop):
    for number in range(20):
        shop.ok("location.put", id=f"l{number}")
    events = history(bridge, "/events?limit=7")
    assert [event["seq"] for event in events] == list(range(1, head(shop) + 1))
    picked = history(bridge, "/events?type=LOCATION_CREATED_EVENT&limit=3&from_seq=2")
    assert len(picked) == 21
    assert bridge.get("/events").headers["Link"] is None


# ---- explanations ----


def test_a_return_is_explained(bridge, shop):
    first, second = checkout(bridge, asset="m1"), checkout(bridge, asset="m2")
    done = give_back(bridge, first)
    answer = read(bridge, f"/commands/{command_of(done)}/explain")
    assert answer["command"] == command_of(done) and answer["outcome"] == "COMPLETED"
    assert [event["type"] for event in answer["events"]] == [
        "RENTAL_RETURN_EVENT",
        "RENTAL_RETURN_COMPLETE_EVENT",
    ]
    assert answer["policy"]["return_match"] == "oldest"
    found = {row["rental"]["id"]: row["verdict"] for row in answer["candidates"]}
    assert found == {first["id"]: "chosen", second["id"]: "not_named"}
    assert answer["candidates"][0]["rental"] == first
    about = read(bridge, f"/rentals/{first['id']}/explain")
    assert about["command"] == answer["command"] and about["candidates"] == answer["candidates"]
    assert len(about["events"]) == 4
    opened = read(bridge, f"/rentals/{second['id']}/explain")
    assert opened["outcome"] == "CREATED" and opened["candidates"] == []


def test_a_refusal_is_explained(bridge, shop):
    checkout(bridge, timestamp=now(days=-3), expires_at=now(days=-1))
    body = {"timestamp": now(), "location_id": "bin", "user_id": "u1", "asset_id": "m1"}
    refused = bridge.post("/returns", body)
    assert refused.json()["reason"] == "RENTAL_EXPIRED"
    answer = read(bridge, f"/commands/{command_of(refused)}/explain")
    assert answer["outcome"] == "REJECTED" and answer["reasons"] == ["RENTAL_EXPIRED"]
    assert [row["verdict"] for row in answer["candidates"]] == ["expired"]


def test_what_is_unknown_is_not_explained(bridge, daemon):
    assert_problem(bridge.get("/rentals/nobody/explain"), 404, "NOT_FOUND", "rental_id")
    unknown = bridge.get(f"/commands/{key()}/explain")
    assert_problem(unknown, 404, "NOT_FOUND", "command_id")


# ---- figures ----


def test_figures(bridge, shop):
    day = datetime(2025, 3, 1, 12, tzinfo=timezone.utc)
    for number, hours in enumerate((1, 2, 30)):
        taken, back = day + timedelta(hours=hours), day + timedelta(hours=hours + 4)
        rental = checkout(bridge, timestamp=taken.isoformat(), loan_period="P2D")
        give_back(bridge, rental, return_date=back.isoformat(), location_id=f"bin{number % 2}")
    out = checkout(bridge, "u2", "m2")
    figures = bridge.get("/stats?since=2025-03-01T00:00:00Z&until=2025-03-03T00:00:00Z").json()
    assert figures["returns"] == 3 and figures["open"] == 1 and figures["rentals"] == 4
    assert figures["returns_by_day"] == [
        {"day": "2025-03-01", "returns": 2},
        {"day": "2025-03-02", "returns": 1},
    ]
    assert figures["returns_by_location"] == [
        {"returns": 2, "location_id": "bin0"},
        {"returns": 1, "location_id": "bin1"},
    ]
    assert figures["returns_by_asset_type"] == [{"returns": 3, "asset_type": "mug"}]
    assert figures["missed_scans"] == 0 and "median_loan_period" in figures
    until = bridge.get("/stats?since=2025-03-01T00:00:00Z&until=2025-03-02T00:00:00Z").json()
    assert until["returns"] == 2
    seq = head(shop)
    give_back(bridge, out)
    past = bridge.get(f"/stats?at_seq={seq}").json()
    assert past["open"] == 1 and past["head"] == seq and past["returns"] == 0
    assert bridge.get("/stats").json()["returns"] == 1
    wide = bridge.get("/stats?since=2023-01-01T00:00:00Z&until=2025-01-01T00:00:00Z")
    assert_problem(wide, 400, "INVALID_ARGUMENT", "since")


def test_the_answers_have_the_fields_that_openapi_says(bridge, shop):
    schemas = bridge.get("/openapi.json").json()["components"]["schemas"]
    rental = checkout(bridge, timestamp=now(), device_id="d1", device_seq=3)
    done = give_back(bridge, rental)
    explanation = bridge.get(f"/commands/{command_of(done)}/explain").json()
    devices = bridge.get("/devices").json()
    figures = bridge.get("/stats").json()
    for name, value in (
        ("Explanation", explanation),
        ("Candidate", explanation["candidates"][0]),
        ("EventPage", bridge.get("/users/u1/history").json()),
        ("DevicePage", devices),
        ("Device", devices["devices"][0]),
        ("DeviceHole", devices["devices"][0]["holes"][0]),
        ("Stats", figures),
        ("DayReturns", figures["returns_by_day"][0]),
        ("LocationReturns", figures["returns_by_location"][0]),
        ("AssetTypeReturns", figures["returns_by_asset_type"][0]),
        ("Hello", bridge.get("/readyz").json()),
    ):
        schema = schemas[name]
        assert set(schema["required"]) <= set(value) <= set(schema["properties"]), name
        json.dumps(value)
