# SPDX-License-Identifier: MPL-2.0
"""The rules of checkout and return, as a client sees them: outcomes, and the events in order."""
from datetime import datetime, timedelta, timezone

import pytest

import harness
from ledgers import at, fill, read_events, stock, verify

MUG = {"id": "mug", "loan_period": "P2D", "eligible_asset_types": ["mug", "large-mug"]}


class Shop:
    """A counter and a bin: commands, and the events that they made."""

    def __init__(self, client):
        self.client = client
        stock(
            client,
            ["ada", "bob"],
            [("m1", "mug"), ("m2", "mug"), ("m3", "mug"), ("l1", "large-mug"), ("b1", "bowl")],
            [MUG],
        )

    def checkout(self, user, asset, when, **args):
        args = {"user_id": user, "asset_id": asset, "location_id": "counter", **args}
        return self.client.ok("rental.checkout", timestamp=when, **args)

    def take(self, user, asset, when, **args):
        """A checkout that must open a rental; its id."""
        result = self.checkout(user, asset, when, **args)
        assert result["outcome"] == "CREATED", result
        return result["rental"]["id"]

    def bring(self, when, **args):
        return self.client.ok("rental.return", timestamp=when, **{"location_id": "bin", **args})

    def get(self, rental):
        return self.client.ok("rental.get", rental_id=rental)["rental"]

    def events(self, result):
        """The events of the command that ended at result's seq, in order."""
        events = read_events(self.client, max(1, result["seq"] - 4))
        (last,) = (event for event in events if event["seq"] == result["seq"])
        return [event for event in events if event.get("command") == last["command"]]

    def expect(self, result, outcome, types, reason=None):
        """Checks outcome, reason and types of events; the events."""
        assert (result["outcome"], result.get("reason")) == (outcome, reason), result
        events = self.events(result)
        assert [event["type"] for event in events] == types
        assert events[-1]["seq"] == result["seq"]
        return events

    def expect_rejected(self, result, reason):
        types = ["RENTAL_RETURN_EVENT", "RENTAL_RETURN_REJECTED_EVENT"]
        events = self.expect(result, "REJECTED", types, reason)
        assert events[1]["data"]["reason"] == reason
        return events

    def expect_completed(self, result, rental, matched_by, swapped=None):
        types = ["RENTAL_RETURN_EVENT", "RENTAL_RETURN_COMPLETE_EVENT"]
        events = self.expect(
            result, "COMPLETED", types + ["RENTAL_ASSET_SWAPPED_EVENT"] * bool(swapped)
        )
        assert result["rental"]["id"] == rental and result["matched_by"] == matched_by, result
        assert result["rental"] == events[1]["data"]["rental"] == self.get(rental)
        assert events[1]["subject"] == rental and events[1]["data"]["matched_by"] == matched_by
        return events


@pytest.fixture
def shop(client):
    return Shop(client)


def test_the_five_scans(client, reusables):
    fill(client, reusables)
    expected = [
        ("COMPLETED", "2152d14c-708d-4053-9f3f-246fd472f1aa", None),
        ("COMPLETED", "cf13bd77-7921-46b5-bfd1-1a2faa0686ea", None),
        ("REJECTED", None, "ASSET_UNKNOWN"),
        ("COMPLETED", "e97ac892-32ff-419d-9cc3-993e3e7d9ccc", None),
        ("COMPLETED", "814404a3-89bf-4df1-b2f3-8d92acaf6b40", None),
    ]
    for scan, (outcome, rental, reason) in zip(reusables.scans, expected):
        result = client.ok("rental.return", **scan)
        assert result["outcome"] == outcome and result.get("reason") == reason, result
        assert result.get("rental", {}).get("id") == rental
        again = client.ok("rental.return", **scan)
        assert again["reason"] == ("ALREADY_RETURNED" if rental else "ASSET_UNKNOWN")
    assert len(client.ok("rental.list", user_id="tpg_u0005")["rentals"]) == 3
    assert verify(client)["rentals"] == 10


def test_checkout_takes_what_it_is_not_told_from_the_type(shop):
    result = shop.checkout("ada", "m1", at())
    events = shop.expect(result, "CREATED", ["RENTAL_CHECKOUT_EVENT", "RENTAL_CREATED_EVENT"])
    rental = result["rental"]
    assert rental == {
        "id": rental["id"],
        "rev": 1,
        "status": "IN_PROGRESS",
        "user_id": "ada",
        "asset_id": "m1",
        "renewals": 0,
        "created_at": at(),
        "expires_at": at(days=2),
        "created_seq": result["seq"],
        "eligible_asset_types": ["mug", "large-mug"],
        "created_at_location_id": "counter",
    }
    assert events[0]["data"] == {
        "user_id": "ada",
        "asset_id": "m1",
        "location_id": "counter",
        "occurred_at": at(),
    }
    assert events[0]["subject"] == "m1" and events[1]["subject"] == rental["id"]
    assert events[1]["data"] == {"rental": rental, "policy_version": 0}
    assert shop.get(rental["id"]) == rental
    assert shop.client.ok("asset.get", id="m1")["asset"]["rental_id"] == rental["id"]


def test_checkout_of_a_type_that_nobody_put(shop):
    rental = shop.checkout("ada", "b1", at())["rental"]
    assert rental["eligible_asset_types"] == ["bowl"] and rental["expires_at"] == at(days=7)


@pytest.mark.parametrize(
    "args, expires_at, types",
    [
        ({"expires_at": at(hours=3)}, at(hours=3), ["mug", "large-mug"]),
        ({"loan_period": "PT1H30M"}, at(minutes=90), ["mug", "large-mug"]),
        ({"eligible_asset_types": ["bowl", "mug"]}, at(days=2), ["bowl", "mug"]),
    ],
)
def test_checkout_takes_what_it_is_told(shop, args, expires_at, types):
    result = shop.checkout("ada", "m1", at(), **args)
    assert result["rental"]["expires_at"] == expires_at
    assert result["rental"]["eligible_asset_types"] == types
    data = shop.events(result)[0]["data"]
    assert {key: data[key] for key in args} == args


@pytest.mark.parametrize(
    "field, args",
    [
        ("loan_period", {"expires_at": at(hours=1), "loan_period": "PT1H"}),
        ("expires_at", {"expires_at": at()}),
        ("loan_period", {"loan_period": "PT0S"}),
        ("eligible_asset_types", {"eligible_asset_types": []}),
    ],
)
def test_checkout_that_contradicts_itself(shop, field, args):
    head = shop.client.ok("hello")["head"]
    args = {"user_id": "ada", "asset_id": "m1", "location_id": "counter", **args}
    error = shop.client.error("rental.checkout", timestamp=at(), **args)
    assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", field)
    assert shop.client.ok("hello")["head"] == head


@pytest.mark.parametrize(
    "user, asset, reason", [("eve", "m1", "USER_UNKNOWN"), ("ada", "m9", "ASSET_UNKNOWN")]
)
def test_checkout_of_or_by_a_stranger_is_on_record(shop, user, asset, reason):
    types = ["RENTAL_CHECKOUT_EVENT", "RENTAL_CHECKOUT_REJECTED_EVENT"]
    events = shop.expect(shop.checkout(user, asset, at()), "REJECTED", types, reason)
    assert events[1]["data"]["reason"] == reason and events[1]["subject"] == asset


def test_checkout_of_what_its_user_has_is_already_out(shop):
    rental = shop.take("ada", "m1", at())
    result = shop.checkout("ada", "m1", at(hours=1))
    shop.expect(
        result, "ALREADY_OUT", ["RENTAL_CHECKOUT_EVENT", "RENTAL_CHECKOUT_REJECTED_EVENT"]
    )
    assert result["rental"] == shop.get(rental) and result["rental"]["rev"] == 1


def test_checkout_by_another_shows_a_missed_return(shop):
    first = shop.take("ada", "m1", at())
    result = shop.checkout("bob", "m1", at(hours=5))
    events = shop.expect(
        result,
        "CREATED",
        ["RENTAL_CHECKOUT_EVENT", "RENTAL_RETURN_COMPLETE_EVENT", "RENTAL_CREATED_EVENT"],
    )
    assert "matched_by" not in events[1]["data"] and events[1]["subject"] == first
    closed = shop.get(first)
    assert events[1]["data"]["rental"] == closed
    assert (closed["status"], closed["closed_by"], closed["rev"]) == ("COMPLETED", "missed_scan", 2)
    assert closed["returned_at"] == at(hours=5) and "returned_at_location_id" not in closed
    assert shop.get(result["rental"]["id"])["user_id"] == "bob"


def test_return_completes(shop):
    rental = shop.take("ada", "m1", at())
    result = shop.bring(at(hours=1), user_id="ada", asset_id="m1")
    events = shop.expect_completed(result, rental, "oldest")
    assert events[0]["data"] == {
        "user_id": "ada",
        "asset_id": "m1",
        "location_id": "bin",
        "occurred_at": at(hours=1),
    }
    closed = shop.get(rental)
    assert (closed["status"], closed["closed_by"], closed["rev"]) == ("COMPLETED", "return_scan", 2)
    assert closed["returned_at"] == at(hours=1) and closed["returned_at_location_id"] == "bin"
    assert closed["returned_asset_id"] == "m1"
    assert "rental_id" not in shop.client.ok("asset.get", id="m1")["asset"]


def test_the_oldest_rental_wins(shop):
    second = shop.take("ada", "m1", at(hours=2))
    first = shop.take("ada", "m2", at(hours=1))
    shop.take("ada", "m3", at(hours=3))
    swapped = shop.bring(at(hours=4), user_id="ada", asset_id="m1")
    shop.expect_completed(swapped, first, "oldest", swapped=True)
    assert shop.get(second)["asset_id"] == "m2" and shop.get(second)["rev"] == 2


def test_swap_lets_every_open_rental_name_what_is_out(shop):
    first = shop.take("ada", "m1", at())
    second = shop.take("ada", "l1", at(hours=1), eligible_asset_types=["large-mug"])
    events = shop.expect_completed(
        shop.bring(at(hours=2), user_id="ada", asset_id="l1"), first, "oldest", swapped=True
    )
    assert events[2]["subject"] == second
    assert events[2]["data"] == {"rental": shop.get(second), "previous_asset_id": "l1"}
    assert shop.get(second)["asset_id"] == "m1"
    assert shop.client.ok("asset.get", id="m1")["asset"]["rental_id"] == second
    assert "rental_id" not in shop.client.ok("asset.get", id="l1")["asset"]


def test_conflict_names_the_rental_of_another(shop):
    rental = shop.take("ada", "m1", at())
    others = shop.take("bob", "m2", at())
    result = shop.bring(at(hours=1), user_id="ada", asset_id="m2")
    events = shop.expect_completed(result, rental, "oldest")
    assert events[1]["data"]["conflict_rental_id"] == others
    assert shop.get(others)["status"] == "IN_PROGRESS" and shop.get(others)["rev"] == 1
    shop.take("ada", "m2", at(hours=2))
    assert shop.get(others)["closed_by"] == "missed_scan"


def test_second_scan_never_closes_another_rental(shop):
    shop.take("ada", "m1", at())
    other = shop.take("ada", "m2", at(hours=1))
    shop.bring(at(hours=2), user_id="ada", asset_id="m1")
    for scan in ({"user_id": "ada"}, {}):
        result = shop.bring(at(hours=3), asset_id="m1", **scan)
        shop.expect_rejected(result, "ALREADY_RETURNED")
    assert shop.get(other)["status"] == "IN_PROGRESS"


def test_return_of_what_another_returned_is_matched_by_user(shop):
    shop.take("ada", "m1", at())
    bobs = shop.take("bob", "m2", at())
    shop.bring(at(hours=1), user_id="ada", asset_id="m1")
    result = shop.bring(at(hours=2), user_id="bob", asset_id="m1")
    shop.expect_completed(result, bobs, "oldest")


def test_taken_again_it_can_return_again(shop):
    shop.take("ada", "m1", at())
    shop.bring(at(hours=1), user_id="ada", asset_id="m1")
    again = shop.take("ada", "m1", at(hours=2))
    result = shop.bring(at(hours=3), user_id="ada", asset_id="m1")
    shop.expect_completed(result, again, "oldest")


@pytest.mark.parametrize(
    "args, reason",
    [
        ({"user_id": "eve", "asset_id": "m9"}, "ASSET_UNKNOWN"),
        ({"user_id": "eve", "asset_id": "m1"}, "USER_UNKNOWN"),
        ({"user_id": "ada", "asset_id": "m1"}, "NO_OPEN_RENTAL"),
        ({"user_id": "bob", "asset_id": "b1"}, "ASSET_TYPE_NOT_ELIGIBLE"),
        ({"asset_id": "m1"}, "NO_OPEN_RENTAL"),
    ],
)
def test_return_that_fits_nothing_is_on_record(shop, args, reason):
    shop.take("bob", "m2", at())
    events = shop.expect_rejected(shop.bring(at(hours=1), **args), reason)
    for event in events:
        for field, value in {**args, "location_id": "bin", "occurred_at": at(hours=1)}.items():
            assert event["data"][field] == value


def test_last_holder_when_no_user_was_scanned(shop):
    rental = shop.take("ada", "m1", at(hours=1))
    shop.take("ada", "m2", at())
    result = shop.bring(at(hours=2), asset_id="m1")
    shop.expect_completed(result, rental, "last_holder")


def test_in_time_until_the_very_moment(shop):
    rental = shop.take("ada", "m1", at(), expires_at=at(hours=1))
    late = shop.bring(at(hours=1, seconds=1), user_id="ada", asset_id="m1")
    events = shop.expect_rejected(late, "RENTAL_EXPIRED")
    assert events[1]["data"]["rental"] == shop.get(rental) == late["rental"]
    assert shop.get(rental)["status"] == "IN_PROGRESS"
    in_time = shop.bring(at(hours=1), user_id="ada", asset_id="m1")
    shop.expect_completed(in_time, rental, "oldest")


def test_an_expired_rental_is_passed_over(shop):
    shop.take("ada", "m1", at(), expires_at=at(hours=1))
    younger = shop.take("ada", "m2", at(minutes=1), expires_at=at(hours=9))
    result = shop.bring(at(hours=2), user_id="ada", asset_id="m1")
    shop.expect_completed(result, younger, "oldest", swapped=True)


@pytest.mark.parametrize("ahead, reason", [(200, None), (600, "CLOCK_SKEW")])
def test_clock_skew(shop, ahead, reason):
    now = datetime.now(timezone.utc)
    rental = shop.take("ada", "m1", now.isoformat())
    result = shop.bring((now + timedelta(seconds=ahead)).isoformat(), user_id="ada", asset_id="m1")
    if reason:
        shop.expect_rejected(result, reason)
    else:
        shop.expect_completed(result, rental, "oldest")


def test_max_skew_is_a_policy(shop):
    shop.client.ok("policy.put", max_skew="PT1H")
    now = datetime.now(timezone.utc)
    shop.take("ada", "m1", now.isoformat())
    result = shop.bring((now + timedelta(minutes=50)).isoformat(), asset_id="m1")
    assert result["outcome"] == "COMPLETED"


def test_order_of_the_checks(shop):
    """Asset unknown, user unknown, clock skew, already returned, matching."""
    ahead = (datetime.now(timezone.utc) + timedelta(days=1)).isoformat()
    shop.take("ada", "m1", at())
    shop.bring(at(hours=1), user_id="ada", asset_id="m1")
    expected = [
        ({"user_id": "eve", "asset_id": "m9"}, ahead, "ASSET_UNKNOWN"),
        ({"user_id": "eve", "asset_id": "m1"}, ahead, "USER_UNKNOWN"),
        ({"user_id": "ada", "asset_id": "m1"}, ahead, "CLOCK_SKEW"),
        ({"user_id": "ada", "asset_id": "m1"}, at(hours=2), "ALREADY_RETURNED"),
        ({"user_id": "bob", "asset_id": "m1"}, at(hours=2), "NO_OPEN_RENTAL"),
    ]
    for args, when, reason in expected:
        shop.expect_rejected(shop.bring(when, **args), reason)


def test_rental_id_is_the_only_candidate(shop):
    shop.take("ada", "m1", at())
    named = shop.take("ada", "m2", at(hours=1))
    result = shop.client.ok("rental.return", timestamp=at(hours=2), rental_id=named)
    events = shop.expect_completed(result, named, "rental_id")
    assert events[0]["data"] == {"rental_id": named, "occurred_at": at(hours=2)}
    assert "returned_at_location_id" not in shop.get(named)
    again = shop.client.ok("rental.return", timestamp=at(hours=3), rental_id=named)
    assert (again["outcome"], again["reason"]) == ("REJECTED", "ALREADY_RETURNED")


def test_rental_id_that_nobody_knows(shop):
    head = shop.client.ok("hello")["head"]
    error = shop.client.error("rental.return", timestamp=at(), rental_id="nothing")
    assert (error["code"], error["field"]) == ("NOT_FOUND", "rental_id")
    assert shop.client.ok("hello")["head"] == head


def test_rental_id_of_another_user(shop):
    rental = shop.take("ada", "m1", at())
    shop.take("bob", "m2", at())
    result = shop.bring(at(hours=1), rental_id=rental, user_id="bob", asset_id="m1")
    assert result["outcome"] == "REJECTED" and shop.get(rental)["status"] == "IN_PROGRESS"


def test_puts_say_created_updated_unchanged(shop):
    puts = [
        ("user", {"id": "cy"}, {"id": "cy", "name": "Cy"}),
        ("asset", {"id": "x1", "asset_type": "mug"}, {"id": "x1", "asset_type": "bowl"}),
        ("asset_type", {"id": "lid"}, {"id": "lid", "loan_period": "P1D"}),
        ("location", {"id": "door"}, {"id": "door", "name": "At the door"}),
    ]
    for noun, first, second in puts:
        kind = noun.upper()
        put = f"{noun}.put"
        created = shop.client.ok(put, **first)
        shop.expect(created, "CREATED", [f"{kind}_CREATED_EVENT"])
        unchanged = shop.client.ok(put, **first)
        (event,) = shop.expect(unchanged, "UNCHANGED", ["COMMAND_UNCHANGED_EVENT"])
        assert event["data"] == {"op": put} and event["subject"] == first["id"]
        updated = shop.client.ok(put, **second)
        (event,) = shop.expect(updated, "UPDATED", [f"{kind}_UPDATED_EVENT"])
        got = shop.client.ok(f"{noun}.get", id=first["id"])[noun]
        assert event["data"] == got and {key: got[key] for key in second} == second


# ---- imports ----

WHOLE = {
    "id": "old",
    "rev": 9,
    "status": "FLAGGED",
    "user_id": "u1",
    "asset_id": "m1",
    "renewals": 3,
    "closed_by": "return_scan",
    "created_at": at(),
    "expires_at": at(days=1),
    "flag_reason": "late",
    "returned_at": at(days=2),
    "returned_asset_id": "m2",
    "eligible_asset_types": ["mug"],
    "created_at_location_id": "desk",
    "returned_at_location_id": "bin",
}


@pytest.mark.parametrize("status", ["FLAGGED", "COMPLETED", "FORGIVEN"])
def test_an_import_is_taken_as_it_is(daemon, client, status):
    stock(client, ["u1"], [("m1", "mug"), ("m2", "mug")])
    result = client.ok("admin.import", **{**WHOLE, "status": status})
    rental = result["rental"]
    expected = {**WHOLE, "status": status, "created_seq": rental["created_seq"]}
    assert rental == expected
    daemon.restart()
    assert client.ok("rental.get", rental_id="old")["rental"] == expected
    scan = {"asset_id": "m2", "location_id": "bin", "timestamp": at(days=3)}
    again = client.ok("rental.return", **scan)["reason"]
    assert again == ("NO_OPEN_RENTAL" if status == "FORGIVEN" else "ALREADY_RETURNED")
    verify(client)


def test_an_import_of_what_is_open(client):
    stock(client, ["u1"], [("m1", "mug"), ("m2", "mug")])
    args = {key: WHOLE[key] for key in WHOLE if not key.startswith(("returned", "closed", "flag"))}
    args["status"] = "IN_PROGRESS"
    rental = client.ok("admin.import", **args)["rental"]
    assert (rental["rev"], rental["renewals"]) == (9, 3)
    plain = {key: args[key] for key in args if key not in ("rev", "renewals")}
    rental = client.ok("admin.import", **{**plain, "id": "plain", "asset_id": "m2"})["rental"]
    assert (rental["rev"], rental["renewals"]) == (1, 0)
    verify(client)
