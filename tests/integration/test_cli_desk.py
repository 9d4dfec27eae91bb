# SPDX-License-Identifier: MPL-2.0
"""The desk from the command line: renewals, judgements, blocks, policies, dry runs."""
import json
from datetime import datetime, timedelta

import pytest

from desk import BAD_DATA, ID, NOT_FOUND, OK, REJECTED, USAGE
from desk import checkout, errors, head, lines, ndjson, ok, one, open_desk, said, soon
from harness import Daemon, run_cli


@pytest.fixture
def desk(daemon):
    return open_desk(daemon)


# ---- one rental ----


def test_renew(desk):
    due = soon(hours=1)
    rental = checkout(desk, "m1", "--expires", due)["id"]
    until = soon(days=9)
    named = f"UPDATED rental {rental} (user u1, asset m1), due"
    assert said(desk, "renew", rental, "--until", until) == (OK, f"{named} {until}")
    later = (datetime.fromisoformat(until.replace("Z", "+00:00")) + timedelta(days=3)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    assert said(desk, "renew", rental, "--period", "P3D") == (OK, f"{named} {later}")
    result = one(desk, "renew", rental)
    assert (result["outcome"], result["rental"]["renewals"], result["rental"]["rev"]) == (
        "UPDATED",
        3,
        4,
    )
    assert result["rental"]["expires_at"][:10] > later[:10]


def test_every_rule_against_a_renewal_is_named(desk):
    ok(desk, "asset-type", "put", "mug", "--period", "P2D", "--renewals", "1")
    rental = checkout(desk)["id"]
    result = one(desk, "renew", rental, "--period", "P1D")
    done = run_cli(desk, "renew", rental, "--until", soon(hours=1))
    assert done.returncode == REJECTED
    assert done.stdout == (
        f"REJECTED RENEWAL_LIMIT, NOT_LATER rental {rental} (user u1, asset m1), "
        f"due {result['rental']['expires_at']}\n"
    )
    done = run_cli(desk, "--json", "renew", rental, "--until", soon(hours=1))
    (line,) = lines(done)
    assert line["reasons"] == ["RENEWAL_LIMIT", "NOT_LATER"] and line["reason"] == "RENEWAL_LIMIT"
    assert done.returncode == REJECTED and done.stderr == ""


def test_flag_unflag_and_forgive(desk):
    rental = checkout(desk)
    named = f"rental {rental['id']} (user u1, asset m1)"
    open_again = f"{named}, due {rental['expires_at']}"
    flag = ("flag", rental["id"], "--reason", "no\x1b[31mhandle")
    assert said(desk, *flag) == (OK, f"UPDATED {named}, flagged: no\\x1b[31mhandle")
    assert said(desk, *flag) == (
        REJECTED,
        f"REJECTED RENTAL_CLOSED {named}, flagged: no\\x1b[31mhandle",
    )
    assert one(desk, "list", "--status", "FLAGGED")["flag_reason"] == "no\x1b[31mhandle"
    assert said(desk, "unflag", rental["id"]) == (OK, f"UPDATED {open_again}")
    assert said(desk, "unflag", rental["id"]) == (REJECTED, f"REJECTED NOT_FLAGGED {open_again}")
    forgive = ("forgive", rental["id"], "--reason", "Christmas")
    assert said(desk, *forgive) == (OK, f"UPDATED {named}, forgiven")
    assert said(desk, *forgive) == (REJECTED, f"REJECTED RENTAL_CLOSED {named}, forgiven")
    found = one(desk, "get", rental["id"])
    assert (found["status"], found["closed_by"]) == ("FORGIVEN", "forgive")
    (event,) = ok(desk, "events", "--type", "RENTAL_FORGIVEN_EVENT")
    assert event["data"]["reason"] == "Christmas"
    refused = run_cli(desk, "events", "--type", "COMMAND_REJECTED_EVENT").stdout.splitlines()
    assert len(refused) == 3 and "  reasons=RENTAL_CLOSED  " in refused[0]


@pytest.mark.parametrize(
    "words", [("renew",), ("forgive", "--reason", "r"), ("flag", "--reason", "r"), ("unflag",)]
)
def test_a_rental_that_nobody_knows(daemon, words):
    done = run_cli(daemon, "--json", words[0], "nothing", *words[1:])
    assert (done.returncode, done.stdout) == (NOT_FOUND, "")
    assert [(fault["code"], fault["field"]) for fault in errors(done)] == [
        ("NOT_FOUND", "rental_id")
    ]


def test_the_same_id_again(desk):
    rental = checkout(desk)["id"]
    words = ("renew", rental, "--id", ID + "1")
    first = one(desk, *words)
    assert first["command"] == ID + "1"
    assert one(desk, *words) == first
    assert one(desk, "command", "get", ID + "1") == first
    assert one(desk, "get", rental)["renewals"] == 1


@pytest.mark.parametrize(
    "args, words",
    [
        (("renew",), "missing"),
        (("renew", "a", "b"), "too much"),
        (("renew", "r", "--until", "now", "--period", "P1D"), "not both"),
        (("forgive", "r"), "--reason is missing"),
        (("flag", "r"), "--reason is missing"),
        (("unflag", "r", "--reason", "x"), "unknown option --reason"),
        (("user", "block", "u1"), "--reason is missing"),
        (("user", "block", "u1", "--reason", "r", "--name", "x"), "--name is for put"),
        (("user", "block", "u1", "--reason", "r", "--limit", "1"), "--limit is for put"),
        (("user", "unblock", "u1", "--reason", "r"), "--reason is for block"),
        (("user", "get", "u1", "--dry-run"), "--dry-run is for put"),
        (("user", "get", "u1", "--id", ID + "1"), "--id is for put"),
        (("user", "blok", "u1"), "did you mean block?"),
        (("asset", "block", "m1", "--reason", "r"), "unknown option --reason"),
        (("asset-type", "get", "mug", "--due-soon", "P1D"), "--due-soon is for put"),
        (("policy",), "missing"),
        (("policy", "set"), "put or get?"),
        (("policy", "put"), "nothing is given"),
        (("policy", "put", "--dry-run"), "nothing is given"),
        (("policy", "get", "--max-skew", "PT1M"), "--max-skew is for put"),
        (("batch",), "missing"),
        (("batch", "a", "b"), "too much"),
        (("batch", "-", "--id", "x"), "UUID"),
        (("list", "--dry-run"), "unknown option --dry-run"),
    ],
)
def test_usage(args, words):
    done = run_cli(None, "--json", *args)
    assert (done.returncode, done.stdout) == (USAGE, ""), done.stderr
    assert words in errors(done)[0]["message"]


@pytest.mark.parametrize(
    "args, field",
    [
        (("renew", "r", "--until", "tomorrow"), "expires_at"),
        (("renew", "r", "--period", "P1M"), "period"),
        (("renew", "", "--period", "P1D"), "rental_id"),
        (("flag", "r", "--reason", "x" * 1025), "reason"),
        (("user", "put", "u", "--limit", "-1"), "user_limit"),
        (("user", "put", "u", "--limit", "many"), "user_limit"),
        (("asset-type", "put", "t", "--renewals", "x"), "renewals_max"),
        (("asset-type", "put", "t", "--due-soon", "3"), "due_soon_lead"),
        (("policy", "put", "--return-match", "newest"), "return_match"),
        (("policy", "put", "--max-skew", "soon"), "max_skew"),
    ],
)
def test_bad_values_name_their_field(args, field):
    done = run_cli(None, "--json", *args)
    assert done.returncode == BAD_DATA, done.stderr
    assert [fault["field"] for fault in errors(done)] == [field]


# ---- users, types, policies ----


def test_block_and_unblock(desk):
    words = ("checkout", "--user", "u1", "--asset", "m1", "--location", "L1")
    assert said(desk, "user", "block", "u1", "--reason", "mugs gone") == (OK, "UPDATED user u1")
    assert one(desk, "user", "get", "u1") == {"id": "u1", "block_reason": "mugs gone"}
    assert run_cli(desk, "user", "list").stdout.splitlines()[1].split() == ["u1", "mugs", "gone"]
    assert said(desk, *words) == (REJECTED, "REJECTED USER_BLOCKED")
    assert said(desk, "user", "block", "u1", "--reason", "mugs gone")[1] == "UNCHANGED user u1"
    assert said(desk, "user", "put", "u1", "--name", "Ada")[1] == "UPDATED user u1"
    assert one(desk, "user", "get", "u1")["block_reason"] == "mugs gone"
    assert said(desk, "user", "unblock", "u1") == (OK, "UPDATED user u1")
    assert said(desk, "user", "unblock", "u1") == (OK, "UNCHANGED user u1")
    assert run_cli(desk, *words).returncode == OK
    assert run_cli(desk, "user", "unblock", "nobody").returncode == NOT_FOUND
    assert run_cli(desk, "user", "block", "nobody", "--reason", "r").returncode == NOT_FOUND


def test_every_rule_against_a_checkout_is_named(desk):
    ok(desk, "user", "put", "u1", "--limit", "1")
    ok(desk, "asset-type", "put", "mug", "--limit", "1")
    checkout(desk, "m1")
    words = ("checkout", "--user", "u1", "--asset", "m2", "--location", "L1")
    assert said(desk, *words) == (REJECTED, "REJECTED USER_LIMIT, TYPE_LIMIT")
    ok(desk, "user", "block", "u1", "--reason", "r")
    assert said(desk, *words) == (REJECTED, "REJECTED USER_BLOCKED, USER_LIMIT, TYPE_LIMIT")
    scan = json.dumps({"user_id": "u1", "asset_id": "m2", "location_id": "L1"})
    assert said(desk, "checkout", "--event", "-", stdin=scan)[1] == (
        "REJECTED USER_BLOCKED, USER_LIMIT, TYPE_LIMIT"
    )
    assert said(desk, "checkout", "--user", "nobody", "--asset", "?", "--location", "L")[1] == (
        "REJECTED USER_UNKNOWN, ASSET_UNKNOWN"
    )


def test_what_is_put_is_there(daemon):
    ok(daemon, "user", "put", "u1", "--limit", "0")
    assert one(daemon, "user", "get", "u1") == {"id": "u1", "user_limit": 0}
    words = ("--limit", "2", "--renewals", "3", "--renewal-period", "P1D", "--due-soon", "PT6H")
    ok(daemon, "asset-type", "put", "mug", "--period", "P2D", *words)
    assert one(daemon, "asset-type", "get", "mug") == {
        "id": "mug",
        "user_limit": 2,
        "loan_period": "P2D",
        "renewals_max": 3,
        "due_soon_lead": "PT6H",
        "renewal_period": "P1D",
        "eligible_asset_types": ["mug"],
    }
    shown = run_cli(daemon, "asset-type", "list").stdout.splitlines()
    assert shown[1].split() == ["mug", "P2D", "2", "3", "P1D", "PT6H", "mug"]
    ok(daemon, "user", "put", "u2")
    assert len(ok(daemon, "user", "list", "--limit", "1")) == 1


def test_policies(desk):
    assert run_cli(desk, "policy", "get").stdout.splitlines() == [
        "late return   reject",
        "return match  oldest",
        "max skew      PT5M",
        "renewal grace PT0S",
        "version       0",
    ]
    words = ("--max-skew", "PT1H", "--user-limit", "1", "--late-return", "forgive_within:P1D")
    words += ("--return-match", "soonest_expiry", "--renewal-grace", "PT2H")
    assert said(desk, "policy", "put", *words) == (OK, "UPDATED policy")
    assert said(desk, "policy", "put", "--user-limit", "1") == (OK, "UNCHANGED policy")
    policy = {
        "version": head(desk) - 1,
        "max_skew": "PT1H",
        "user_limit": 1,
        "late_return": "forgive_within:P1D",
        "return_match": "soonest_expiry",
        "renewal_grace": "PT2H",
    }
    assert ok(desk, "policy", "get") == [policy]
    checkout(desk, "m1")
    words = ("checkout", "--user", "u1", "--asset", "m2", "--location", "L1")
    assert said(desk, *words) == (REJECTED, "REJECTED USER_LIMIT")
    ok(desk, "policy", "put", "--user-limit", "0")
    assert "user_limit" not in one(desk, "policy", "get")
    assert run_cli(desk, *words).returncode == OK
    done = run_cli(desk, "--json", "policy", "put", "--late-return", "later")
    assert done.returncode == BAD_DATA and errors(done)[0]["field"] == "late_return"
    event = run_cli(desk, "events", "--type", "POLICY_UPDATED_EVENT").stdout.splitlines()[0]
    assert "  policy.late_return=forgive_within:P1D  " in event


def test_a_late_return_that_is_flagged_says_so(desk):
    ok(desk, "policy", "put", "--late-return", "flag")
    times = ("--at", "2025-01-01T00:00:00Z", "--expires", "2025-01-02T00:00:00Z")
    rental = checkout(desk, "m1", *times)["id"]
    assert said(desk, "return", "--asset", "m1", "--user", "u1", "--location", "L1") == (
        OK,
        f"COMPLETED rental {rental} (user u1, asset m1), flagged: late, matched by oldest",
    )


# ---- dry runs ----


def test_a_dry_run_says_what_would_be(desk):
    before = head(desk)
    done = run_cli(desk, "user", "put", "u9", "--name", "A B", "--limit", "2", "--dry-run")
    assert (done.returncode, done.stderr) == (OK, "")
    assert done.stdout.splitlines() == [
        "DRY RUN would be CREATED user u9",
        "EVENT              SUBJECT DATA",
        "USER_CREATED_EVENT u9      id=u9  name=A B  user_limit=2",
    ]
    result = one(desk, "user", "put", "u9", "--dry-run", "--id", ID + "1")
    assert result == {
        "command": ID + "1",
        "seq": before,
        "events": [{"type": "USER_CREATED_EVENT", "subject": "u9", "data": {"id": "u9"}}],
        "dry_run": True,
        "outcome": "CREATED",
    }
    assert run_cli(desk, "command", "get", ID + "1").returncode == NOT_FOUND
    assert head(desk) == before
    ok(desk, "user", "put", "u9", "--id", ID + "1")
    assert head(desk) == before + 1
    again = said(desk, "user", "put", "u9", "--dry-run", "--id", ID + "1")
    assert again == (OK, "CREATED user u9")


def test_every_command_can_be_tried(desk):
    flagged = checkout(desk, "m1")["id"]
    ok(desk, "flag", flagged, "--reason", "r")
    rental = checkout(desk, "m2")["id"]
    ok(desk, "user", "block", "u2", "--reason", "r")
    ok(desk, "location", "put", "L1")
    before, state = head(desk), run_cli(desk, "export").stdout
    tried = [
        (("checkout", "--user", "u1", "--asset", "m3", "--location", "L1"), "RENTAL_CREATED_EVENT"),
        (("return", "--asset", "m2", "--location", "L1"), "RENTAL_RETURN_COMPLETE_EVENT"),
        (("renew", rental), "RENTAL_RENEWED_EVENT"),
        (("forgive", flagged, "--reason", "r"), "RENTAL_FORGIVEN_EVENT"),
        (("flag", rental, "--reason", "r"), "RENTAL_FLAGGED_EVENT"),
        (("unflag", flagged), "RENTAL_UNFLAGGED_EVENT"),
        (("user", "put", "u1", "--name", "Ada"), "USER_UPDATED_EVENT"),
        (("user", "block", "u1", "--reason", "r"), "USER_BLOCKED_EVENT"),
        (("user", "unblock", "u2"), "USER_UNBLOCKED_EVENT"),
        (("asset", "put", "m4", "--type", "mug"), "ASSET_CREATED_EVENT"),
        (("asset-type", "put", "mug", "--limit", "1"), "ASSET_TYPE_UPDATED_EVENT"),
        (("location", "put", "L1", "--name", "Bin"), "LOCATION_UPDATED_EVENT"),
        (("policy", "put", "--user-limit", "3"), "POLICY_UPDATED_EVENT"),
    ]
    for words, event in tried:
        result = one(desk, *words, "--dry-run")
        assert result["dry_run"] is True and result["events"][-1]["type"] == event, words
        code, first, heading, *rows = said(desk, *words, "--dry-run")
        assert code == OK and first.startswith("DRY RUN would be "), words
        assert heading.split() == ["EVENT", "SUBJECT", "DATA"]
        assert [row.split()[0] for row in rows] == [each["type"] for each in result["events"]]
    assert (head(desk), run_cli(desk, "export").stdout) == (before, state)


def test_a_dry_run_that_a_rule_stands_against(desk):
    ok(desk, "user", "put", "u1", "--limit", "0")
    ok(desk, "user", "block", "u1", "--reason", "r")
    words = ("checkout", "--user", "u1", "--asset", "m1", "--location", "L1", "--dry-run")
    code, first, _, *rows = said(desk, *words)
    assert (code, first) == (REJECTED, "DRY RUN would be REJECTED USER_BLOCKED, USER_LIMIT")
    assert "  reasons=USER_BLOCKED,USER_LIMIT  " in rows[1]
    assert run_cli(desk, "renew", "nothing", "--dry-run").returncode == NOT_FOUND


def test_a_dry_run_of_scans(desk):
    scans = [
        {"user_id": user, "asset_id": "m1", "location_id": "L1"} for user in ("u1", "nobody")
    ]
    before = head(desk)
    done = run_cli(
        desk, "--json", "checkout", "--dry-run", "--event", "-",
        stdin="".join(json.dumps(scan) + "\n" for scan in scans),
    )
    assert done.returncode == REJECTED
    assert [(line["dry_run"], line["outcome"]) for line in lines(done)] == [
        (True, "CREATED"),
        (True, "REJECTED"),
    ]
    assert head(desk) == before


# ---- export and import ----


def test_a_desk_exported_and_imported(desk, tmp_path):
    ok(desk, "policy", "put", "--max-skew", "PT1H", "--late-return", "forgive_within:P1D")
    ok(desk, "policy", "put", "--return-match", "exact_asset_first", "--renewal-grace", "PT2H")
    words = ("--limit", "2", "--renewals", "3", "--renewal-period", "P1D", "--due-soon", "PT6H")
    ok(desk, "asset-type", "put", "mug", "--period", "P2D", *words)
    ok(desk, "user", "put", "u1", "--name", "Ada", "--limit", "0")
    ok(desk, "user", "block", "u1", "--reason", "mugs gone")
    ok(desk, "forgive", checkout(desk, "m1", user="u2")["id"], "--reason", "r")
    text = run_cli(desk, "export").stdout
    rows = list(map(json.loads, text.splitlines()))
    assert [row["kind"] for row in rows] == (
        ["policy", "asset_type"] + ["user"] * 2 + ["block"] + ["asset"] * 3 + ["rental"]
    )
    assert rows[0]["user_limit"] == 0 and "version" not in rows[0]
    assert rows[2] == {"kind": "user", "id": "u1", "name": "Ada", "user_limit": 0}
    assert rows[4] == {"kind": "block", "id": "u1", "reason": "mugs gone"}

    other = Daemon(tmp_path / "other").start()
    ok(other, "policy", "put", "--user-limit", "7")
    done = run_cli(other, "--json", "import", "-", stdin=text)
    assert (done.returncode, done.stderr) == (OK, "")
    assert lines(done) == [{"rows": 9, "new": 9, "already_there": 0, "bad": 0}]
    assert run_cli(other, "export").stdout == text
    for words in (("user", "list"), ("asset-type", "list")):
        assert ok(other, *words) == ok(desk, *words)
    policies = [one(daemon, "policy", "get") for daemon in (desk, other)]
    assert [policy.pop("version") > 0 for policy in policies] == [True, True]
    assert policies[0] == policies[1]
    again = lines(run_cli(other, "--json", "import", "-", stdin=text))
    assert again == [{"rows": 9, "new": 0, "already_there": 9, "bad": 0}]


def test_rows_that_are_no_policy_or_block(daemon):
    rows = [
        {"kind": "policy", "late_return": "later"},
        {"kind": "policy", "version": 1},
        {"kind": "block", "id": "u1"},
        {"kind": "block", "id": "nobody", "reason": "r"},
        {"kind": "user", "id": "u1", "block_reason": "r"},
        {"kind": "user", "id": "u1", "dry_run": True},
        {"kind": "user", "id": "u1", "user_limit": -1},
    ]
    done = run_cli(daemon, "--json", "import", "-", stdin=ndjson(*rows))
    assert done.returncode == BAD_DATA
    found = sorted((fault["line"], fault["field"]) for fault in errors(done))
    assert found == list(
        enumerate(["late_return", "version", "reason", "id", "block_reason", "dry_run", "user_limit"], 1)
    )
    assert ok(daemon, "user", "list") == []
