# SPDX-License-Identifier: MPL-2.0
"""`rentbus lambda run --stream`: handlers that live long."""
import json
import os

import pytest

from harness import uuid7, wait_until
from lambdas import DEADLINE, handler, notes, publish, running, start, status, until, until_noted

ALL = ("--from", "first", "--on", "mine", "--stream")
QUICK = ("--backoff", "0.01", "--backoff-max", "0.05")

# Notes each event and answers as `answer` says, an expression over `event` and the dict `seen`.
LOOP = """import json, os, select, sys
seen = {}
def linger(seconds): select.select([], [], [], seconds)
def note(*words):
    with open("{log}", "a") as log: log.write(" ".join(map(str, words)) + "\\n")
for line in sys.stdin:
    event = json.loads(line)
    seq = event["seq"]
    seen[seq] = seen.get(seq, 0) + 1
    note(seq, event["subject"])
    ANSWER
"""


def stream(directory, answer, name="handler"):
    return handler(directory, LOOP.replace("ANSWER", answer), name, "/usr/bin/env -S python3 -u")


def test_one_process_for_many_events(daemon, client, tmp_path):
    script = stream(tmp_path, "print('ack', seq); note(os.getpid())")
    seqs = publish(client, 1000, subjects=7)
    host = start(daemon, tmp_path, "l", *ALL, "--", script)
    until(client, "l", acked=1000, in_flight=0)
    assert host.stop() == 0 and host.log() == ""
    lines = notes(script)
    assert [int(line.split()[0]) for line in lines[::2]] == seqs and len(set(lines[1::2])) == 1


def test_several_processes_keep_the_order(daemon, client, tmp_path):
    script = stream(tmp_path, "print('ack', seq); note(os.getpid())")
    seqs = publish(client, 600, subjects=11)
    host = start(daemon, tmp_path, "l", *ALL, "--concurrency", "3", "--", script)
    until(client, "l", acked=600)
    assert host.stop() == 0
    events = [line.split() for line in notes(script) if " " in line]
    assert sorted(int(seq) for seq, _ in events) == seqs
    for subject in {subject for _, subject in events}:
        own = [int(seq) for seq, s in events if s == subject]
        assert own == sorted(own)
    assert len({line for line in notes(script) if " " not in line}) > 1


def test_retry_and_fail(daemon, client, tmp_path):
    script = stream(
        tmp_path,
        "again = seen[seq] > 1; print({2: 'ack 2', 3: 'ack 3' if again else 'retry 3 10',"
        " 4: 'ack 4' if again else 'retry 4', 5: 'fail 5 no wörd'}[seq])",
    )
    publish(client, 4, subjects=4)
    words = ("--max-attempts", "2", *QUICK, "--json", "--", script)
    host = start(daemon, tmp_path, "l", *ALL, *words)
    found = until(client, "l", acked=3, parked=1, in_flight=0)
    assert found["failed"] == 4
    failures = client.ok("consumer.parked", id="l")["parked"][0]["failures"]
    assert [f["error"] for f in failures] == ["failed: no wörd"] * 2
    assert host.stop() == 0
    told = [json.loads(line) for line in host.output().splitlines()]
    assert sorted((t["seq"], t["attempt"], t["outcome"]) for t in told) == [
        (2, 1, "DONE"),
        (3, 1, "LATER"),
        (3, 2, "DONE"),
        (4, 1, "LATER"),
        (4, 2, "DONE"),
        (5, 1, "FAILED"),
        (5, 2, "FAILED"),
    ]


def test_a_crash_is_the_fault_of_one_event_only(daemon, client, tmp_path):
    """What was unanswered behind it is handled by the next process, in order, as the same attempt."""
    script = stream(
        tmp_path, "seq == 20 and (sys.stderr.write('burst\\n'), os._exit(3)); print('ack', seq)"
    )
    seqs = publish(client, 50, subjects=50)
    words = ("--max-attempts", "2", *QUICK, "--", script)
    host = start(daemon, tmp_path, "l", *ALL, *words)
    found = until(client, "l", acked=49, parked=1)
    assert found["failed"] == 2
    parked = client.ok("consumer.parked", id="l")["parked"][0]
    assert parked["event"]["seq"] == 20
    assert [f["error"] for f in parked["failures"]] == ["exit 3: burst"] * 2
    assert host.stop() == 0
    handled = [int(line.split()[0]) for line in notes(script)]
    assert sorted(set(handled)) == seqs and handled.count(20) == 2


def test_one_that_ends_when_it_is_done_is_started_again(daemon, client, tmp_path):
    script = stream(tmp_path, "print('ack', seq); len(seen) == 10 and sys.exit(0)")
    publish(client, 45)
    host = start(daemon, tmp_path, "l", *ALL, "--", script)
    assert until(client, "l", acked=45)["failed"] == 0
    assert host.stop() == 0 and len(notes(script)) == 45


def test_one_that_never_answers(daemon, client, tmp_path):
    mark = f"89{os.getpid()}"
    script = handler(tmp_path, f"setsid -f sleep {mark}; sleep {mark}\n")
    publish(client, 1)
    words = ("--timeout", "0.5", "--max-attempts", "1", "--", script)
    host = start(daemon, tmp_path, "l", *ALL, *words)
    until(client, "l", parked=1)
    failure = client.ok("consumer.parked", id="l")["parked"][0]["failures"][0]
    assert failure["error"] == "did not answer in time"
    wait_until(lambda: not running(mark), DEADLINE, "nothing left of it")
    assert host.stop() == 0


@pytest.mark.parametrize(
    "answer, told",
    [
        ("print('done', seq)", "its answer is none of"),
        ("print('ack')", "its answer is none of"),
        ("print('ack', seq, 'x')", "its answer is none of"),
        ("print('x' * 20000, end='')", "its answer is too long a line"),
        ("sys.exit(0)", "exit 0 without an answer"),
    ],
)
def test_nonsense(daemon, client, tmp_path, answer, told):
    script = stream(tmp_path, answer)
    publish(client, 1)
    host = start(daemon, tmp_path, "l", *ALL, "--max-attempts", "1", "--", script)
    until(client, "l", parked=1)
    failure = client.ok("consumer.parked", id="l")["parked"][0]["failures"][0]
    assert failure["error"].startswith(told), failure
    assert host.stop() == 0


def test_answers_about_other_events_change_nothing(daemon, client, tmp_path):
    script = stream(tmp_path, "print('ack 99999'); print('fail 1 x'); print('ack', seq)")
    publish(client, 3)
    host = start(daemon, tmp_path, "l", *ALL, "--", script)
    assert until(client, "l", acked=3)["failed"] == 0
    assert host.stop() == 0


def test_at_the_end_what_it_has_is_answered(daemon, client, tmp_path):
    gate = tmp_path / "gate"
    script = stream(
        tmp_path,
        f"\n    while not os.path.exists('{gate}'): linger(0.02)\n    print('ack', seq)",
    )
    publish(client, 100)
    host = start(daemon, tmp_path, "l", *ALL, "--concurrency", "2", "--", script)
    until_noted(script, 1)
    host.signal(15)
    gate.touch()
    assert host.wait() == 0
    assert until(client, "l", in_flight=0)["acked"] == len(notes(script))


def test_a_stop_is_the_failure_of_what_was_begun_alone(daemon, client, tmp_path):
    script = stream(tmp_path, "\n    while True: linger(1)")
    seqs = publish(client, 20, subjects=20)
    host = start(daemon, tmp_path, "l", *ALL, "--max-attempts", "1", "--", script)
    until(client, "l", in_flight=20)
    until_noted(script, 1)
    # Two of a kind that come close together may be one.
    host.signal(15)
    host.signal(2)
    wait_until(lambda: not host.running, what="the host to end")
    found = until(client, "l", in_flight=0, parked=1)
    assert found["failed"] == 1
    parked = client.ok("consumer.parked", id="l")["parked"]
    assert [event["event"]["seq"] for event in parked] == seqs[:1]
    worker = {"id": "l", "worker": "other", "incarnation": uuid7()}
    deliveries = client.ok("consumer.fetch", **worker, credit=50)["deliveries"]
    assert [(d["event"]["seq"], d["attempt"]) for d in deliveries] == [(s, 1) for s in seqs[1:]]


def test_leases_are_extended(daemon, client, tmp_path):
    script = stream(tmp_path, "linger(4); print('ack', seq)")
    publish(client, 2, subjects=2)
    host = start(daemon, tmp_path, "l", *ALL, "--lease", "3", "--", script)
    found = until(client, "l", acked=2)
    assert found["failed"] == 0 and len(notes(script)) == 2
    assert host.stop() == 0


def test_big_events(daemon, client, tmp_path):
    script = stream(tmp_path, "print('ack', seq)")
    publish(client, 40, subjects=40, text="x" * 1000, more=["y" * 1000] * 50)
    host = start(daemon, tmp_path, "l", *ALL, "--", script)
    until(client, "l", acked=40)
    assert host.stop() == 0 and len(notes(script)) == 40 and status(client, "l")["failed"] == 0
