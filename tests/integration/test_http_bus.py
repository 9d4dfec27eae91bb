# SPDX-License-Identifier: MPL-2.0
"""Publishing over HTTP, and what all commands about events and consumers have in common."""
import json
import os
from collections import Counter

import pytest

import harness
from bridges import assert_problem, begun, frozen, head, key
from ledgers import read_events, verify
from publishing import accepted, event, order, park_five, publish, put, status, tried

BODY_MAX = 64 << 10
EVENTS_BODY_MAX = 1 << 20
DATA_MAX = 64 << 10


@pytest.fixture
def ledger(client):
    yield client
    verify(client)


@pytest.fixture
def parked(bridge, ledger):
    """A consumer that gave up five events, and has nothing else to do; their seqs."""
    return park_five(bridge, ledger)


# ---- POST /events ----


def test_an_event_of_our_own_goes_on_record(bridge, ledger):
    before = head(ledger)
    data = {"sum": 17, "of": ["mug", None, True, -3, 2.5], "at": {"till": "ü"}}
    result = publish(bridge, event(data=data, subject="till-1"))
    assert result == {"seq": before + 1, "outcome": "CREATED"}
    (found,) = bridge.get(f"/events?from_seq={before + 1}").json()["events"]
    assert found["type"] == "till.closed" and found["subject"] == "till-1"
    assert found["data"] == data and found["specversion"] == "1.0"
    assert "cause" not in found and "hops" not in found
    with bridge.stream(f"/events?from_seq={before + 1}&type=till.closed") as stream:
        told = stream.next()
        assert told["event"] == "till.closed" and json.loads(told["data"]) == found


def test_events_are_recorded_together_and_in_order(bridge, ledger):
    before = head(ledger)
    response = bridge.post("/events", {"events": [event(f"n{n}") for n in range(32)]})
    assert accepted(bridge, response) == {"seq": before + 32, "outcome": "CREATED"}
    events = read_events(ledger, before + 1)
    assert [one["type"] for one in events] == [f"n{n}" for n in range(32)]
    command = response.headers["Location"].rpartition("/")[2].replace("-", "")
    assert {one["command"].hex() for one in events} == {command}


def test_publishing_again_under_the_same_key(bridge, ledger):
    headers = {"Idempotency-Key": key(), "Prefer": "wait=10"}
    body = {"events": [event(), event("other")]}
    first = bridge.post("/events", body, headers)
    assert first.headers["Location"] == f"/commands/{headers['Idempotency-Key']}"
    before = head(ledger)
    again = bridge.post("/events", body, headers)
    assert again.status == 202 and again.json() == accepted(bridge, first)
    assert head(ledger) == before
    assert publish(bridge, event())["seq"] == before + 1


def test_a_publication_is_tried(bridge, ledger):
    before = head(ledger)
    headers = {"Idempotency-Key": key()}
    for response in (
        bridge.post("/events?dry_run=true", {"events": [event()]}, headers),
        bridge.post("/events", {"events": [event()], "dry_run": True}, headers),
    ):
        would = tried(response)
        assert would["outcome"] == "CREATED" and would["events"] == [event()]
    reserved = bridge.post("/events?dry_run=true", {"events": [event("RENTAL_X")]})
    assert_problem(reserved, 400, "INVALID_ARGUMENT", "type")
    assert head(ledger) == before
    unknown = bridge.get(f"/commands/{headers['Idempotency-Key']}")
    assert_problem(unknown, 404, "NOT_FOUND", "command_id")


def test_a_cause_is_told_and_a_loop_ends(bridge, ledger):
    seq = publish(bridge, event())["seq"]
    for hops in range(1, 17):
        cause, seq = seq, publish(bridge, event(), cause=seq)["seq"]
        found = bridge.get(f"/events?from_seq={seq}").json()["events"][0]
        assert (found["cause"], found["hops"]) == (cause, hops)
    before = head(ledger)
    response = bridge.post("/events", {"events": [event()], "cause": seq})
    assert_problem(response, 409, "CONFLICT", "cause")
    response = bridge.post("/events", {"events": [event()], "cause": before + 1})
    assert_problem(response, 404, "NOT_FOUND", "cause")
    assert head(ledger) == before


@pytest.mark.parametrize(
    "body, code, field",
    [
        ({}, "INVALID_ARGUMENT", "events"),
        ({"events": []}, "INVALID_ARGUMENT", "events"),
        ({"events": [event()] * 33}, "INVALID_ARGUMENT", "events"),
        ({"events": event()}, "INVALID_ARGUMENT", "events"),
        ({"events": [event()], "cause": -1}, "INVALID_ARGUMENT", "cause"),
        ({"events": [event()], "cause": "1"}, "INVALID_ARGUMENT", "cause"),
        ({"events": [event()], "types": 1}, "INVALID_ARGUMENT", "types"),
        ({"events": [7]}, "INVALID_ARGUMENT", "events"),
        ({"events": [event(data=[])]}, "INVALID_ARGUMENT", "data"),
        ({"events": [event(data=3)]}, "INVALID_ARGUMENT", "data"),
        ({"events": [event("")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("a b")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("ü")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("t" * 201)]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("RENTAL_PAINTED")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event(), event("CONSUMER_X")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("HELLO_EVENT")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("USER_CREATED_EVENT")]}, "INVALID_ARGUMENT", "type"),
    ],
)
def test_what_cannot_be_published(bridge, ledger, body, code, field):
    before = head(ledger)
    assert_problem(bridge.post("/events", body), 400, code, field)
    assert head(ledger) == before


@pytest.mark.parametrize(
    "path, body, wrong",
    [
        ("/events", {"events": [{"type": "x"}]}, "events.data"),
        ("/events", {"events": [{"data": {}}]}, "events.type"),
        ("/events", {"events": [event(), event(7)]}, "events.type"),
        ("/events", {"events": [event(subject="")]}, "events.subject"),
        ("/events", {"events": [event(seq=1)]}, "events.seq"),
        ("/consumers/mail/replay", {"seqs": [{}]}, "seqs.seq"),
        ("/consumers/mail/drop", {"seqs": [{"seq": -1}]}, "seqs.seq"),
    ],
)
def test_what_is_wrong_inside_of_a_list(bridge, ledger, path, body, wrong):
    put(bridge)
    before = head(ledger)
    response = bridge.post(path, body)
    field, member = wrong.split(".")
    assert_problem(response, 400, "INVALID_ARGUMENT", field)
    assert f" {member} " in response.json()["detail"]
    assert head(ledger) == before


def test_the_longest_type_there_is(bridge, ledger):
    publish(bridge, event("t" * 200), event("Till-1.closed_9"))


def test_data_has_a_limit_and_a_body_another(bridge, ledger):
    """Both are greater than that of the bodies of other requests."""
    head_of_map = 1 + 2 + 3  # {"t": a text whose length has two bytes
    fits = event(data={"t": "x" * (DATA_MAX - head_of_map)})
    assert len(json.dumps({"events": [fits]})) > BODY_MAX
    publish(bridge, fits)
    before = head(ledger)
    more = event(data={"t": "x" * (DATA_MAX - head_of_map + 1)})
    assert_problem(bridge.post("/events", {"events": [event(), more]}), 413, "TOO_LARGE", "data")
    body = json.dumps({"events": [event()]}).encode()
    longest = bridge.request("POST", "/events", body=body.ljust(EVENTS_BODY_MAX))
    assert longest.status == 202
    response = bridge.request("POST", "/events", body=body.ljust(EVENTS_BODY_MAX + 1))
    assert_problem(response, 413, "TOO_LARGE")
    assert str(EVENTS_BODY_MAX) in response.json()["detail"]
    assert head(ledger) == before + 1
    response = bridge.request("PUT", "/consumers/mail", body=b"{}".ljust(BODY_MAX + 1))
    assert_problem(response, 413, "TOO_LARGE")


def test_a_key_whose_publication_is_still_on_its_way(bridge, daemon, ledger):
    assert bridge.get("/readyz").status == 200
    headers = {"Idempotency-Key": key()}
    with frozen(daemon):
        body = json.dumps({"events": [event()]}).encode()
        lines = ["POST /events HTTP/1.1", "Host: x", "Content-Type: application/json"]
        lines += [f"Idempotency-Key: {headers['Idempotency-Key']}", f"Content-Length: {len(body)}"]
        begun(bridge, "\r\n".join([*lines, "", ""]).encode() + body).close()
        response = bridge.post("/events", {"events": [event()]}, headers)
        assert_problem(response, 409, "CONFLICT")
    again = bridge.get(f"/commands/{headers['Idempotency-Key']}")
    harness.wait_until(
        lambda: bridge.get(f"/commands/{headers['Idempotency-Key']}").status == 200, 30
    )
    assert again.status in (200, 404)
    assert Counter(one["type"] for one in read_events(ledger))["till.closed"] == 1


# ---- all of them ----

COMMANDS = [
    ("POST", "/events", {"events": [event()]}, None),
    ("PUT", "/consumers/chat", {}, "CONSUMER_CREATED_EVENT"),
    ("PUT", "/consumers/mail", {"max_attempts": 1}, "CONSUMER_UPDATED_EVENT"),
    ("DELETE", "/consumers/mail", {}, "CONSUMER_DELETED_EVENT"),
    ("POST", "/consumers/mail/pause", {}, "CONSUMER_PAUSED_EVENT"),
    ("POST", "/consumers/mail/resume", {}, "COMMAND_UNCHANGED_EVENT"),
    ("POST", "/consumers/mail/reset", {"start": "first"}, "CONSUMER_RESET_EVENT"),
    ("POST", "/consumers/mail/skip", {"seq": 1}, "COMMAND_UNCHANGED_EVENT"),
    ("POST", "/consumers/mail/replay", {"all": True}, "CONSUMER_REPLAYED_EVENT"),
    ("POST", "/consumers/mail/drop", {"all": True}, "CONSUMER_DROPPED_EVENT"),
]


def test_every_command_can_be_run_dry(bridge, client, parked):
    paths = bridge.get("/openapi.json").json()["paths"]
    told = {(method.upper(), path) for path, methods in paths.items()
            for method, operation in methods.items()
            if "202" in operation["responses"] and path.startswith(("/events", "/consumers"))}  # fmt: skip
    ours = {(method, path.replace("chat", "{id}").replace("mail", "{id}"))
            for method, path, _, _ in COMMANDS}  # fmt: skip
    assert told == ours
    before = head(client), status(bridge)
    for method, path, body, last in COMMANDS:
        headers = {"Idempotency-Key": key()}
        for result in (
            tried(bridge.request(method, f"{path}?dry_run=true", body, headers)),
            tried(bridge.request(method, path, {**body, "dry_run": True}, headers)),
        ):
            assert result["seq"] == before[0]
            assert last is None or result["events"][-1]["type"] == last, path
        misspelt = bridge.request(method, f"{path}?dryrun=true", body)
        assert_problem(misspelt, 400, "INVALID_ARGUMENT", "dryrun")
        unknown = bridge.get(f"/commands/{headers['Idempotency-Key']}")
        assert_problem(unknown, 404, "NOT_FOUND", "command_id")
    assert (head(client), status(bridge)) == before


@pytest.mark.parametrize("method, path, body, last", COMMANDS)
def test_every_command_is_done_once(bridge, client, parked, method, path, body, last):
    headers = {"Idempotency-Key": key()}
    first = bridge.request(method, path, body, headers)
    result = accepted(bridge, first)
    assert last is None or read_events(client, result["seq"])[0]["type"] == last
    before = head(client)
    again = bridge.request(method, path, body, headers)
    assert again.status == 202 and again.json() == result
    assert again.headers["Location"] == first.headers["Location"]
    assert head(client) == before


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("GET", "/consumers/nobody", None),
        ("GET", "/consumers/nobody/parked", None),
        ("DELETE", "/consumers/nobody", None),
        ("POST", "/consumers/nobody/pause", None),
        ("POST", "/consumers/nobody/resume", None),
        ("POST", "/consumers/nobody/reset", {"start": "first"}),
        ("POST", "/consumers/nobody/skip", {"seq": 1}),
        ("POST", "/consumers/nobody/replay", {"all": True}),
        ("POST", "/consumers/nobody/drop", {"all": True}),
    ],
)
def test_a_consumer_that_nobody_knows(bridge, ledger, method, path, body):
    put(bridge)
    before = head(ledger)
    for query in ("", "?dry_run=true") if method != "GET" else ("",):
        assert_problem(bridge.request(method, path + query, body), 404, "NOT_FOUND", "id")
    assert head(ledger) == before


@pytest.mark.parametrize(
    "method, path, allow",
    [
        ("PUT", "/events", "GET, HEAD, POST"),
        ("POST", "/consumers", "GET, HEAD"),
        ("POST", "/consumers/mail", "GET, HEAD, PUT, DELETE"),
        ("POST", "/consumers/mail/parked", "GET, HEAD"),
        ("DELETE", "/consumers/mail/parked", "GET, HEAD"),
        ("GET", "/consumers/mail/replay", "POST"),
        ("PUT", "/consumers/mail/pause", "POST"),
    ],
)
def test_a_method_that_a_path_has_not(bridge, daemon, method, path, allow):
    response = bridge.request(method, path)
    assert_problem(response, 405, "UNKNOWN_OP")
    assert response.headers["Allow"] == allow


@pytest.mark.parametrize("verb", ["fetch", "ack", "nack", "extend", "stall", ""])
def test_workers_are_not_served_here(bridge, ledger, verb):
    put(bridge)
    response = bridge.post(f"/consumers/mail/{verb}", {})
    assert_problem(response, 404, "NOT_FOUND")


def test_a_consumer_may_be_called_anything(bridge, ledger):
    for name, path in (("a b", "a%20b"), ("ü/?#", "%C3%BC%2F%3F%23"), ("parked", "parked"),
                       ("c" * 128, "c" * 128)):  # fmt: skip
        put(bridge, path)
        assert status(bridge, path)["consumer"]["id"] == name
        order(bridge, "pause", {"id": name}, path)
        assert bridge.get(f"/consumers/{path}/parked").json() == {"parked": []}
    assert_problem(bridge.put(f"/consumers/{'c' * 129}", {}), 400, "INVALID_ARGUMENT", "id")


def test_pages_of_other_sites_may_not_write(bridge, client, parked):
    before = head(client)
    for method, path, body, _ in COMMANDS:
        response = bridge.request(method, path, body, {"Origin": "https://elsewhere.example"})
        assert_problem(response, 403, "PERMISSION_DENIED", "Origin")
        response = bridge.request(method, path, body, {"Content-Type": "text/plain"})
        assert_problem(response, 415, "INVALID_ARGUMENT", "Content-Type")
    assert head(client) == before


# ---- a daemon that begins again ----


def test_what_was_ordered_over_http_lasts(bridge, daemon, client, parked):
    put(bridge, "chat", types=["x"])
    order(bridge, "pause", name="chat")
    order(bridge, "drop", {"seqs": [{"seq": parked[4]}]})
    before = status(bridge), status(bridge, "chat"), bridge.get("/consumers/mail/parked").json()
    daemon.kill()
    daemon.start()
    harness.wait_until(lambda: bridge.get("/readyz").status == 200)
    counts = ("acked", "failed", "workers", "acked_last_minute", "failed_last_minute")
    forgotten = dict.fromkeys(counts, 0)
    after = status(bridge), status(bridge, "chat"), bridge.get("/consumers/mail/parked").json()
    assert after[0] == {**before[0], **forgotten, "lag": after[0]["lag"],
                        "cursor": after[0]["cursor"]}  # fmt: skip
    assert after[1]["paused"] is True and after[2] == before[2]


# ---- who may do what ----

PRINCIPAL = 'principal "uid:%d" {\n  role = %s\n%s}\n'
ROLES = {"reader": 403, "clerk": 403, "lambda": 202, "admin": 202}


@pytest.mark.parametrize("role", ROLES)
def test_who_may_publish_and_keep_consumers(tmp_path, role):
    own = '  consumers = {"mail"}\n' if role == "lambda" else ""
    config = PRINCIPAL % (os.getuid(), role, own)
    with harness.Daemon(tmp_path, config=config) as daemon, harness.Bridge(daemon) as bridge:
        assert bridge.get("/readyz").json()["role"] == role
        assert bridge.get("/consumers").json() == {"consumers": []}
        assert_problem(bridge.get("/consumers/mail/parked"), 404, "NOT_FOUND", "id")
        for method, path, body, _ in (COMMANDS[0], COMMANDS[2], *COMMANDS[4:], COMMANDS[3]):
            response = bridge.request(method, path, body)
            if ROLES[role] == 202:
                assert response.status == 202, (path, response.body)
            else:
                assert_problem(response, 403, "PERMISSION_DENIED")
                assert role in response.json()["detail"]


# ---- openapi.json ----


def test_the_answers_have_the_fields_that_openapi_says(bridge, client, parked):
    document = bridge.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    page = bridge.get("/consumers/mail/parked").json()
    caused = publish(bridge, event(subject="s"), cause=parked[0])["seq"]
    values = [
        ("ConsumerStatus", status(bridge)),
        ("Consumer", status(bridge)["consumer"]),
        ("ConsumerPage", bridge.get("/consumers").json()),
        ("ParkedPage", page),
        ("Parked", page["parked"][0]),
        ("Failure", page["parked"][0]["failures"][0]),
        ("Event", bridge.get(f"/events?from_seq={caused}").json()["events"][0]),
        ("Stats", bridge.get("/stats").json()),
    ]
    for name, value in values:
        schema = schemas[name]
        assert set(schema.get("required", ())) <= set(value) <= set(schema["properties"]), name
    assert any(tag["name"] == "Consumers" for tag in document["tags"])
