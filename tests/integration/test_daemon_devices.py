# SPDX-License-Identifier: MPL-2.0
"""Scans that come late: device sequences with holes, clocks that are off, checkouts behind their
own returns, and rules that somebody overrode; through restarts and with the archive gone."""
from datetime import datetime, timedelta, timezone

import pytest

from harness import Client, uuid7
from ledgers import at, check_chain, read_events, read_list, stock, verify


class Counter:
    """Scans with few words."""

    def __init__(self, client):
        self.client = client
        types = [{"id": "mug", "loan_period": "P2D", "user_limit": 2, "renewals_max": 0}]
        stock(client, ["ada", "bob"], [(f"m{n}", "mug") for n in range(9)], types)

    def take(self, asset="m0", user="ada", when=None, **args):
        args = {"user_id": user, "asset_id": asset, "location_id": "desk", **args}
        return self.client.ok("rental.checkout", timestamp=when or at(), **args)

    def bring(self, asset="m0", when=None, **args):
        args = {"asset_id": asset, "location_id": "bin", **args}
        return self.client.ok("rental.return", timestamp=when or at(hours=1), **args)

    def events(self, result):
        events = read_events(self.client, max(1, result["seq"] - 6))
        (last,) = (event for event in events if event["seq"] == result["seq"])
        return [event for event in events if event.get("command") == last["command"]]

    def types(self, result):
        return [event["type"].removesuffix("_EVENT") for event in self.events(result)]

    def device(self, name="bin-1"):
        return self.client.ok("device.get", id=name)["device"]

    def rental(self, result):
        return self.client.ok("rental.get", rental_id=result["rental"]["id"])["rental"]


@pytest.fixture
def counter(client):
    yield Counter(client)
    verify(client)


def again(daemon, crash=False, archive=True):
    """Stops it one way or the other, and starts it on the same data."""
    if crash:
        daemon.kill()
    else:
        assert daemon.stop() == 0
    if not archive:
        for path in daemon.data.glob("archive.db*"):
            path.unlink()
    daemon.start()


# ---- devices ----


def test_a_device_is_known_by_its_first_scan(counter):
    assert counter.client.ok("device.list") == {"devices": []}
    counter.take(device_id="desk-1", device_seq=1)
    known = {"id": "desk-1", "device_seq": 1, "missing": 0, "holes": []}
    assert counter.device("desk-1") == known
    assert counter.client.ok("device.list") == {"devices": [known]}
    assert counter.client.ok("stats")["devices"] == 1


def test_holes_are_reported_and_filled(daemon, counter):
    def scan(seq):
        return counter.bring("nothing", device_id="bin-1", device_seq=seq)

    assert counter.types(scan(4)) == [
        "RENTAL_RETURN",
        "RENTAL_RETURN_REJECTED",
        "DEVICE_GAP",
    ]
    assert counter.device()["holes"] == [{"first": 1, "last": 3}]
    gap = counter.events(scan(9))[-1]
    assert gap["type"] == "DEVICE_GAP_EVENT" and gap["subject"] == "bin-1"
    assert gap["data"] == {"device_id": "bin-1", "first_missing": 5, "last_missing": 8}
    for crash, archive in ((False, True), (True, True), (False, False)):
        again(daemon, crash, archive)
        assert counter.device() == {
            "id": "bin-1",
            "device_seq": 9,
            "missing": 7,
            "holes": [{"first": 1, "last": 3}, {"first": 5, "last": 8}],
        }
    assert counter.types(scan(2)) == ["RENTAL_RETURN", "RENTAL_RETURN_REJECTED"], "no news"
    assert counter.device()["holes"] == [
        {"first": 1, "last": 1},
        {"first": 3, "last": 3},
        {"first": 5, "last": 8},
    ]
    for seq in (1, 3, 8, 5, 6, 7):
        scan(seq)
    assert counter.device() == {"id": "bin-1", "device_seq": 9, "missing": 0, "holes": []}
    again(daemon)
    assert counter.device()["missing"] == 0


def test_a_scan_that_came_already_changes_nothing(daemon, counter):
    first = counter.take(device_id="desk-1", device_seq=1)
    assert first["outcome"] == "CREATED"
    for _ in range(2):
        resent = counter.take(asset="m1", user="bob", device_id="desk-1", device_seq=1)
        assert (resent["outcome"], "rental" in resent) == ("UNCHANGED", False)
        (event,) = counter.events(resent)
        assert event["type"] == "COMMAND_UNCHANGED_EVENT" and event["subject"] == "desk-1"
        assert event["data"] == {"op": "rental.checkout", "device_id": "desk-1", "device_seq": 1}
        again(daemon)
    assert counter.bring("m0", device_id="desk-1", device_seq=1)["outcome"] == "UNCHANGED"
    assert len(read_list(counter.client, "rental.list")) == 1


def test_what_is_refused_takes_no_place(counter):
    args = {"location_id": "bin", "timestamp": at(), "device_id": "bin-1", "device_seq": 1}
    error = counter.client.error("rental.return", rental_id="no", **args)
    assert error["code"] == "NOT_FOUND"
    assert counter.client.error("device.get", id="bin-1")["code"] == "NOT_FOUND"
    dry = counter.bring(device_id="bin-1", device_seq=7, dry_run=True)
    assert [event["type"] for event in dry["events"]][-1] == "DEVICE_GAP_EVENT"
    assert counter.client.ok("device.list") == {"devices": []}


def test_devices_side_by_side_and_page_by_page(counter):
    for number in range(7):
        name = f"bin-{number * 3 % 7}"
        counter.bring("nothing", device_id=name, device_seq=number + 1)
    names = [f"bin-{number * 3 % 7}" for number in range(7)]
    for limit in (1, 2, 7, 1000):
        devices = read_list(counter.client, "device.list", limit)
        assert [device["id"] for device in devices] == names
        assert [device["missing"] for device in devices] == list(range(7))
        for device in devices:
            assert counter.device(device["id"]) == device


def test_an_answer_names_a_hundred_holes(counter):
    commands = []
    for number in range(1, 151):
        args = {"asset_id": "nothing", "location_id": "bin", "timestamp": at()}
        args |= {"device_id": "bin-1", "device_seq": 2 * number}
        commands.append({"id": uuid7(), "op": "rental.return", "args": args})
    replies = counter.client.ok("batch", commands=commands)["replies"]
    assert all(reply["ok"] for reply in replies)
    device = counter.device()
    assert (device["missing"], device["device_seq"]) == (150, 300)
    assert device["holes"] == [{"first": n, "last": n} for n in range(1, 200, 2)]
    assert counter.client.ok("device.list")["devices"] == [device]


def test_the_longest_sequence(counter):
    counter.bring("nothing", device_id="bin-1", device_seq=2**63 - 1)
    hole = {"first": 1, "last": 2**63 - 2}
    assert counter.device() == {
        "id": "bin-1",
        "device_seq": 2**63 - 1,
        "missing": 2**63 - 2,
        "holes": [hole],
    }


def test_an_atomic_batch_takes_its_places_back(counter):
    def command(seq, asset):
        args = {"user_id": "ada", "asset_id": asset, "location_id": "desk", "timestamp": at()}
        args |= {"device_id": "desk-1", "device_seq": seq}
        return {"id": uuid7(), "op": "rental.checkout", "args": args}

    commands = [command(3, "m0"), command(9, "nothing")]
    assert counter.client.ok("batch", commands=commands, atomic=True)["applied"] is False
    assert counter.client.ok("device.list") == {"devices": []}
    assert counter.client.ok("batch", commands=[command(3, "m0")], atomic=True)["applied"] is True
    assert counter.device("desk-1")["holes"] == [{"first": 1, "last": 2}]


# ---- clocks ----


@pytest.mark.parametrize("offset", [1, -1, 3600000, -3600000, 90061001])
def test_the_true_time_is_kept(counter, offset):
    result = counter.take(when="2025-02-10T12:00:00.500Z", clock_offset_ms=offset)
    event = counter.events(result)[0]
    assert event["data"]["device_time"] == "2025-02-10T12:00:00.500000Z"
    assert event["data"]["occurred_at"] == result["rental"]["created_at"]
    assert_apart(event["data"]["device_time"], event["data"]["occurred_at"], offset)
    back = counter.bring(when=at(hours=9), clock_offset_ms=offset)
    assert_apart(at(hours=9), back["rental"]["returned_at"], offset)


def assert_apart(device, true, offset_ms):
    times = [datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (device, true)]
    assert round((times[0] - times[1]).total_seconds() * 1000) == offset_ms


def test_no_offset_leaves_no_trace(counter):
    for args in ({}, {"clock_offset_ms": 0}):
        result = counter.take(**args)
        assert "device_time" not in counter.events(result)[0]["data"]
        counter.bring(when=at(hours=1))


def test_an_offset_may_take_the_skew_away(counter):
    """A clock that is an hour ahead: without the offset the scan lies in the future."""
    ahead = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()
    counter.take()
    assert counter.bring(when=ahead, user_id="ada")["reason"] == "CLOCK_SKEW"
    assert counter.bring(when=ahead, user_id="ada", clock_offset_ms=3600000)["reason"] != (
        "CLOCK_SKEW"
    )


def test_the_farthest_offset(counter):
    farthest = 3155760000000
    result = counter.bring("nothing", when=at(), clock_offset_ms=farthest)
    assert counter.events(result)[0]["data"]["occurred_at"].startswith("1925-")


# ---- late checkouts ----


def test_a_checkout_behind_its_return(daemon, counter):
    rejected = counter.bring(when=at(hours=5), user_id="ada")
    assert rejected["reason"] == "NO_OPEN_RENTAL"
    late = counter.take(when=at(hours=1))
    assert late["outcome"] == "COMPLETED"
    rental = late["rental"]
    assert counter.types(late) == ["RENTAL_CHECKOUT", "RENTAL_CREATED", "RENTAL_RETURN_COMPLETE"]
    _, created, complete = counter.events(late)
    answered = [created["data"]["rejected_seq"], complete["data"]["rejected_seq"]]
    assert answered == [rejected["seq"]] * 2
    assert (rental["status"], rental["closed_by"], rental["rev"]) == (
        "COMPLETED",
        "late_checkout",
        2,
    )
    assert (rental["returned_at"], rental["returned_at_location_id"]) == (at(hours=5), "bin")
    assert complete["data"]["asset_type"] == "mug"
    for crash, archive in ((False, True), (True, True), (False, False)):
        again(daemon, crash, archive)
        assert counter.rental(late) == rental
        assert "rental_id" not in counter.client.ok("asset.get", id="m0")["asset"]
        assert counter.client.ok("rental.list", closed_by="late_checkout")["rentals"] == [rental]
    assert counter.take(when=at(hours=2))["outcome"] == "CREATED", "answered once"


def test_the_answered_return_in_the_history(counter):
    rejected = counter.bring(when=at(hours=5))
    late = counter.take(when=at(hours=1))
    told = read_events(counter.client, rental_id=late["rental"]["id"])
    assert [event["seq"] for event in told] == [late["seq"] - 2, late["seq"] - 1, late["seq"]]
    told = [event["seq"] for event in read_events(counter.client, asset_id="m0")]
    assert {rejected["seq"] - 1, rejected["seq"], late["seq"]} <= set(told)


def test_late_and_with_a_hole(counter):
    counter.bring(when=at(hours=5))
    late = counter.take(when=at(hours=1), device_id="desk-1", device_seq=3)
    assert counter.types(late)[-2:] == ["RENTAL_RETURN_COMPLETE", "DEVICE_GAP"]
    assert late["outcome"] == "COMPLETED" and late["rental"]["closed_by"] == "late_checkout"
    assert counter.device("desk-1")["holes"] == [{"first": 1, "last": 2}]


def test_late_in_an_atomic_batch_that_fails(counter):
    counter.bring(when=at(hours=5))
    args = {"user_id": "ada", "asset_id": "m0", "location_id": "desk", "timestamp": at(hours=1)}
    good = {"id": uuid7(), "op": "rental.checkout", "args": args}
    bad = {"id": uuid7(), "op": "rental.checkout", "args": {**args, "asset_id": "nothing"}}
    assert counter.client.ok("batch", commands=[good, bad], atomic=True)["applied"] is False
    assert counter.take(when=at(hours=1))["outcome"] == "COMPLETED", "the return is still there"


# ---- overrides ----


def test_limits_and_blocks_may_be_overridden(daemon, counter):
    counter.take("m0")
    counter.take("m1")
    counter.client.ok("user.block", id="ada", reason="late")
    refused = counter.take("m2")
    assert refused["reasons"] == ["USER_BLOCKED", "TYPE_LIMIT"]
    taken = counter.take("m2", override="her mother asks")
    assert taken["outcome"] == "CREATED"
    data = counter.events(taken)[-1]["data"]
    assert data["override"] == "her mother asks"
    assert data["overridden"] == ["USER_BLOCKED", "TYPE_LIMIT"]
    unknown = counter.take("m99", override="please")
    assert unknown["reasons"] == ["ASSET_UNKNOWN"]
    bob = counter.take("m3", user="bob", override="nothing stands against it")
    assert not {"override", "overridden"} & set(counter.events(bob)[-1]["data"])
    again(daemon, crash=True)
    assert counter.rental(taken)["status"] == "IN_PROGRESS"


def test_a_late_return_may_be_overridden(counter):
    taken = counter.take("m0")
    assert counter.bring("m0", when=at(days=9))["reason"] == "RENTAL_EXPIRED"
    back = counter.bring("m0", when=at(days=9), override="the bin was shut")
    assert (back["outcome"], back["rental"]["id"]) == ("COMPLETED", taken["rental"]["id"])
    data = counter.events(back)[-1]["data"]
    assert (data["override"], data["overridden"]) == ("the bin was shut", ["RENTAL_EXPIRED"])


def test_a_renewal_may_be_overridden(counter):
    rental = counter.take("m0")["rental"]["id"]
    refused = counter.client.ok("rental.renew", rental_id=rental, period="P9000D")
    assert refused["reasons"] == ["RENTAL_EXPIRED", "RENEWAL_LIMIT"]
    args = {"rental_id": rental, "period": "P9000D", "override": "ill"}
    renewed = counter.client.ok("rental.renew", **args)
    assert renewed["outcome"] == "UPDATED" and renewed["rental"]["renewals"] == 1
    (event,) = counter.events(renewed)
    assert event["data"]["overridden"] == ["RENTAL_EXPIRED", "RENEWAL_LIMIT"]


def test_the_whole_in_one_chain(daemon, counter):
    test_holes_are_reported_and_filled(daemon, counter)
    test_a_checkout_behind_its_return(daemon, counter)
    test_limits_and_blocks_may_be_overridden(daemon, counter)
    check_chain(read_events(counter.client))
    with Client(daemon.api) as other:
        verify(other)
