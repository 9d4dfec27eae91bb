# SPDX-License-Identifier: MPL-2.0
"""What tests of the HTTP bridge say in few words."""
import os
import signal
import uuid
from contextlib import contextmanager

import harness


def key():
    return str(uuid.UUID(bytes=harness.uuid7()))


def head(client):
    return client.ok("hello")["head"]


def scan(user="u1", asset="m1", **more):
    return {"location_id": "counter", "user_id": user, "asset_id": asset, **more}


def put(user, **more):
    return {"op": "user.put", "args": {"id": user}, **more}


def assert_problem(response, status, code, field=None):
    assert response.status == status, response.body
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status and problem["code"] == code, problem
    assert problem.get("field") == field, problem
    return problem


@contextmanager
def frozen(process):
    """A process that stands still meanwhile."""

    def stopped():
        with open(f"/proc/{process.pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"

    os.kill(process.pid, signal.SIGSTOP)
    try:
        harness.wait_until(stopped, 30)
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)
