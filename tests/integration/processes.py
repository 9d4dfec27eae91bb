# SPDX-License-Identifier: MPL-2.0
"""Processes of ours: started, watched, and reaped whatever happens."""
import os
import queue
import random
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

# Seconds. Generous, for the sanitizer builds on a busy machine: only a failing test waits as long.
START_DEADLINE = 60
STOP_DEADLINE = 60
REPLY_DEADLINE = 60

SANITIZER_REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:")

started = []  # everything with close() and reports(), in the order of its start


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


def wait_until(predicate, deadline=REPLY_DEADLINE, what=None):
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


_claims = []  # sockets whose names say which ports are taken, by this test run or another one


def _ports():
    """Those below what the kernel gives to outgoing connections."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    return range(low - 12000, low) if low > 14000 else range(20000, 32000)


def free_port():
    """A TCP port of the loopback, another one each time, which no other test run gets meanwhile."""
    while True:
        port = random.SystemRandom().choice(_ports())
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0rentbus-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port


def bindable(host):
    """Whether this machine has the address, [IPv6] or not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((host.strip("[]"), 0))
        return True
    except OSError:
        return False


def mark():
    """Remembers what is running; reap(mark) ends what was started since."""
    return len(started)


def reap(since=0):
    """Closes what was started since the mark and returns the reports of sanitizers found there."""
    reports = []
    while len(started) > since:
        thing = started.pop()
        thing.close()
        reports += thing.reports()
    return reports


def environment(extra):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RENTBUS_")}
    clean.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
    clean.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    clean.update(extra or {})
    return clean


class Process:
    """A binary of ours: its output goes to files, its exit is always collected."""

    def __init__(self, argv, directory, name, env=None):
        self.argv = [str(arg) for arg in argv]
        self.env = environment(env)
        self.log_path = Path(directory) / f"{name}.log"
        self.output_path = Path(directory) / f"{name}.out"
        self._popen = None
        self._read = 0
        started.append(self)

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


class ServiceManager:
    """Plays systemd: takes what a service says of itself, as it comes. Who tells it something waits
    while ten others are not taken yet."""

    def __init__(self, directory):
        self._path = str(Path(directory) / "notify.sock")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._path)
        self._lines = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()
        self.env = {"NOTIFY_SOCKET": self._path}
        started.append(self)

    def _take(self):
        while told := self._socket.recv(4096):
            for line in told.decode().split("\n"):
                self._lines.put(line)

    def next(self):
        """The next line."""
        return self._lines.get(timeout=START_DEADLINE)

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self._path)
        self._thread.join()
        self._socket.close()

    def reports(self):
        return []


def _text(path):
    return path.read_text("utf-8", "replace") if path.exists() else ""
