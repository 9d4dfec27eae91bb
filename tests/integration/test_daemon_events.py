# SPDX-License-Identifier: MPL-2.0
"""Reading much: lists and events page by page, the chain of hashes, and what subscribers hear."""
import cbor2
import pytest

import harness
from harness import Client, Subscriber, wait_until
from ledgers import at, check_chain, check_commands, encode, read_events, read_list, stock, verify

COUNT = 23


class Bytes(Subscriber):
    """Keeps what it heard as it came: (topic, bytes)."""

    def heard(self, until_seq):
        frames = []
        while not frames or cbor2.loads(frames[-1][1])["seq"] < until_seq:
            if not self._socket.poll(harness.REPLY_DEADLINE * 1000):
                raise TimeoutError(f"seq {until_seq} was not heard of")
            received = tuple(self._socket.recv_multipart())
            if received[0] != b"HEARTBEAT":
                frames.append(received)
        return frames


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, reap_after_module):
    """Some of everything, in an order that is not that of the names."""
    running = harness.Daemon(tmp_path_factory.mktemp("events")).start()
    names = [f"{number * 7 % COUNT:02}" for number in range(COUNT)]
    with Client(running.api) as client:
        types = [{"id": f"t{name}"} for name in names]
        stock(client, [f"u{n}" for n in names], [(f"a{n}", f"t{n}") for n in names], types)
        for number, name in enumerate(names):
            client.ok("location.put", id=f"l{name}")
            scan = {"user_id": f"u{number % 3:02}", "asset_id": f"a{name}", "location_id": "l"}
            client.ok("rental.checkout", **scan, timestamp=at(minutes=number))
            if number % 2:
                scan = {"asset_id": f"a{name}", "location_id": "l"}
                client.ok("rental.return", **scan, timestamp=at(hours=1, minutes=number))
        # Half of the closed rentals in the archive, for sure.
        wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"])
        running.restart()
        for name in names[:4]:
            scan = {"user_id": "u22", "asset_id": f"a{name}", "location_id": "l"}
            client.ok("rental.checkout", **scan, timestamp=at(days=1))
    yield running
    assert running.stop() == 0


LISTS = [
    ("user.list", {}, COUNT),
    ("asset.list", {}, COUNT),
    ("asset_type.list", {}, COUNT),
    ("location.list", {}, COUNT),
    ("rental.list", {}, COUNT + 4),
    ("rental.list", {"status": "COMPLETED"}, 13),
    ("rental.list", {"status": "IN_PROGRESS"}, 14),
    ("rental.list", {"status": "FORGIVEN"}, 0),
    ("rental.list", {"expired": True}, 14),
    ("rental.list", {"expired": False}, 0),
    ("rental.list", {"expired": True, "status": "COMPLETED"}, 0),
    ("rental.list", {"user_id": "u01"}, 8),
    ("rental.list", {"user_id": "u01", "status": "COMPLETED"}, 4),
    ("rental.list", {"user_id": "nobody"}, 0),
    ("rental.list", {"asset_id": "a07"}, 2),
    ("rental.list", {"asset_id": "a07", "user_id": "u22"}, 1),
]


@pytest.mark.parametrize("op, args, count", LISTS)
def test_pages_of_every_size_make_the_same_list(client, op, args, count):
    whole = read_list(client, op, **args)
    assert len(whole) == count
    assert len({item["id"] for item in whole}) == count
    for limit in (1, 2, 3, 7, count, count + 1):
        if limit:
            assert read_list(client, op, limit, **args) == whole, limit
    default = client.ok(op, **args)
    assert "cursor" not in default, "all of it is less than a page"


def test_lists_are_in_the_order_of_the_journal(client):
    rentals = read_list(client, "rental.list", 5)
    assert [rental["created_seq"] for rental in rentals] == sorted(
        rental["created_seq"] for rental in rentals
    )
    names = [f"u{number * 7 % COUNT:02}" for number in range(COUNT)]
    assert [user["id"] for user in read_list(client, "user.list")] == names


def test_filters_pick_what_they_say(client):
    rentals = read_list(client, "rental.list")
    for field, value in (("status", "COMPLETED"), ("user_id", "u02"), ("asset_id", "a14")):
        picked = [rental for rental in rentals if rental[field] == value]
        assert picked and client.ok("rental.list", **{field: value})["rentals"] == picked
    for rental in rentals:
        assert client.ok("rental.get", rental_id=rental["id"])["rental"] == rental


@pytest.mark.parametrize("op", sorted({op for op, _, _ in LISTS}))
def test_bad_cursors(client, op):
    good = client.ok(op, limit=1)["cursor"]
    others = {client.ok(other, limit=1)["cursor"] for other, _, count in LISTS if count > 1}
    bad = ["", "x", good[0], good + " ", good + "x", " " + good, good[0] + "-1", good[0] + "+1"]
    bad += [good[0] + "1e1", good[0] + "9" * 20, good[0] + "9" * 100, good[1:], *(others - {good})]
    for cursor in bad:
        if cursor[:1] == good[:1] and cursor[1:].isdigit() and len(cursor) < 20:
            continue
        error = client.error(op, cursor=cursor)
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "cursor"), cursor
    beyond = client.ok(op, cursor=good[0] + "999999999")
    assert "cursor" not in beyond and [] in beyond.values()


def test_events_page_by_page(client):
    whole = read_events(client)
    assert [event["seq"] for event in whole] == list(range(1, client.ok("hello")["head"] + 1))
    for limit in (1, 3, 7, 128, 1000):
        assert read_events(client, limit=limit) == whole, limit
    assert read_events(client, from_seq=0) == whole
    assert len(client.ok("events.read")["events"]) == 100, "the default"
    head = whole[-1]["seq"]
    for beyond in (head + 1, head + 1000, 2**63 - 1):
        page = client.ok("events.read", from_seq=beyond)
        assert page["events"] == [] and page["next_seq"] > page["head"] == head


def test_events_by_type(client):
    whole = read_events(client)
    for types in (["HELLO_EVENT"], ["USER_CREATED_EVENT", "RENTAL_RETURN_COMPLETE_EVENT"], ["NO"]):
        expected = [event for event in whole if event["type"] in types]
        for limit in (1, 5, 1000):
            assert read_events(client, limit=limit, types=types) == expected
    assert read_events(client, types=["HELLO"]) == [], "types are not prefixes"


def test_events_since(client):
    whole = read_events(client)
    times = sorted({event["time"] for event in whole})
    for time in (times[0], times[len(times) // 2], times[-1]):
        page = client.ok("events.read", since=time, limit=1000)
        assert page["events"] == [event for event in whole if event["time"] >= time]
    assert client.ok("events.read", since="1970-01-01T00:00:00Z", limit=1000)["events"] == whole
    late = client.ok("events.read", since="9999-12-31T23:59:59Z")
    assert late["events"] == [] and late["next_seq"] == late["head"] + 1


def test_the_chain_of_hashes(client):
    events = read_events(client)
    last = check_chain(events)
    check_commands(events)
    verified = verify(client)
    assert verified["hash"] == last and verified["events"] == len(events)
    hellos = [event for event in events if event["type"] == "HELLO_EVENT"]
    assert len(hellos) == 2 and hellos[0]["seq"] == 1
    for hello in hellos:
        assert hello["actor"] == "rentbusd" and "command" not in hello
        data = hello["data"]
        assert data.pop("version")
        assert data == {"head": hello["seq"] - 1, "ledger": "main"}


def test_subscribers_hear_the_bytes_that_are_read_later(tmp_path):
    daemon = harness.Daemon(tmp_path).start()
    client = Client(daemon.api)
    with Bytes(daemon.events).settle(client) as subscriber:
        first = client.ok("hello")["head"] + 1
        stock(client, ["ü1"], [("a1", "mug")], [{"id": "mug"}])
        scan = {"user_id": "ü1", "asset_id": "a1", "location_id": "l"}
        client.ok("rental.checkout", **scan)
        last = client.ok("rental.return", **scan, timestamp=at(days=9999))["seq"]
        heard = subscriber.heard(last)

    def read():
        events = read_events(client, first)
        assert len(events) == 3 + 2 + 2
        return [(event["type"].encode(), encode(event)) for event in events[: last - first + 1]]

    heard = [(topic, event) for topic, event in heard if cbor2.loads(event)["seq"] >= first]
    assert heard == read()
    assert daemon.stop() == 0
    daemon.start()
    client.ok("user.put", id="later")
    events = read_events(client, first)
    assert [(event["type"].encode(), encode(event)) for event in events[: len(heard)]] == heard
    check_chain(read_events(client))


def test_subscribers_hear_in_order_and_by_prefix(daemon, client):
    with Subscriber(daemon.events, ["USER_", "ASSET_TYPE_UPDATED_EVENT"]).settle(client) as hears:
        client.ok("location.put", id="unheard")
        client.ok("asset_type.put", id="heard")
        client.ok("asset_type.put", id="heard", loan_period="P1D")
        for number in range(50):
            client.send("user.put", {"id": f"heard {number}"})
        results = [client.receive()["result"] for _ in range(50)]
        events = hears.collect_until(lambda event: event["seq"] == results[-1]["seq"])
    events = [event for event in events if event["type"] != "LOCATION_CREATED_EVENT"]
    assert events[0]["type"] == "ASSET_TYPE_UPDATED_EVENT"
    assert [event["seq"] for event in events[1:]] == [result["seq"] for result in results]


def test_subscribers_hear_again_after_a_restart(tmp_path):
    daemon = harness.Daemon(tmp_path).start()
    client = Client(daemon.api)
    with Subscriber(daemon.events).settle(client) as subscriber:
        for starts in range(2, 4):
            daemon.restart()
            subscriber.settle(client)
            seq = client.ok("user.put", id=f"u{starts}")["seq"]
            heard = subscriber.collect_until(lambda event: event["seq"] == seq)
            assert heard[-1]["subject"] == f"u{starts}"
            hellos = read_events(client, types=["HELLO_EVENT"])
            assert len(hellos) == starts
