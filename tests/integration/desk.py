# SPDX-License-Identifier: MPL-2.0
"""A desk that is led from the command line, and what its words say."""
import json
from datetime import datetime, timedelta, timezone

from harness import run_cli

OK, REJECTED, USAGE, NOT_FOUND, BAD_DATA, UNAVAILABLE = 0, 1, 2, 4, 65, 69

ID = "01890000-0000-7000-8000-00000000000"


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def errors(done):
    return [json.loads(line)["error"] for line in done.stderr.splitlines()]


def ok(daemon, *args, **more):
    """A run that must end with 0; its JSON lines."""
    done = run_cli(daemon, "--json", *args, **more)
    assert (done.returncode, done.stderr) == (OK, ""), (args, done.stderr)
    return lines(done)


def one(daemon, *args):
    (line,) = ok(daemon, *args)
    return line


def said(daemon, *args, **more):
    """What a run says to people: its exit code and its lines, those of standard error last."""
    done = run_cli(daemon, *args, **more)
    return done.returncode, *done.stdout.splitlines(), *done.stderr.splitlines()


def soon(**after):
    moment = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(**after)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def head(daemon):
    return one(daemon, "hello")["head"]


def checkout(daemon, asset="m1", *args, user="u1"):
    """A checkout that must be done; its rental."""
    words = ("--user", user, "--asset", asset, "--location", "L1")
    return one(daemon, "checkout", *words, *args)["rental"]


def ndjson(*rows):
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def open_desk(daemon):
    """Two users and three mugs that are lent for 2 days."""
    for user in ("u1", "u2"):
        ok(daemon, "user", "put", user)
    ok(daemon, "asset-type", "put", "mug", "--period", "P2D")
    for asset in ("m1", "m2", "m3"):
        ok(daemon, "asset", "put", asset, "--type", "mug")
    return daemon
