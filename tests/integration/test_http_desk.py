# SPDX-License-Identifier: MPL-2.0
"""A day at the desk over HTTP: renewals, judgements, blocks, policies, dry runs, batches."""
import json
import signal
import socket
import uuid
from datetime import datetime, timedelta, timezone

import cbor2
import pytest

import harness

DEFAULTS = {
    "version": 0,
    "max_skew": "PT5M",
    "late_return": "reject",
    "return_match": "oldest",
    "renewal_grace": "PT0S",
}
BODY_MAX = 64 << 10
BATCH_MAX = 1 << 20


def key():
    return str(uuid.UUID(bytes=harness.uuid7()))


def now(**offset):
    return (datetime.now(timezone.utc) + timedelta(**offset)).isoformat()


def time(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.fixture
def shop(client):
    """Two users, three mugs that are lent for two days and may be renewed twice."""
    for user in ("u1", "u2"):
        client.ok("user.put", id=user)
    client.ok("asset_type.put", id="mug", loan_period="P2D", renewals_max=2)
    for asset in ("m1", "m2", "m3"):
        client.ok("asset.put", id=asset, asset_type="mug")
    yield client
    reply = client.call("admin.verify", timeout=60)
    assert reply["ok"] and "problem" not in reply["result"], reply


def head(client):
    return client.ok("hello")["head"]


def scan(user="u1", asset="m1", **more):
    return {"location_id": "counter", "user_id": user, "asset_id": asset, **more}


def checkout(bridge, user="u1", asset="m1", **more):
    response = bridge.post("/rentals", scan(user, asset, **more))
    assert response.status == 202, response.body
    return response.json()["rental"]


def accepted(bridge, response):
    """The result of a command that is on record and can be read again."""
    assert response.status == 202, response.body
    result = response.json()
    assert "dry_run" not in result and "events" not in result
    location = response.headers["Location"]
    assert location.startswith("/commands/")
    assert bridge.get(location).json() == result
    return result


def tried(response):
    """The result of a dry run."""
    assert response.status == 200, response.body
    assert "Location" not in response.headers
    result = response.json()
    assert result["dry_run"] is True and result["events"], result
    return result


def assert_problem(response, status, code, field=None):
    assert response.status == status, response.body
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status and problem["code"] == code, problem
    assert problem.get("field") == field, problem


# ---- renewals and judgements ----


@pytest.mark.parametrize(
    "body, expected",
    [
        (None, timedelta(days=2)),
        ({"period": "P3D"}, timedelta(days=3)),
        ({"rental_id": None, "dry_run": False, "period": "PT1H"}, timedelta(hours=1)),
    ],
)
def test_a_renewal_puts_the_end_later(bridge, shop, body, expected):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}"
    result = accepted(bridge, bridge.post(f"{path}/renew", body))
    assert result["outcome"] == "UPDATED"
    renewed = bridge.get(path)
    assert renewed.headers["ETag"] == '"2"' and renewed.json() == result["rental"]
    assert renewed.json()["renewals"] == 1
    assert time(renewed.json()["expires_at"]) - time(rental["expires_at"]) == expected


def test_a_renewal_to_a_date(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}/renew"
    body = {"expires_at": "2999-01-01T01:00:00+01:00", "rental_id": rental["id"]}
    result = accepted(bridge, bridge.post(path, body))
    assert result["rental"]["expires_at"] == "2999-01-01T00:00:00Z"
    result = accepted(bridge, bridge.post(path, body))
    assert result["outcome"] == "REJECTED" and result["reasons"] == ["NOT_LATER"]
    accepted(bridge, bridge.post(path))
    result = accepted(bridge, bridge.post(path, body))
    assert result["reason"] == "RENEWAL_LIMIT"
    assert result["reasons"] == ["RENEWAL_LIMIT", "NOT_LATER"]
    both = {"expires_at": body["expires_at"], "period": "P1D"}
    assert_problem(bridge.post(path, both), 400, "INVALID_ARGUMENT", "period")


def test_a_rental_is_forgiven(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}"
    result = accepted(bridge, bridge.post(f"{path}/forgive", {"reason": "lost in the flood"}))
    assert result["outcome"] == "UPDATED"
    found = bridge.get(path).json()
    assert found["status"] == "FORGIVEN" and found["closed_by"] == "forgive"
    event = bridge.get(f"/events?from_seq={result['seq']}").json()["events"][0]
    assert event["type"] == "RENTAL_FORGIVEN_EVENT"
    assert event["data"]["reason"] == "lost in the flood"
    again = accepted(bridge, bridge.post(f"{path}/forgive", {"reason": "again"}))
    assert again["outcome"] == "REJECTED" and again["reason"] == "RENTAL_CLOSED"
    assert accepted(bridge, bridge.post(f"{path}/renew"))["reason"] == "RENTAL_CLOSED"


def test_a_rental_is_flagged_and_unflagged(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}"
    assert accepted(bridge, bridge.post(f"{path}/unflag"))["reason"] == "NOT_FLAGGED"
    result = accepted(bridge, bridge.post(f"{path}/flag", {"reason": "chipped"}))
    assert result["rental"]["status"] == "FLAGGED"
    assert result["rental"]["flag_reason"] == "chipped"
    listed = bridge.get("/rentals?status=FLAGGED").json()["rentals"]
    assert listed == [result["rental"]] == [bridge.get(path).json()]
    result = accepted(bridge, bridge.post(f"{path}/unflag", {}))
    assert result["rental"]["status"] == "IN_PROGRESS"
    assert "flag_reason" not in bridge.get(path).json()


# ---- users and types ----


def test_a_blocked_user_takes_nothing_out(bridge, shop):
    out = checkout(bridge)
    result = accepted(bridge, bridge.post("/users/u1/block", {"reason": "owes a mug"}))
    assert result["outcome"] == "UPDATED"
    assert bridge.get("/users/u1").json() == {"id": "u1", "block_reason": "owes a mug"}
    again = accepted(bridge, bridge.post("/users/u1/block", {"reason": "owes a mug"}))
    assert again["outcome"] == "UNCHANGED"
    refused = accepted(bridge, bridge.post("/rentals", scan(asset="m2")))
    assert refused["outcome"] == "REJECTED" and refused["reasons"] == ["USER_BLOCKED"]
    assert bridge.put(f"/rentals/{out['id']}").json()["outcome"] == "COMPLETED"
    bridge.put("/users/u1", {"name": "Ann", "user_limit": 0})
    user = {"id": "u1", "name": "Ann", "user_limit": 0, "block_reason": "owes a mug"}
    assert bridge.get("/users/u1").json() == user
    refused = accepted(bridge, bridge.post("/rentals", scan(asset="m2")))
    assert refused["reason"] == "USER_BLOCKED"
    assert refused["reasons"] == ["USER_BLOCKED", "USER_LIMIT"]
    assert accepted(bridge, bridge.post("/users/u1/unblock"))["outcome"] == "UPDATED"
    assert accepted(bridge, bridge.post("/users/u1/unblock", {}))["outcome"] == "UNCHANGED"
    del user["block_reason"]
    assert bridge.get("/users/u1").json() == user


def test_an_asset_type_says_how_it_is_lent(bridge, daemon):
    body = {
        "user_limit": 1,
        "loan_period": "P2D",
        "renewals_max": 0,
        "due_soon_lead": "PT6H",
        "renewal_period": "P1D",
        "eligible_asset_types": ["mug", "cup"],
    }
    assert accepted(bridge, bridge.put("/asset-types/mug", body))["outcome"] == "CREATED"
    assert bridge.get("/asset-types/mug").json() == {"id": "mug", **body}
    assert bridge.put("/asset-types/mug", {"loan_period": "P3D"}).json()["outcome"] == "UPDATED"
    assert bridge.get("/asset-types/mug").json() == {
        "id": "mug",
        "loan_period": "P3D",
        "renewal_period": "P3D",
        "eligible_asset_types": ["mug"],
    }
    response = bridge.put("/asset-types/mug", {"renewals_max": -1})
    assert_problem(response, 400, "INVALID_ARGUMENT", "renewals_max")


# ---- policies ----


def test_the_policy(bridge, shop):
    assert bridge.get("/policy").json() == DEFAULTS
    result = accepted(bridge, bridge.put("/policy", {"user_limit": 1, "late_return": "flag"}))
    assert result["outcome"] == "UPDATED"
    policy = {**DEFAULTS, "version": result["seq"], "user_limit": 1, "late_return": "flag"}
    assert bridge.get("/policy").json() == policy
    cbor = bridge.get("/policy", {"Accept": "application/cbor"})
    assert cbor2.loads(cbor.body) == policy
    checkout(bridge)
    assert bridge.post("/rentals", scan(asset="m2")).json()["reasons"] == ["USER_LIMIT"]
    assert accepted(bridge, bridge.put("/policy", {"user_limit": 1}))["outcome"] == "UNCHANGED"
    assert accepted(bridge, bridge.put("/policy"))["outcome"] == "UNCHANGED"
    accepted(bridge, bridge.put("/policy", {"user_limit": 0}))
    assert "user_limit" not in bridge.get("/policy").json()


@pytest.mark.parametrize(
    "field, value",
    [
        ("late_return", "perhaps"),
        ("return_match", "newest"),
        ("max_skew", "5"),
        ("user_limit", -1),
        ("version", 5),
        ("id", "x"),
    ],
)
def test_what_is_no_policy(bridge, shop, field, value):
    before = head(shop)
    assert_problem(bridge.put("/policy", {field: value}), 400, "INVALID_ARGUMENT", field)
    assert head(shop) == before and bridge.get("/policy").json() == DEFAULTS


# ---- what is refused ----


@pytest.mark.parametrize(
    "path, body, field",
    [
        ("/rentals/nobody/renew", {}, "rental_id"),
        ("/rentals/nobody/forgive", {"reason": "x"}, "rental_id"),
        ("/rentals/nobody/flag", {"reason": "x"}, "rental_id"),
        ("/rentals/nobody/unflag", {}, "rental_id"),
        ("/rentals/users/unflag", {}, "rental_id"),
        ("/users/nobody/block", {"reason": "x"}, "id"),
        ("/users/nobody/unblock", {}, "id"),
    ],
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_what_nobody_knows_is_not_found(bridge, shop, path, body, field, query):
    before = head(shop)
    assert_problem(bridge.post(path + query, body), 404, "NOT_FOUND", field)
    assert head(shop) == before


@pytest.mark.parametrize(
    "verb, body, field",
    [
        ("forgive", None, "reason"),
        ("forgive", {"reason": None}, "reason"),
        ("flag", {}, "reason"),
        ("flag", {"reason": 5}, "reason"),
        ("flag", {"reason": "x" * 1025}, "reason"),
        ("flag", {"reason": "x", "rental_id": "another"}, "rental_id"),
        ("flag", {"reason": "x", "id": "another"}, "id"),
        ("unflag", {"reason": "x"}, "reason"),
        ("renew", {"period": "P0D"}, "period"),
        ("renew", {"period": "a week"}, "period"),
        ("renew", {"expires_at": "2025-02-30T10:00:00Z"}, "expires_at"),
        ("renew", {"dry_run": "yes"}, "dry_run"),
    ],
)
def test_a_bad_command_on_a_rental_changes_nothing(bridge, shop, verb, body, field):
    rental = checkout(bridge)
    before = head(shop)
    response = bridge.post(f"/rentals/{rental['id']}/{verb}", body)
    assert_problem(response, 400, "INVALID_ARGUMENT", field)
    assert head(shop) == before


def test_a_user_is_named_by_the_path(bridge, shop):
    response = bridge.post("/users/u1/block", {"id": "u2", "reason": "x"})
    assert_problem(response, 400, "INVALID_ARGUMENT", "id")
    assert_problem(bridge.post("/users/u1/block"), 400, "INVALID_ARGUMENT", "reason")
    assert bridge.get("/users").json()["users"] == [{"id": "u1"}, {"id": "u2"}]


@pytest.mark.parametrize(
    "method, path, allow",
    [
        ("GET", "/rentals/r1/renew", "POST"),
        ("PUT", "/users/u1/block", "POST"),
        ("POST", "/policy", "GET, HEAD, PUT"),
        ("GET", "/batch", "POST"),
        ("PUT", "/rentals/users/renew", "GET, HEAD, POST"),
    ],
)
def test_a_method_that_a_path_has_not(bridge, daemon, method, path, allow):
    response = bridge.request(method, path)
    assert_problem(response, 405, "UNKNOWN_OP")
    assert response.headers["Allow"] == allow


def test_pages_of_other_sites_may_not_write(bridge, shop):
    foreign = {"Origin": "https://elsewhere.example"}
    before = head(shop)
    for path, body in (("/users/u1/block", {"reason": "x"}), ("/batch", {"commands": []}),
                       ("/rentals/r1/unflag", {})):  # fmt: skip
        assert_problem(bridge.post(path, body, foreign), 403, "PERMISSION_DENIED", "Origin")
    assert_problem(bridge.put("/policy", {}, foreign), 403, "PERMISSION_DENIED", "Origin")
    assert head(shop) == before


def test_an_id_may_be_a_word_of_another_path(bridge, shop):
    for user in ("users", "a/b", "block"):
        path = "/users/" + user.replace("/", "%2F")
        assert bridge.put(path, {}).status == 202
        assert bridge.post(f"{path}/block", {"reason": "x"}).json()["outcome"] == "UPDATED"
        assert bridge.get(path).json() == {"id": user, "block_reason": "x"}
    rental = checkout(bridge, asset="m1")
    assert bridge.get("/rentals/users/renew").json() == []
    assert bridge.get("/rentals/users/u1").json() == [rental]


# ---- the same command again ----


def test_a_renewal_again_is_the_same_renewal(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}"
    headers = {"Idempotency-Key": key()}
    first = bridge.post(f"{path}/renew", {"period": "P1D"}, headers)
    again = bridge.post(f"{path}/renew", {"period": "P1D"}, headers)
    assert accepted(bridge, first) == accepted(bridge, again)
    assert first.headers["Location"] == again.headers["Location"]
    assert bridge.get(path).json()["renewals"] == 1


def test_a_key_whose_command_is_still_on_its_way(bridge, daemon):
    """One is served and the other told, while the daemon takes its time."""
    request = f"PUT /users/u1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIdempotency-Key: {key()}\r\n"
    request += "Content-Length: 2\r\n\r\n{}"
    assert bridge.get("/readyz").status == 200
    daemon.signal(signal.SIGSTOP)
    try:
        both = [socket.create_connection(("127.0.0.1", bridge.port), 20) for _ in range(2)]
        for connection in both:
            connection.sendall(request.encode())
        first, second = (connection.makefile("rb") for connection in both)
        refused = []
        for connection, answer in zip(both, (first, second)):
            connection.settimeout(1)
            try:
                refused.append(answer.read())
            except TimeoutError:
                connection.settimeout(20)
    finally:
        daemon.signal(signal.SIGCONT)
    assert len(refused) == 1
    assert refused[0].startswith(b"HTTP/1.1 409 ") and b'"code":"CONFLICT"' in refused[0]
    for connection in both:
        connection.close()
    harness.wait_until(lambda: bridge.get("/users/u1").status == 200)


# ---- dry runs ----

DRY_RUNS = [
    ("POST", "/rentals", scan(asset="m2"), "RENTAL_CREATED_EVENT"),
    ("POST", "/returns", scan(timestamp="NOW"), "RENTAL_RETURN_COMPLETE_EVENT"),
    ("PUT", "/rentals/RENTAL", {"location_id": "bin"}, "RENTAL_RETURN_COMPLETE_EVENT"),
    ("POST", "/rentals/RENTAL/renew", {}, "RENTAL_RENEWED_EVENT"),
    ("POST", "/rentals/RENTAL/forgive", {"reason": "x"}, "RENTAL_FORGIVEN_EVENT"),
    ("POST", "/rentals/RENTAL/flag", {"reason": "x"}, "RENTAL_FLAGGED_EVENT"),
    ("POST", "/rentals/RENTAL/unflag", {}, "COMMAND_REJECTED_EVENT"),
    ("POST", "/users/u1/block", {"reason": "x"}, "USER_BLOCKED_EVENT"),
    ("POST", "/users/u1/unblock", {}, "COMMAND_UNCHANGED_EVENT"),
    ("PUT", "/users/u3", {}, "USER_CREATED_EVENT"),
    ("PUT", "/assets/m9", {"asset_type": "mug"}, "ASSET_CREATED_EVENT"),
    ("PUT", "/asset-types/mug", {}, "ASSET_TYPE_UPDATED_EVENT"),
    ("PUT", "/locations/bin", {}, "LOCATION_CREATED_EVENT"),
    ("PUT", "/policy", {"user_limit": 5}, "POLICY_UPDATED_EVENT"),
]  # fmt: skip


def test_every_command_can_be_run_dry(bridge, shop):
    """However it is said, and nothing happens."""
    rental = checkout(bridge)
    paths = bridge.get("/openapi.json").json()["paths"]
    commands = {(method.upper(), path) for path, methods in paths.items()
                for method, operation in methods.items() if "202" in operation["responses"]}  # fmt: skip
    assert len(commands) == len(DRY_RUNS)
    for method, path, body, last in DRY_RUNS:
        path = path.replace("RENTAL", rental["id"])
        if "timestamp" in body:
            body = {**body, "timestamp": now()}
        before = head(shop)
        headers = {"Idempotency-Key": key()}
        results = [
            tried(bridge.request(method, f"{path}?dry_run=true", body, headers)),
            tried(bridge.request(method, path, {**body, "dry_run": True}, headers)),
            tried(bridge.request(method, f"{path}?dry_run=true", {**body, "dry_run": True})),
        ]
        for result in results:
            assert result["seq"] == before and result["events"][-1]["type"] == last, path
            assert result["outcome"] == results[0]["outcome"]
        assert head(shop) == before
        unknown = bridge.get(f"/commands/{headers['Idempotency-Key']}")
        assert_problem(unknown, 404, "NOT_FOUND", "command_id")


def test_what_was_tried_can_be_done(bridge, shop):
    rental = checkout(bridge)
    path = f"/rentals/{rental['id']}/renew"
    headers = {"Idempotency-Key": key()}
    result = tried(bridge.post(f"{path}?dry_run=true", {"period": "P1D"}, headers))
    assert result["events"][0]["data"]["rental"] == result["rental"]
    assert result["rental"]["renewals"] == 1
    assert bridge.get(f"/rentals/{rental['id']}").json() == rental
    done = accepted(bridge, bridge.post(f"{path}?dry_run=false", {"period": "P1D"}, headers))
    assert done["rental"] == result["rental"]
    known = accepted(bridge, bridge.post(f"{path}?dry_run=true", {"period": "P1D"}, headers))
    assert known == done
    assert bridge.get(f"/rentals/{rental['id']}").json()["renewals"] == 1


@pytest.mark.parametrize(
    "query, body, field",
    [
        ("dryrun=true", {}, "dryrun"),
        ("dry_run=yes", {}, "dry_run"),
        ("dry_run=", {}, "dry_run"),
        ("dry_run", {}, "dry_run"),
        ("dry_run=true&dry_run=true", {}, "dry_run"),
        ("dry_run=true", {"dry_run": False}, "dry_run"),
        ("dry_run=false", {"dry_run": True}, "dry_run"),
        ("period=P1D", {}, "period"),
        ("dry_run=%", {}, None),
    ],
)
def test_a_query_that_is_misspelt_does_nothing(bridge, shop, query, body, field):
    rental = checkout(bridge)
    before = head(shop)
    paths = [("POST", f"/rentals/{rental['id']}/renew"), ("PUT", f"/rentals/{rental['id']}"),
             ("PUT", "/policy"), ("PUT", "/users/u3")]  # fmt: skip
    for method, path in paths:
        response = bridge.request(method, f"{path}?{query}", body)
        assert_problem(response, 400, "INVALID_ARGUMENT", field)
    assert head(shop) == before


# ---- batches ----


def put(user, **more):
    return {"op": "user.put", "args": {"id": user}, **more}


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
    back = {"op": "rental.return", "args": scan("u3", "m1", timestamp=now(minutes=1))}
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


# ---- openapi.json ----


def test_the_answers_have_the_fields_that_openapi_says(bridge, shop):
    schemas = bridge.get("/openapi.json").json()["components"]["schemas"]
    rental = checkout(bridge)
    bridge.post("/users/u1/block", {"reason": "x"})
    refused = bridge.post("/rentals", scan(asset="m2")).json()
    dry = bridge.post(f"/rentals/{rental['id']}/renew?dry_run=true").json()
    result = bridge.post("/batch", {"commands": [put("u3"), put("")]}).json()
    values = [("Policy", bridge.get("/policy").json()), ("User", bridge.get("/users/u1").json()),
              ("AssetType", bridge.get("/asset-types/mug").json()), ("CommandResult", refused),
              ("CommandResult", dry), ("Preview", dry["events"][0]), ("BatchResult", result),
              ("BatchReply", result["replies"][0]), ("BatchReply", result["replies"][1]),
              ("Error", result["replies"][1]["error"])]  # fmt: skip
    for name, value in values:
        schema = schemas[name]
        assert set(schema["required"]) <= set(value) <= set(schema["properties"]), name
