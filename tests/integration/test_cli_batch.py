# SPDX-License-Identifier: MPL-2.0
"""Many commands from the command line."""
import json

import pytest

from desk import BAD_DATA, ID, NOT_FOUND, OK, REJECTED, UNAVAILABLE, USAGE
from desk import checkout, errors, head, lines, ndjson, ok, one, open_desk, said, soon
from harness import run_cli


@pytest.fixture
def desk(daemon):
    return open_desk(daemon)


def put(user, **more):
    return {"op": "user.put", "args": {"id": user}, **more}


def lend(user, asset):
    args = {"user_id": user, "asset_id": asset, "location_id": "L1"}
    return {"op": "rental.checkout", "args": args}


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
