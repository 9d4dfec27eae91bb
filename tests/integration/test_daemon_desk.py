# SPDX-License-Identifier: MPL-2.0
"""A day at the desk, as a client sees it: policies, limits and blocks, renewals, judgements, dry
runs."""
from datetime import datetime, timedelta, timezone

import pytest

import harness
from harness import Client, uuid7
from ledgers import at, check_chain, read_events, read_list, stock, verify

MUG = {"id": "mug", "loan_period": "P2D"}
DEFAULTS = {
    "version": 0,
    "max_skew": "PT5M",
    "late_return": "reject",
    "return_match": "oldest",
    "renewal_grace": "PT0S",
}


def soon(**after):
    """A time on the wire, so much after now."""
    return (datetime.now(timezone.utc) + timedelta(**after)).isoformat()


class Desk:
    """Commands with few words, and the events that they made."""

    def __init__(self, client):
        self.client = client
        assets = [(f"m{number}", "mug") for number in range(9)]
        stock(client, ["ada", "bob"], [*assets, ("b1", "bowl"), ("b2", "bowl")], [MUG])

    def checkout(self, user, asset, when=None, **args):
        args = {"user_id": user, "asset_id": asset, "location_id": "counter", **args}
        return self.client.ok("rental.checkout", timestamp=when or at(), **args)

    def take(self, user, asset, when=None, **args):
        """A checkout that must open a rental; its id."""
        result = self.checkout(user, asset, when, **args)
        assert result["outcome"] == "CREATED", result
        return result["rental"]["id"]

    def bring(self, when, **args):
        return self.client.ok("rental.return", timestamp=when, **{"location_id": "bin", **args})

    def ok(self, op, **args):
        return self.client.ok(op, **args)

    def get(self, rental):
        return self.client.ok("rental.get", rental_id=rental)["rental"]

    def events(self, result):
        """The events of the command that ended at result's seq, in order."""
        events = read_events(self.client, max(1, result["seq"] - 4))
        (last,) = (event for event in events if event["seq"] == result["seq"])
        return [event for event in events if event.get("command") == last["command"]]

    def event(self, result, kind):
        """The one event of that type among them."""
        (event,) = (event for event in self.events(result) if event["type"] == kind)
        return event

    def refused(self, result, op, *reasons):
        """Checks that a rule stood against a command; the event."""
        assert result["outcome"] == "REJECTED", result
        assert result["reasons"] == list(reasons) and result["reason"] == reasons[0], result
        event = self.event(result, "COMMAND_REJECTED_EVENT")
        assert event["data"]["op"] == op and event["data"]["reasons"] == list(reasons)
        assert event["data"]["rental"] == result["rental"] == self.get(result["rental"]["id"])
        return event

    def rejected(self, result, *reasons):
        """The same of a scan."""
        assert result["outcome"] == "REJECTED", result
        assert result["reasons"] == list(reasons) and result["reason"] == reasons[0], result
        event = self.events(result)[-1]
        assert event["type"].endswith("_REJECTED_EVENT")
        assert event["data"]["reasons"] == list(reasons) and event["data"]["reason"] == reasons[0]
        return event


@pytest.fixture
def desk(client):
    yield Desk(client)
    verify(client)


def without_archive(daemon):
    """Starts the daemon anew, with an archive that it has to write anew."""
    assert daemon.stop() == 0
    for path in daemon.data.glob("archive.db*"):
        path.unlink()
    daemon.start()


# ---- policies ----


def test_policies_have_defaults(desk):
    assert desk.ok("policy.get")["policy"] == DEFAULTS


def test_a_policy_is_an_event(desk):
    result = desk.ok("policy.put", max_skew="PT1H", user_limit=3)
    assert result["outcome"] == "UPDATED"
    (event,) = desk.events(result)
    assert event["type"] == "POLICY_UPDATED_EVENT" and "subject" not in event
    policy = {**DEFAULTS, "version": result["seq"], "max_skew": "PT1H", "user_limit": 3}
    assert event["data"] == {"policy": policy}
    assert desk.ok("policy.get")["policy"] == policy
    assert desk.ok("policy.put", max_skew="PT1H")["outcome"] == "UNCHANGED"
    assert desk.ok("policy.get")["policy"] == policy
    again = desk.ok("policy.put", user_limit=0, late_return="flag")
    policy = {**policy, "version": again["seq"], "late_return": "flag"}
    del policy["user_limit"]
    assert desk.ok("policy.get")["policy"] == policy


@pytest.mark.parametrize(
    "field, value",
    [
        ("late_return", ""),
        ("late_return", "forgive"),
        ("late_return", "forgive_within:"),
        ("late_return", "forgive_within:soon"),
        ("late_return", "Reject"),
        ("return_match", "newest"),
        ("max_skew", "5"),
        ("user_limit", -1),
    ],
)
def test_what_is_no_policy(desk, field, value):
    head = desk.ok("hello")["head"]
    error = desk.client.error("policy.put", **{field: value})
    assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", field)
    assert desk.ok("hello")["head"] == head


@pytest.mark.parametrize("crash", [False, True])
def test_policies_stay(daemon, crash):
    with Client(daemon.api) as client:
        stock(client, ["ada"], [("m1", "mug")])
        client.ok("policy.put", late_return="forgive_within:P1D", return_match="soonest_expiry")
        client.ok("user.block", id="ada", reason="owes a bowl")
        client.ok("user.put", id="bob", user_limit=0)
        before = [client.ok("policy.get"), client.ok("user.list")]
        assert before[1]["users"] == [
            {"id": "ada", "block_reason": "owes a bowl"},
            {"id": "bob", "user_limit": 0},
        ]
    assert daemon.kill() < 0 if crash else daemon.stop() == 0
    daemon.start()
    with Client(daemon.api) as client:
        assert [client.ok("policy.get"), client.ok("user.list")] == before
        verify(client)


def test_decisions_name_their_policy(desk):
    def version(result):
        data = [event["data"] for event in desk.events(result)]
        found = {each["policy_version"] for each in data if "policy_version" in each}
        assert len(found) == 1, data
        return found.pop()

    first = desk.checkout("ada", "m1")
    assert version(first) == 0
    policy = desk.ok("policy.put", max_skew="PT6M")["seq"]
    assert version(desk.checkout("ada", "m2")) == policy
    renew = {"rental_id": first["rental"]["id"], "expires_at": soon()}
    assert version(desk.ok("rental.renew", **renew)) == policy
    assert version(desk.ok("rental.unflag", rental_id=renew["rental_id"])) == policy
    missed = desk.checkout("bob", "m2", at(minutes=1))
    assert version(missed) == policy
    closing = desk.event(missed, "RENTAL_RETURN_COMPLETE_EVENT")
    assert closing["data"]["policy_version"] == policy
    assert version(desk.bring(at(hours=1), asset_id="m2", user_id="bob")) == policy
    assert version(desk.bring(at(hours=2), asset_id="m2", user_id="bob")) == policy
    assert version(desk.checkout("eve", "m2")) == policy


def test_match_by_the_soonest_expiry(desk):
    desk.ok("policy.put", return_match="soonest_expiry")
    desk.take("ada", "m1", loan_period="P9D")
    short = desk.take("ada", "m2", at(minutes=1))
    result = desk.bring(at(hours=1), user_id="ada", asset_id="m1")
    assert (result["rental"]["id"], result["matched_by"]) == (short, "soonest_expiry")


def test_match_by_the_exact_asset(desk):
    desk.ok("policy.put", return_match="exact_asset_first")
    old = desk.take("ada", "m1")
    exact = desk.take("ada", "m2", at(minutes=1))
    result = desk.bring(at(hours=1), user_id="ada", asset_id="m2")
    assert (result["rental"]["id"], result["matched_by"]) == (exact, "exact_asset")
    result = desk.bring(at(hours=2), user_id="ada", asset_id="m3")
    assert (result["rental"]["id"], result["matched_by"]) == (old, "oldest")


def test_late_returns_are_flagged(daemon, desk):
    desk.ok("policy.put", late_return="flag")
    rental = desk.take("ada", "m1")
    result = desk.bring(at(days=3), user_id="ada", asset_id="m1")
    assert (result["outcome"], result["rental"]["status"]) == ("COMPLETED", "FLAGGED")
    assert result["rental"]["flag_reason"] == "late"
    assert "rental_id" not in desk.ok("asset.get", id="m1")["asset"]
    assert desk.ok("rental.list", status="FLAGGED")["rentals"] == [result["rental"]]
    verify(desk.client)
    without_archive(daemon)
    assert desk.get(rental) == result["rental"]
    verify(desk.client)
    done = desk.ok("rental.unflag", rental_id=rental)
    assert (done["outcome"], done["rental"]["status"]) == ("UPDATED", "COMPLETED")
    assert "flag_reason" not in done["rental"]
    without_archive(daemon)
    assert desk.get(rental) == done["rental"]
    assert desk.ok("rental.list", status="COMPLETED")["rentals"] == [done["rental"]]


def test_late_returns_are_forgiven_for_a_while(desk):
    desk.ok("policy.put", late_return="forgive_within:P1D")
    desk.take("ada", "m1")
    desk.take("ada", "b1", loan_period="P2D")
    assert desk.bring(at(days=3), user_id="ada", asset_id="m1")["outcome"] == "COMPLETED"
    desk.rejected(desk.bring(at(days=3, seconds=1), user_id="ada", asset_id="b1"), "RENTAL_EXPIRED")


# ---- limits and blocks ----


def test_limits(desk):
    desk.ok("policy.put", user_limit=2)
    desk.take("ada", "m1")
    desk.ok("asset_type.put", **MUG, user_limit=1)
    event = desk.rejected(desk.checkout("ada", "m2"), "TYPE_LIMIT")
    assert event["data"]["policy_version"] > 0
    desk.take("ada", "b1")
    desk.rejected(desk.checkout("ada", "b2"), "USER_LIMIT")
    desk.ok("user.block", id="ada", reason="noise")
    reasons = ("USER_BLOCKED", "USER_LIMIT", "TYPE_LIMIT")
    desk.rejected(desk.checkout("ada", "m2"), *reasons)
    assert desk.checkout("ada", "m1")["outcome"] == "ALREADY_OUT"
    assert desk.bring(at(hours=1), user_id="ada", asset_id="b1")["outcome"] == "COMPLETED"
    desk.ok("user.unblock", id="ada")
    desk.take("ada", "b1", at(hours=2))
    desk.ok("user.put", id="ada", user_limit=3)
    desk.take("ada", "b2")
    desk.rejected(desk.checkout("ada", "m3"), "USER_LIMIT", "TYPE_LIMIT")
    desk.ok("user.put", id="bob", user_limit=0)
    desk.rejected(desk.checkout("bob", "m4"), "USER_LIMIT")


def test_unknown_things_are_all_named(desk):
    desk.rejected(desk.checkout("eve", "m99"), "USER_UNKNOWN", "ASSET_UNKNOWN")
    desk.rejected(
        desk.bring(soon(days=1), user_id="eve", asset_id="m99"),
        *("ASSET_UNKNOWN", "USER_UNKNOWN", "CLOCK_SKEW"),
    )


def test_blocks(desk):
    blocked = desk.ok("user.block", id="ada", reason="lost three")
    (event,) = desk.events(blocked)
    assert (event["type"], event["subject"]) == ("USER_BLOCKED_EVENT", "ada")
    assert event["data"] == {"id": "ada", "block_reason": "lost three"}
    assert desk.ok("user.block", id="ada", reason="lost three")["outcome"] == "UNCHANGED"
    assert desk.ok("user.block", id="ada", reason="lost four")["outcome"] == "UPDATED"
    desk.ok("user.put", id="ada", name="Ada")
    user = {"id": "ada", "name": "Ada", "block_reason": "lost four"}
    assert desk.ok("user.get", id="ada")["user"] == user
    free = desk.ok("user.unblock", id="ada")
    assert [event["type"] for event in desk.events(free)] == ["USER_UNBLOCKED_EVENT"]
    assert desk.ok("user.get", id="ada")["user"] == {"id": "ada", "name": "Ada"}
    assert desk.ok("user.unblock", id="ada")["outcome"] == "UNCHANGED"
    for op, args in (("user.block", {"reason": "?"}), ("user.unblock", {})):
        error = desk.client.error(op, id="eve", **args)
        assert (error["code"], error["field"]) == ("NOT_FOUND", "id")


# ---- renewals and judgements ----


def test_renewals(desk):
    desk.ok("asset_type.put", **MUG, renewals_max=2, renewal_period="P1D")
    rental = desk.take("ada", "m1", soon(days=-1))
    before = desk.get(rental)
    result = desk.ok("rental.renew", rental_id=rental)
    (event,) = desk.events(result)
    assert (event["type"], event["subject"]) == ("RENTAL_RENEWED_EVENT", rental)
    assert event["data"]["previous_expires_at"] == before["expires_at"]
    assert event["data"]["rental"] == result["rental"] == desk.get(rental)
    assert result["rental"]["renewals"] == 1 and result["rental"]["rev"] == before["rev"] + 1
    desk.refused(
        desk.ok("rental.renew", rental_id=rental, expires_at=before["expires_at"]),
        *("rental.renew", "NOT_LATER"),
    )
    desk.ok("rental.renew", rental_id=rental, period="P2D")
    desk.refused(
        desk.ok("rental.renew", rental_id=rental, expires_at=before["expires_at"]),
        *("rental.renew", "RENEWAL_LIMIT", "NOT_LATER"),
    )
    error = desk.client.error("rental.renew", rental_id=rental, period="P1D", expires_at=soon())
    assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "period")
    error = desk.client.error("rental.renew", rental_id="nothing")
    assert (error["code"], error["field"]) == ("NOT_FOUND", "rental_id")


def test_renewals_of_what_has_expired(desk):
    rental = desk.take("ada", "b1", soon(days=-8))
    result = desk.ok("rental.renew", rental_id=rental)
    desk.refused(result, "rental.renew", "RENTAL_EXPIRED")
    desk.ok("policy.put", renewal_grace="P2D")
    assert desk.ok("rental.renew", rental_id=rental)["outcome"] == "UPDATED"


def test_judgements(daemon, desk):
    rental = desk.take("ada", "m1")
    flagged = desk.ok("rental.flag", rental_id=rental, reason="broken")
    (event,) = desk.events(flagged)
    assert event["type"] == "RENTAL_FLAGGED_EVENT" and event["data"]["reason"] == "broken"
    assert flagged["rental"]["status"] == "FLAGGED" and flagged["rental"]["closed_by"] == "flag"
    opened = desk.ok("rental.unflag", rental_id=rental)["rental"]
    assert opened["status"] == "IN_PROGRESS" and "closed_by" not in opened
    desk.ok("rental.flag", rental_id=rental, reason="broken again")
    other = desk.take("bob", "m1", at(hours=1))
    desk.refused(desk.ok("rental.unflag", rental_id=rental), "rental.unflag", "ASSET_OUT")
    desk.refused(desk.ok("rental.unflag", rental_id=other), "rental.unflag", "NOT_FLAGGED")
    forgiven = desk.ok("rental.forgive", rental_id=rental, reason="paid")
    assert [event["type"] for event in desk.events(forgiven)] == ["RENTAL_FORGIVEN_EVENT"]
    assert forgiven["rental"]["status"] == "FORGIVEN"
    verify(desk.client)
    without_archive(daemon)
    assert desk.get(rental) == forgiven["rental"]
    for op, args in (
        ("rental.renew", {}),
        ("rental.flag", {"reason": "late"}),
        ("rental.forgive", {"reason": "late"}),
    ):
        desk.refused(desk.ok(op, rental_id=rental, **args), op, "RENTAL_CLOSED")
    desk.refused(desk.ok("rental.unflag", rental_id=rental), "rental.unflag", "NOT_FLAGGED")


# ---- dry runs ----

DRY_RUNS = [
    ("rental.checkout", {"user_id": "ada", "asset_id": "m5", "location_id": "l", "timestamp": at()}),
    ("rental.checkout", {"user_id": "ada", "asset_id": "m2", "location_id": "l", "timestamp": at()}),
    ("rental.checkout", {"user_id": "eve", "asset_id": "m9", "location_id": "l", "timestamp": at()}),
    ("rental.return", {"asset_id": "m1", "location_id": "l", "timestamp": at(hours=1)}),
    ("rental.return", {"user_id": "ada", "asset_id": "m2", "location_id": "l", "timestamp": at()}),
    ("rental.return", {"asset_id": "m3", "location_id": "l", "timestamp": at(hours=1)}),
    ("rental.renew", {"rental_id": "r1"}),
    ("rental.renew", {"rental_id": "r1", "expires_at": "2099-01-01T00:00:00Z"}),
    ("rental.forgive", {"rental_id": "r1", "reason": "so be it"}),
    ("rental.flag", {"rental_id": "r1", "reason": "gone"}),
    ("rental.unflag", {"rental_id": "r1"}),
    ("rental.unflag", {"rental_id": "r2"}),
    ("user.put", {"id": "ada", "name": "Ada"}),
    ("user.put", {"id": "ada"}),
    ("user.block", {"id": "ada", "reason": "loud"}),
    ("user.unblock", {"id": "ada"}),
    ("asset.put", {"id": "m9", "asset_type": "mug"}),
    ("asset_type.put", {"id": "mug", "loan_period": "P1D", "due_soon_lead": "PT1H"}),
    ("location.put", {"id": "l"}),
    ("policy.put", {"late_return": "flag"}),
]


def import_args(rental, asset, status="IN_PROGRESS", user="ada", **more):
    return {
        "id": rental,
        "status": status,
        "user_id": user,
        "asset_id": asset,
        "created_at": at(),
        "expires_at": at(days=2),
        "eligible_asset_types": ["mug"],
        "created_at_location_id": "l",
        **more,
    }


def bare(data):
    """Event data without what cannot be known before: the version of a policy is a seq."""
    rental = {key: value for key, value in data.get("rental", {}).items() if key != "id"}
    return {**data, "rental": rental}


@pytest.mark.parametrize("op, args", [*DRY_RUNS, ("admin.import", import_args("r3", "m7"))])
def test_dry_run(desk, op, args):
    """Nothing happens; what is said to happen then does."""
    desk.ok("policy.put", return_match="exact_asset_first")
    desk.ok("admin.import", **import_args("r1", "m1"))
    desk.ok("admin.import", **import_args("r2", "m2", "FLAGGED", "bob", returned_at=at(hours=1)))
    client = desk.client
    head = client.ok("hello")["head"]
    command = uuid7()
    dry = client.call(op, {**args, "dry_run": True}, id=command)
    assert dry["ok"], dry
    dry = dry["result"]
    assert dry["dry_run"] is True and dry["seq"] == head
    assert client.ok("hello")["head"] == head
    assert client.error("command.get", command_id=command)["code"] == "NOT_FOUND"
    reply = client.call(op, {**args, "dry_run": False}, id=command)
    real = reply["result"]
    assert "dry_run" not in real and "events" not in real
    for field in ("outcome", "reason", "reasons", "matched_by"):
        assert dry.get(field) == real.get(field)
    assert bare(dry).get("rental") == bare(real).get("rental")
    events = desk.events(real)
    assert [event["type"] for event in dry["events"]] == [event["type"] for event in events]
    for preview, event in zip(dry["events"], events):
        assert bare(preview["data"]) == bare(event["data"])
        if event["type"] != "RENTAL_CREATED_EVENT":
            assert preview.get("subject") == event.get("subject")
    again = client.call(op, {**args, "dry_run": True}, id=command)
    assert again["result"] == real


def test_a_dry_run_that_is_refused(desk):
    head = desk.ok("hello")["head"]
    error = desk.client.error("rental.renew", rental_id="nothing", dry_run=True)
    assert (error["code"], error["field"]) == ("NOT_FOUND", "rental_id")
    error = desk.client.error("policy.put", late_return="never", dry_run=True)
    assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "late_return")
    error = desk.client.error("user.put", id="eve", dry_run=1)
    assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "dry_run")
    assert desk.ok("hello")["head"] == head


def test_the_whole_day_in_one_chain(daemon, desk):
    """What was written is read back the same by a daemon that starts on it."""
    desk.ok("policy.put", late_return="flag", user_limit=5)
    rentals = [desk.take("ada", f"m{number}", soon(days=-1)) for number in range(4)]
    desk.ok("rental.renew", rental_id=rentals[0])
    desk.ok("rental.forgive", rental_id=rentals[1], reason="gift")
    desk.ok("rental.flag", rental_id=rentals[2], reason="broken")
    desk.ok("rental.flag", rental_id=rentals[3], reason="broken")
    desk.ok("rental.unflag", rental_id=rentals[3])
    desk.ok("user.block", id="bob", reason="late")
    lists = ("rental.list", "user.list", "asset.list", "asset_type.list")
    before = [read_list(desk.client, op) for op in lists]
    events = read_events(desk.client)
    check_chain(events)
    for _ in range(2):
        without_archive(daemon)
        assert [read_list(desk.client, op) for op in lists] == before
        assert read_events(desk.client)[: len(events)] == events
        verify(desk.client)
