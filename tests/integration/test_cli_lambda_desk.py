# SPDX-License-Identifier: MPL-2.0
"""The words of `rentbus lambda` that look after consumers."""
import json
import os
import pty
import subprocess

import pytest

from harness import bin_dir, run_cli, uuid7
from lambdas import publish, status


@pytest.fixture
def failed(client):
    """A lambda with three parked events; their seqs."""
    seqs = publish(client, 3, subjects=3)
    client.ok("consumer.put", id="l", start="first", types=["mine"], max_attempts=1)
    worker = {"id": "l", "worker": "w", "incarnation": uuid7()}
    for event in client.ok("consumer.fetch", **worker, credit=3)["deliveries"]:
        error = f"Traceback:\n  line {event['event']['seq']}\nValueError: no\n"
        client.ok(
            "consumer.nack",
            **worker,
            seq=event["event"]["seq"],
            lease=event["lease"],
            error=error,
        )
    assert status(client, "l")["parked"] == 3
    return seqs


def lam(daemon, *words, **more):
    return run_cli(daemon, "lambda", *words, **more)


def rows(done):
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def test_list(daemon, client, failed):
    client.ok("consumer.put", id="behind", start="first")
    client.ok("consumer.put", id="waits")
    client.ok("consumer.pause", id="waits")
    head, *others = rows(lam(daemon, "list"))
    assert head[:3] == ["LAMBDA", "STATE", "LAG"]
    assert [row[:2] for row in others] == [["l", "idle"], ["behind", "behind"], ["waits", "paused"]]
    assert int(others[1][2]) >= 6
    assert len(rows(lam(daemon, "list", "--limit", "1"))) == 2
    objects = [json.loads(line) for line in lam(daemon, "list", "--json").stdout.splitlines()]
    assert [o["consumer"]["id"] for o in objects] == ["l", "behind", "waits"]
    assert objects[0]["parked"] == 3 and objects[2]["paused"] is True


def test_stats(daemon, client, failed):
    client.ok("consumer.put", id="behind", start="first")
    told = run_cli(daemon, "stats").stdout.split("\n\n")
    table = next(part for part in told if part.startswith("LAMBDA"))
    head, *others = [line.split() for line in table.splitlines()]
    assert head == rows(lam(daemon, "list"))[0] and "ACKED/MIN" in table and "OLDEST" in head
    assert [row[:2] for row in others] == [["behind", "behind"], ["l", "idle"]]
    (stats,) = map(json.loads, run_cli(daemon, "stats", "--json").stdout.splitlines())
    assert [row["consumer"]["id"] for row in stats["consumer_status"]] == ["behind", "l"]
    assert stats["consumer_status"][1]["failed_last_minute"] == 3


def test_show(daemon, client, failed):
    shown = dict(row.rsplit(None, 1) for row in lam(daemon, "show", "l").stdout.splitlines())
    assert shown["LAMBDA"] == "l" and shown["TYPES"] == "mine" and shown["MAX ATTEMPTS"] == "1"
    assert shown["PARKED"] == "3" and shown["FAILED"] == "3" and shown["PAUSED"] == "no"
    assert json.loads(lam(daemon, "show", "l", "--json").stdout)["parked"] == 3


def test_pause_and_resume(daemon, client, failed):
    assert lam(daemon, "pause", "l").stdout == "UPDATED lambda l\n"
    assert status(client, "l")["paused"] is True
    assert lam(daemon, "resume", "l").stdout == "UPDATED lambda l\n"
    assert status(client, "l")["paused"] is False
    assert lam(daemon, "pause", "l", "--dry-run").stdout.startswith("DRY RUN")
    assert status(client, "l")["paused"] is False


# The first event is that of the start of the daemon, and not for it.
@pytest.mark.parametrize("where, cursor", [("first", 1), ("3", 2), ("2001-01-01T00:00:00Z", 1)])
def test_reset(daemon, client, failed, where, cursor):
    assert lam(daemon, "reset", "l", "--from", where).returncode == 0
    assert status(client, "l")["cursor"] == cursor


def test_skip(daemon, client):
    seqs = publish(client, 2)
    client.ok("consumer.put", id="l", start="first", types=["mine"])
    assert lam(daemon, "skip", "l", str(seqs[0])).returncode == 0
    worker = {"id": "l", "worker": "w", "incarnation": uuid7()}
    (event,) = client.ok("consumer.fetch", **worker, credit=5)["deliveries"]
    assert event["event"]["seq"] == seqs[1]


def test_parked(daemon, client, failed):
    head, *others = rows(lam(daemon, "parked", "l"))
    assert [(int(row[0]), row[1], row[2], row[3]) for row in others] == [
        (seq, "mine", f"s{n}", "1") for n, seq in enumerate(failed)
    ]
    assert all(row[-2:] == ["ValueError:", "no"] for row in others)
    assert len(rows(lam(daemon, "parked", "l", "--limit", "2"))) == 3
    first = json.loads(lam(daemon, "parked", "l", "--json").stdout.splitlines()[0])
    assert first["event"]["seq"] == failed[0] and "Traceback" in first["failures"][0]["error"]


@pytest.mark.parametrize("word, told", [("replay", "handle again"), ("drop", "forget")])
def test_counts_come_before_replay_and_drop(daemon, client, failed, word, told):
    done = lam(daemon, word, "l", "--all")
    assert done.returncode == 1 and f"{told} 3 of 3 parked events of l" in done.stderr
    done = lam(daemon, word, "l", str(failed[0]))
    assert done.returncode == 1 and f"{told} 1 of 3 parked events of l" in done.stderr
    assert lam(daemon, word, "l", "--all", "--dry-run").stdout.startswith("DRY RUN")
    assert status(client, "l")["parked"] == 3
    assert lam(daemon, word, "l", str(failed[0]), "--yes").returncode == 0
    assert status(client, "l")["parked"] == 2
    assert lam(daemon, word, "l", "--all", "--yes").returncode == 0
    assert status(client, "l")["parked"] == 0


def on_a_terminal(daemon, answer, *words):
    """`rentbus lambda …` with a terminal, at which somebody types `answer`."""
    ours, theirs = pty.openpty()
    argv = [bin_dir() / "rentbus", "--api", daemon.api, "lambda", *words]
    os.write(ours, answer.encode())
    code = subprocess.call(argv, stdin=theirs, stdout=theirs, stderr=theirs, timeout=60)
    os.close(theirs)
    os.close(ours)
    return code


def test_at_a_terminal_it_asks(daemon, client, failed):
    assert on_a_terminal(daemon, "n\n", "drop", "l", "--all") == 1
    assert on_a_terminal(daemon, "\n", "drop", "l", "--all") == 1
    assert status(client, "l")["parked"] == 3
    assert on_a_terminal(daemon, "y\n", "drop", "l", "--all") == 0
    assert status(client, "l")["parked"] == 0


def test_delete(daemon, client, failed):
    done = lam(daemon, "delete", "l")
    assert done.returncode == 1 and "3 parked events" in done.stderr
    assert lam(daemon, "delete", "l", "--yes").returncode == 0
    assert status(client, "l") is None


@pytest.mark.parametrize(
    "words, code, told",
    [
        ((), 2, "run, list or show?"),
        (("shwo", "l"), 2, "did you mean show?"),
        (("xyzzy",), 2, "unknown word"),
        (("show",), 2, "missing"),
        (("show", "l", "m"), 2, "too much"),
        (("show", "nobody"), 4, "no such consumer"),
        (("pause", "nobody"), 4, "no such consumer"),
        (("parked", "nobody"), 4, "no such consumer"),
        (("drop", "nobody", "--all", "--yes"), 4, "no such consumer"),
        (("delete", "nobody", "--yes"), 4, "no such consumer"),
        (("reset", "l"), 2, "--from is missing"),
        (("reset", "l", "--from", "99999"), 65, "from_seq"),
        (("reset", "l", "--from", "noon"), 2, "--from"),
        (("skip", "l"), 2, "missing"),
        (("skip", "l", "x"), 2, "no seq"),
        (("skip", "l", "99999"), 65, "seq"),
        (("replay", "l"), 2, "--all"),
        (("replay", "l", "3", "--all"), 2, "--all"),
        (("replay", "l", "x", "--yes"), 2, "no seq"),
        (("replay", "l", "1", "--yes"), 4, "seqs"),
        (("list", "--yes"), 2, "does not go with this"),
        (("show", "l", "--timeout", "0"), 2, "--timeout"),
    ],
)
def test_refused(daemon, client, failed, words, code, told):
    before = status(client, "l")
    done = lam(daemon, *words)
    assert done.returncode == code and told in done.stderr, (done.returncode, done.stderr)
    assert status(client, "l") == before
