# SPDX-License-Identifier: MPL-2.0
"""`rentbus top`."""
import os
import pty
import subprocess
import threading

import pytest

from harness import bin_dir, environment, run_cli, uuid7, wait_until
from lambdas import DEADLINE, publish


@pytest.fixture
def worked(client):
    publish(client, 5)
    client.ok("consumer.put", id="l", start="first", types=["mine"], max_attempts=1)
    client.ok("consumer.put", id="waits")
    client.ok("consumer.pause", id="waits")
    worker = {"id": "l", "worker": "w", "incarnation": uuid7()}
    (first,) = client.ok("consumer.fetch", **worker, credit=1)["deliveries"]
    lease = {"seq": first["event"]["seq"], "lease": first["lease"]}
    client.ok("consumer.nack", **worker, **lease, error="no")
    client.ok("consumer.fetch", **worker, credit=1)


def test_once(daemon, client, worked):
    head, empty, names, mine, waits = run_cli(daemon, "top", "--once").stdout.splitlines()
    assert head.startswith(f"head {client.ok('hello')['head']}  2 consumers")
    assert empty == "" and names.split()[:4] == ["LAMBDA", "STATE", "LAG", "OLDEST"]
    row = mine.split()
    assert row[:2] == ["l", "behind"] and row[3].endswith("s") and row[4:7] == ["1", "0", "1"]
    assert row[-1] == "1" and waits.split()[:2] == ["waits", "paused"]


class Screen:
    """`rentbus top` on a terminal of its own."""

    def __init__(self, daemon, *words):
        self.ours, theirs = pty.openpty()
        argv = [bin_dir() / "rentbus", "--api", daemon.api, "top", *words]
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        self.process = subprocess.Popen(argv, **streams, env=environment(None))
        os.close(theirs)
        self.text = ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            while piece := os.read(self.ours, 65536):
                self.text += piece.decode("utf-8", "replace")
        except OSError:
            pass

    def see(self, words):
        wait_until(lambda: words in self.text, DEADLINE, f"{words} on the screen: {self.text!r}")

    def end(self):
        code = self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)
        os.close(self.ours)
        return code


def test_the_screen_is_live(daemon, client, worked):
    screen = Screen(daemon, "--interval", "0.1")
    screen.see(f"head {client.ok('hello')['head']}")
    publish(client, 3)
    screen.see(f"head {client.ok('hello')['head']}")
    screen.see(" events/s")
    os.write(screen.ours, b"q")
    assert screen.end() == 0
    assert screen.text.startswith("\033[?1049h") and screen.text.endswith("\033[?25h\033[?1049l")


def test_a_signal_leaves_the_terminal_as_it_was(daemon, worked):
    screen = Screen(daemon)
    screen.see("LAMBDA")
    screen.process.terminate()
    assert screen.end() == 0 and screen.text.endswith("\033[?1049l")


def test_without_a_daemon_it_says_so(daemon, worked):
    screen = Screen(daemon, "--interval", "0.1", "--timeout", "3")
    screen.see("LAMBDA")
    daemon.kill()
    assert screen.end() == 69
    assert "is rentbusd running?" in screen.text


def test_without_a_terminal(daemon):
    done = run_cli(daemon, "top")
    assert done.returncode == 2 and "--once" in done.stderr
