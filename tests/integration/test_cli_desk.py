# SPDX-License-Identifier: MPL-2.0
"""The desk from the command line: renewals, judgements, blocks, policies, dry runs, batches."""
import json
from datetime import datetime, timedelta, timezone

import pytest

from harness import Daemon, run_cli

OK, REJECTED, USAGE, NOT_FOUND, BAD_DATA, UNAVAILABLE = 0, 1, 2, 4, 65, 69

ID = "01890000-0000-7000-8000-00000000000"


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def errors(done):
    return [json.loads(line)["error"] for line in done.stderr.splitlines()]


def ok(daemon, *args, **more):
    """A run that must end with 0; its JSON lines."""
    done = run_cli(daemon, "--json", *args, **more)
    assert (done.returncode, done.stderr) == (OK, ""), (args, done.stderr)
    return lines(done)


def one(daemon, *args):
    (line,) = ok(daemon, *args)
    return line


def said(daemon, *args, **more):
    """What a run says to people: its exit code and its lines, those of standard error last."""
    done = run_cli(daemon, *args, **more)
    return done.returncode, *done.stdout.splitlines(), *done.stderr.splitlines()


def soon(**after):
    moment = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(**after)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def head(daemon):
    return one(daemon, "hello")["head"]


def checkout(daemon, asset="m1", *args, user="u1"):
    """Its rental."""
    words = ("--user", user, "--asset", asset, "--location", "L1")
    return one(daemon, "checkout", *words, *args)["rental"]


@pytest.fixture
def desk(daemon):
    """Two users and three mugs that are lent for 2 days."""
    for user in ("u1", "u2"):
        ok(daemon, "user", "put", user)
    ok(daemon, "asset-type", "put", "mug", "--period", "P2D")
    for asset in ("m1", "m2", "m3"):
        ok(daemon, "asset", "put", asset, "--type", "mug")
    return daemon


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


# ---- batches ----


def put(user, **more):
    return {"op": "user.put", "args": {"id": user}, **more}


def lend(user, asset):
    args = {"user_id": user, "asset_id": asset, "location_id": "L1"}
    return {"op": "rental.checkout", "args": args}


def ndjson(*commands):
    return "".join(
        (each if isinstance(each, str) else json.dumps(each)) + "\n" for each in commands
    )


def batch(daemon, commands, *args, **more):
    return run_cli(daemon, *args, "batch", "-", stdin=ndjson(*commands), **more)


def test_a_batch_answers_every_line(desk):
    commands = [
        put("u3", id=ID + "1"),
        "",
        lend("u3", "m1"),
        {"op": "user.block", "args": {"id": "u3", "reason": "r"}},
        lend("u3", "m2"),
        {"op": "asset_type.put", "args": {"id": "cup", "user_limit": 1}},
        {"op": "policy.put", "args": {"user_limit": 9}},
    ]
    done = batch(desk, commands)
    rental = one(desk, "list")
    assert done.stdout.splitlines() == [
        "CREATED user u3",
        f"CREATED rental {rental['id']} (user u3, asset m1), due {rental['expires_at']}",
        "UPDATED user u3",
        "REJECTED USER_BLOCKED",
        "CREATED asset-type cup",
        "UPDATED policy",
    ]
    assert (done.returncode, done.stderr) == (REJECTED, "")
    found = lines(batch(desk, commands, "--json"))
    assert [line["line"] for line in found] == [1, 3, 4, 5, 6, 7]
    assert [line["outcome"] for line in found] == [
        "CREATED", "ALREADY_OUT", "UNCHANGED", "REJECTED", "UNCHANGED", "UNCHANGED",
    ]
    assert found[0]["command"] == ID + "1"
    assert len({line["command"] for line in found}) == 6


BAD = [
    ("nonsense", "MALFORMED", None),
    ("[]", "INVALID_ARGUMENT", None),
    ({"args": {"id": "u"}}, "INVALID_ARGUMENT", "op"),
    ({"op": "user.put"}, "INVALID_ARGUMENT", "args"),
    ({"op": "user.put", "args": []}, "INVALID_ARGUMENT", None),
    ({"op": "user.put", "args": {}}, "INVALID_ARGUMENT", "id"),
    ({"op": "user.put", "args": {"id": "u", "more": 1}}, "INVALID_ARGUMENT", "more"),
    ({"op": "user.put", "args": {"id": "x" * 129}}, "INVALID_ARGUMENT", "id"),
    (put("u", id="x"), "INVALID_ARGUMENT", "id"),
    (put("u", more=1), "INVALID_ARGUMENT", "more"),
    ({"op": "user.get", "args": {"id": "u"}}, "INVALID_ARGUMENT", "op"),
    ({"op": "batch", "args": {"commands": []}}, "INVALID_ARGUMENT", "op"),
    ({"op": "user.steal", "args": {}}, "INVALID_ARGUMENT", "op"),
    ('{"op":"user.put","args":{"id":"' + "x" * (1 << 20) + '"}}', "TOO_LARGE", None),
]


def test_bad_lines_do_not_stop_the_others(desk):
    commands = [put("u3"), *(line for line, _, _ in BAD), put("u4")]
    commands.insert(1, {"op": "user.unblock", "args": {"id": "nobody"}})
    done = batch(desk, commands, "--json")
    assert done.returncode == BAD_DATA
    assert [(line["line"], line["outcome"]) for line in lines(done)] == [
        (1, "CREATED"),
        (len(BAD) + 3, "CREATED"),
    ]
    found = {fault["line"]: (fault["code"], fault.get("field")) for fault in errors(done)}
    assert found == {2: ("NOT_FOUND", "id")} | {
        number: (code, field) for number, (_, code, field) in enumerate(BAD, 3)
    }
    assert run_cli(desk, "user", "get", "u4").returncode == OK
    plain = batch(desk, [put("u3"), {"op": "user.unblock", "args": {"id": "nobody"}}])
    assert plain.returncode == NOT_FOUND
    assert plain.stderr == "rentbus: -:2: id: no such user (NOT_FOUND)\n"


def test_an_atomic_batch(desk):
    before = head(desk)
    done = batch(desk, [put("u3"), lend("u3", "m1"), lend("nobody", "m2")], "batch", "--atomic")
    assert done.returncode == USAGE  # `batch` twice
    commands = [put("u3"), lend("nobody", "m2")]
    words = ("batch", "--atomic", "-")
    assert said(desk, *words, stdin=ndjson(*commands)) == (
        REJECTED,
        "NOT DONE would be CREATED user u3",
        "REJECTED USER_UNKNOWN",
    )
    found = lines(run_cli(desk, "--json", *words, stdin=ndjson(*commands)))
    assert [line["applied"] for line in found] == [False, False]
    assert head(desk) == before
    code, *_ = said(desk, *words, stdin=ndjson(put("u3"), lend("u3", "m1")))
    assert code == OK and head(desk) > before


def test_an_atomic_batch_that_came_to_nothing_never_ends_with_0(desk):
    """Also not when what stood against it alone is no failure."""
    scan = {"asset_id": "m1", "location_id": "L1", "timestamp": "2025-01-01T01:00:00Z"}
    checkout(desk, "m1", "--at", "2025-01-01T00:00:00Z", "--expires", soon(days=1))
    give = {"op": "rental.return", "args": scan}
    words = ("batch", "--atomic", "-")
    assert said(desk, *words, stdin=ndjson(give))[0] == OK
    code, *rest = said(desk, *words, stdin=ndjson(put("u3"), give))
    assert (code, rest[0]) == (REJECTED, "NOT DONE would be CREATED user u3")
    assert rest[1].startswith("REJECTED ALREADY_RETURNED")
    assert batch(desk, [give]).returncode == OK


def test_an_atomic_batch_with_a_bad_line_is_not_sent(desk):
    before = head(desk)
    for bad, _, _ in BAD:
        done = run_cli(desk, "batch", "--atomic", "-", stdin=ndjson(put("u3"), bad, put("u4")))
        assert (done.returncode, done.stdout) == (BAD_DATA, ""), bad
        assert done.stderr.splitlines()[0].startswith("rentbus: -:2: ")
        assert "nothing was done" in done.stderr.splitlines()[1]
    thousand = [put(f"x{number}") for number in range(1001)]
    done = run_cli(desk, "--json", "batch", "--atomic", "-", stdin=ndjson(*thousand))
    assert (done.returncode, done.stdout) == (BAD_DATA, "")
    assert [(fault["code"], fault["line"]) for fault in errors(done)] == [("TOO_LARGE", 1001)]
    assert head(desk) == before
    done = run_cli(desk, "--json", "batch", "--atomic", "-", stdin=ndjson(*thousand[:1000]))
    assert done.returncode == OK and len(lines(done)) == 1000


def test_more_than_one_request(daemon, tmp_path):
    path = tmp_path / "commands.ndjson"
    path.write_text(ndjson(*(put(f"u{number}") for number in range(2001))))
    commits = one(daemon, "stats")["commits"]
    found = ok(daemon, "batch", path)
    assert [line["line"] for line in found] == list(range(1, 2002))
    assert {line["outcome"] for line in found} == {"CREATED"}
    assert len({line["command"] for line in found}) == 2001
    stats = one(daemon, "stats")
    assert (stats["users"], stats["commits"]) == (2001, commits + 3)


def test_a_batch_again_under_the_same_id(desk):
    commands = [put("u3"), lend("u3", "m1"), put("u4", id=ID + "2")]
    words = ("--json", "batch", "--id", ID + "1", "-")
    first = run_cli(desk, *words, stdin=ndjson(*commands))
    before = head(desk)
    again = run_cli(desk, *words, stdin=ndjson(*commands))
    assert first.returncode == OK and again.stdout == first.stdout
    assert head(desk) == before
    ids = [line["command"] for line in lines(first)]
    assert ids[2] == ID + "2" and one(desk, "command", "get", ids[1])["outcome"] == "CREATED"
    other = lines(run_cli(desk, "--json", "batch", "-", stdin=ndjson(*commands)))
    assert not set(ids[:2]) & {line["command"] for line in other}


def test_a_batch_nobody_answers_says_how_to_send_it_again(desk):
    desk.stop()
    words = ("--timeout", "0.3", "batch", "-", "--id", ID + "1")
    code, error = said(desk, *words, stdin=ndjson(put("u3")))
    assert code == UNAVAILABLE and error.endswith(f"--id {ID}1")


def test_a_dry_run_of_a_batch(desk):
    before = head(desk)
    commands = [put("u3"), lend("u3", "m1"), lend("u1", "m1")]
    done = run_cli(desk, "--json", "batch", "--dry-run", "-", stdin=ndjson(*commands))
    assert done.returncode == REJECTED and head(desk) == before
    assert [(line["dry_run"], line["outcome"]) for line in lines(done)] == [
        (True, "CREATED"), (True, "REJECTED"), (True, "CREATED"),
    ]
    done = batch(desk, [{"op": "user.put", "args": {"id": "u3", "dry_run": True}}])
    assert done.stdout.startswith("DRY RUN would be CREATED user u3\nEVENT ")


def test_batches_that_are_empty_or_not_there(daemon, tmp_path):
    assert said(daemon, "batch", "-", stdin="\n \n") == (OK,)
    assert said(daemon, "batch", "--atomic", "-", stdin="") == (OK,)
    assert said(daemon, "batch", tmp_path / "no")[0] == BAD_DATA
    assert said(daemon, "batch", tmp_path)[0] == BAD_DATA
    same = [put("u1", id=ID + "1"), put("u2", id=ID + "1")]
    code, error = said(daemon, "batch", "-", stdin=ndjson(*same))
    assert code == BAD_DATA and "commands" in error


def test_call_of_a_batch_ends_as_its_worst_reply(desk):
    ids = (f"{ID}{number}" for number in range(10))

    def call(*commands, **more):
        args = {"commands": [{**each, "id": next(ids)} for each in commands], **more}
        return run_cli(desk, "call", "batch", json.dumps(args)).returncode

    bad = {"op": "user.unblock", "args": {"id": "nobody"}}
    assert call(put("u3")) == OK
    assert call(put("u3"), lend("nobody", "m1")) == REJECTED
    assert call(put("u3"), bad, {"op": "user.get", "args": {}}) == BAD_DATA
    assert call(put("u3"), bad, atomic=True) == NOT_FOUND


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
