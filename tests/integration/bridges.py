# SPDX-License-Identifier: MPL-2.0
"""What tests of the HTTP bridge say in few words."""
import os
import signal
import socket
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


def begun(bridge, request):
    """A connection with a request, as bytes, that the bridge has read by now: it came in one go with
    another one, which is answered."""
    connection = socket.create_connection(("127.0.0.1", bridge.port), harness.REPLY_DEADLINE)
    connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + request)
    answer = b""
    while not answer.endswith(b'{"status":"ok"}'):
        piece = connection.recv(1)
        assert piece, answer
        answer += piece
    return connection


@contextmanager
def frozen(process):
    """A process that stands still meanwhile."""

    def stopped():
        with open(f"/proc/{process.pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"

    os.kill(process.pid, signal.SIGSTOP)
    try:
        harness.wait_until(stopped)
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)
