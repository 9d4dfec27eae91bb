# SPDX-License-Identifier: MPL-2.0
"""Which exit code each error ends with, against a daemon that says whatever the test wants."""
import json
import re
import threading

import cbor2
import pytest
import zmq

import harness
from harness import run_cli

EXIT_CODES = {
    "MALFORMED": 65,
    "INVALID_ARGUMENT": 65,
    "UNSUPPORTED_VERSION": 69,
    "UNKNOWN_OP": 69,
    "NOT_FOUND": 4,
    "CONFLICT": 65,
    "PRECONDITION_FAILED": 65,
    "UNAUTHENTICATED": 77,
    "PERMISSION_DENIED": 77,
    "TOO_LARGE": 65,
    "BUSY": 75,
    "UNAVAILABLE": 69,
    "INTERNAL": 70,
    "TRIMMED": 4,
}
HELLO = {
    "head": 1, "time": "2025-01-01T00:00:00Z", "actor": "uid:0", "ledger": "main",
    "version": "0.1.0", "protocol": 1, "role": "admin",
}


class Fake:
    """Answers every request with what `answer(request)` gives: bytes, members of the reply, or
    None for no answer."""

    def __init__(self, directory, answer):
        self.api = self.events = f"ipc://{directory}/fake.sock"
        self._socket = zmq.Context.instance().socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.bind(self.api)
        self._answer = answer
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        while not self._end.is_set():
            if not self._socket.poll(20):
                continue
            *route, message = self._socket.recv_multipart()
            request = cbor2.loads(message)
            reply = self._answer(request)
            if reply is None:
                continue
            if isinstance(reply, dict):
                reply = cbor2.dumps({"v": 1, "id": request["id"], **reply}, canonical=True)
            self._socket.send_multipart([*route, reply])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._end.set()
        self._thread.join()
        self._socket.close()


def refuse(code, **more):
    return {"ok": False, "error": {"code": code, "message": "because", **more}}


def greet_and_then(reply):
    """Answers hello, and anything else with the reply."""
    return lambda request: (
        {"ok": True, "result": HELLO} if request["op"] == "hello" else reply
    )


def patience(code):
    """Seconds: what may mend is asked for again until they are over."""
    return "2" if code in ("BUSY", "UNAVAILABLE") else "60"


def test_every_error_has_an_exit_code():
    text = (harness.TESTS.parent / "sdk" / "protocol" / "words.h").read_text()
    words = re.search(r"define RENTBUS_ERROR_WORDS.*?\n\n", text, re.S).group()
    assert re.findall(r"WORD\(P, (\w+)\)", words) == list(EXIT_CODES)


@pytest.mark.parametrize("code", EXIT_CODES)
def test_exit_code_of_an_error(tmp_path, code):
    with Fake(tmp_path, lambda _: refuse(code, field="asset_id")) as fake:
        args = ("--timeout", patience(code), "asset", "get", "a1")
        done = run_cli(fake, "--json", *args)
        assert done.returncode == EXIT_CODES[code]
        assert done.stdout == ""
        assert json.loads(done.stderr) == {
            "error": {"code": code, "message": "because", "field": "asset_id"}
        }
        plain = run_cli(fake, *args)
        assert plain.returncode == EXIT_CODES[code]
        shown = "" if code == "INVALID_ARGUMENT" else f" ({code})"
        assert plain.stderr == f"rentbus: asset_id: because{shown}\n"


@pytest.mark.parametrize(
    "outcome, reason, expected",
    [
        ("CREATED", None, 0),
        ("COMPLETED", None, 0),
        ("UPDATED", None, 0),
        ("UNCHANGED", None, 0),
        ("ALREADY_OUT", None, 0),
        ("REJECTED", "ALREADY_RETURNED", 0),
        ("REJECTED", "ALREADY_OUT", 0),
        ("REJECTED", "ASSET_UNKNOWN", 1),
        ("REJECTED", "USER_UNKNOWN", 1),
        ("REJECTED", "NO_OPEN_RENTAL", 1),
        ("REJECTED", "RENTAL_EXPIRED", 1),
        ("REJECTED", "ASSET_TYPE_NOT_ELIGIBLE", 1),
        ("REJECTED", "CLOCK_SKEW", 1),
        ("REJECTED", "USER_LIMIT", 1),
        ("REJECTED", "USER_BLOCKED", 1),
    ],
)
def test_exit_code_of_an_outcome(tmp_path, outcome, reason, expected):
    result = {"seq": 7, "outcome": outcome}
    if reason:
        result["reason"] = reason
    with Fake(tmp_path, lambda _: {"ok": True, "result": result}) as fake:
        args = ("return", "--asset", "a1", "--location", "L1")
        plain = run_cli(fake, *args)
        assert plain.returncode == expected
        assert plain.stdout == f"{outcome} {reason}\n" if reason else f"{outcome}\n"
        found = json.loads(run_cli(fake, "--json", *args).stdout)
        assert (found["outcome"], found.get("reason"), found["seq"]) == (outcome, reason, 7)


def test_the_worst_of_several_scans_counts(tmp_path):
    replies = {
        "a0": {"ok": True, "result": {"seq": 1, "outcome": "COMPLETED"}},
        "a1": {"ok": True, "result": {"seq": 1, "outcome": "REJECTED", "reason": "ASSET_UNKNOWN"}},
        "a4": refuse("NOT_FOUND"),
        "a65": refuse("INVALID_ARGUMENT"),
        "a77": refuse("PERMISSION_DENIED"),
    }
    with Fake(tmp_path, lambda request: replies[request["args"]["asset_id"]]) as fake:

        def run(*assets):
            scans = "".join(
                json.dumps(
                    {"timestamp": "2025-01-01T00:00:00Z", "location_id": "L", "asset_id": asset}
                )
                + "\n"
                for asset in assets
            )
            done = run_cli(fake, "return", "--event", "-", stdin=scans)
            return done.returncode, len(done.stdout.splitlines())

        assert run("a0", "a1", "a0") == (1, 3)
        assert run("a4", "a1", "a0") == (4, 2)
        assert run("a65", "a4", "a1") == (65, 1)
        assert run("a0", "a77", "a0") == (77, 1)  # what is denied once is denied again


def test_a_journal_that_does_not_verify(tmp_path):
    result = {"hash": bytes(32), "events": 3, "rentals": 1, "commands": 1, "problem": "seq 2"}
    with Fake(tmp_path, greet_and_then({"ok": True, "result": result})) as fake:
        done = run_cli(fake, "verify")
        assert done.returncode == 65
        assert "seq 2" in done.stdout and "agree" not in done.stdout
        assert json.loads(run_cli(fake, "--json", "verify").stdout)["problem"] == "seq 2"


def refuse_each(code):
    """Refuses every command of a batch, and greets."""

    def answer(request):
        if request["op"] == "hello":
            return {"ok": True, "result": HELLO}
        error = {"ok": False, "error": {"code": code, "message": "because"}}
        replies = [{"id": command["id"], **error} for command in request["args"]["commands"]]
        return {"ok": True, "result": {"applied": True, "replies": replies}}

    return answer


@pytest.mark.parametrize("each", [False, True], ids=["whole", "each"])
@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "INTERNAL", "BUSY", "UNAVAILABLE"])
def test_an_import_stops_when_rows_are_not_to_blame(tmp_path, code, each):
    rows = "".join(f'{{"kind":"user","id":"u{number}"}}\n' for number in range(2000))
    with Fake(tmp_path, refuse_each(code) if each else greet_and_then(refuse(code))) as fake:
        done = run_cli(fake, "--json", "--timeout", patience(code), "import", "-", stdin=rows)
    assert done.returncode == EXIT_CODES[code]
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["error"]["code"] == code
    assert json.loads(done.stdout)["new"] == 0


def test_rows_wait_for_what_they_depend_on(tmp_path):
    answered = set()
    asked = []

    def answer(request):
        if request["op"] == "hello":
            return {"ok": True, "result": HELLO}
        first = request["id"] not in asked
        asked.append(request["id"])
        commands = request["args"]["commands"]
        assert len({command["op"] for command in commands}) == 1
        if commands[0]["op"] == "asset.put":
            assert len(answered) == 5, "an asset before the users"
        elif first:  # and the SDK asks again
            return None
        answered.update(command["id"] for command in commands)
        replies = [
            {"id": command["id"], "ok": True, "result": {"seq": 9, "outcome": "CREATED"}}
            for command in commands
        ]
        return {"ok": True, "result": {"applied": True, "replies": replies}}

    rows = [{"kind": "user", "id": f"u{number}"} for number in range(5)]
    rows.append({"kind": "asset", "id": "a1", "asset_type": "mug"})
    with Fake(tmp_path, answer) as fake:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        done = run_cli(fake, "--json", "import", "-", stdin=text)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"rows": 6, "new": 6, "already_there": 0, "bad": 0}


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"garbage",
        b"\xa0",
        {"ok": True, "result": {"seq": "seven"}},
        {"ok": True, "result": {"outcome": "PERHAPS", "seq": 1}},
        {"ok": True},
        {"ok": False},
        {"ok": False, "error": {"code": "PERHAPS", "message": "x"}},
    ],
)
def test_answers_that_make_no_sense(tmp_path, reply):
    with Fake(tmp_path, lambda _: reply) as fake:
        done = run_cli(fake, "--json", "--timeout", "0.5", "user", "put", "u1")
    assert done.returncode == 69
    assert done.stdout == ""
    assert json.loads(done.stderr)["error"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize(
    "choose", [lambda ids: [], lambda ids: ids[:1], lambda ids: ids[::-1]], ids=["none", "few", "turned"]
)
def test_a_batch_that_is_not_answered_line_by_line(tmp_path, choose):
    def answer(request):
        ids = choose([command["id"] for command in request["args"]["commands"]])
        replies = [{"id": each, "ok": True, "result": {"seq": 2, "outcome": "CREATED"}} for each in ids]
        return {"ok": True, "result": {"applied": True, "replies": replies}}

    lines = '{"op":"user.put","args":{"id":"u1"}}\n{"op":"user.put","args":{"id":"u2"}}\n'
    with Fake(tmp_path, answer) as fake:
        done = run_cli(fake, "batch", "-", stdin=lines)
    assert done.returncode == EXIT_CODES["UNAVAILABLE"] and "makes no sense" in done.stderr
    assert len(done.stdout.splitlines()) == (choose([1, 2]) == [1])


def test_the_words_of_a_hostile_daemon_are_cleaned(tmp_path):
    words = {"code": "CONFLICT", "message": "\033[2Jgone\u009b", "field": "id"}
    with Fake(tmp_path, lambda _: {"ok": False, "error": words}) as fake:
        done = run_cli(fake, "user", "put", "u1")
    assert "\033" not in done.stderr and "\u009b" not in done.stderr and "gone" in done.stderr


def test_every_page_is_read(tmp_path):
    """A page without items ends nothing; one without a cursor does."""
    pages = [
        {"users": [{"id": "u1"}], "cursor": "c1"},
        {"users": [], "cursor": "c2"},
        {"users": [{"id": "u2"}]},
    ]
    asked = []

    def answer(request):
        asked.append(request["args"].get("cursor"))
        return {"ok": True, "result": pages[len(asked) - 1]}

    with Fake(tmp_path, answer) as fake:
        done = run_cli(fake, "--json", "user", "list")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["u1", "u2"]
    assert asked == [None, "c1", "c2"]
