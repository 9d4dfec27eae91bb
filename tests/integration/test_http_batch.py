# SPDX-License-Identifier: MPL-2.0
"""Many commands in one HTTP request, and how long it may be."""
import json
from datetime import datetime, timedelta, timezone

import cbor2
import pytest

from bridges import assert_problem, head, key, put, scan
from ledgers import stock, verify

BODY_MAX = 64 << 10
BATCH_MAX = 1 << 20


def soon():
    return (datetime.now(timezone.utc) + timedelta(minutes=1)).isoformat()


@pytest.fixture
def shop(client):
    stock(client, ["u1", "u2"], [("m1", "mug"), ("m2", "mug")], [{"id": "mug"}])
    yield client
    verify(client)


def take(user, asset, **more):
    return {"op": "rental.checkout", "args": scan(user, asset), **more}


def batch(bridge, commands, **more):
    """Posts a batch; (applied, replies), one for each command and under its id."""
    response = bridge.post("/batch", {"commands": commands, **more})
    assert response.status == 200, response.body
    assert "Location" not in response.headers
    result = response.json()
    assert set(result) == {"applied", "replies"}
    assert len(result["replies"]) == len(commands)
    for command, reply in zip(commands, result["replies"]):
        assert reply["id"] == (command.get("id") or reply["id"])
        assert ("result" in reply) == reply["ok"] and ("error" in reply) != reply["ok"]
    assert len({reply["id"] for reply in result["replies"]}) == len(commands)
    return result["applied"], result["replies"]


def test_a_batch_is_done_in_order(bridge, shop):
    given = key()
    back = {"op": "rental.return", "args": scan("u3", "m1", timestamp=soon())}
    commands = [put("u3"), take("u3", "m1"), back, take("u2", "m1", id=given), put("u3", id=None)]
    applied, replies = batch(bridge, commands)
    assert applied is True
    outcomes = [reply["result"]["outcome"] for reply in replies]
    assert outcomes == ["CREATED", "CREATED", "COMPLETED", "CREATED", "UNCHANGED"]
    assert replies[3]["id"] == given
    for reply in replies:
        assert bridge.get(f"/commands/{reply['id']}").json() == reply["result"]
    rental = replies[3]["result"]["rental"]
    assert bridge.get(f"/rentals/{rental['id']}").json() == rental


@pytest.mark.parametrize("atomic", [False, True])
def test_a_batch_with_its_ids_can_be_sent_again(bridge, shop, atomic):
    commands = [take("u1", "m1", id=key()), take("u2", "m2", id=key())]
    first = batch(bridge, commands, atomic=atomic)
    before = head(shop)
    assert batch(bridge, commands, atomic=atomic) == first
    assert head(shop) == before
    applied, replies = batch(bridge, [take("u1", "m1")], atomic=False)
    assert applied and replies[0]["result"]["outcome"] == "ALREADY_OUT"


def test_each_for_itself_or_none(bridge, shop):
    commands = [
        put("u3"),
        take("nobody", "m1"),
        {"op": "user.block", "args": {"id": "nobody", "reason": "x"}},
        put(""),
        {"op": "user.get", "args": {"id": "u1"}},
        {"op": "batch", "args": {"commands": []}},
        {"op": "user.steal", "args": {}},
        put("u4"),
    ]
    before = head(shop)
    applied, replies = batch(bridge, commands, atomic=True)
    assert applied is False and head(shop) == before
    applied, replies = batch(bridge, commands)
    assert applied is True
    assert [reply["ok"] for reply in replies] == [True, True] + 5 * [False] + [True]
    assert replies[1]["result"]["reasons"] == ["USER_UNKNOWN"]
    assert [(reply["error"]["code"], reply["error"].get("field")) for reply in replies[2:7]] == [
        ("NOT_FOUND", "id"),
        ("INVALID_ARGUMENT", "id"),
        ("INVALID_ARGUMENT", "op"),
        ("INVALID_ARGUMENT", "op"),
        ("UNKNOWN_OP", "op"),
    ]
    assert bridge.get("/users/u3").status == bridge.get("/users/u4").status == 200


def test_dry_runs_in_a_batch(bridge, shop):
    before = head(shop)
    command = {"op": "user.put", "args": {"id": "u3", "dry_run": True}}
    _, (reply,) = batch(bridge, [command])
    assert reply["result"]["dry_run"] is True
    assert reply["result"]["events"] == [
        {"data": {"id": "u3"}, "type": "USER_CREATED_EVENT", "subject": "u3"}
    ]
    assert head(shop) == before


def test_an_empty_batch(bridge, shop):
    assert batch(bridge, []) == batch(bridge, [], atomic=True) == (True, [])


def test_a_batch_as_cbor(bridge, shop):
    response = bridge.post("/batch", {"commands": [put("u3")]}, {"Accept": "application/cbor"})
    assert response.headers["Content-Type"] == "application/cbor"
    result = cbor2.loads(response.body)
    assert result["applied"] is True and len(result["replies"][0]["id"]) == 16


@pytest.mark.parametrize(
    "body, code, field",
    [
        (b"", "INVALID_ARGUMENT", "commands"),
        (b"{", "MALFORMED", None),
        (b"[]", "INVALID_ARGUMENT", None),
        (b'{"commands":[],"commands":[]}', "MALFORMED", None),
        (b'{"commands":{}}', "INVALID_ARGUMENT", "commands"),
        (b'{"commands":[1]}', "INVALID_ARGUMENT", "commands"),
        (b'{"commands":[{}]}', "INVALID_ARGUMENT", "commands.op"),
        (b'{"commands":[{"op":"user.put"}]}', "INVALID_ARGUMENT", "commands.args"),
        (b'{"commands":[{"op":7,"args":{}}]}', "INVALID_ARGUMENT", "commands.op"),
        (b'{"commands":[{"op":"hello","args":{},"v":1}]}', "INVALID_ARGUMENT", "commands.v"),
        (b'{"commands":[{"id":"5","op":"hello","args":{}}]}', "INVALID_ARGUMENT", "commands.id"),
        (b'{"commands":[{"id":5,"op":"hello","args":{}}]}', "INVALID_ARGUMENT", "commands.id"),
        (b'{"commands":[],"atomic":1}', "INVALID_ARGUMENT", "atomic"),
        (b'{"commands":[],"dry_run":true}', "INVALID_ARGUMENT", "dry_run"),
    ],
)
def test_what_is_no_batch(bridge, shop, body, code, field):
    before = head(shop)
    assert_problem(bridge.request("POST", "/batch", body=body), 400, code, field)
    assert head(shop) == before


def test_a_batch_has_no_key_and_no_query(bridge, shop):
    """Whoever gives one believes that sending again is safe, or that nothing is done."""
    before = head(shop)
    body = {"commands": [put("u3")]}
    response = bridge.post("/batch", body, {"Idempotency-Key": key()})
    assert_problem(response, 400, "INVALID_ARGUMENT", "Idempotency-Key")
    response = bridge.post("/batch?dry_run=true", body)
    assert_problem(response, 400, "INVALID_ARGUMENT", "dry_run")
    twice = key()
    response = bridge.post("/batch", {"commands": [put("u3", id=twice), put("u4", id=twice)]})
    assert_problem(response, 400, "INVALID_ARGUMENT", "commands")
    assert head(shop) == before


def test_a_thousand_and_one_more(bridge, shop):
    commands = [take(f"u{number:04}".ljust(128, "u"), "m1") for number in range(1001)]
    assert len(json.dumps(commands[:1000])) > 2 * BODY_MAX
    applied, replies = batch(bridge, commands[:1000])
    assert applied and {reply["result"]["reason"] for reply in replies} == {"USER_UNKNOWN"}
    before = head(shop)
    assert_problem(bridge.post("/batch", {"commands": commands}), 413, "TOO_LARGE", "commands")
    assert head(shop) == before


@pytest.mark.parametrize("size, status", [(BATCH_MAX, 200), (BATCH_MAX + 1, 413), (2 << 20, 413)])
def test_a_batch_has_a_limit(bridge, shop, size, status):
    body = json.dumps({"commands": [put("u3")]}).encode().ljust(size)
    response = bridge.request("POST", "/batch", body=body)
    assert response.status == status
    if status == 413:
        assert_problem(response, 413, "TOO_LARGE")
        assert str(BATCH_MAX) in response.json()["detail"]


def test_other_bodies_have_the_limit_that_they_had(bridge, shop):
    for method, path in (("PUT", "/policy"), ("POST", "/rentals/r1/renew"), ("PUT", "/batch"),
                         ("POST", "/batches")):  # fmt: skip
        response = bridge.request(method, path, body=b"{}".ljust(BODY_MAX + 1))
        assert response.status in (404, 405, 413), path
    response = bridge.request("PUT", "/policy", body=b"{}".ljust(BODY_MAX + 1))
    assert_problem(response, 413, "TOO_LARGE")
    assert str(BODY_MAX) in response.json()["detail"]
    assert bridge.request("PUT", "/policy", body=b"{}".ljust(BODY_MAX)).status == 202
