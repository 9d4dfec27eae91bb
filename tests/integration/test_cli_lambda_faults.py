# SPDX-License-Identifier: MPL-2.0
"""Hosts and handlers killed at random: every event is handled at least once, in order per subject,
and what is parked is told."""
import os
import random
import signal

import pytest

from harness import rounds, wait_until
from lambdas import handler, kill_one, notes, publish, running, start, until

COUNT = 400
SUBJECTS = 5
# So many events at most are handled from one kill to the next.
STRIDE = 30
WORDS = ("--from", "first", "--on", "mine", "--lease", "2", "--backoff", "0.01", "--backoff-max", "0.1")

PROCESS = (
    "echo \"$RENTBUS_EVENT_SEQ $RENTBUS_EVENT_SUBJECT begin MARK\" >>{log}\nsleep 0.02\n"
    'echo "$RENTBUS_EVENT_SEQ $RENTBUS_EVENT_SUBJECT end MARK" >>{log}\n'
)
STREAM = """import json, select, sys
for line in sys.stdin:
    event = json.loads(line)
    select.select([], [], [], 0.01)
    with open("{log}", "a") as log: log.write(f"{event['seq']} {event['subject']} end x\\n")
    print("ack", event["seq"], flush=True)
"""


def check(lines, seqs):
    """Each event was handled, and none before an earlier one of its subject."""
    done = [(int(line.split()[0]), line.split()[1]) for line in lines if " end " in line]
    assert {seq for seq, _ in done} == set(seqs)
    first = {}
    for seq, subject in done:
        if seq not in first:
            first[seq] = True
            earlier = [s for s in seqs if s < seq and (s - seq) % SUBJECTS == 0]
            assert all(s in first for s in earlier), f"{seq} before {earlier}"


@pytest.mark.soak
@pytest.mark.parametrize("way", ["processes", "stream"])
def test_killed_at_random(daemon, client, tmp_path, way):
    for number in rounds(1):
        name = f"l{number}"
        if way == "stream":
            script = handler(tmp_path, STREAM, f"h{number}", "/usr/bin/python3")
            words = ("--stream", "--concurrency", "2", "--worker", "w", "--max-attempts", "1000")
        else:
            script = handler(tmp_path, PROCESS, f"h{number}")
            words = ("--concurrency", "4", "--worker", "w", "--max-attempts", "1000")
        seqs = publish(client, COUNT, subjects=SUBJECTS)
        # Those of earlier rounds are not its own.
        words = ("--from", str(seqs[0]), *WORDS[2:], *words, "--", script)
        hosts = [start(daemon, tmp_path, name, *words)]
        if number == 0:
            until(client, name, workers=1)

        kill_at = [random.randrange(STRIDE)]

        def all_handled():
            """Kills a handler, a keeper or the host now and then, when some more are handled."""
            done = {line.split()[0] for line in notes(script) if " end " in line}
            if len(done) >= kill_at[0]:
                kill_at[0] = len(done) + random.randrange(STRIDE)
                kill_one(running(str(script)))
            if not hosts[-1].running:
                hosts.append(start(daemon, tmp_path, name, *words))
            return done >= {str(seq) for seq in seqs}

        wait_until(all_handled, 150, "every event to be handled")
        found = until(client, name, in_flight=0, delayed=0)
        assert found["parked"] == 0
        # The last thing killed may have been a host, and the last one may only just begin.
        assert not hosts[-1].running or hosts[-1].stop() in (0, -signal.SIGKILL, -signal.SIGTERM)
        check(notes(script), seqs)
        client.ok("consumer.delete", id=name)


def test_handlers_end_with_a_host_that_is_killed(daemon, client, tmp_path):
    mark = f"85{os.getpid()}"
    script = handler(tmp_path, f"trap '' TERM; setsid sleep {mark} & sleep {mark}; wait\n")
    publish(client, 3, subjects=3)
    host = start(daemon, tmp_path, "l", *WORDS, "--concurrency", "3", "--", script)
    wait_until(lambda: len(running(mark)) == 6, what="handlers and their children")
    host.kill()
    wait_until(lambda: not running(mark), what="nothing left of them")


def test_what_a_killed_keeper_leaves_is_killed(daemon, client, tmp_path):
    """The process between host and handler is the host's only child."""
    mark = f"84{os.getpid()}"
    script = handler(tmp_path, f"echo go >>{{log}}; setsid -f sleep {mark}; sleep {mark}\n")
    publish(client, 1)
    host = start(daemon, tmp_path, "l", *WORDS, "--max-attempts", "1", "--", script)
    wait_until(lambda: len(running(mark)) == 2, what="the handler and its child")
    with open(f"/proc/{host.pid}/task/{host.pid}/children") as children:
        kill_one([int(pid) for pid in children.read().split()])
    until(client, "l", parked=1)
    wait_until(lambda: not running(mark), what="nothing left of them")
    failure = client.ok("consumer.parked", id="l")["parked"][0]["failures"][0]
    assert failure["error"] == "killed by SIGKILL"
    assert host.stop() == 0


def test_a_handler_that_fails_delays_no_other_subject(daemon, client, tmp_path):
    script = handler(tmp_path, "[ $RENTBUS_EVENT_SUBJECT != s3 ] && echo x end x >>{log}\n")
    publish(client, 100, subjects=10)
    words = ("--from", "first", "--on", "mine", "--concurrency", "4", "--backoff", "60")
    host = start(daemon, tmp_path, "l", *words, "--", script)
    found = until(client, "l", acked=90)
    assert found["failed"] == 1 and found["delayed"] == 1
    assert host.stop() == 0
