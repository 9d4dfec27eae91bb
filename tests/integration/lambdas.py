# SPDX-License-Identifier: MPL-2.0
"""What tests of lambdas are written with: handlers that note what they did, and consumers."""
import os
import random
import signal
import stat
from pathlib import Path

from harness import run_cli, spawn_cli, wait_until

# Generous, for handlers of sanitizer builds on a busy machine.
DEADLINE = 60
LONG_LEASE = ("--lease", "600")


def handler(directory, text, name="handler", interpreter="/bin/sh"):
    """An executable script; `text` may use {log}, the file that notes() reads."""
    path = Path(directory) / name
    log = Path(directory) / f"{name}.notes"
    path.write_text(f"#!{interpreter}\n" + text.replace("{log}", str(log)), "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def notes(path):
    """The lines that the handler noted, without one that is being written."""
    log = path.with_name(path.name + ".notes")
    text = log.read_text("utf-8") if log.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def publish(client, count, type="mine", subjects=1, **data):
    """Publishes events with n = 0 … count - 1 of the subjects s0 … in turn; their seqs."""
    seqs = []
    for first in range(0, count, 32):
        events = [
            {"type": type, "subject": f"s{n % subjects}", "data": {"n": n, **data}}
            for n in range(first, min(count, first + 32))
        ]
        last = client.ok("publish", events=events)["seq"]
        seqs += range(last - len(events) + 1, last + 1)
    return seqs


def start(daemon, directory, name, *words, env=None):
    """`rentbus lambda run NAME …` in the background. A lease outlasts the test unless it is said
    otherwise: what comes again before was given back."""
    words = words if "--lease" in words else (*LONG_LEASE, *words)
    return spawn_cli(daemon, "lambda", "run", name, *words, directory=directory, env=env)


def status(client, name):
    """How the consumer stands, or None while there is none."""
    for consumer in client.ok("consumer.list")["consumers"]:
        if consumer["consumer"]["id"] == name:
            return consumer
    return None


def until(client, name, deadline=DEADLINE, **wanted):
    """Waits until the consumer stands like that."""

    def reached():
        found = status(client, name)
        return found if found and all(found[k] == v for k, v in wanted.items()) else None

    try:
        return wait_until(reached, deadline, f"{name} {wanted}")
    except AssertionError as error:
        raise AssertionError(f"{error}, but {status(client, name)}") from None


def until_noted(path, count, deadline=DEADLINE):
    """Waits for so many notes and returns them."""
    return wait_until(
        lambda: notes(path) if len(notes(path)) >= count else None, deadline, f"{count} notes"
    )


def running(mark):
    """The processes that have the word on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if mark.encode() in words and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def kill_one(pids):
    """Kills one of them, if it is still there."""
    if not pids:
        return
    try:
        os.kill(random.choice(pids), signal.SIGKILL)
    except ProcessLookupError:
        pass


def parked(daemon, name):
    return run_cli(daemon, "lambda", "parked", name)
