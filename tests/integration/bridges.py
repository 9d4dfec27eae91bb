# SPDX-License-Identifier: MPL-2.0
"""What tests of the HTTP bridge say in few words."""
import uuid

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
