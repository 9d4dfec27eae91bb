# SPDX-License-Identifier: MPL-2.0
"""Events that clients publish, and commands about consumers in batches."""
import cbor2
import pytest

from consumers import Worker, publish, put, status
from harness import Client, Subscriber, uuid7
from ledgers import verify


def head(client):
    return client.ok("hello")["head"]


def event(type="t", data=None, **more):
    return {"type": type, "data": {} if data is None else data, **more}


def refused(client, code, field, *events, **more):
    before = head(client)
    error = client.error("publish", events=list(events), **more)
    assert (error["code"], error.get("field")) == (code, field), error
    assert head(client) == before


def test_an_event_of_ones_own(daemon, client):
    data = {"a": [1, {"b": None}], "z": b"\x00"}
    with Subscriber(daemon.events, ["tea."]).settle(client) as subscriber:
        result = client.ok("publish", events=[event("tea.ready", data, subject="pot-1")])
        assert result["outcome"] == "CREATED"
        _, heard = subscriber.next()
    assert heard["type"] == "tea.ready" and heard["subject"] == "pot-1" and heard["data"] == data
    assert heard["seq"] == result["seq"] and heard["source"] == "/rentbus/main"
    assert not {"hops", "cause", "consumer"} & set(heard)
    read = client.ok("events.read", types=["tea.ready"])["events"]
    assert read == [heard]
    verify(client)


def test_many_at_once_are_all_or_none(client):
    before = head(client)
    result = client.ok("publish", events=[event(f"t{n}", {"n": n}) for n in range(32)])
    assert result["seq"] == before + 32
    refused(client, "INVALID_ARGUMENT", "events", *([event()] * 33))
    refused(client, "INVALID_ARGUMENT", "events")
    refused(client, "INVALID_ARGUMENT", "type", event(), event(), event("RENTAL_MINE"))


def test_the_same_id_again(daemon, client):
    args = {"events": [event("t", {"n": n}) for n in range(5)]}
    first = client.call("publish", args)
    assert client.call("publish", args, id=first["id"]) == first
    assert client.ok("command.get", command_id=first["id"])["seq"] == first["result"]["seq"]
    daemon.restart()
    with Client(daemon.api) as other:
        before = head(other)
        assert other.call("publish", args, id=first["id"]) == first
        assert head(other) == before
        events = other.ok("events.read", types=["t"])["events"]
        assert [e["data"]["n"] for e in events] == list(range(5))
        assert {e["command"] for e in events} == {first["id"]}


BAD_TYPES = ["", "a b", "a/b", "é", "x" * 201, "tür", "RENTAL_", "RENTAL_RETURN_EVENT"]
BAD_TYPES += ["RENTAL_OF_MINE", "CONSUMER_", "CONSUMER_X", "USER_CREATED_EVENT", "HELLO_EVENT"]
BAD_TYPES += ["COMMAND_UNCHANGED_EVENT", "POLICY_UPDATED_EVENT", "DEVICE_GAP_EVENT", "HEARTBEAT"]
BAD_TYPES += ["JOURNAL_TRIMMED_EVENT"]


@pytest.mark.parametrize("type", BAD_TYPES, ids=lambda t: t[:20] or "empty")
def test_bad_types(client, type):
    refused(client, "INVALID_ARGUMENT", "type", event(type))


BAD_EVENTS = [
    {},
    {"type": "t"},
    {"data": {}},
    {"type": 7, "data": {}},
    {"type": "a\0", "data": {}},
    {"type": "t", "data": {}, "subject": ""},
    {"type": "t", "data": {}, "subject": "x" * 129},
    {"type": "t", "data": {}, "colour": "red"},
]


@pytest.mark.parametrize("bad", BAD_EVENTS, ids=str)
def test_bad_events(client, bad):
    refused(client, "INVALID_ARGUMENT", "events", event(), bad)
    put(client, "c", "t")
    publish(client, "a")
    worker = Worker(client, "c")
    args = worker.ack_args(worker.fetch(), publish=[bad])
    error = client.error("consumer.ack", **args)
    assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "publish"), error
    assert status(client, "c")["in_flight"] == 1


@pytest.mark.parametrize("type", ["x", "x" * 200, "A-b_c.9", "rental_x", "USER_X", "HELLO"])
def test_good_types(daemon, client, type):
    with Subscriber(daemon.events, [type]).settle(client) as subscriber:
        client.ok("publish", events=[event(type)])
        assert subscriber.next()[0] == type


def test_the_size_of_data(client):
    overhead = len(cbor2.dumps({"x": "y" * 65000}, canonical=True)) - 65000
    client.ok("publish", events=[event("t", {"x": "y" * (65536 - overhead)})])
    refused(client, "TOO_LARGE", "data", event("t", {"x": "y" * (65537 - overhead)}))
    for data in (7, "text", [1], None):
        error = client.error("publish", events=[{"type": "t", "data": data}])
        assert error["code"] == "INVALID_ARGUMENT" and "data" in str(error), error


def test_causes_and_hops(client):
    first = publish(client, "a")[0]
    seq = first
    for hops in range(1, 17):
        seq = client.ok("publish", events=[event("t")], cause=seq)["seq"]
        last = client.ok("events.read", from_seq=seq, limit=1)["events"][0]
        assert (last["cause"], last["hops"]) == (seq - 1, hops)
    refused(client, "CONFLICT", "cause", event("t"), cause=seq)
    refused(client, "NOT_FOUND", "cause", event("t"), cause=seq + 1)
    refused(client, "NOT_FOUND", "cause", event("t"), cause=0)


def test_dry_runs(client):
    before = head(client)
    events = [event(), event("order.paid", {"sum": [3, {"deep": "a"}]}, subject="s")]
    result = client.ok("publish", events=events, dry_run=True)
    assert result["dry_run"] is True and result["outcome"] == "CREATED"
    assert result["seq"] == before and result["events"] == events
    made = client.ok("consumer.put", id="c", types=["t"], dry_run=True)
    assert made["events"][0]["type"] == "CONSUMER_CREATED_EVENT"
    assert head(client) == before and client.ok("consumer.list")["consumers"] == []
    put(client, "c", "t")
    before = head(client)
    for op, more in [
        ("put", {"max_attempts": 3}),
        ("pause", {}),
        ("resume", {}),
        ("delete", {}),
        ("reset", {"start": "first"}),
        ("skip", {"seq": before}),
        ("replay", {"all": True}),
        ("drop", {"all": True}),
    ]:
        result = client.ok(f"consumer.{op}", id="c", dry_run=True, **more)
        assert result["dry_run"] is True and len(result["events"]) == 1
    error = client.error("consumer.pause", id="nobody", dry_run=True)
    assert error["code"] == "NOT_FOUND"
    error = client.error("publish", events=[event("RENTAL_X")], dry_run=True)
    assert error["code"] == "INVALID_ARGUMENT"
    assert head(client) == before
    assert status(client, "c")["consumer"]["max_attempts"] == 8


def test_how_consumers_stand_is_in_stats(client):
    assert client.ok("stats")["consumer_status"] == []
    put(client, "idle", "none")
    put(client, "behind", "t")
    put(client, "paused", "t", start="new")
    client.ok("consumer.pause", id="paused")
    publish(client, "a", "b", "a")
    worker = Worker(client, "behind")
    first, second = worker.fetch(2)
    worker.nack(first, delay_ms=60000, error="no")
    worker.ack(second)
    stats = client.ok("stats")
    rows = {row["consumer"]["id"]: row for row in stats["consumer_status"]}
    assert list(rows) == ["behind", "paused", "idle"] and stats["consumers"] == 3
    behind = rows["behind"]
    for name, value in (("lag", 3), ("acked_last_minute", 1), ("failed_last_minute", 1),
                        ("delayed", 1), ("in_flight", 0), ("parked", 0)):  # fmt: skip
        assert behind[name] == value, name
    assert rows["paused"]["paused"] is True and rows["paused"]["lag"] == 3
    assert rows["paused"]["oldest_at"] >= behind["oldest_at"] and "oldest_at" not in rows["idle"]
    listed = client.ok("consumer.list")["consumers"]
    assert sorted(map(str, listed)) == sorted(map(str, rows.values()))
    assert client.ok("stats", at_seq=1)["consumer_status"] == stats["consumer_status"]


def test_histories_of_published_events(client):
    client.ok("user.put", id="ann")
    seq = client.ok("publish", events=[event("poll", {"user_id": "ann"})])["seq"]
    found = client.ok("events.read", user_id="ann")["events"]
    assert seq in [e["seq"] for e in found]
    client.ok("consumer.put", id="ann", user_id="ann")
    verify(client)
    at = client.ok("stats", at_seq=head(client))
    assert at["users"] == 1


# ---- batches ----


def command(op, **args):
    return {"id": uuid7(), "op": op, "args": args}


def about(op, name, **args):
    return {"id": uuid7(), "op": op, "args": {"id": name, **args}}


def batch(client, *commands, **more):
    return client.ok("batch", commands=list(commands), **more)


def test_a_batch_of_publications(client):
    before = head(client)
    result = batch(
        client,
        command("publish", events=[event("a"), event("b")]),
        about("user.put", "u1"),
        command("publish", events=[event("RENTAL_X")]),
        command("publish", events=[event("c")]),
    )
    assert [r["ok"] for r in result["replies"]] == [True, True, False, True]
    assert head(client) == before + 4


def test_an_atomic_batch_that_comes_to_nothing(client):
    before = head(client)
    good = about("consumer.put", "c", types=["t"])
    bad = command("publish", events=[event("RENTAL_X")])
    result = batch(client, good, command("publish", events=[event("a")]), bad, atomic=True)
    assert result["applied"] is False and head(client) == before
    # What was taken back is not waited for.
    assert client.error("consumer.get", id="c")["code"] == "NOT_FOUND"
    assert client.ok("consumer.put", id="c", types=["t"])["outcome"] == "CREATED"
    pause = about("consumer.pause", "c")
    assert batch(client, pause, bad, atomic=True)["applied"] is False
    assert client.ok("consumer.pause", id="c")["outcome"] == "UPDATED"
    assert status(client, "c")["paused"] is True
    assert batch(client, pause, atomic=True)["applied"] is True


def test_a_batch_about_several_consumers(client):
    batch(client, about("consumer.put", "c", types=["t"]))
    batch(client, about("consumer.put", "d"), atomic=True)
    paused = [about("consumer.pause", name) for name in ("c", "d")]
    assert batch(client, *paused, atomic=True)["applied"] is True
    assert status(client, "c")["paused"] and status(client, "d")["paused"]


def test_a_batch_that_says_two_things_of_a_consumer(client):
    """The second cannot be decided before the first is durable: it is refused, and may come again."""
    put(client, "c", "t")
    first, second = about("consumer.pause", "c"), about("consumer.resume", "c")
    result = batch(client, first, second)
    assert [r["ok"] for r in result["replies"]] == [True, False]
    assert result["replies"][1]["error"]["code"] == "CONFLICT"
    assert status(client, "c")["paused"] is True
    result = batch(client, first, second)
    assert [r["ok"] for r in result["replies"]] == [True, True]
    assert status(client, "c")["paused"] is False
    before = head(client)
    twice = about("consumer.pause", "c"), about("consumer.resume", "c")
    assert batch(client, *twice, atomic=True)["applied"] is False
    assert head(client) == before and status(client, "c")["paused"] is False
    made = about("consumer.put", "d"), about("consumer.pause", "d")
    assert [r["ok"] for r in batch(client, *made)["replies"]] == [True, False]


def test_commands_that_cross(daemon, client):
    """Many about one consumer at once, alone and in batches: each is served, once."""
    put(client, "c", "t")
    clients = [Client(daemon.api) for _ in range(4)]
    sent = []
    for number in range(60):
        other = clients[number % 4]
        op = "consumer.pause" if number % 2 else "consumer.resume"
        if number % 5 == 0:
            args = {"commands": [about("user.put", f"u{number}"), about(op, "c")], "atomic": number % 10 == 0}
            sent.append((other, other.send("batch", args)))
        else:
            sent.append((other, other.send(op, {"id": "c"})))
    replies = {}
    for other in clients:
        for _ in [s for s in sent if s[0] is other]:
            reply = other.receive()
            assert reply["ok"], reply
            assert reply["id"] not in replies, "answered twice"
            replies[reply["id"]] = reply["result"]
        assert not other.readable(50), "answered twice"
    assert set(replies) == {id for _, id in sent}
    for result in replies.values():
        assert all(r["ok"] for r in result.get("replies", []))
    types = [e["type"] for e in client.ok("events.read", types=["USER_CREATED_EVENT"])["events"]]
    assert len(types) == 12
    verify(client)


def test_deliveries_are_no_commands_of_a_batch(client):
    put(client, "c", "t")
    publish(client, "a")
    worker = Worker(client, "c")
    result = batch(client, {"id": uuid7(), "op": "consumer.fetch", "args": {**worker.who, "credit": 1}})
    assert result["replies"][0]["error"]["field"] == "op"
    assert status(client, "c")["in_flight"] == 0
