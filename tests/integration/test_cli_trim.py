# SPDX-License-Identifier: MPL-2.0
"""Trimming from the command line, and who is told TRIMMED there and over HTTP."""
import json

import pytest

from bridges import assert_problem
from harness import Bridge, Daemon, run_cli
from trims import CONFIG, may_go


@pytest.fixture
def daemon(tmp_path):
    running = Daemon(tmp_path, config=CONFIG).start()
    yield running
    assert running.stop() == 0, running.log()


def test_trimming_and_being_told(daemon, client):
    client.ok("consumer.put", id="l", types=["USER_CREATED_EVENT"])
    for number in range(9):
        cut = client.ok("user.put", id=f"u{number}")["seq"]
    may_go(client, cut)
    refused = run_cli(daemon, "--json", "trim", "--before", cut)
    assert refused.returncode == 1 and "--yes" in refused.stderr
    assert run_cli(daemon, "trim", "--before", cut, "--older-than", "P1D").returncode == 2
    done = run_cli(daemon, "--json", "trim", "--before", cut, "--yes")
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)["first_seq"]
    assert 1 < first <= cut
    tell = (
        ["events"],
        ["events", "--from", "1"],
        ["watch", "--since", "1", "--count", "1"],
        ["lambda", "test", "l", "--since", "1", "--", "true"],
        ["history", "user", "u0", "--from", "1"],
        ["lambda", "reset", "l", "--from", "1"],
        ["user", "list", "--at", "1"],
    )
    for args in tell:
        told = run_cli(daemon, "--json", *args)
        assert told.returncode == 4, (args, told.stderr)
        error = json.loads(told.stderr)["error"]
        assert error["code"] == "TRIMMED" and str(first) in error["message"], error
    history = run_cli(daemon, "history", "user", "u0")
    assert history.returncode == 0 and str(first) in history.stderr
    with Bridge(daemon) as bridge:
        assert_problem(bridge.get("/events"), 410, "TRIMMED", "from_seq")
        old = {"Accept": "text/event-stream", "Last-Event-ID": "0"}
        problem = assert_problem(bridge.get("/events", old), 410, "TRIMMED", "from_seq")
        assert str(first) in problem["detail"], problem
        with bridge.stream(f"/events?from_seq={first}") as stream:
            assert stream.next()
