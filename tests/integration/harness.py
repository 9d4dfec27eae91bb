# SPDX-License-Identifier: MPL-2.0
"""Drives the real binaries from outside: everything that integration tests are written with.

RENTBUS_BIN_DIR names the folder with rentbusd, rentbus and rentbus-http. Whatever a test starts is
reaped when the test ends, however it ends (conftest.py), and a report of a sanitizer in the stderr
of any of these processes fails the test. Nothing here sleeps but wait_until().
"""
import http.client
import json as jsonlib
import sqlite3
import subprocess
from pathlib import Path

from foreign import Client, Refused, Subscriber, decode_reply, uuid7
from processes import (
    REPLY_DEADLINE,
    SANITIZER_REPORT,
    START_DEADLINE,
    STOP_DEADLINE,
    Process,
    ServiceManager,
    bin_dir,
    bindable,
    build_dir,
    environment,
    free_port,
    mark,
    reap,
    rounds,
    soaking,
    started,
    wait_until,
)

__all__ = [
    "Bridge",
    "Client",
    "Daemon",
    "EventStream",
    "Process",
    "REPLY_DEADLINE",
    "Refused",
    "Response",
    "Reusables",
    "START_DEADLINE",
    "ServiceManager",
    "STOP_DEADLINE",
    "Subscriber",
    "bin_dir",
    "bindable",
    "build_dir",
    "decode_reply",
    "free_port",
    "mark",
    "reap",
    "rounds",
    "run_cli",
    "soaking",
    "spawn_cli",
    "uuid7",
    "wait_until",
]

TESTS = Path(__file__).resolve().parent.parent
DATA = TESTS / "data"


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
        env=environment(env),
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
    )
    started.append(_Finished(done))
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
        started.append(self)
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
