# SPDX-License-Identifier: MPL-2.0
"""Why a command ended as it did, and how a rental came to be as it is."""
import random

import pytest

import harness
from harness import Client, uuid7
from ledgers import at, check_commands, read_events, stock, verify

MUG = {"id": "mug", "loan_period": "P2D"}
CUP = {"id": "cup", "loan_period": "P9D", "eligible_asset_types": ["cup", "mug"]}


class Desk:
    """Commands with few words, and their explanations."""

    def __init__(self, client):
        self.client = client
        assets = [(f"m{number}", "mug") for number in range(9)]
        assets += [(f"c{number}", "cup") for number in range(3)]
        stock(client, ["ada", "bob"], [*assets, ("b1", "bowl"), ("b2", "bowl")], [MUG, CUP])

    def run(self, op, **args):
        """Its command id and its result."""
        reply = self.client.call(op, args)
        assert reply["ok"], reply
        return reply["id"], reply["result"]

    def take(self, user, asset, when=None, **args):
        """A checkout that must open a rental; its id."""
        args = {"user_id": user, "asset_id": asset, "location_id": "counter", **args}
        command, result = self.run("rental.checkout", timestamp=when or at(), **args)
        assert result["outcome"] in ("CREATED", "COMPLETED"), result
        return result["rental"]["id"]

    def bring(self, when, **args):
        return self.run("rental.return", timestamp=when, **{"location_id": "bin", **args})

    def explain(self, command):
        """The explanation of a command, with what every one of them has."""
        told = self.client.ok("explain", command_id=command)
        events = [e for e in read_events(self.client) if e.get("command") == command]
        assert told["events"] == events and told["command"] == command
        result = self.client.ok("command.get", command_id=command)
        assert told["outcome"] == result["outcome"]
        assert told.get("reasons") == result.get("reasons")
        before = self.client.ok("policy.get", at_seq=events[0]["seq"] - 1)["policy"]
        assert told["policy"] == before
        for candidate in told["candidates"]:
            rental = candidate["rental"]
            then = {"rental_id": rental["id"], "at_seq": events[0]["seq"] - 1}
            assert rental == self.client.ok("rental.get", **then)["rental"]
        return told

    def verdicts(self, command):
        told = self.explain(command)
        return [(item["rental"]["id"], item["verdict"]) for item in told["candidates"]]

    def explain_rental(self, rental):
        told = self.client.ok("explain", rental_id=rental)
        assert told["events"] == history(self.client, rental)
        return told


def names(event, rental):
    data = event["data"]
    found = [data.get("rental_id"), data.get("conflict_rental_id")]
    return rental in [*found, data.get("rental", {}).get("id")]


def history(client, rental):
    """What there is about the rental, with the whole of each command."""
    events = read_events(client)
    commands = {e.get("command") for e in events if names(e, rental)} - {None}
    return [e for e in events if names(e, rental) or e.get("command") in commands]


@pytest.fixture
def desk(client):
    yield Desk(client)
    verify(client)


# ---- what a return chose from ----


def test_the_oldest(desk):
    late = desk.take("ada", "m1", at(days=-9))
    cup = desk.take("ada", "c1", at(hours=1))
    bowl = desk.take("ada", "b1", at(hours=2))
    mug = desk.take("ada", "m2", at(hours=3))
    desk.take("bob", "m3", at(hours=1))
    command, result = desk.bring(at(hours=4), user_id="ada", asset_id="m4")
    assert result["rental"]["id"] == cup and result["matched_by"] == "oldest"
    assert desk.verdicts(command) == [
        (late, "expired"),
        (cup, "chosen"),
        (bowl, "not_eligible"),
        (mug, "behind"),
    ]


def test_the_one_that_ends_soonest(desk):
    desk.run("policy.put", return_match="soonest_expiry")
    cup = desk.take("ada", "c1")
    mug = desk.take("ada", "m1", at(hours=1))
    command, result = desk.bring(at(hours=2), user_id="ada", asset_id="m5")
    assert result["rental"]["id"] == mug and result["matched_by"] == "soonest_expiry"
    assert sorted(desk.verdicts(command)) == sorted([(mug, "chosen"), (cup, "behind")])
    assert desk.verdicts(command)[0] == (mug, "chosen")


def test_the_exact_asset(desk):
    desk.run("policy.put", return_match="exact_asset_first")
    first = desk.take("ada", "m1")
    second = desk.take("ada", "m2", at(hours=1))
    command, result = desk.bring(at(hours=2), user_id="ada", asset_id="m2")
    assert result["rental"]["id"] == second and result["matched_by"] == "exact_asset"
    assert desk.verdicts(command) == [(second, "chosen"), (first, "behind")]
    command, result = desk.bring(at(hours=3), user_id="ada", asset_id="m7")
    assert result["rental"]["id"] == first and result["matched_by"] == "oldest"
    assert desk.verdicts(command) == [(first, "chosen")]


def test_the_named_one(desk):
    first = desk.take("ada", "m1")
    second = desk.take("ada", "m2", at(hours=1))
    command, result = desk.bring(at(hours=2), rental_id=second)
    assert result["rental"]["id"] == second and result["matched_by"] == "rental_id"
    assert desk.verdicts(command) == [(second, "chosen"), (first, "not_named")]
    third = desk.take("ada", "b1", at(hours=3))
    command, result = desk.bring(at(hours=4), rental_id=third, asset_id="m5", user_id="ada")
    assert result["reasons"] == ["ASSET_TYPE_NOT_ELIGIBLE"]
    assert desk.verdicts(command) == [(third, "not_eligible"), (first, "not_named")]


def test_the_last_holder(desk):
    rental = desk.take("ada", "m1")
    other = desk.take("ada", "m2")
    command, result = desk.bring(at(hours=2), asset_id="m1")
    assert result["rental"]["id"] == rental and result["matched_by"] == "last_holder"
    assert desk.verdicts(command) == [(rental, "chosen"), (other, "not_named")]
    command, result = desk.bring(at(hours=2), asset_id="m8")
    assert result["reasons"] == ["NO_OPEN_RENTAL"]
    assert desk.verdicts(command) == []


def test_what_is_too_late(desk):
    rental = desk.take("ada", "m1")
    command, result = desk.bring(at(days=3), user_id="ada", asset_id="m1")
    assert result["reasons"] == ["RENTAL_EXPIRED"]
    assert desk.verdicts(command) == [(rental, "expired")]
    # As it is then, though it is another thing now.
    desk.run("rental.forgive", rental_id=rental, reason="a gift")
    assert desk.verdicts(command) == [(rental, "expired")]


def test_late_and_flagged(desk):
    desk.run("policy.put", late_return="flag")
    first = desk.take("ada", "m1")
    second = desk.take("ada", "m2", at(hours=1))
    command, result = desk.bring(at(days=9), user_id="ada", asset_id="m1")
    assert result["rental"]["status"] == "FLAGGED"
    told = desk.explain(command)
    assert told["policy"]["late_return"] == "flag"
    assert desk.verdicts(command) == [(first, "chosen"), (second, "expired")]
    assert desk.explain_rental(first)["command"] == command


def test_late_and_overridden(desk):
    first = desk.take("ada", "m1")
    second = desk.take("ada", "m2", at(hours=1))
    command, result = desk.bring(at(days=9), user_id="ada", asset_id="m1", override="snow")
    assert result["outcome"] == "COMPLETED" and result["rental"]["id"] == first
    assert desk.verdicts(command) == [(first, "chosen"), (second, "expired")]
    assert desk.explain(command)["events"][1]["data"]["override"] == "snow"


def test_what_does_not_fit(desk):
    rental = desk.take("ada", "m1")
    command, result = desk.bring(at(hours=1), user_id="ada", asset_id="b1")
    assert result["reasons"] == ["ASSET_TYPE_NOT_ELIGIBLE"]
    assert desk.verdicts(command) == [(rental, "not_eligible")]
    command, result = desk.bring(at(hours=1), user_id="bob", asset_id="b1")
    assert result["reasons"] == ["NO_OPEN_RENTAL"]
    assert desk.verdicts(command) == []


def test_rejected_before_there_is_a_choice(desk):
    desk.take("ada", "m1")
    desk.take("ada", "m3")
    desk.bring(at(hours=1), user_id="ada", asset_id="m1")
    for args, reasons in (
        ({"user_id": "ada", "asset_id": "m1"}, ["ALREADY_RETURNED"]),
        ({"user_id": "ada", "asset_id": "nothing"}, ["ASSET_UNKNOWN"]),
        ({"user_id": "nobody", "asset_id": "m3"}, ["USER_UNKNOWN"]),
    ):
        command, result = desk.bring(at(hours=2), **args)
        assert result["reasons"] == reasons
        assert desk.verdicts(command) == []
    command, result = desk.bring("2999-01-01T00:00:00Z", user_id="ada", asset_id="m3")
    assert result["reasons"] == ["CLOCK_SKEW"] and desk.verdicts(command) == []


def test_a_return_of_what_is_closed(desk):
    """The rental that is named is in the archive alone."""
    gone = desk.take("ada", "m1")
    left = desk.take("ada", "m2")
    desk.run("rental.forgive", rental_id=gone, reason="lost")
    harness.wait_until(lambda: desk.client.ok("stats")["archived_seq"] == desk.client.ok("hello")["head"])
    command, result = desk.bring(at(hours=2), rental_id=gone)
    assert result["outcome"] == "REJECTED"
    assert (left, "not_named") in desk.verdicts(command)
    told = desk.explain_rental(gone)
    assert told["outcome"] == "UPDATED" and told["candidates"] == []


def test_a_swap(desk):
    first = desk.take("ada", "m1")
    second = desk.take("ada", "m2", at(hours=1))
    command, result = desk.bring(at(hours=2), user_id="ada", asset_id="m2")
    assert result["rental"]["id"] == first
    assert desk.verdicts(command) == [(first, "chosen"), (second, "behind")]
    told = desk.explain_rental(second)
    assert [e["type"] for e in told["events"]][-1] == "RENTAL_ASSET_SWAPPED_EVENT"
    assert told["outcome"] == "CREATED", "a swap gives no status"


# ---- other commands ----


def test_a_checkout(desk):
    desk.run("policy.put", user_limit=1)
    desk.take("ada", "m1")
    args = {"asset_id": "m2", "location_id": "counter", "timestamp": at()}
    command, result = desk.run("rental.checkout", user_id="ada", **args)
    told = desk.explain(command)
    assert told["reasons"] == ["USER_LIMIT"] and told["policy"]["user_limit"] == 1
    assert told["candidates"] == []
    command, result = desk.run("rental.checkout", user_id="bob", **args)
    told = desk.explain(command)
    assert told["outcome"] == "CREATED" and "reasons" not in told
    command, result = desk.run("rental.checkout", user_id="bob", **args)
    assert desk.explain(command)["outcome"] == "ALREADY_OUT"


def test_a_missed_scan(desk):
    missed = desk.take("ada", "m1")
    args = {"user_id": "bob", "asset_id": "m1", "location_id": "counter"}
    command, result = desk.run("rental.checkout", timestamp=at(days=1), **args)
    told = desk.explain_rental(missed)
    assert told["command"] == command and told["outcome"] == "CREATED"
    assert told["events"][-2]["data"]["rental"]["closed_by"] == "missed_scan"
    assert desk.explain_rental(result["rental"]["id"])["command"] == command


def test_a_late_checkout(desk):
    back, result = desk.bring(at(hours=3), asset_id="m1")
    assert result["reasons"] == ["NO_OPEN_RENTAL"]
    assert desk.verdicts(back) == []
    rental = desk.take("ada", "m1", at(hours=1))
    told = desk.explain_rental(rental)
    assert told["outcome"] == "COMPLETED" and told["candidates"] == []
    complete = told["events"][-1]
    assert complete["data"]["rental"]["closed_by"] == "late_checkout"
    assert complete["data"]["rejected_seq"] == result["seq"]


def test_refusals(desk):
    rental = desk.take("ada", "m1")
    command, _ = desk.run("rental.renew", rental_id=rental, expires_at=at(hours=1))
    told = desk.explain(command)
    assert told["outcome"] == "REJECTED" and "NOT_LATER" in told["reasons"]
    assert told["candidates"] == []
    desk.run("rental.forgive", rental_id=rental, reason="lost")
    for op, reasons in (("forgive", ["RENTAL_CLOSED"]), ("flag", ["RENTAL_CLOSED"])):
        command, _ = desk.run(f"rental.{op}", rental_id=rental, reason="again")
        assert desk.explain(command)["reasons"] == reasons
    command, _ = desk.run("rental.unflag", rental_id=rental)
    assert desk.explain(command)["reasons"] == ["NOT_FLAGGED"]
    # A refusal gives no status.
    told = desk.explain_rental(rental)
    assert told["outcome"] == "UPDATED"
    assert told["events"][-1]["type"] == "COMMAND_REJECTED_EVENT"


@pytest.mark.parametrize(
    "op, args",
    [
        ("user.put", {"id": "eve"}),
        ("user.put", {"id": "ada"}),
        ("policy.put", {"max_skew": "PT1H"}),
        ("asset_type.put", {"id": "bowl", "loan_period": "P1D"}),
        ("user.block", {"id": "ada", "reason": "late"}),
    ],
)
def test_commands_of_other_things(desk, op, args):
    command, result = desk.run(op, **args)
    told = desk.explain(command)
    assert told["outcome"] == result["outcome"] and told["candidates"] == []
    assert told["policy"]["max_skew"] == "PT5M", "as it was before"


def test_the_policy_of_then(desk):
    desk.take("ada", "m1")
    command, _ = desk.bring(at(days=3), user_id="ada", asset_id="m1")
    before = desk.explain(command)
    _, changed = desk.run("policy.put", late_return="flag", return_match="soonest_expiry")
    later, result = desk.bring(at(days=3), user_id="ada", asset_id="m1")
    assert result["rental"]["status"] == "FLAGGED"
    assert desk.explain(command) == before
    assert before["policy"]["late_return"] == "reject" and before["policy"]["version"] == 0
    told = desk.explain(later)
    assert told["policy"]["late_return"] == "flag"
    assert told["policy"]["version"] == changed["seq"]
    assert told["candidates"][0]["verdict"] == "chosen"


def test_a_rental_through_its_life(desk):
    rental = desk.take("ada", "m1")
    opened = desk.explain_rental(rental)
    assert opened["outcome"] == "CREATED"
    desk.run("rental.renew", rental_id=rental, period="P9D")
    assert desk.explain_rental(rental)["command"] == opened["command"], "still open"
    flag, _ = desk.run("rental.flag", rental_id=rental, reason="broken")
    assert desk.explain_rental(rental)["command"] == flag
    unflag, _ = desk.run("rental.unflag", rental_id=rental)
    assert desk.explain_rental(rental)["command"] == unflag
    back, _ = desk.bring(at(hours=9), user_id="ada", asset_id="m1")
    told = desk.explain_rental(rental)
    assert told["command"] == back and told["candidates"][0]["verdict"] == "chosen"
    again, _ = desk.bring(at(hours=10), rental_id=rental)
    told = desk.explain_rental(rental)
    assert told["command"] == back
    assert told["events"][-1]["command"] == again


def test_an_import(desk):
    args = {"user_id": "ada", "asset_id": "m1", "created_at_location_id": "counter"}
    args |= {"created_at": at(), "expires_at": at(days=2)}
    command, _ = desk.run("admin.import", id="old", status="FORGIVEN", **args)
    told = desk.explain_rental("old")
    assert told["command"] == command and told["outcome"] == "CREATED"
    assert told == desk.explain(command)


def test_commands_of_a_batch(desk):
    first = desk.take("ada", "m1")
    scans = [
        {"user_id": "ada", "asset_id": asset, "timestamp": at(hours=1), "location_id": "bin"}
        for asset in ("m1", "m1", "b1")
    ]
    commands = [{"id": uuid7(), "op": "rental.return", "args": scan} for scan in scans]
    desk.client.ok("batch", commands=commands)
    ids = [command["id"] for command in commands]
    assert desk.verdicts(ids[0]) == [(first, "chosen")]
    assert desk.explain(ids[1])["reasons"] == ["ALREADY_RETURNED"]
    assert desk.explain(ids[2])["reasons"] == ["NO_OPEN_RENTAL"]


def test_a_resent_scan(desk):
    device = {"device_id": "d1", "device_seq": 1}
    rental = desk.take("ada", "m1")
    command, _ = desk.bring(at(hours=1), user_id="ada", asset_id="m1", **device)
    assert desk.verdicts(command) == [(rental, "chosen")]
    resent, _ = desk.bring(at(hours=1), user_id="ada", asset_id="m1", **device)
    told = desk.explain(resent)
    assert told["outcome"] == "UNCHANGED" and told["candidates"] == []


def test_many_candidates(desk):
    """An answer has the first thousand of them."""
    rng = random.Random(7)
    commands = []
    for number in range(1100):
        asset, put = f"x{number}", uuid7()
        commands.append({"id": put, "op": "asset.put", "args": {"id": asset, "asset_type": "mug"}})
        scan = {"user_id": "bob", "asset_id": asset, "location_id": "counter"}
        scan["timestamp"] = at(seconds=rng.randrange(10000))
        commands.append({"id": uuid7(), "op": "rental.checkout", "args": scan})
    for start in range(0, len(commands), 1000):
        desk.client.ok("batch", commands=commands[start : start + 1000])
    command, result = desk.bring(at(days=1), user_id="bob", asset_id="m1")
    told = desk.client.ok("explain", command_id=command)
    found = [(item["rental"]["created_at"], item["rental"]["id"]) for item in told["candidates"]]
    assert len(found) == 1000 and found == sorted(found)
    assert told["candidates"][0]["rental"]["id"] == result["rental"]["id"]
    assert [c["verdict"] for c in told["candidates"]] == ["chosen"] + ["behind"] * 999


# ---- what cannot be explained, and when ----


def test_what_makes_no_sense(desk):
    command, _ = desk.run("user.put", id="eve")
    for args, code, field in (
        ({}, "INVALID_ARGUMENT", "rental_id"),
        ({"rental_id": "r", "command_id": command}, "INVALID_ARGUMENT", "command_id"),
        ({"rental_id": ""}, "INVALID_ARGUMENT", "rental_id"),
        ({"command_id": b"short"}, "INVALID_ARGUMENT", "command_id"),
        ({"rental_id": "nobody knows"}, "NOT_FOUND", "rental_id"),
        ({"command_id": uuid7()}, "NOT_FOUND", "command_id"),
        ({"command_id": uuid7(1)}, "NOT_FOUND", "command_id"),
    ):
        error = desk.client.error("explain", **args)
        assert (error["code"], error["field"]) == (code, field), args
    command = uuid7()
    dry = {"user_id": "ada", "asset_id": "m1", "location_id": "bin", "timestamp": at()}
    desk.client.call("rental.return", {**dry, "dry_run": True}, id=command)
    assert desk.client.error("explain", command_id=command)["code"] == "NOT_FOUND"


def test_at_once_behind_the_command(daemon, desk):
    """Both are sent before the first has its reply."""
    rental = desk.take("ada", "m1")
    with Client(daemon.api) as client:
        scan = {"user_id": "ada", "asset_id": "m1", "location_id": "bin", "timestamp": at(hours=1)}
        command = client.send("rental.return", scan)
        asked = client.send("explain", {"command_id": command})
        replies = {reply["id"]: reply for reply in (client.receive(), client.receive())}
        assert replies[asked]["ok"], replies
        (candidate,) = replies[asked]["result"]["candidates"]
        assert (candidate["rental"]["id"], candidate["verdict"]) == (rental, "chosen")


@pytest.mark.parametrize("archive", [True, False])
def test_after_a_restart(daemon, archive):
    with Client(daemon.api) as client:
        desk = Desk(client)
        rentals = [desk.take("ada", f"m{n}", at(hours=n)) for n in range(6)]
        for n in (1, 0, 5):
            desk.bring(at(days=1, hours=n), user_id="ada", asset_id=f"m{n}")
        desk.bring(at(days=9), user_id="ada", asset_id="m2")
        desk.run("rental.flag", rental_id=rentals[-1], reason="cracked")
        commands = check_commands(read_events(client))
        told = {command: desk.explain(command) for command in commands}
        about = {rental: desk.explain_rental(rental) for rental in rentals}
    assert daemon.stop() == 0
    if not archive:
        for path in daemon.data.glob("archive.db*"):
            path.unlink()
    daemon.start()
    with Client(daemon.api) as client:
        desk = Desk(client)
        for command in random.Random(3).sample(commands, len(commands)):
            assert desk.explain(command) == told[command]
        for rental in rentals:
            again = desk.explain_rental(rental)
            assert again["command"] == about[rental]["command"]
            assert again["candidates"] == about[rental]["candidates"]
        verify(client)
