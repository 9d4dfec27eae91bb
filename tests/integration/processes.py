# SPDX-License-Identifier: MPL-2.0
"""Processes of ours: started, watched, and reaped whatever happens."""
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

# Seconds. Generous, for the sanitizer builds on a busy machine: only a failing test waits as long.
START_DEADLINE = 30
STOP_DEADLINE = 30
REPLY_DEADLINE = 10

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


_ports = set()


def free_port():
    """A TCP port of the loopback, below those that the kernel gives to outgoing connections, and
    another one each time."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        if port in _ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _ports.add(port)
            return port


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


def _text(path):
    return path.read_text("utf-8", "replace") if path.exists() else ""
