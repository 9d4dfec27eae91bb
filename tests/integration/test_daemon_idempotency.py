# SPDX-License-Identifier: MPL-2.0
"""The same command id gives the first outcome again, for ever."""
import random

import pytest

import harness
from harness import Client, uuid7, wait_until
from ledgers import at, check_chain, check_commands, read_events, stock, verify

OUT = {"user_id": "u1", "asset_id": "a1", "location_id": "counter", "timestamp": at()}
IMPORT = {
    "id": "r-import",
    "status": "COMPLETED",
    "user_id": "u1",
    "asset_id": "a2",
    "created_at": at(),
    "expires_at": at(days=1),
    "returned_at": at(hours=1),
    "eligible_asset_types": ["mug"],
    "created_at_location_id": "counter",
}
# One of each kind of command and outcome, in an order that gives each its outcome.
COMMANDS = [
    ("asset_type.put", {"id": "mug"}, "CREATED"),
    ("user.put", {"id": "u1"}, "CREATED"),
    ("user.put", {"id": "u1"}, "UNCHANGED"),
    ("user.put", {"id": "u1", "name": "Ada"}, "UPDATED"),
    ("asset.put", {"id": "a1", "asset_type": "mug"}, "CREATED"),
    ("asset.put", {"id": "a2", "asset_type": "mug"}, "CREATED"),
    ("location.put", {"id": "counter"}, "CREATED"),
    ("rental.checkout", OUT, "CREATED"),
    ("rental.checkout", OUT, "ALREADY_OUT"),
    ("rental.checkout", {**OUT, "user_id": "nobody"}, "REJECTED"),
    ("rental.return", OUT, "COMPLETED"),
    ("rental.return", OUT, "REJECTED"),
    ("admin.import", IMPORT, "CREATED"),
    ("admin.import", IMPORT, "UNCHANGED"),
    ("admin.import_device", {"id": "d1", "device_seq": 3}, "CREATED"),
    ("admin.import_device", {"id": "d1", "device_seq": 4}, "UNCHANGED"),
]


class Done:
    """Commands that were done, with the reply that each had."""

    def __init__(self, client):
        self.replies = []
        for op, args, outcome in COMMANDS:
            reply = client.call(op, args)
            assert reply["result"]["outcome"] == outcome, (op, reply)
            self.replies.append((op, args, reply))
        self.head = client.ok("hello")["head"]

    def check(self, client):
        """Every command again, as it was and with other arguments; and asked for by its id."""
        for op, args, reply in self.replies:
            command = reply["id"]
            assert client.call(op, args, id=command) == reply
            assert client.call("user.put", {"id": "another"}, id=command) == reply
            assert client.ok("command.get", command_id=command) == reply["result"]
        hellos = read_events(client, self.head + 1, types=["HELLO_EVENT"])
        assert client.ok("hello")["head"] == self.head + len(hellos), "something was done twice"
        assert client.error("user.get", id="another")["code"] == "NOT_FOUND"


def test_on_the_same_connection_and_on_another(daemon, client):
    done = Done(client)
    done.check(client)
    with Client(daemon.api, "REQ") as other:
        done.check(other)


def test_after_a_restart_and_after_a_crash(daemon, client):
    done = Done(client)
    daemon.restart()
    done.check(client)
    daemon.kill()
    daemon.start()
    done.check(client)


def wait_for_archive(client):
    wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"])


def test_after_the_archive_took_it(daemon, client):
    done = Done(client)
    wait_for_archive(client)
    done.check(client)
    daemon.restart()
    wait_for_archive(client)
    done.check(client)


def test_after_the_archive_was_deleted_and_rebuilt(daemon, client):
    done = Done(client)
    wait_for_archive(client)
    assert daemon.stop() == 0
    for path in daemon.data.glob("archive.db*"):
        path.unlink()
    daemon.start()
    done.check(client)
    wait_for_archive(client)
    done.check(client)
    verify(client)


def test_while_the_archive_is_rebuilt_under_a_running_daemon(daemon, client):
    """Enough history that the rebuilding takes a while. What cannot be known meanwhile is
    UNAVAILABLE: it is neither done a second time nor said not to be there."""
    done = Done(client)
    rental = next(r["result"]["rental"] for op, _, r in done.replies if op == "rental.return")
    for number in range(20000):
        client.send("user.put", {"id": f"u{number % 100}"})
    for _ in range(20000):
        done.head = client.receive()["result"]["seq"]
    wait_for_archive(client)
    for path in daemon.data.glob("archive.db*"):
        path.unlink()
    refused = 0
    client.ok("user.put", id="wakes the archive")
    done.head += 1
    while True:
        for op, args, reply in done.replies:
            again = client.call(op, args, id=reply["id"])
            if not again["ok"]:
                assert again["error"]["code"] == "UNAVAILABLE", again
                assert again["error"]["retry_after_ms"] > 0
                refused += 1
            else:
                assert again == reply
        got = client.call("rental.get", {"rental_id": rental["id"]})
        if got["ok"]:
            assert got["result"]["rental"] == rental
        else:
            assert got["error"]["code"] == "UNAVAILABLE", got
        if client.ok("stats")["archived_seq"] == done.head:
            break
    print(f"{refused} times unavailable")
    assert client.ok("user.put", id="new")["outcome"] == "CREATED"
    done.head += 1
    done.check(client)
    verify(client)


@pytest.mark.parametrize("connections", [1, 4])
def test_a_burst_of_duplicates(daemon, client, connections):
    """A thousand in one burst: the first does it, all the others wait for what it did."""
    stock(client, ["u1"], [("a1", "mug")])
    commands = [uuid7() for _ in range(10)]
    clients = [Client(daemon.api) for _ in range(connections)]
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    order = [command for command in commands for _ in range(100)]
    random.Random(seed).shuffle(order)
    for number, command in enumerate(order):
        clients[number % connections].send("rental.checkout", OUT, id=command)
    outcomes = {}
    for number in range(len(order)):
        reply = clients[number % connections].receive()
        assert reply["ok"], reply
        outcomes.setdefault(reply["id"], []).append(reply["result"])
    assert sorted(outcomes) == sorted(commands)
    for results in outcomes.values():
        assert len(results) == 100 and results.count(results[0]) == 100
    firsts = [results[0]["outcome"] for results in outcomes.values()]
    assert sorted(firsts) == ["ALREADY_OUT"] * 9 + ["CREATED"]
    assert set(commands) <= set(check_commands(read_events(client)))


def test_ids_in_any_order(daemon, client):
    """An id is known whether it is greater or less than those before it, archived or not."""
    ids = [bytes([first]) + uuid7()[1:] for first in (0x80, 0x01, 0xFF, 0x7F, 0x02, 0xFE)]
    replies = []
    for number, command in enumerate(ids):
        replies.append(client.call("user.put", {"id": f"u{number}"}, id=command))
        assert replies[-1]["result"]["outcome"] == "CREATED"
        wait_for_archive(client)
    daemon.restart()
    for number, reply in enumerate(replies):
        assert client.call("user.put", {"id": f"u{number}"}, id=reply["id"]) == reply


def test_what_was_refused_leaves_its_id_free(client):
    command = uuid7()
    for args in ({}, {"id": ""}, {"id": "x" * 129}):
        assert client.call("user.put", args, id=command)["error"]["code"] == "INVALID_ARGUMENT"
    assert client.error("command.get", command_id=command)["code"] == "NOT_FOUND"
    assert client.call("user.put", {"id": "u1"}, id=command)["result"]["outcome"] == "CREATED"


def test_a_query_takes_no_notice_of_commands(client):
    command = client.call("user.put", {"id": "u1"})["id"]
    assert client.call("user.get", {"id": "u1"}, id=command)["result"] == {"user": {"id": "u1"}}
    query = client.call("hello")["id"]
    assert client.error("command.get", command_id=query)["code"] == "NOT_FOUND"
    assert client.call("user.put", {"id": "u2"}, id=query)["result"]["outcome"] == "CREATED"


def test_command_get_waits_for_what_is_on_its_way(client):
    for number in range(50):
        command = client.send("user.put", {"id": f"u{number}"})
        client.send("command.get", {"command_id": command})
        first = client.receive()
        assert client.receive()["result"] == first["result"]
    check_chain(read_events(client))
