# SPDX-License-Identifier: MPL-2.0
"""`rentbus lambda run`: a process for each event."""
import json
import os
import signal
from datetime import datetime, timedelta

import pytest

from harness import Client, run_cli, wait_until
from lambdas import DEADLINE, handler, notes, parked, publish, running, start, status, until
from lambdas import until_noted

ALL = ("--from", "first", "--on", "mine")
QUICK = ("--backoff", "0.01", "--backoff-max", "0.05")


def test_a_handler_gets_the_event(daemon, client, tmp_path):
    client.ok("publish", events=[{"type": "mine", "subject": "sub ject", "data": {"n": [1, "x"]}}])
    script = handler(tmp_path, "{ cat; env | grep ^RENTBUS_ | sort; echo end; } >>{log}\n")
    host = start(daemon, tmp_path, "l", *ALL, "--", script)
    lines = until_noted(script, 11)
    event = json.loads(lines[0])
    assert (event["seq"], event["type"], event["subject"]) == (2, "mine", "sub ject")
    assert event["data"] == {"n": [1, "x"]} and event["specversion"] == "1.0"
    assert dict(line.split("=", 1) for line in lines[1:-1]) == {
        "RENTBUS_API": daemon.api,
        "RENTBUS_EVENTS": daemon.events,
        "RENTBUS_CONSUMER": "l",
        "RENTBUS_EVENT_TYPE": "mine",
        "RENTBUS_EVENT_SEQ": "2",
        "RENTBUS_EVENT_SUBJECT": "sub ject",
        "RENTBUS_EVENT_ID": event["id"],
        "RENTBUS_EVENT_TIME": event["time"],
        "RENTBUS_EVENT_ATTEMPT": "1",
    }
    until(client, "l", acked=1, in_flight=0)
    assert host.stop() == 0
    assert host.log() == "" and len(notes(script)) == 11


def test_what_of_an_older_event_is_in_the_environment_is_gone(daemon, client, tmp_path):
    publish(client, 1, type="mine")
    client.ok("publish", events=[{"type": "mine", "data": {}}])
    script = handler(tmp_path, 'echo "$RENTBUS_EVENT_SEQ:$RENTBUS_EVENT_SUBJECT:$KEPT" >>{log}\n')
    env = {"RENTBUS_EVENT_SUBJECT": "old", "KEPT": "kept"}
    start(daemon, tmp_path, "l", *ALL, "--", script, env=env)
    assert sorted(until_noted(script, 2)) == ["2:s0:kept", "3::kept"]


def test_it_goes_on_where_it_was(daemon, client, tmp_path):
    script = handler(tmp_path, 'echo "$RENTBUS_EVENT_SEQ" >>{log}; echo "did $RENTBUS_EVENT_SEQ"\n')
    seqs = publish(client, 3)
    first = start(daemon, tmp_path, "l", *ALL, "--", script)
    until(client, "l", acked=3)
    assert first.stop() == 0
    assert first.output() == "".join(f"did {seq}\n" for seq in seqs)
    seqs += publish(client, 3)
    second = start(daemon, tmp_path, "l", *ALL, "--", script)
    until(client, "l", acked=6)
    assert second.stop() == 0 and notes(script) == [str(seq) for seq in seqs]


def test_exit_codes(daemon, client, tmp_path):
    """0 is done; 75 and the rest are tried again; what fails always is parked with its errors."""
    script = handler(
        tmp_path,
        'echo "$RENTBUS_EVENT_SEQ $RENTBUS_EVENT_ATTEMPT" >>{log}\n'
        'case $RENTBUS_EVENT_SEQ-$RENTBUS_EVENT_ATTEMPT in\n'
        "2-*) exit 0 ;; 3-1) exit 75 ;; 3-*) exit 0 ;;\n"
        "4-*) echo first >&2; printf 'last \\377 wörd' >&2; exit 3 ;;\n"
        "5-*) kill -SEGV $$ ;;\nesac\n",
    )
    publish(client, 4, subjects=4)
    host = start(daemon, tmp_path, "l", *ALL, *QUICK, "--max-attempts", "2", "--", script)
    found = until(client, "l", parked=2, acked=2, in_flight=0)
    assert found["failed"] == 5
    assert sorted(notes(script)) == ["2 1", "3 1", "3 2", "4 1", "4 2", "5 1", "5 2"]
    told = client.ok("consumer.parked", id="l")["parked"]
    assert [[f["error"] for f in event["failures"]] for event in told] == [
        ["exit 3: first\nlast ? wörd"] * 2,
        ["killed by SIGSEGV"] * 2,
    ]
    rows = parked(daemon, "l").stdout
    assert "last ? wörd" in rows and "first" not in rows
    assert host.stop() == 0
    assert "event 3 (mine), attempt 1: not now: exit 75" in host.log()
    assert "event 4 (mine), attempt 2: failed: exit 3: first" in host.log()


@pytest.mark.parametrize("escape", ["", "setsid ", "setsid -f "])
def test_a_handler_that_takes_too_long_is_killed_with_its_children(
    daemon, client, tmp_path, escape
):
    mark = f"86{os.getpid()}{len(escape)}"
    script = handler(
        tmp_path,
        f"trap '' TERM INT HUP\n{escape}sh -c 'trap \"\" TERM; sleep {mark} & wait' &\n"
        f"echo begun >>{{log}}\nsleep {mark} & wait\nwait\n",
    )
    publish(client, 1)
    host = start(daemon, tmp_path, "l", *ALL, "--timeout", "3", "--max-attempts", "1", "--", script)
    until_noted(script, 1)
    until(client, "l", parked=1)
    wait_until(lambda: not running(mark), DEADLINE, "nothing left of it")
    error = client.ok("consumer.parked", id="l")["parked"][0]["failures"][0]["error"]
    assert error == "took too long"
    assert host.stop() == 0


def test_what_a_handler_leaves_behind_ends_with_it(daemon, client, tmp_path):
    mark = f"87{os.getpid()}"
    script = handler(tmp_path, f"setsid -f sleep {mark}; sleep {mark} &\nexit 0\n")
    publish(client, 3)
    host = start(daemon, tmp_path, "l", *ALL, "--", script)
    until(client, "l", acked=3)
    wait_until(lambda: not running(mark), DEADLINE, "nothing left of it")
    assert host.stop() == 0


@pytest.mark.parametrize("stream, why", [("", "more than"), (" >&2", "more errors than")])
def test_output_limit(daemon, client, tmp_path, stream, why):
    script = handler(tmp_path, f"while :; do echo xxxxxxxxxxxxxxxx{stream}; done\n")
    publish(client, 1)
    words = ("--output-limit", "5000", "--max-attempts", "1", "--", script)
    host = start(daemon, tmp_path, "l", *ALL, *words)
    until(client, "l", parked=1)
    failure = client.ok("consumer.parked", id="l")["parked"][0]["failures"][0]
    assert failure["error"].startswith(f"printed {why} it may")
    assert host.stop() == 0 and len(host.output()) <= 5000 and len(host.log()) < 7000


def test_a_handler_that_reads_nothing_holds_nobody_up(daemon, client, tmp_path):
    publish(client, 2, text="x" * 1000, more="y" * 60000)
    host = start(daemon, tmp_path, "l", *ALL, "--", "true")
    until(client, "l", acked=2)
    assert host.stop() == 0


def test_concurrency_and_order(daemon, client, tmp_path):
    """So many at a time and no more; of one subject, one behind the other."""
    script = handler(
        tmp_path,
        "import os, select\n"
        "def note(word):\n"
        "    line = f'{word} {os.environ[\"RENTBUS_EVENT_SEQ\"]} "
        "{os.environ[\"RENTBUS_EVENT_SUBJECT\"]}\\n'\n"
        "    with open('{log}', 'a') as log: log.write(line)\n"
        "note('begin'); select.select([], [], [], 0.05); note('end')\n",
        interpreter="/usr/bin/python3",
    )
    publish(client, 24, subjects=6)
    host = start(daemon, tmp_path, "l", *ALL, "--concurrency", "4", "--", script)
    until(client, "l", acked=24)
    assert host.stop() == 0
    open_subjects, most, last = set(), 0, {}
    for line in notes(script):
        word, seq, subject = line.split()
        if word == "begin":
            assert subject not in open_subjects and int(seq) > last.get(subject, 0)
            open_subjects.add(subject)
            last[subject] = int(seq)
        else:
            open_subjects.remove(subject)
        most = max(most, len(open_subjects))
    assert 2 <= most <= 4 and len(notes(script)) == 48


def daemon_time(client):
    return datetime.fromisoformat(client.ok("hello")["time"].replace("Z", "+00:00"))


def test_the_lease_is_extended_while_a_handler_runs(daemon, client, tmp_path):
    gate = tmp_path / "gate"
    script = handler(
        tmp_path,
        f"echo $RENTBUS_EVENT_ATTEMPT >>{{log}}; while ! [ -e {gate} ]; do sleep 0.02; done\n",
    )
    publish(client, 1)
    host = start(daemon, tmp_path, "l", *ALL, "--lease", "3", "--", script)
    other = start(daemon, tmp_path, "l", *ALL, "--lease", "3", "--", script)
    until_noted(script, 1)
    two_leases_on = daemon_time(client) + timedelta(seconds=6)
    wait_until(lambda: daemon_time(client) > two_leases_on, DEADLINE, "two leases")
    gate.touch()
    until(client, "l", acked=1)
    assert notes(script) == ["1"] and status(client, "l")["failed"] == 0
    assert host.stop() == 0 and other.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_waits_for_what_runs_and_takes_nothing_new(daemon, client, tmp_path, number):
    gate = tmp_path / "gate"
    script = handler(
        tmp_path,
        f"echo begin >>{{log}}; while ! [ -e {gate} ]; do sleep 0.02; done; echo end >>{{log}}\n",
    )
    publish(client, 5, subjects=5)
    host = start(daemon, tmp_path, "l", *ALL, "--concurrency", "2", "--", script)
    until_noted(script, 2)
    host.signal(number)
    publish(client, 1)
    gate.touch()
    assert host.wait() == 0
    assert sorted(notes(script)) == ["begin", "begin", "end", "end"]
    until(client, "l", acked=2, in_flight=0, delayed=0)


def test_when_the_grace_is_over_the_event_goes_back_at_once(daemon, client, tmp_path):
    mark = f"88{os.getpid()}"
    script = handler(tmp_path, f"echo $RENTBUS_EVENT_ATTEMPT >>{{log}}; sleep {mark}\n")
    publish(client, 1)
    host = start(daemon, tmp_path, "l", *ALL, "--grace", "0.2", "--", script)
    until_noted(script, 1)
    assert host.stop() == 0 and not running(mark)
    until(client, "l", in_flight=0, delayed=0)
    second = start(daemon, tmp_path, "l", *ALL, "--grace", "100", "--", script)
    until_noted(script, 2)

    def ended():
        """Asks again and again: signals of one kind that come close together are one."""
        if second.running:
            second.signal(signal.SIGTERM)
        return not second.running

    wait_until(ended, DEADLINE, "the second signal to end it")
    assert second.wait() == 0 and not running(mark)


def test_publish(daemon, client, tmp_path):
    """What the handler prints is on the bus with the acknowledgement, and says where it is from."""
    script = handler(
        tmp_path,
        'echo \'{"type":"fee","subject":"u1","data":{"amount":2.5}}\'; echo;'
        ' echo \'{"type":"note","data":{}}\'\n',
    )
    seqs = publish(client, 2, type="mine")
    host = start(daemon, tmp_path, "l", *ALL, "--publish", "--", script)
    until(client, "l", acked=2)
    events = [e for e in client.ok("events.read")["events"] if e["type"] in ("fee", "note")]
    assert [(e["type"], e["cause"], e["hops"], e["consumer"]) for e in events] == [
        (type, seq, 1, "l") for seq in seqs for type in ("fee", "note")
    ]
    assert events[0]["subject"] == "u1" and events[0]["data"] == {"amount": 2.5}
    assert host.stop() == 0 and host.output() == ""


@pytest.mark.parametrize(
    "output, told",
    [
        ("nonsense", "line 1 of the output is no event"),
        ('{"type":"a","data":{}}\\n{"type":"b"}', "line 2 of the output is no event: data"),
        ('{"type":"RENTAL_A","data":{}}', "is for rentbus itself"),
        ('{"type":"a","data":[]}', "is not a map"),
        ('{"type":"a","data":{},"seq":1}', "seq"),
    ],
)
def test_what_cannot_be_published_is_a_failure(daemon, client, tmp_path, output, told):
    script = handler(tmp_path, f"printf '{output}\\n'\n")
    publish(client, 1)
    words = ("--publish", "--max-attempts", "1", "--", script)
    host = start(daemon, tmp_path, "l", *ALL, *words)
    until(client, "l", parked=1, acked=0)
    failure = client.ok("consumer.parked", id="l")["parked"][0]["failures"][0]
    assert told in failure["error"]
    assert not [e for e in client.ok("events.read")["events"] if e["type"] in ("a", "b")]
    assert host.stop() == 0


def test_too_many_to_publish(daemon, client, tmp_path):
    script = handler(tmp_path, "for i in $(seq 33); do echo '{\"type\":\"a\",\"data\":{}}'; done\n")
    publish(client, 1)
    host = start(daemon, tmp_path, "l", *ALL, "--publish", "--max-attempts", "1", "--", script)
    until(client, "l", parked=1)
    failure = client.ok("consumer.parked", id="l")["parked"][0]["failures"][0]
    assert failure["error"] == "more than 32 events to publish"
    assert host.stop() == 0


def test_json(daemon, client, tmp_path):
    script = handler(tmp_path, "printf 'a\\377b'; echo bad >&2; exit $RENTBUS_EVENT_SEQ\n")
    publish(client, 1)
    host = start(daemon, tmp_path, "l", *ALL, "--json", "--", script)
    told = json.loads(host.next_line(DEADLINE))
    assert told.pop("ms") >= 0
    assert told == {
        "lambda": "l",
        "seq": 2,
        "type": "mine",
        "attempt": 1,
        "outcome": "FAILED",
        "error": "exit 2: bad",
        "output": "a\\xffb",
    }
    assert host.stop() == 0 and host.log() == ""


def test_filters_and_start(daemon, client, tmp_path):
    publish(client, 2, user_id="u1")
    publish(client, 2, user_id="u2")
    publish(client, 1, type="other", user_id="u1")
    script = handler(tmp_path, "echo $RENTBUS_EVENT_SEQ >>{log}\n")
    words = ("--on", "mine,other", "--on", "third", "--where", "user_id=u1", "--from", "3")
    host = start(daemon, tmp_path, "l", *words, "--", script)
    until(client, "l", acked=2)
    assert notes(script) == ["3", "6"] or sorted(notes(script)) == ["3", "6"]
    wants = status(client, "l")["consumer"]
    assert wants["types"] == ["mine", "other", "third"] and wants["user_id"] == "u1"
    assert host.stop() == 0


def test_a_consumer_is_put_at_the_start(daemon, client, tmp_path):
    words = ("--max-attempts", "5", "--lease", "2", "--backoff", "3", "--backoff-max", "PT4S")
    host = start(daemon, tmp_path, "l", *words, "--", "true")
    wants = until(client, "l", workers=1)["consumer"]
    assert wants == {
        "id": "l",
        "lease_ms": 2000,
        "backoff_ms": 3000,
        "max_attempts": 5,
        "backoff_max_ms": 4000,
    }
    assert host.stop() == 0
    head = client.ok("hello")["head"]
    again = start(daemon, tmp_path, "l", *words, "--", "true")
    until(client, "l", workers=2)
    assert again.stop() == 0
    assert [e["type"] for e in client.ok("events.read", from_seq=head + 1)["events"]] in (
        [],
        ["COMMAND_UNCHANGED_EVENT"],
    )


def test_a_newer_worker_of_the_name_takes_over(daemon, client, tmp_path):
    script = handler(tmp_path, "echo $RENTBUS_EVENT_ATTEMPT >>{log}; sleep 60\n")
    publish(client, 1)
    older = start(daemon, tmp_path, "l", *ALL, "--worker", "w", "--lease", "1", "--", script)
    until_noted(script, 1)
    newer = start(daemon, tmp_path, "l", *ALL, "--worker", "w", "--lease", "1", "--grace", "0", "--", script)
    assert until_noted(script, 2) == ["1", "2"]
    assert older.wait() == 1
    assert "a newer worker of the same name has taken over" in older.log()
    assert newer.stop() == 0


def test_a_consumer_that_is_deleted_ends_its_host(daemon, client, tmp_path):
    host = start(daemon, tmp_path, "l", "--", "true")
    until(client, "l", workers=1)
    client.ok("consumer.delete", id="l")
    assert host.wait() == 4 and "NOT_FOUND" in host.log()


def test_the_daemon_may_come_back_later(daemon, client, tmp_path):
    gate = tmp_path / "gate"
    script = handler(
        tmp_path,
        f"echo $RENTBUS_EVENT_SEQ >>{{log}}; while ! [ -e {gate} ]; do sleep 0.3; done\n",
    )
    seqs = publish(client, 3)
    host = start(daemon, tmp_path, "l", *ALL, "--concurrency", "2", "--", script)
    until_noted(script, 1)
    daemon.kill()
    daemon.start()
    with Client(daemon.api) as again:
        until(again, "l", in_flight=1)
        gate.touch()
        until(again, "l", lag=0, in_flight=0)
    # The one that ran then goes on under its new lease, and is not begun a second time.
    assert [int(note) for note in notes(script)] == seqs
    assert host.stop() == 0


@pytest.mark.parametrize(
    "words, code, told",
    [
        (("l",), 2, "the command is missing"),
        ((), 2, "missing"),
        (("l", "--", "/no/such"), 78, "there is no such program"),
        (("l", "--", "no-such-program"), 78, "there is no such program"),
        (("l", "--", "/etc/passwd"), 78, "may not be executed"),
        (("l", "--", "/tmp"), 78, "directory"),
        (("l", "--concurrency", "0", "--", "true"), 2, "--concurrency"),
        (("l", "--concurrency", "257", "--", "true"), 2, "--concurrency"),
        (("l", "--timeout", "0", "--", "true"), 2, "--timeout"),
        (("l", "--output-limit", "99999999999", "--", "true"), 2, "--output-limit"),
        (("l", "--where", "color=red", "--", "true"), 2, "--where"),
        (("l", "--where", "user_id=", "--", "true"), 65, "user_id"),
        (("l", "--from", "yesterday", "--", "true"), 2, "--from"),
        (("l", "--from", "99", "--", "true"), 65, "from_seq"),
        (("l", "--max-attempts", "x", "--", "true"), 65, "max_attempts"),
        (("l", "--max-attempts", "0", "--", "true"), 65, "max_attempts"),
        (("l", "--publish", "--stream", "--", "true"), 2, "not both"),
        (("l", "--all", "--", "true"), 2, "does not go with this"),
        (("l", "--worker", "", "--", "true"), 65, "--worker"),
        (("\n", "--", "true"), 65, "id"),
    ],
)
def test_refused(daemon, words, code, told):
    done = run_cli(daemon, "lambda", "run", *words)
    assert done.returncode == code and told in done.stderr, done.stderr


def test_without_a_daemon(tmp_path):
    words = ("--api", f"ipc://{tmp_path}/none", "--timeout", "0.2")
    done = run_cli(None, *words, "lambda", "run", "l", "--", "true")
    assert done.returncode == 69 and "is rentbusd running?" in done.stderr
