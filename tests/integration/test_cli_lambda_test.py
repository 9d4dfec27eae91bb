# SPDX-License-Identifier: MPL-2.0
"""`rentbus lambda test`: a handler over history."""
import json
import os

import pytest

from harness import run_cli, wait_until
from lambdas import handler, notes, publish, running, status


def tried(daemon, *words):
    return run_cli(daemon, "lambda", "test", "l", *words)


def test_outcomes(daemon, client, tmp_path):
    script = handler(
        tmp_path,
        "echo $RENTBUS_EVENT_SEQ >>{log}; echo out\n"
        "case $RENTBUS_EVENT_SEQ in 3) exit 75 ;; 4) echo bad >&2; exit 9 ;; esac\n",
    )
    seqs = publish(client, 4)
    publish(client, 1, type="other")
    client.ok("consumer.put", id="l", types=["mine"], start="first")
    before = status(client, "l")
    head = client.ok("hello")["head"]
    done = tried(daemon, "--since", "1", "--", script)
    assert done.returncode == 1
    assert [int(note) for note in notes(script)] == seqs
    lines = [line.rsplit(",", 1)[0] for line in done.stdout.splitlines() if line != "out"]
    assert lines == [
        "event 2 (mine): DONE",
        "event 3 (mine): LATER",
        "event 4 (mine): FAILED",
        "event 5 (mine): DONE",
        "4 events: 2 done, 1 not now",
    ]
    assert "exit 9: bad" in done.stderr
    assert status(client, "l") == before and client.ok("hello")["head"] == head


def test_json(daemon, client):
    publish(client, 2)
    done = tried(daemon, "--on", "mine", "--since", "1", "--json", "--", "true")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and [t.get("outcome") for t in told] == ["DONE", "DONE", None]
    assert told[-1] == {"events": 2, "done": 2, "later": 0, "failed": 0}
    assert status(client, "l") is None


def test_where(daemon, client, tmp_path):
    client.ok("user.put", id="u1")
    client.ok("asset_type.put", id="mug")
    client.ok("asset.put", id="m1", asset_type="mug")
    client.ok("location.put", id="hall")
    publish(client, 1, user_id="u1", location_id="hall", asset_id="m1")
    publish(client, 1, user_id="u2", location_id="yard", asset_id="m2")
    seqs = {"user_id=u1": [2, 6], "location_id=hall": [5, 6], "asset_type=mug": [3, 4, 6]}
    for where, expected in seqs.items():
        consumer = where.split("=")[0]
        client.ok("consumer.put", id="l", start="first", **dict([where.split("=")]))
        script = handler(tmp_path, "echo $RENTBUS_EVENT_SEQ >>{log}\n", consumer)
        words = ("--since", "1", "--until", "7", "--", script)
        assert tried(daemon, *words).returncode == 0
        assert tried(daemon, "--where", where, *words).returncode == 0
        assert [int(note) for note in notes(script)] == expected * 2, where
        client.ok("consumer.delete", id="l")


def test_places(daemon, client, tmp_path):
    seqs = publish(client, 5)
    time = client.ok("events.read", from_seq=seqs[2])["events"][0]["time"]
    publish(client, 1)
    script = handler(tmp_path, "echo $RENTBUS_EVENT_SEQ >>{log}\n")
    for words, expected in [
        (("--since", "4"), [4, 5, 6, 7]),
        (("--since", "3", "--until", "5"), [3, 4, 5]),
        (("--since", "1", "--limit", "2"), [2, 3]),
        (("--since", "2001-01-01T00:00:00Z", "--until", "2001-01-02T00:00:00Z"), []),
        (("--since", "9999"), []),
        (("--since", time, "--limit", "1"), None),
    ]:
        script.with_name("handler.notes").write_text("")
        assert tried(daemon, "--on", "mine", *words, "--", script).returncode == 0
        found = [int(note) for note in notes(script)]
        assert found == expected if expected is not None else found[0] <= seqs[2]


def test_too_long_and_left_behind(daemon, client, tmp_path):
    mark = f"83{os.getpid()}"
    publish(client, 1)
    script = handler(tmp_path, f"setsid -f sleep {mark}; sleep {mark}\n")
    done = tried(daemon, "--on", "mine", "--since", "1", "--timeout", "0.5", "--", script)
    assert done.returncode == 1 and "took too long" in done.stderr
    wait_until(lambda: not running(mark), what="nothing left of it")


@pytest.mark.parametrize("output, code", [('{"type":"x","data":{}}', 0), ("nonsense", 1)])
def test_what_is_printed_to_publish_is_checked(daemon, client, tmp_path, output, code):
    publish(client, 1)
    head = client.ok("hello")["head"]
    script = handler(tmp_path, f"echo '{output}'\n")
    words = ("--on", "mine", "--since", "1", "--publish", "--", script)
    assert tried(daemon, *words).returncode == code
    assert client.ok("hello")["head"] == head


@pytest.mark.parametrize(
    "words, code, told",
    [
        (("--", "true"), 4, "no such consumer"),
        (("--on", "mine", "--", "true"), 2, "--since is missing"),
        (("--on", "mine", "--since", "noon", "--", "true"), 2, "--since"),
        (("--on", "mine", "--since", "1", "--until", "x", "--", "true"), 2, "--until"),
        (("--on", "mine", "--since", "1"), 2, "the command is missing"),
        (("--on", "mine", "--since", "1", "--", "/none"), 78, "no such program"),
        (("--on", "mine", "--since", "1", "--stream", "--", "true"), 2, "does not go"),
    ],
)
def test_refused(daemon, words, code, told):
    done = tried(daemon, *words)
    assert done.returncode == code and told in done.stderr
