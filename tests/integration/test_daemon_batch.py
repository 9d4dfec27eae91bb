# SPDX-License-Identifier: MPL-2.0
"""Many commands in one request: each for itself, or all or none."""
import random

import pytest

import harness
from harness import Client, uuid7
from ledgers import at, check_chain, check_commands, encode, read_events, stock, verify

BATCH_MAX = 1000


def put(user, **more):
    return {"id": uuid7(), "op": "user.put", "args": {"id": user, **more}}


def checkout(user, asset, **more):
    args = {"user_id": user, "asset_id": asset, "location_id": "l", "timestamp": at(), **more}
    return {"id": uuid7(), "op": "rental.checkout", "args": args}


def bring(asset, **more):
    args = {"asset_id": asset, "location_id": "l", "timestamp": at(hours=1), **more}
    return {"id": uuid7(), "op": "rental.return", "args": args}


@pytest.fixture
def batch(client):
    """Sends a batch; checks that each command was replied to, in order; (applied, replies)."""
    stock(client, ["ada", "bob"], [("m1", "mug"), ("m2", "mug"), ("m3", "mug")])

    def send(commands, **more):
        result = client.ok("batch", commands=commands, **more)
        assert [reply["id"] for reply in result["replies"]] == [each["id"] for each in commands]
        for reply in result["replies"]:
            assert ("result" in reply) == reply["ok"] and ("error" in reply) != reply["ok"]
        return result["applied"], result["replies"]

    yield send
    verify(client)


def unknown(client, commands):
    """Whether none of the commands was ever taken."""
    replies = [client.call("command.get", {"command_id": each["id"]}) for each in commands]
    return all(not reply["ok"] and reply["error"]["code"] == "NOT_FOUND" for reply in replies)


def test_commands_follow_each_other(client, batch):
    commands = [put("eve"), checkout("eve", "m1"), bring("m1"), checkout("bob", "m1"), put("eve")]
    applied, replies = batch(commands)
    assert applied is True
    outcomes = [reply["result"]["outcome"] for reply in replies]
    assert outcomes == ["CREATED", "CREATED", "COMPLETED", "CREATED", "UNCHANGED"]
    assert replies[1]["result"]["rental"]["id"] == replies[2]["result"]["rental"]["id"]
    events = read_events(client)
    check_chain(events)
    assert check_commands(events)[-5:] == [each["id"] for each in commands]
    for each, reply in zip(commands, replies):
        alone = client.call(each["op"], each["args"], id=each["id"])
        assert alone["result"] == reply["result"] == client.ok("command.get", command_id=each["id"])


def test_events_of_a_batch_say_where_they_come_from(client, batch):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    commands = [put("eve"), put("fay")]
    reply = client.call("batch", {"commands": commands}, traceparent=trace)
    first, second = read_events(client)[-2:]
    assert first["traceparent"] == second["traceparent"] == trace
    assert first["actor"] == second["actor"] == client.ok("hello")["actor"]
    assert reply["id"] not in (first["command"], second["command"])
    assert client.error("command.get", command_id=reply["id"])["code"] == "NOT_FOUND"


@pytest.mark.parametrize("atomic", [False, True])
def test_a_batch_again(client, batch, atomic):
    commands = [checkout("ada", "m1"), bring("m1"), checkout("bob", "m1")]
    first = client.call(commands[0]["op"], commands[0]["args"], id=commands[0]["id"])["result"]
    before = batch(commands, atomic=atomic)
    assert before[1][0]["result"] == first
    head = client.ok("hello")["head"]
    assert batch(commands, atomic=atomic) == before
    assert client.ok("hello")["head"] == head


def test_an_empty_batch(client, batch):
    assert batch([]) == batch([], atomic=True) == (True, [])


def test_each_for_itself(client, batch):
    commands = [
        put("eve"),
        checkout("nobody", "m1"),
        {"id": uuid7(), "op": "user.block", "args": {"id": "stranger", "reason": "?"}},
        {"id": uuid7(), "op": "user.put", "args": {"id": ""}},
        {"id": uuid7(), "op": "user.put", "args": {"id": "u", "more": 1}},
        {"id": uuid7(), "op": "user.put", "args": ["u"]},
        {"id": uuid7(), "op": "user.get", "args": {"id": "ada"}},
        {"id": uuid7(), "op": "batch", "args": {"commands": []}},
        {"id": uuid7(), "op": "user.steal", "args": {}},
        put("fay"),
    ]
    applied, replies = batch(commands)
    assert applied is True
    assert [reply["ok"] for reply in replies] == [True, True] + 7 * [False] + [True]
    assert replies[1]["result"]["reason"] == "USER_UNKNOWN"
    assert [(reply["error"]["code"], reply["error"].get("field")) for reply in replies[2:9]] == [
        ("NOT_FOUND", "id"),
        ("INVALID_ARGUMENT", "id"),
        ("INVALID_ARGUMENT", "more"),
        ("INVALID_ARGUMENT", "args"),
        ("INVALID_ARGUMENT", "op"),
        ("INVALID_ARGUMENT", "op"),
        ("UNKNOWN_OP", "op"),
    ]
    assert client.ok("user.get", id="eve") and client.ok("user.get", id="fay")
    assert unknown(client, commands[2:9])


BAD = [
    (checkout("nobody", "m1"), "REJECTED"),
    ({"id": uuid7(), "op": "user.unblock", "args": {"id": "stranger"}}, "NOT_FOUND"),
    ({"id": uuid7(), "op": "user.put", "args": {}}, "INVALID_ARGUMENT"),
    ({"id": uuid7(), "op": "hello", "args": {}}, "INVALID_ARGUMENT"),
    ({"id": uuid7(), "op": "batch", "args": {"commands": []}}, "INVALID_ARGUMENT"),
    ({"id": uuid7(), "op": "?", "args": {}}, "UNKNOWN_OP"),
]


@pytest.mark.parametrize("bad, why", BAD)
@pytest.mark.parametrize("place", [0, 2, 4])
def test_all_or_none(client, batch, bad, why, place):
    good = [put("eve"), checkout("eve", "m1"), bring("m1"), checkout("bob", "m2")]
    commands = [*good[:place], bad, *good[place:]]
    ops = ("user.list", "asset.list", "rental.list")
    before = [client.ok(op) for op in ops]
    head = client.ok("hello")["head"]
    applied, replies = batch(commands, atomic=True)
    assert applied is False
    reply = replies.pop(place)
    assert why == (reply["result"]["outcome"] if reply["ok"] else reply["error"]["code"])
    outcomes = [reply["result"]["outcome"] for reply in replies]
    assert outcomes == ["CREATED", "CREATED", "COMPLETED", "CREATED"]
    assert client.ok("hello")["head"] == head
    assert [client.ok(op) for op in ops] == before
    assert unknown(client, commands)
    verify(client)
    applied, replies = batch(good, atomic=True)
    assert applied is True and all(reply["ok"] for reply in replies)
    events = read_events(client)
    check_chain(events)
    assert {each["id"] for each in good} <= set(check_commands(events))


def test_what_was_taken_before_stays(client, batch):
    """Events that wait for the disk when an atomic batch comes to nothing are not its events."""
    for number in range(20):
        sent = [client.send("user.put", {"id": f"u{number}-{each}"}) for each in range(30)]
        doomed = [put(f"never-{number}"), checkout("nobody", "m1")]
        sent.append(client.send("batch", {"commands": doomed, "atomic": True}))
        sent += [client.send("user.put", {"id": f"v{number}-{each}"}) for each in range(30)]
        replies = {reply["id"]: reply for reply in (client.receive() for _ in sent)}
        assert set(replies) == set(sent) and all(reply["ok"] for reply in replies.values())
        assert replies[sent[30]]["result"]["applied"] is False
        del replies[sent[30]]
        assert {reply["result"]["outcome"] for reply in replies.values()} == {"CREATED"}
        for command, reply in replies.items():
            assert client.ok("command.get", command_id=command) == reply["result"]
        assert unknown(client, doomed)
    check_chain(read_events(client))


def test_ids_that_are_not_durable_yet(client, batch):
    """The batch tells their first outcome, whenever that is known."""
    for number in range(30):
        one = put(f"u{number}")
        two = [put(f"w{number}"), {**one, "args": {"id": "other"}}, put(f"u{number}")]
        client.send(one["op"], one["args"], id=one["id"])
        client.send("batch", {"commands": two})
        client.send("batch", {"commands": two, "atomic": True})
        first, second, third = sorted(
            (client.receive() for _ in range(3)),
            key=lambda reply: (reply["id"] != one["id"], "applied" in reply["result"]),
        )
        assert first["result"]["outcome"] == "CREATED"
        assert second["result"] == third["result"]
        replies = [reply["result"] for reply in second["result"]["replies"]]
        assert replies[1] == first["result"]
        assert [reply["outcome"] for reply in replies] == ["CREATED", "CREATED", "UNCHANGED"]
    assert client.error("user.get", id="other")["code"] == "NOT_FOUND"


def test_dry_runs_in_a_batch(client, batch):
    dry = [put("eve", dry_run=True), checkout("eve", "m1", dry_run=True)]
    head = client.ok("hello")["head"]
    applied, replies = batch(dry)
    assert applied and client.ok("hello")["head"] == head and unknown(client, dry)
    assert replies[0]["result"]["events"] == [
        {"type": "USER_CREATED_EVENT", "subject": "eve", "data": {"id": "eve"}}
    ]
    assert replies[1]["result"]["reason"] == "USER_UNKNOWN"
    mixed = [put("eve"), checkout("eve", "m1", dry_run=True), put("fay")]
    applied, replies = batch(mixed, atomic=True)
    assert applied and replies[1]["result"]["outcome"] == "CREATED"
    assert unknown(client, mixed[1:2]) and client.ok("asset.get", id="m1")["asset"].get("rental_id") is None


@pytest.mark.parametrize(
    "change, code, field",
    [
        ({"commands": None}, "INVALID_ARGUMENT", "commands"),
        ({"commands": {}}, "INVALID_ARGUMENT", "commands"),
        ({"commands": [1]}, "INVALID_ARGUMENT", "commands"),
        ({"commands": [{}]}, "INVALID_ARGUMENT", "commands.id"),
        ({"commands": [{**put("u"), "id": b"short"}]}, "INVALID_ARGUMENT", "commands.id"),
        ({"commands": [{**put("u"), "id": bytes(16)}]}, "INVALID_ARGUMENT", "commands.id"),
        ({"commands": [put("u"), {**put("u"), "v": 1}]}, "INVALID_ARGUMENT", "commands.v"),
        ({"commands": [{**put("u"), "op": 7}]}, "INVALID_ARGUMENT", "commands.op"),
        ({"commands": 2 * [put("u")]}, "INVALID_ARGUMENT", "commands"),
        ({"commands": [put(f"u{n}") for n in range(BATCH_MAX + 1)]}, "TOO_LARGE", "commands"),
        ({"commands": [], "atomic": 1}, "INVALID_ARGUMENT", "atomic"),
        ({"commands": [], "dry_run": True}, "INVALID_ARGUMENT", "dry_run"),
    ],
)
def test_what_is_no_batch(client, batch, change, code, field):
    head = client.ok("hello")["head"]
    for more in ({}, {"atomic": True}):
        error = client.error("batch", **{**more, **change})
        assert (error["code"], error["field"]) == (code, field), error
    assert client.ok("hello")["head"] == head


@pytest.mark.parametrize("atomic", [False, True])
def test_a_thousand(client, batch, atomic):
    commands = [put(f"u{number}") for number in range(BATCH_MAX)]
    commits = client.ok("stats")["commits"]
    applied, replies = batch(commands, atomic=atomic)
    assert applied and {reply["result"]["outcome"] for reply in replies} == {"CREATED"}
    assert client.ok("stats")["commits"] == commits + 1
    assert client.ok("stats")["users"] == BATCH_MAX + 2


def test_a_thousand_of_the_longest(client, batch):
    kinds = [f"{number:02}".ljust(128, "k") for number in range(32)]

    def longest(number):
        names = (f"{kind}{number:04}".ljust(128, "n") for kind in "uall")
        fields = ("user_id", "asset_id", "created_at_location_id", "returned_at_location_id")
        args = dict(zip(fields, names))
        args |= {"id": f"r{number:04}".ljust(128, "n"), "status": "COMPLETED"}
        args |= {"created_at": "2025-02-10T11:00:00.123456+01:00"}
        args |= dict.fromkeys(("expires_at", "returned_at"), "2025-02-11T11:00:00.123456+01:00")
        args |= {"dry_run": False, "eligible_asset_types": kinds}
        return {"id": uuid7(), "op": "admin.import", "args": args}

    commands = [longest(number) for number in range(BATCH_MAX)]
    assert len(encode(commands)) > 4 << 20
    for op, field in (("user.put", "user_id"), ("asset.put", "asset_id")):
        more = {"asset_type": "mug"} if op == "asset.put" else {}
        ids = [{"id": each["args"][field], **more} for each in commands]
        batch([{"id": uuid7(), "op": op, "args": args} for args in ids])
    applied, replies = batch(commands, atomic=True)
    assert applied, replies[0]
    assert client.ok("stats")["rentals"] == BATCH_MAX


@pytest.mark.soak
def test_all_or_none_over_a_crash(tmp_path):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    daemon = harness.Daemon(tmp_path).start()
    known = 0
    for number in harness.rounds(12):
        batches = [
            [put(f"u{number}-{each}-{user}") for user in range(rng.choice([2, 50, 400]))]
            for each in range(rng.randrange(1, 12))
        ]
        answered = set()
        with Client(daemon.api) as client:
            sent = [client.send("batch", {"commands": each, "atomic": True}) for each in batches]
            enough = rng.randrange(0, len(sent) + 1)
            while len(answered) < enough:
                reply = client.receive()
                assert reply["ok"] and reply["result"]["applied"], reply
                answered.add(reply["id"])
            client.readable(rng.randrange(0, 30))
            assert daemon.kill() < 0
        daemon.start()
        with Client(daemon.api) as client:
            taken = set(check_commands(read_events(client)))
            for command, commands in zip(sent, batches):
                ids = {each["id"] for each in commands}
                assert ids <= taken or (not ids & taken and command not in answered)
                if not ids & taken:
                    continue
                known += 1
                result = client.ok("batch", commands=commands, atomic=True)
                assert result["applied"]
            verify(client)
    assert known, "nothing was ever taken"
    assert daemon.stop() == 0
