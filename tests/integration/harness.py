# SPDX-License-Identifier: MPL-2.0
"""Drives the real binaries from outside, through an independent client (pyzmq and cbor2).

RENTBUS_BIN_DIR names the folder with rentbusd, rentbus and rentbus-http. Whatever a test starts is
reaped when the test ends, however it ends (conftest.py), and a report of a sanitizer in the stderr
of any of these processes fails the test. Nothing here sleeps but wait_until().
"""
import http.client
import json as jsonlib
import os
import random
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import cbor2
import zmq
from zmq.utils.monitor import recv_monitor_message

TESTS = Path(__file__).resolve().parent.parent
DATA = TESTS / "data"

# Seconds. Generous, for the sanitizer builds on a busy machine: only a failing test waits as long.
START_DEADLINE = 30
STOP_DEADLINE = 30
REPLY_DEADLINE = 10

SANITIZER_REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:")

_started = []  # everything with close() and reports(), in the order of its start


def bin_dir():
    directory = os.environ.get("RENTBUS_BIN_DIR")
    if not directory:
        raise RuntimeError("set RENTBUS_BIN_DIR to the folder with the binaries: build/debug/bin")
    return Path(directory).resolve()


def build_dir():
    """The CMake build tree that bin_dir() is part of."""
    return bin_dir().parent


def soaking():
    """Whether this is `./run soak`."""
    return os.environ.get("RENTBUS_SOAK") == "1"


def rounds(usual):
    """Counts the rounds of a random test: `usual` of them, or RENTBUS_SOAK_SECONDS of them in a
    soak. Mark such tests with pytest.mark.soak."""
    number = 0
    end = time.monotonic() + float(os.environ.get("RENTBUS_SOAK_SECONDS", "300"))
    while number < usual or (soaking() and time.monotonic() < end):
        yield number
        number += 1


def wait_until(predicate, deadline=10, what=None):
    """Polls until predicate() is true and returns its value. The one place where tests wait."""
    pause = threading.Event()
    end = time.monotonic() + deadline
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what or predicate}")
        pause.wait(0.005)


def uuid7(milliseconds=None):
    """A command id: 16 bytes, version 7."""
    stamp = int(time.time() * 1000) if milliseconds is None else milliseconds
    low = bytearray(secrets.token_bytes(10))
    low[0] = 0x70 | (low[0] & 0x0F)
    low[2] = 0x80 | (low[2] & 0x3F)
    return stamp.to_bytes(6, "big") + bytes(low)


def free_port():
    """A TCP port of the loopback, below those that the kernel gives to outgoing connections."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def mark():
    """Remembers what is running; reap(mark) ends what was started since."""
    return len(_started)


def reap(since=0):
    """Closes what was started since the mark and returns the reports of sanitizers found there."""
    reports = []
    while len(_started) > since:
        thing = _started.pop()
        thing.close()
        reports += thing.reports()
    return reports


def _environment(extra):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RENTBUS_")}
    clean.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
    clean.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    clean.update(extra or {})
    return clean


class Process:
    """A binary of ours: its output goes to files, its exit is always collected."""

    def __init__(self, argv, directory, name, env=None):
        self.argv = [str(arg) for arg in argv]
        self.env = _environment(env)
        self.log_path = Path(directory) / f"{name}.log"
        self.output_path = Path(directory) / f"{name}.out"
        self._popen = None
        self._read = 0
        _started.append(self)

    def launch(self, stdin=None):
        """Starts it and does not wait for anything."""
        assert self._popen is None, "still running"
        with open(self.log_path, "ab") as log, open(self.output_path, "ab") as output:
            self._popen = subprocess.Popen(
                self.argv, stdin=stdin or subprocess.DEVNULL, stdout=output, stderr=log, env=self.env
            )
        return self

    @property
    def pid(self):
        return self._popen.pid

    @property
    def running(self):
        return self._popen is not None and self._popen.poll() is None

    def wait(self, deadline=STOP_DEADLINE):
        """Waits for its end; the exit code, negative for a signal."""
        code = self._popen.wait(deadline)
        self._popen = None
        return code

    def signal(self, number):
        self._popen.send_signal(number)

    def stop(self, deadline=STOP_DEADLINE):
        """SIGTERM; the exit code. 0 is a clean stop."""
        self.signal(signal.SIGTERM)
        return self.wait(deadline)

    def kill(self):
        """SIGKILL: a crash, as far as it can tell."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def log(self):
        """Its stderr since the first start."""
        return _text(self.log_path)

    def output(self):
        """Its stdout since the first start."""
        return _text(self.output_path)

    def next_line(self, deadline=REPLY_DEADLINE):
        """The next whole line of its stdout that next_line() did not give before."""

        def line():
            text = self.output()[self._read :]
            return text[: text.index("\n") + 1] if "\n" in text else None

        found = wait_until(line, deadline, f"a line of {self.argv}: {self.log()}")
        self._read += len(found)
        return found.rstrip("\n")

    def close(self):
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
            self._popen = None

    def reports(self):
        log = self.log()
        return [f"{self.argv[0]}:\n{log}"] if SANITIZER_REPORT.search(log) else []

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        if self.running:
            self.stop()


def _text(path):
    return path.read_text("utf-8", "replace") if path.exists() else ""


class Daemon(Process):
    """rentbusd with its data under `directory`; ipc endpoints there unless others are given.

    `config` is the text of a configuration file, or a Path.
    """

    def __init__(self, directory, api=None, events=None, config=None, env=None, args=()):
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.data = directory / "data"
        self.api = api or f"ipc://{directory}/api.sock"
        self.events = events or f"ipc://{directory}/events.sock"
        argv = [bin_dir() / "rentbusd", "--data", self.data]
        argv += ["--api", self.api, "--events", self.events]
        if config is not None:
            argv += ["--config", _config_file(directory, config)]
        super().__init__([*argv, *args], directory, "rentbusd", env)

    def start(self, deadline=START_DEADLINE):
        """Starts it and waits until it answers `hello`. Where another daemon has the endpoint
        already, that one would answer: launch() and wait() are for starts that must fail."""
        self.launch()
        with Client(self.api) as client:
            client.send("hello")
            wait_until(
                lambda: not self.running or client.readable(50), deadline, "an answer to hello"
            )
            if not self.running:
                raise AssertionError(f"rentbusd ended with {self.wait()}:\n{self.log()}")
            client.receive()
        return self

    def restart(self):
        """Stops it cleanly, if it runs, and starts it again on the same data."""
        if self.running:
            code = self.stop()
            assert code == 0, f"rentbusd stopped with {code}:\n{self.log()}"
        elif self._popen is not None:
            self.wait()
        return self.start()


def _config_file(directory, config):
    if isinstance(config, Path):
        return config
    path = directory / "rentbusd.conf"
    path.write_text(config, "utf-8")
    return path


class Refused(AssertionError):
    """An error reply where a result was asked for; `error` is its map."""

    def __init__(self, op, error):
        super().__init__(f"{op}: {error}")
        self.error = error


class Client:
    """A foreign client: it knows the protocol from its description, not from our code."""

    def __init__(self, api, kind="DEALER"):
        self.api = api
        self.kind = getattr(zmq, kind)
        self._socket = None
        self._open()
        _started.append(self)

    def _open(self):
        self._socket = zmq.Context.instance().socket(self.kind)
        self._socket.linger = 0
        self._socket.reconnect_ivl = 20
        self._socket.sndhwm = self._socket.rcvhwm = 0
        self._socket.connect(self.api)

    def call(self, op, args=None, id=None, timeout=REPLY_DEADLINE, **more):
        """One request, its reply map. `more` are further members of the request."""
        command = self.send(op, args, id, **more)
        reply = self.receive(timeout)
        assert reply.get("id") == command, f"reply to another request: {reply}"
        return reply

    def ok(self, op, **args):
        """The result of a request that must succeed."""
        reply = self.call(op, args)
        if reply["ok"] is not True:
            raise Refused(op, reply["error"])
        return reply["result"]

    def error(self, op, **args):
        """The error of a request that must fail."""
        reply = self.call(op, args)
        assert reply["ok"] is False, f"{op} was served: {reply}"
        return reply["error"]

    def send(self, op, args=None, id=None, **more):
        """Sends and does not wait; the command id."""
        command = uuid7() if id is None else id
        request = {"v": 1, "id": command, "op": op, "args": args or {}, **more}
        self._socket.send(cbor2.dumps(request, canonical=True))
        return command

    def receive(self, timeout=REPLY_DEADLINE):
        """The next reply map, of whichever request."""
        return decode_reply(self._receive(timeout))

    def raw(self, message, timeout=REPLY_DEADLINE):
        """Any bytes as one frame; the bytes of the reply."""
        self._socket.send(message)
        return self._receive(timeout)

    def send_frames(self, *frames):
        """A message of any shape; nothing is added to it."""
        self._socket.send_multipart(frames)

    def readable(self, milliseconds):
        """Whether a reply is there, within so many milliseconds."""
        return bool(self._socket.poll(milliseconds))

    def _receive(self, timeout):
        if not self._socket.poll(timeout * 1000):
            if self.kind == zmq.REQ:  # would refuse to send again
                self._socket.close()
                self._open()
            raise TimeoutError(f"no reply from {self.api} within {timeout} s")
        frames = self._socket.recv_multipart()
        assert len(frames) == 1, f"a reply of {len(frames)} frames"
        return frames[0]

    def close(self):
        self._socket.close()

    def reports(self):
        return []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def decode_reply(message):
    """Checks the shape that every reply has, and that it is deterministic CBOR."""
    reply = cbor2.loads(message)
    assert cbor2.dumps(reply, canonical=True) == message, f"not deterministic: {message.hex()}"
    assert reply["v"] == 1
    assert reply["ok"] in (True, False)
    assert ("result" in reply) == reply["ok"] and ("error" in reply) != reply["ok"], reply
    return reply


class Subscriber:
    """A plain SUB socket. `types` are prefixes of event types; none means all.

    Returns connected, unless `connected` is False; the daemon hears of the subscription a moment
    later. Where not one event may be missed, call settle().
    """

    def __init__(self, events, types=(), connected=True):
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.reconnect_ivl = 20
        self._socket.rcvhwm = 0
        monitor = self._socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        for prefix in types or ("",):
            self._socket.subscribe(prefix)
        self._socket.connect(events)
        _started.append(self)
        if connected:
            assert monitor.poll(START_DEADLINE * 1000), f"no handshake with {events}"
            recv_monitor_message(monitor)
        self._socket.disable_monitor()

    def settle(self, client):
        """Waits until events arrive for sure; leaves a location of its own in the ledger."""
        self._socket.subscribe("LOCATION_CREATED_EVENT")

        def heard():
            marker = f"settle-{uuid7().hex()}"
            client.ok("location.put", id=marker)
            while self._socket.poll(100):
                if self.next()[1].get("subject") == marker:
                    return True
            return False

        wait_until(heard, START_DEADLINE, "an event of our own")
        self._socket.unsubscribe("LOCATION_CREATED_EVENT")
        return self

    def next(self, timeout=REPLY_DEADLINE):
        """The next (type, event map)."""
        if not self._socket.poll(timeout * 1000):
            raise TimeoutError(f"no event within {timeout} s")
        frames = self._socket.recv_multipart()
        assert len(frames) == 2, f"an event of {len(frames)} frames"
        event = cbor2.loads(frames[1])
        assert event["type"] == frames[0].decode(), f"topic {frames[0]} of {event['type']}"
        return event["type"], event

    def collect_until(self, predicate, timeout=REPLY_DEADLINE):
        """Every event map up to and with the first that predicate(event) is true for."""
        events = []
        end = time.monotonic() + timeout
        while not events or not predicate(events[-1]):
            events.append(self.next(max(0.001, end - time.monotonic()))[1])
        return events

    def close(self):
        self._socket.close()

    def reports(self):
        return []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def _cli_argv(daemon, args):
    argv = [bin_dir() / "rentbus"]
    if daemon is not None:
        argv += ["--api", daemon.api, "--events", daemon.events]
    return [str(arg) for arg in (*argv, *args)]


def run_cli(daemon, *args, stdin=None, env=None, timeout=60):
    """`rentbus …` against the daemon (None: no endpoints on the command line), to its end.

    `stdin` is text. The result has returncode, stdout and stderr.
    """
    done = subprocess.run(
        _cli_argv(daemon, args),
        input=stdin if stdin is not None else "",
        env=_environment(env),
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
    )
    _started.append(_Finished(done))
    return done


class _Finished:
    """A process that has ended, kept for what its stderr may say."""

    def __init__(self, done):
        self.done = done

    def close(self):
        pass

    def reports(self):
        found = SANITIZER_REPORT.search(self.done.stderr)
        return [f"{self.done.args}:\n{self.done.stderr}"] if found else []


def spawn_cli(daemon, *args, directory, env=None, stdin=None):
    """`rentbus …` in the background, for verbs that go on (watch): read it with next_line()."""
    name = f"rentbus-{mark()}"
    return Process(_cli_argv(daemon, args), directory, name, env).launch(stdin)


class Response:
    """An HTTP response, read to its end."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return jsonlib.loads(self.body)


class Bridge(Process):
    """rentbus-http in front of a Daemon, on a free port of the loopback."""

    def __init__(self, daemon, env=None, args=(), port=None):
        self.port = port or free_port()
        argv = [bin_dir() / "rentbus-http", "--listen", f"127.0.0.1:{self.port}"]
        argv += ["--api", daemon.api, "--events", daemon.events]
        super().__init__([*argv, *args], daemon.log_path.parent, f"rentbus-http-{mark()}", env)

    def start(self, deadline=START_DEADLINE):
        """Starts it and waits until /livez answers 200."""
        self.launch()
        wait_until(lambda: not self.running or self._alive(), deadline, "an answer of /livez")
        if not self.running:
            raise AssertionError(f"rentbus-http ended with {self.wait()}:\n{self.log()}")
        return self

    def _alive(self):
        try:
            return self.get("/livez").status == 200
        except OSError:
            return False

    def request(self, method, path, json=None, headers=None, body=None, timeout=REPLY_DEADLINE):
        """One request on a connection of its own. `json` or `body` (bytes) is what it sends."""
        headers = dict(headers or {})
        if json is not None:
            body = jsonlib.dumps(json).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            return Response(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def put(self, path, json=None, headers=None):
        return self.request("PUT", path, json, headers)

    def post(self, path, json=None, headers=None):
        return self.request("POST", path, json, headers)

    def stream(self, path="/events", headers=None):
        """The Server-Sent Events of a path."""
        return EventStream(self.port, path, headers)


class EventStream:
    """A stream of Server-Sent Events."""

    def __init__(self, port, path, headers=None):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REPLY_DEADLINE)
        self._connection.connect()
        self._socket = self._connection.sock  # http.client drops its own when the length is open
        accept = {"Accept": "text/event-stream", **(headers or {})}
        self._connection.request("GET", path, headers=accept)
        self._response = self._connection.getresponse()
        _started.append(self)
        self.status = self._response.status
        self.headers = self._response.headers

    def next(self, timeout=REPLY_DEADLINE):
        """The next event: a dict with what it has of id, event and data (text). No heartbeats."""
        fields = {}
        self._socket.settimeout(timeout)
        while True:
            line = self._response.readline().decode()
            if not line:
                raise EOFError("the stream ended")
            line = line.rstrip("\r\n")
            if not line and "data" in fields:
                return fields
            name, _, value = line.partition(":")
            if name:
                value = value[1:] if value.startswith(" ") else value
                fields[name] = fields[name] + "\n" + value if name in fields else value

    def close(self):
        self._response.close()
        self._connection.close()

    def reports(self):
        return []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class Reusables:
    """A small shop: 5 users, 50 assets, 10 rentals in a SQLite file to import, and five scans."""

    def __init__(self, directory):
        self.database = Path(directory) / "reusables.db"
        with sqlite3.connect(self.database) as connection:
            connection.executescript((DATA / "reusables.sql").read_text("utf-8"))
        connection.close()
        self.scan_files = [DATA / f"scan_{number}.json" for number in range(1, 6)]
        self.scans = [jsonlib.loads(path.read_text("utf-8")) for path in self.scan_files]

    def rows(self, table):
        """The rows of a table, as dicts, in the order of their ids."""
        connection = sqlite3.connect(self.database)
        connection.row_factory = sqlite3.Row
        try:
            found = connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
            return [dict(row) for row in found]
        finally:
            connection.close()
