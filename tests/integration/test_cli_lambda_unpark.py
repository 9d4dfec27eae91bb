# SPDX-License-Identifier: MPL-2.0
"""`rentbus lambda replay|drop --all` of more parked events than one command takes."""
import json
import os
import pty
import subprocess
import uuid

import pytest

from harness import STOP_DEADLINE, bin_dir, run_cli, uuid7, wait_until
from lambdas import publish, status

PARKED = 1100
COMMAND_MAX = 1000


@pytest.fixture
def worker():
    return {"id": "l", "worker": "w", "incarnation": uuid7()}


def fetch(client, worker, credit=COMMAND_MAX):
    return client.ok("consumer.fetch", **worker, credit=credit)["deliveries"]


def park(client, worker, deliveries):
    for each in deliveries:
        lease = {"seq": each["event"]["seq"], "lease": each["lease"]}
        client.ok("consumer.nack", **worker, **lease, error="no", fatal=True)


@pytest.fixture
def parked(client, worker):
    """The seqs of the parked events of the lambda l."""
    seqs = publish(client, PARKED, subjects=PARKED)
    client.ok("consumer.put", id="l", start="first", types=["mine"])
    while status(client, "l")["parked"] < PARKED:
        park(client, worker, fetch(client, worker))
    return seqs


def lam(daemon, *words):
    return run_cli(daemon, "lambda", *words)


def taken_out(client, type):
    """The seqs that events of the type name, an event each."""
    found = client.ok("events.read", types=[type])["events"]
    return [[ref["seq"] for ref in event["data"]["seqs"]] for event in found]


def test_replay_all(daemon, client, worker, parked):
    done = lam(daemon, "replay", "l", "--all")
    assert done.returncode == 1
    assert f"handle again {PARKED} of {PARKED} parked events of l" in done.stderr
    assert status(client, "l")["parked"] == PARKED
    done = lam(daemon, "replay", "l", "--all", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{PARKED} of {PARKED} events go to the handler again\n"
    assert status(client, "l")["parked"] == 0
    commands = taken_out(client, "CONSUMER_REPLAYED_EVENT")
    assert [len(seqs) for seqs in commands] == [1000, 100] and sum(commands, []) == parked
    # What goes wrong again is parked again, and was not asked for twice.
    park(client, worker, fetch(client, worker, 10))
    assert status(client, "l")["parked"] == 10


def test_drop_all(daemon, client, parked):
    words = ("drop", "l", "--all", "--yes", "--json")
    before = client.ok("hello")["head"]
    *answers, = map(json.loads, lam(daemon, *words, "--dry-run").stdout.splitlines())
    assert sum(len(a["events"][0]["data"]["seqs"]) for a in answers) == PARKED
    assert client.ok("hello")["head"] == before
    id = str(uuid.UUID(bytes=uuid7()))
    *answers, total = map(json.loads, lam(daemon, *words, "--id", id).stdout.splitlines())
    assert total == {"events": PARKED, "of": PARKED}
    assert [answer["outcome"] for answer in answers] == ["UPDATED"] * 2
    assert len({answer["command"] for answer in answers}) == 2
    assert status(client, "l")["parked"] == 0
    assert sum(taken_out(client, "CONSUMER_DROPPED_EVENT"), []) == parked
    assert lam(daemon, "drop", "l", "--all", "--yes").stdout == "UNCHANGED lambda l\n"


def test_what_others_take_out_meanwhile(daemon, client, parked):
    ours, theirs = pty.openpty()
    argv = [bin_dir() / "rentbus", "--api", daemon.api, "lambda", "drop", "l", "--all"]
    asked = subprocess.Popen(argv, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs)
    os.set_blocking(ours, False)
    said = bytearray()

    def prompted():
        try:
            said.extend(os.read(ours, 4096))
        except BlockingIOError:
            pass
        return b"[y/N]" in said

    try:
        wait_until(prompted, STOP_DEADLINE, "the question")
        client.ok("consumer.drop", id="l", seqs=[{"seq": seq} for seq in parked[5:7]])
        os.write(ours, b"y\n")
        told, _ = asked.communicate(timeout=60)
    finally:
        asked.kill()
        os.close(ours)
        os.close(theirs)
    assert told.decode() == f"{PARKED - 2} of {PARKED} events forgotten\n"
    assert asked.returncode == 0 and status(client, "l")["parked"] == 0
