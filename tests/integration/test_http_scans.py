# SPDX-License-Identifier: MPL-2.0
"""Scans over HTTP: devices and their clocks, overrides, imports, filters, and who may do what."""
import os
from datetime import datetime, timedelta, timezone

import pytest

import harness
from bridges import assert_problem, head, key, put, scan
from ledgers import stock, verify

DAY = datetime(2025, 2, 10, 12, tzinfo=timezone.utc)


def at(**offset):
    return (DAY + timedelta(**offset)).strftime("%Y-%m-%dT%H:%M:%SZ")


def now(**offset):
    return (datetime.now(timezone.utc) + timedelta(**offset)).isoformat()


@pytest.fixture
def shop(client):
    mug = {"id": "mug", "loan_period": "P2D", "renewals_max": 1}
    stock(client, ["u1", "u2"], [("m1", "mug"), ("m2", "mug"), ("c1", "cup")], [mug])
    yield client
    verify(client)


def accepted(response):
    assert response.status == 202, response.body
    return response.json()


def events_of(bridge, result, number):
    """The last `number` events up to that of a result."""
    from_seq = result["seq"] - number + 1
    return bridge.get(f"/events?from_seq={from_seq}&limit={number}").json()["events"]


# ---- devices ----


def test_a_device_numbers_its_scans(bridge, shop):
    out = scan(timestamp=at(), device_id="bin 7", device_seq=1)
    assert accepted(bridge.post("/rentals", out))["outcome"] == "CREATED"
    assert accepted(bridge.post("/rentals", out))["outcome"] == "UNCHANGED"
    back = scan(timestamp=at(hours=1), device_id="bin 7")
    result = accepted(bridge.post("/returns", {**back, "device_seq": 5}))
    assert result["outcome"] == "COMPLETED"
    gap = events_of(bridge, result, 1)[0]
    assert gap["type"] == "DEVICE_GAP_EVENT"
    assert gap["data"] == {"device_id": "bin 7", "first_missing": 2, "last_missing": 4}
    device = {"id": "bin 7", "device_seq": 5, "missing": 3, "holes": [{"first": 2, "last": 4}]}
    assert bridge.get("/devices/bin%207").json() == device
    accepted(bridge.post("/returns", {**back, "timestamp": at(hours=2), "device_seq": 3}))
    device["missing"], device["holes"] = 2, [{"first": 2, "last": 2}, {"first": 4, "last": 4}]
    assert bridge.get("/devices").json() == {"devices": [device]}
    assert_problem(bridge.get("/devices/other"), 404, "NOT_FOUND", "id")


def test_devices_are_listed_page_by_page(bridge, shop):
    names = [f"d{number}" for number in (3, 1, 4, 5, 9)]
    for number, name in enumerate(names):
        body = scan(timestamp=at(hours=number), device_id=name, device_seq=1)
        accepted(bridge.post("/returns", body))
    seen, query = [], "limit=2"
    while query:
        page = bridge.get(f"/devices?{query}").json()
        assert len(page["devices"]) <= 2
        seen += [device["id"] for device in page["devices"]]
        query = f"limit=2&cursor={page['cursor']}" if "cursor" in page else None
    assert seen == names


def test_the_clock_of_a_device_is_put_right(bridge, shop):
    out = scan(timestamp=at(minutes=5), clock_offset_ms=300_000)
    rental = accepted(bridge.post("/rentals", out))["rental"]
    assert rental["created_at"] == at()
    body = {"return_date": at(hours=1), "clock_offset_ms": -1500, "location_id": "bin",
            "device_id": "d1", "device_seq": 1}  # fmt: skip
    result = accepted(bridge.put(f"/rentals/{rental['id']}", body))
    assert result["rental"]["returned_at"].startswith("2025-02-10T13:00:01.5")
    assert bridge.get("/devices/d1").json()["device_seq"] == 1
    data = events_of(bridge, result, 2)[0]["data"]
    assert data["device_time"] == at(hours=1)
    assert data["occurred_at"] == result["rental"]["returned_at"]


@pytest.mark.parametrize(
    "change, field",
    [
        ({"device_id": "d1"}, "device_seq"),
        ({"device_seq": 1}, "device_id"),
        ({"device_id": "d1", "device_seq": 0}, "device_seq"),
        ({"device_id": "d1", "device_seq": -1}, "device_seq"),
        ({"device_id": "d1", "device_seq": "1"}, "device_seq"),
        ({"device_id": "", "device_seq": 1}, "device_id"),
        ({"clock_offset_ms": 3155760000001}, "clock_offset_ms"),
        ({"clock_offset_ms": -3155760000001}, "clock_offset_ms"),
        ({"clock_offset_ms": 1.5}, "clock_offset_ms"),
        ({"clock_offset_ms": 9223372036854775807}, "clock_offset_ms"),
        ({"override": ""}, "override"),
        ({"override": "x" * 1025}, "override"),
        ({"override": True}, "override"),
    ],
)
def test_a_bad_scan_is_named(bridge, shop, change, field):
    before = head(shop)
    for path in ("/rentals", "/returns"):
        response = bridge.post(path, scan(timestamp=at(), **change))
        assert_problem(response, 400, "INVALID_ARGUMENT", field)
    assert head(shop) == before


def test_a_clock_that_is_off_belongs_to_a_time(bridge, shop):
    response = bridge.post("/rentals", scan(clock_offset_ms=5))
    assert_problem(response, 400, "INVALID_ARGUMENT", "clock_offset_ms")
    rental = accepted(bridge.post("/rentals", scan()))["rental"]
    response = bridge.put(f"/rentals/{rental['id']}", {"clock_offset_ms": 5})
    assert_problem(response, 400, "INVALID_ARGUMENT", "clock_offset_ms")
    one = bridge.put(f"/rentals/{rental['id']}", {"device_id": "d1"})
    assert_problem(one, 400, "INVALID_ARGUMENT", "device_seq")


# ---- overrides ----


def test_what_may_be_overridden_is(bridge, shop):
    accepted(bridge.post("/users/u1/block", {"reason": "owes a mug"}))
    refused = accepted(bridge.post("/rentals", scan()))
    assert refused["outcome"] == "REJECTED" and refused["reasons"] == ["USER_BLOCKED"]
    result = accepted(bridge.post("/rentals", scan(override="paid just now")))
    assert result["outcome"] == "CREATED"
    data = events_of(bridge, result, 1)[0]["data"]
    assert data["override"] == "paid just now" and data["overridden"] == ["USER_BLOCKED"]
    path = f"/rentals/{result['rental']['id']}"
    accepted(bridge.post(f"{path}/renew"))
    assert accepted(bridge.post(f"{path}/renew"))["reasons"] == ["RENEWAL_LIMIT"]
    renewed = accepted(bridge.post(f"{path}/renew", {"override": "ill", "period": "P1D"}))
    assert renewed["outcome"] == "UPDATED" and renewed["rental"]["renewals"] == 2
    data = events_of(bridge, renewed, 1)[0]["data"]
    assert data["override"] == "ill" and data["overridden"] == ["RENEWAL_LIMIT"]


def test_a_late_return_may_be_taken_in(bridge, shop):
    late = scan(timestamp=now(days=-9), expires_at=now(days=-1))
    path = f"/rentals/{accepted(bridge.post('/rentals', late))['rental']['id']}"
    assert accepted(bridge.put(path))["reason"] == "RENTAL_EXPIRED"
    result = accepted(bridge.put(path, {"override": "the bin was full"}))
    assert result["outcome"] == "COMPLETED" and result["rental"]["status"] == "COMPLETED"
    data = events_of(bridge, result, 1)[0]["data"]
    assert data["override"] == "the bin was full" and data["overridden"] == ["RENTAL_EXPIRED"]


def test_a_checkout_that_comes_after_its_return(bridge, shop):
    back = {"timestamp": at(hours=5), "user_id": "u1", "asset_id": "m1", "location_id": "bin"}
    assert accepted(bridge.post("/returns", back))["reason"] == "NO_OPEN_RENTAL"
    result = accepted(bridge.post("/rentals", scan(timestamp=at())))
    assert result["outcome"] == "COMPLETED"
    assert result["rental"]["closed_by"] == "late_checkout"
    assert result["rental"]["returned_at"] == at(hours=5)
    listed = bridge.get("/rentals?closed_by=late_checkout").json()["rentals"]
    assert listed == [result["rental"]]


# ---- imports ----

RENTAL = {
    "id": "old-1",
    "rev": 7,
    "status": "COMPLETED",
    "user_id": "u1",
    "asset_id": "m1",
    "renewals": 3,
    "closed_by": "return_scan",
    "created_at": at(),
    "expires_at": at(days=2),
    "returned_at": at(days=1),
    "returned_asset_id": "m2",
    "eligible_asset_types": ["mug"],
    "created_at_location_id": "counter",
    "returned_at_location_id": "bin",
}


def test_a_rental_is_taken_over_as_it_was(bridge, shop):
    identity = key()
    first = bridge.post("/imports", RENTAL, {"Idempotency-Key": identity})
    assert accepted(first)["outcome"] == "CREATED"
    assert first.headers["Location"] == f"/commands/{identity}"
    found = bridge.get("/rentals/old-1").json()
    assert {name: value for name, value in found.items() if name != "created_seq"} == RENTAL
    assert accepted(bridge.post("/imports", RENTAL))["outcome"] == "UNCHANGED"
    tried = bridge.post("/imports?dry_run=true", {**RENTAL, "id": "old-2"})
    assert tried.status == 200 and tried.json()["dry_run"] is True
    assert bridge.get("/rentals/old-2").status == 404
    flagged = {**RENTAL, "id": "old-3", "status": "FLAGGED", "flag_reason": "chipped"}
    assert accepted(bridge.post("/imports", flagged))["rental"]["flag_reason"] == "chipped"


@pytest.mark.parametrize(
    "change, field",
    [
        ({"status": "DONE"}, "status"),
        ({"rev": 0}, "rev"),
        ({"status": "IN_PROGRESS", "returned_at": None, "returned_asset_id": None,
          "returned_at_location_id": None}, "closed_by"),
        ({"status": "FORGIVEN", "closed_by": "forgive", "returned_at": None,
          "returned_at_location_id": None}, "returned_asset_id"),
        ({"colour": "red"}, "colour"),
        ({"id": None}, "id"),
    ],
)  # fmt: skip
def test_a_bad_import_is_named(bridge, shop, change, field):
    problem = bridge.post("/imports", {**RENTAL, **change})
    assert_problem(problem, 400, "INVALID_ARGUMENT", field)
    unknown = bridge.post("/imports", {**RENTAL, "returned_asset_id": "nothing"})
    assert_problem(unknown, 404, "NOT_FOUND", "returned_asset_id")


# ---- filters ----


def test_every_filter_of_rentals(bridge, shop):
    for number in range(4):
        offset = timedelta(days=number)
        row = {
            **RENTAL,
            "id": f"r{number}",
            "renewals": number,
            "created_at": (DAY + offset).isoformat(),
            "expires_at": (DAY + 2 * offset + timedelta(days=1)).isoformat(),
            "returned_at": (DAY + offset + timedelta(hours=6)).isoformat(),
            "created_at_location_id": f"desk{number % 2}",
            "returned_at_location_id": f"bin{number % 2}",
            "returned_asset_id": ("m1", "m2")[number // 2],
            "eligible_asset_types": [("mug", "cup")[number // 2], "bowl"],
        }
        if number == 3:
            row |= {"status": "FLAGGED", "flag_reason": "chipped & dirty", "closed_by": "flag"}
        assert accepted(bridge.post("/imports", row))["outcome"] == "CREATED"
    out = accepted(bridge.post("/rentals", scan("u2", "c1")))["rental"]["id"]

    def ids(query):
        response = bridge.get(f"/rentals?{query}")
        assert response.status == 200, (query, response.body)
        return [rental["id"] for rental in response.json()["rentals"]]

    everything = ["r0", "r1", "r2", "r3", out]
    for query, expected in (
        ("", everything),
        ("status=FLAGGED", ["r3"]),
        ("user_id=u2", [out]),
        ("asset_id=c1", [out]),
        ("expired=false", [out]),
        ("renewals=2", ["r2"]),
        ("renewals=0", ["r0", out]),
        ("closed_by=return_scan", ["r0", "r1", "r2"]),
        ("flag_reason=chipped+%26+dirty", ["r3"]),
        (f"created_from={at(days=1)}", ["r1", "r2", "r3", out]),
        (f"created_until={at(days=1)}", ["r0"]),
        (f"created_from={at(days=1)}&created_until={at(days=2)}", ["r1"]),
        (f"expires_from={at(days=3)}&expires_until={at(days=5)}", ["r1"]),
        (f"returned_from={at(days=2)}", ["r2", "r3"]),
        (f"returned_until={at(days=2)}", ["r0", "r1"]),
        ("returned_asset_id=m1", ["r0", "r1"]),
        ("eligible_asset_type=cup", ["r2", "r3", out]),
        ("eligible_asset_type=bowl", ["r0", "r1", "r2", "r3"]),
        ("created_at_location_id=desk1", ["r1", "r3"]),
        ("returned_at_location_id=bin0", ["r0", "r2"]),
        ("returned_at_location_id=bin0&renewals=2&user_id=u1", ["r2"]),
        ("returned_at_location_id=bin0&renewals=1", []),
    ):
        assert ids(query) == expected, query
    for query, field in (
        ("renewals=x", "renewals"),
        ("closed_by=nobody", "closed_by"),
        ("created_from=2025", "created_from"),
        ("eligible_asset_types=cup", "eligible_asset_types"),
    ):
        assert_problem(bridge.get(f"/rentals?{query}"), 400, "INVALID_ARGUMENT", field)


# ---- who may do what ----

KIOSK = 'principal "uid:%d" {\n  role = kiosk\n  locations = {"north"}\n}\n'
READER = 'principal "uid:%d" {\n  role = reader\n}\n'


def test_a_bridge_that_may_only_read(tmp_path):
    config = READER % os.getuid()
    with harness.Daemon(tmp_path, config=config) as daemon, harness.Bridge(daemon) as bridge:
        assert bridge.get("/readyz").json()["role"] == "reader"
        assert bridge.get("/users").json() == {"users": []}
        assert bridge.get("/users?at_seq=0").json() == {"users": []}
        assert bridge.get("/stats").status == 200
        with bridge.stream("/events?from_seq=1") as stream:
            assert stream.next()["event"] == "HELLO_EVENT"
        for response in (
            bridge.put("/users/u1", {}),
            bridge.post("/rentals", scan()),
            bridge.post("/imports", RENTAL),
            bridge.put("/policy", {"user_limit": 2}),
        ):
            assert_problem(response, 403, "PERMISSION_DENIED")
            assert "reader" in response.json()["detail"]


def test_a_bridge_at_a_kiosk(tmp_path):
    config = KIOSK % os.getuid()
    with harness.Daemon(tmp_path, config=config) as daemon, harness.Bridge(daemon) as bridge:
        assert bridge.get("/readyz").json()["role"] == "kiosk"
        here = {**scan(), "location_id": "north"}
        assert accepted(bridge.post("/rentals", here))["reason"] == "USER_UNKNOWN"
        elsewhere = bridge.post("/rentals", scan())
        assert_problem(elsewhere, 403, "PERMISSION_DENIED", "location_id")
        nowhere = bridge.post("/returns", {"timestamp": at(), "asset_id": "m1"})
        assert_problem(nowhere, 403, "PERMISSION_DENIED", "location_id")
        overriding = bridge.post("/rentals", {**here, "override": "please"})
        assert_problem(overriding, 403, "PERMISSION_DENIED", "override")
        assert_problem(bridge.put("/users/u1", {}), 403, "PERMISSION_DENIED")
        mixed = {"commands": [put("u1"), {"op": "rental.checkout", "args": here}]}
        replies = bridge.post("/batch", mixed)
        if replies.status == 200:
            first, second = replies.json()["replies"]
            assert first["error"]["code"] == "PERMISSION_DENIED" and second["ok"] is True
        else:
            assert_problem(replies, 403, "PERMISSION_DENIED")
