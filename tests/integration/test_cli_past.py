# SPDX-License-Identifier: MPL-2.0
"""What the command line tells about the past: histories, explanations, reads as of then, counts;
and scans of devices, and rules that are overridden."""
import json

import pytest

from desk import BAD_DATA, NOT_FOUND, OK, REJECTED, USAGE, checkout, head, ok, one, open_desk, said
from harness import run_cli

EARLY = ("--at", "2025-01-01T10:00:00Z")


@pytest.fixture
def desk(daemon):
    return open_desk(daemon)


def give_back(daemon, asset, *args):
    return one(daemon, "return", "--asset", asset, "--location", "L2", *args)


def test_history(desk):
    rental = checkout(desk)
    checkout(desk, "m2", user="u2")
    give_back(desk, "m1", "--user", "u1")
    for subject, id, count in (("rental", rental["id"], 4), ("asset", "m1", 5), ("user", "u1", 5)):
        events = ok(desk, "history", subject, id)
        assert len(events) == count, (subject, events)
        assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)
    assert [event["type"] for event in ok(desk, "history", "rental", rental["id"])] == [
        "RENTAL_CHECKOUT_EVENT", "RENTAL_CREATED_EVENT", "RENTAL_RETURN_EVENT",
        "RENTAL_RETURN_COMPLETE_EVENT",
    ]
    only = ok(desk, "history", "user", "u1", "--type", "USER_CREATED_EVENT,RENTAL_CREATED_EVENT")
    assert [event["type"] for event in only] == ["USER_CREATED_EVENT", "RENTAL_CREATED_EVENT"]
    last = events[-1]["seq"]
    assert [event["seq"] for event in ok(desk, "history", "user", "u1", "--from", last)] == [last]
    assert ok(desk, "history", "user", "u1", "--since", "2999-01-01T00:00:00Z") == []
    assert len(ok(desk, "history", "user", "u1", "--limit", 2)) == 2
    assert ok(desk, "history", "asset", "m9") == []


def test_a_history_of_many_pages(desk):
    for _ in range(3):
        run_cli(desk, "batch", "-", stdin="".join(
            json.dumps({"op": "user.put", "args": {"id": "u1", "name": f"n{number}"}}) + "\n"
            for number in range(400)
        ))
    seqs = [event["seq"] for event in ok(desk, "history", "user", "u1")]
    assert len(seqs) == 1201 and seqs == sorted(set(seqs))


def test_a_history_for_people(desk):
    checkout(desk)
    code, *shown = said(desk, "history", "asset", "m1")
    assert code == OK and shown[0].split() == ["SEQ", "TIME", "EVENT", "SUBJECT", "DATA"]
    assert [line.split()[2] for line in shown[1:]] == [
        "ASSET_CREATED_EVENT", "RENTAL_CHECKOUT_EVENT", "RENTAL_CREATED_EVENT",
    ]
    assert "user_id=u1" in shown[2]
    assert said(desk, "history", "thing", "m1")[0] == USAGE
    assert said(desk, "history", "user")[0] == USAGE
    assert said(desk, "history", "user", "u1", "--from", "1", "--since", "now")[0] == USAGE
    assert said(desk, "history", "user", "")[0] == BAD_DATA


def test_reads_as_of_then(desk):
    rental = checkout(desk)["id"]
    then = head(desk)
    give_back(desk, "m1", "--user", "u1")
    ok(desk, "user", "put", "u3", "--name", "Later")
    ok(desk, "policy", "put", "--user-limit", 3)
    assert one(desk, "get", rental)["status"] == "COMPLETED"
    assert one(desk, "get", rental, "--at", then)["status"] == "IN_PROGRESS"
    assert run_cli(desk, "get", rental, "--at", 2).returncode == NOT_FOUND
    assert [each["status"] for each in ok(desk, "list", "--at", then)] == ["IN_PROGRESS"]
    assert ok(desk, "list", "--at", "2020-01-01T00:00:00Z") == []
    assert [user["id"] for user in ok(desk, "user", "list", "--at", then)] == ["u1", "u2"]
    assert len(ok(desk, "user", "list", "--at", "now")) == 3
    assert run_cli(desk, "user", "get", "u3", "--at", then).returncode == NOT_FOUND
    assert one(desk, "asset", "get", "m1", "--at", then)["rental_id"] == rental
    assert "rental_id" not in one(desk, "asset", "get", "m1")
    assert len(ok(desk, "asset", "list", "--at", then)) == 3
    assert one(desk, "asset-type", "get", "mug", "--at", then)["loan_period"] == "P2D"
    assert ok(desk, "asset-type", "list", "--at", 3) == []
    assert ok(desk, "location", "list", "--at", then) == []
    assert ok(desk, "device", "list", "--at", then) == []
    assert one(desk, "policy", "get", "--at", then)["version"] == 0
    assert one(desk, "policy", "get")["user_limit"] == 3
    assert one(desk, "stats", "--at", then)["open"] == 1 and one(desk, "stats")["open"] == 0
    assert run_cli(desk, "stats", "--at", then + 1000).returncode == BAD_DATA
    assert said(desk, "user", "put", "u4", "--at", then)[0] == USAGE
    assert said(desk, "policy", "put", "--user-limit", 3, "--at", then)[0] == USAGE
    assert said(desk, "get", rental, "--at", "then")[0] == BAD_DATA


def test_list_by_every_field(desk):
    old = checkout(desk, "m1", *EARLY, "--expires", "2999-01-01T00:00:00Z", "--eligible", "mug,cup")["id"]
    ok(desk, "renew", old, "--until", "2999-06-01T00:00:00Z")
    new = checkout(desk, "m2", user="u2")["id"]
    back = give_back(desk, "m2", "--user", "u2")["rental"]["id"]
    flagged = checkout(desk, "m3", user="u2")["id"]
    ok(desk, "flag", flagged, "--reason", "broken")

    def listed(*args):
        return [rental["id"] for rental in ok(desk, "list", *args)]

    assert back == new and listed() == [old, new, flagged]
    day = "2025-01-02T00:00:00Z"
    for args, expected in (
        (("--taken-until", day), [old]),
        (("--taken-from", day), [new, flagged]),
        (("--due-from", "2999-01-01T00:00:00Z"), [old]),
        (("--due-until", "2999-01-01T00:00:00Z"), [new, flagged]),
        (("--returned-from", day), [new]),
        (("--returned-until", day), []),
        (("--taken-location", "L1"), [old, new, flagged]),
        (("--taken-location", "L2"), []),
        (("--returned-location", "L2"), [new]),
        (("--returned-asset", "m2"), [new]),
        (("--eligible-type", "cup"), [old]),
        (("--closed-by", "return_scan"), [new]),
        (("--closed-by", "flag"), [flagged]),
        (("--flag-reason", "broken"), [flagged]),
        (("--renewals", "1"), [old]),
        (("--renewals", "0", "--user", "u2", "--status", "FLAGGED"), [flagged]),
    ):
        assert listed(*args) == expected, args
    assert run_cli(desk, "list", "--closed-by", "nobody").returncode == BAD_DATA


def test_stats(desk):
    for asset in ("m1", "m2", "m3"):
        checkout(desk, asset)
        give_back(desk, asset, "--user", "u1")
    stats = one(desk, "stats")
    assert stats["returns"] == 3 and stats["returns_by_asset_type"] == [
        {"returns": 3, "asset_type": "mug"}
    ]
    code, *shown = said(desk, "stats")
    words = [line.split() for line in shown]
    assert code == OK and ["returns", "3"] in words and ["L2", "3"] in words
    for heading in (["DAY", "RETURNS"], ["LOCATION", "RETURNS"], ["ASSET", "TYPE", "RETURNS"]):
        assert heading in words
    assert ["consumers", "0"] in words and any("30" in line for line in words)
    _, *since = said(desk, "stats", "--since", "2020-01-01T00:00:00Z", "--until", "2020-02-01T00:00:00Z")
    assert not any("30" in line.split() for line in since)
    empty = one(desk, "stats", "--since", "2020-01-01T00:00:00Z", "--until", "2020-02-01T00:00:00Z")
    assert (empty["returns"], empty["returns_by_day"]) == (0, [])
    assert run_cli(desk, "stats", "--since", "soon").returncode == BAD_DATA


def test_overrides(desk):
    ok(desk, "user", "block", "u1", "--reason", "two mugs missing")
    take = ("checkout", "--user", "u1", "--asset", "m1", "--location", "L1")
    assert run_cli(desk, *take).returncode == REJECTED
    assert one(desk, *take, "--override", "she paid")["outcome"] == "CREATED"
    (event,) = ok(desk, "events", "--type", "RENTAL_CREATED_EVENT")
    assert (event["data"]["override"], event["data"]["overridden"]) == ("she paid", ["USER_BLOCKED"])
    late = checkout(desk, "m2", *EARLY, "--period", "PT1H", user="u2")["id"]
    assert run_cli(desk, "renew", late).returncode == REJECTED
    assert one(desk, "renew", late, "--until", "2025-01-01T12:00:00Z", "--override", "ok")["outcome"] == "UPDATED"
    assert run_cli(desk, "return", "--asset", "m2", "--location", "L1").returncode == REJECTED
    done = give_back(desk, "m2", "--override", "the bin was full")
    assert done["outcome"] == "COMPLETED"
    assert run_cli(desk, *take, "--override", "").returncode == BAD_DATA


def test_devices(desk):
    scan = ("return", "--asset", "m1", "--location", "L1", "--device", "bin", "--at", "2025-01-01T00:00:10Z")
    run_cli(desk, *scan, "--device-seq", 3, "--clock-offset", "-10000")
    run_cli(desk, *scan, "--device-seq", 6)
    assert one(desk, "device", "get", "bin") == {
        "id": "bin", "missing": 4, "device_seq": 6,
        "holes": [{"first": 1, "last": 2}, {"first": 4, "last": 5}],
    }
    assert said(desk, "device", "list") == (
        OK, "DEVICE LAST SCAN MISSING HOLES", "bin            6       4 1-2,4-5",
    )
    assert one(desk, *scan, "--device-seq", 3)["outcome"] == "UNCHANGED"
    first = ok(desk, "events", "--type", "RENTAL_RETURN_EVENT")[0]["data"]
    assert (first["occurred_at"], first["device_time"]) == ("2025-01-01T00:00:20Z", "2025-01-01T00:00:10Z")
    assert run_cli(desk, *scan).returncode == BAD_DATA
    assert run_cli(desk, *scan, "--device-seq", 7, "--clock-offset", "slow").returncode == BAD_DATA
    assert said(desk, "device", "put", "x")[0] == USAGE
    assert said(desk, "device")[0] == USAGE
    assert said(desk, "device", "get", "other")[0] == NOT_FOUND


def test_explain(desk):
    late = checkout(desk, "m1", *EARLY, "--period", "PT1H")["id"]
    fits = checkout(desk, "m2")["id"]
    done = give_back(desk, "m2", "--user", "u1")
    code, *shown = said(desk, "explain", done["command"])
    text = "\n".join(shown)
    assert code == OK
    assert shown[0].split() == ["command", done["command"]]
    assert shown[1].startswith("asked    return: ") and "asset_id=m2" in shown[1]
    assert "outcome  COMPLETED: a rental was completed" in shown
    assert "policy   version 0: late_return=reject return_match=oldest" in text
    (heading,) = [number for number, line in enumerate(shown) if line.startswith("CANDIDATE")]
    candidates = {line.split()[0]: line for line in shown[heading + 1 : heading + 3]}
    assert candidates[late].endswith("was past its time")
    assert candidates[fits].endswith("chosen")
    events = shown[heading + 4 :]  # behind a blank line
    assert [line.split()[2] for line in events] == [
        "EVENT", "RENTAL_RETURN_EVENT", "RENTAL_RETURN_COMPLETE_EVENT",
    ]
    # A rental: the command that made it what it is, and all its events.
    explained = one(desk, "explain", fits)
    assert explained["command"] == done["command"] and len(explained["events"]) == 4
    assert one(desk, "explain", "--rental", fits) == explained
    # An id that is both.
    assert len(one(desk, "explain", done["command"], "--command")["events"]) == 2
    assert said(desk, "explain", done["command"], "--rental")[0] == NOT_FOUND
    assert said(desk, "explain", fits, "--command", "--rental")[0] == USAGE
    assert said(desk, "explain", "r1", "--command")[0] == USAGE
    assert said(desk, "explain", "r1")[0] == NOT_FOUND


def test_a_refusal_is_explained(desk):
    rejected = run_cli(desk, "--json", "return", "--asset", "m1", "--location", "L1", "--user", "u1")
    shown = said(desk, "explain", json.loads(rejected.stdout)["command"])
    assert "outcome  REJECTED: a rule stood against it" in shown
    assert "reason   NO_OPEN_RENTAL: there was no open rental that it could be about" in shown


def test_everything_has_words():
    """No reason, outcome or verdict without an explanation."""
    from test_cli_words import CLI, word_set

    text = (CLI / "explanation.c").read_text("utf-8")
    for name, prefix in (("REASON", "REASON"), ("OUTCOME", "OUTCOME"), ("VERDICT", "VERDICT")):
        for word in word_set(f"RENTBUS_{name}_WORDS"):
            assert f"[RENTBUS_{prefix}_{word}] = " in text, word
