# SPDX-License-Identifier: MPL-2.0
"""The history of a rental, a user, an asset: what is told, page by page, and that it is all."""
import itertools

import pytest

import harness
from archives import entries
from harness import Client, uuid7, wait_until
from ledgers import at, read_events, stock, verify

KINDS = ("rental_id", "user_id", "asset_id")


def mentions(event, kind):
    """The ids of that kind that the event's data names."""
    data = event["data"]
    rental = data.get("rental", {})
    named = {
        "rental_id": [data.get("rental_id"), data.get("conflict_rental_id"), rental.get("id")],
        "user_id": [data.get("user_id"), rental.get("user_id")],
        "asset_id": [
            data.get("asset_id"),
            data.get("previous_asset_id"),
            rental.get("asset_id"),
            rental.get("returned_asset_id"),
        ],
    }[kind]
    type = event["type"]
    if kind == "user_id" and type.startswith("USER_"):
        named.append(data["id"])
    if kind == "asset_id" and type.startswith("ASSET_") and not type.startswith("ASSET_TYPE_"):
        named.append(data["id"])
    return {name for name in named if name is not None}


def commands(events):
    """The events in groups: those of one command, or one alone."""
    for _, group in itertools.groupby(events, lambda e: e.get("command", e["seq"])):
        yield list(group)


def histories(events):
    """All of them: {(kind, id): events}."""
    told = {}
    for group in commands(events):
        for kind in KINDS:
            for name in set().union(*(mentions(event, kind) for event in group)):
                told.setdefault((kind, name), []).extend(group)
    return told


class Shop:
    """A few people and things, and every kind of event that can mention them."""

    def __init__(self, client):
        self.client = client
        types = [{"id": "mug", "loan_period": "P2D"}]
        stock(client, ["ada", "bob"], [(f"m{n}", "mug") for n in range(9)], types)

    def take(self, user, asset, **when):
        args = {"user_id": user, "asset_id": asset, "location_id": "desk"}
        return self.client.ok("rental.checkout", **args, timestamp=at(**when))

    def bring(self, asset, user=None, **when):
        args = {"asset_id": asset, "location_id": "bin", "timestamp": at(**when)}
        return self.client.ok("rental.return", **args, **({"user_id": user} if user else {}))

    def day(self):
        ok = self.client.ok
        first = self.take("ada", "m0", hours=0)["rental"]["id"]
        self.take("ada", "m1", hours=1)
        assert self.bring("m1", "ada", hours=2)["rental"]["id"] == first, "swapped"
        self.take("bob", "m2", hours=3)
        self.bring("m2", "ada", hours=4)
        self.take("ada", "m2", hours=5)
        self.bring("m7", hours=6)
        self.bring("nothing", "nobody", hours=7)
        self.bring("m7", "bob", hours=8)
        kept = self.take("bob", "m3", hours=9)["rental"]["id"]
        ok("rental.renew", rental_id=kept, period="P9D")
        ok("rental.flag", rental_id=kept, reason="lost")
        ok("rental.unflag", rental_id=kept)
        ok("rental.forgive", rental_id=kept, reason="gone")
        ok("rental.renew", rental_id=kept)
        ok("rental.return", rental_id=kept, timestamp=at(days=9))
        ok("user.block", id="bob", reason="late")
        self.take("bob", "m4", hours=11)
        ok("user.unblock", id="bob")
        ok("asset.put", id="m4", asset_type="bowl")
        ok("asset.put", id="m4", asset_type="bowl")
        ok("asset_type.put", id="m4", loan_period="P3D")
        ok("location.put", id="ada")
        ok("policy.put", user_limit=9)
        imported = {"created_at": at(), "expires_at": at(days=1), "created_at_location_id": "old"}
        ok("admin.import", id="old", status="IN_PROGRESS", user_id="bob", asset_id="m8", **imported)


def check(client, told, limit=1000, **args):
    for (kind, name), events in told.items():
        assert read_events(client, limit=limit, **{kind: name}, **args) == events, (kind, name)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, reap_after_module):
    """A day; part of it in the archive, and the rest not yet when it is asked for."""
    running = harness.Daemon(tmp_path_factory.mktemp("history")).start()
    with Client(running.api) as client:
        shop = Shop(client)
        shop.day()
        wait_until(lambda: client.ok("events.read", types=["RENTAL_EXPIRED_EVENT"])["events"])
        wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"])
    yield running
    assert running.stop() == 0


def test_of_everything(client):
    told = histories(read_events(client))
    assert {kind for kind, _ in told} == set(KINDS) and len(told) == 19
    assert ("user_id", "nobody") in told and ("asset_id", "nothing") in told
    for limit in (1, 2, 3, 7, 1000):
        check(client, told, limit)


def test_what_belongs_to_a_command_is_told_with_it(client):
    """A return by an id of a rental says nothing of its user, but its end does."""
    told = histories(read_events(client))
    types = [event["type"] for event in told["asset_id", "m1"]]
    assert types.count("RENTAL_RETURN_EVENT") == types.count("RENTAL_ASSET_SWAPPED_EVENT") == 1
    assert "USER_BLOCKED_EVENT" in [event["type"] for event in told["user_id", "bob"]]
    assert not any(event["type"].startswith("LOCATION") for event in told["user_id", "ada"])
    assert not any(event["type"].startswith("ASSET_TYPE") for event in told["asset_id", "m4"])


def test_from_every_seq(client):
    """Also from the midst of a command."""
    events = read_events(client)
    told = histories(events)
    for kind, name in (("user_id", "ada"), ("asset_id", "m1"), ("rental_id", "old")):
        for seq in range(1, events[-1]["seq"] + 2):
            wanted = [event for event in told[kind, name] if event["seq"] >= seq]
            assert read_events(client, seq, limit=3, **{kind: name}) == wanted, (kind, name, seq)


def test_by_type_and_since(client):
    events = read_events(client)
    told = histories(events)["user_id", "bob"]
    for types in (["RENTAL_RETURN_EVENT"], ["USER_BLOCKED_EVENT", "RENTAL_EXPIRED_EVENT"], ["NO"]):
        wanted = [event for event in told if event["type"] in types]
        for limit in (1, 1000):
            assert read_events(client, limit=limit, user_id="bob", types=types) == wanted
    for time in {event["time"] for event in told}:
        page = client.ok("events.read", since=time, user_id="bob", limit=1000)
        assert page["events"] == [event for event in told if event["time"] >= time]


@pytest.mark.parametrize("kind", KINDS)
def test_of_what_nobody_knows(client, kind):
    head = client.ok("hello")["head"]
    page = client.ok("events.read", **{kind: "never heard of"})
    assert page == {"events": [], "head": head, "next_seq": head + 1}
    late = client.ok("events.read", from_seq=head + 7, **{kind: "ada"})
    assert late == {"events": [], "head": head, "next_seq": head + 7}


def test_kinds_are_kept_apart(tmp_path):
    daemon = harness.Daemon(tmp_path).start()
    client = Client(daemon.api)
    stock(client, ["same"], [("same", "mug"), ("m1", "mug")])
    imported = {"created_at": at(), "expires_at": at(days=9999), "created_at_location_id": "old"}
    args = {"id": "same", "status": "IN_PROGRESS", "user_id": "same", "asset_id": "m1"}
    client.ok("admin.import", **args, **imported)
    events = read_events(client)
    check(client, histories(events))
    assert len(read_events(client, asset_id="same")) == 1
    assert len(read_events(client, user_id="same")) == 2
    assert daemon.stop() == 0


def test_keys_that_collide(tmp_path):
    """As if all things had the same hash: what the archive names is asked whether it is true."""
    daemon = harness.Daemon(tmp_path).start()
    client = Client(daemon.api)
    Shop(client).day()
    wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"])
    told = histories(read_events(client))
    with entries(daemon.data / "archive.db") as archive:
        keys = {key for _, key, _ in archive.mentions}
        places = {(segment, seq) for segment, _, seq in archive.mentions}
        assert len(keys) * len(places) > len(archive.mentions) + 100
        archive.mentions = {(segment, key, seq) for segment, seq in places for key in keys}
    for limit in (1, 3, 1000):
        check(client, told, limit)
    assert daemon.stop() == 0


def busy(client, rounds, users):
    """The lives of many rentals: 4 events each."""
    sent = []
    for number in range(rounds):
        user, asset = f"u{number % users}", f"m{number % 7}"
        scan = {"user_id": user, "asset_id": asset, "location_id": "desk"}
        sent.append(("rental.checkout", {**scan, "timestamp": at(minutes=number)}))
        sent.append(("rental.return", {**scan, "timestamp": at(minutes=number, seconds=30)}))
    for start in range(0, len(sent), 1000):
        batch = [{"id": uuid7(), "op": op, "args": a} for op, a in sent[start : start + 1000]]
        replies = client.ok("batch", commands=batch)["replies"]
        assert {reply["result"]["outcome"] for reply in replies} == {"CREATED", "COMPLETED"}


def test_of_a_busy_user_and_with_the_archive_taken_away(tmp_path):
    """Over 10,000 events of one user; the archive is deleted under the running daemon and comes
    back, and no page tells too much or too little."""
    daemon = harness.Daemon(tmp_path).start()
    client = Client(daemon.api)
    stock(client, [f"u{n}" for n in range(2)], [(f"m{n}", "mug") for n in range(7)])
    busy(client, 5100, 2)
    events = read_events(client)
    told = histories(events)
    assert len(told["user_id", "u1"]) > 10000
    for limit in (1000, 333):
        assert read_events(client, limit=limit, user_id="u1") == told["user_id", "u1"]
    rare = [event for event in told["user_id", "u1"] if event["type"].startswith("USER_")]
    assert read_events(client, user_id="u1", types=["USER_CREATED_EVENT"]) == rare
    wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"], 60)
    some = dict(list(told.items())[3:40:7])
    check(client, some)
    for path in daemon.data.glob("archive.db*"):
        path.unlink()
    for number in range(2):
        client.ok("location.put", id=f"wakes the archive {number}")
        assert read_events(client, user_id="u1") == told["user_id", "u1"]
        check(client, dict(list(told.items())[number::2500]))
    wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"], 60)
    check(client, some)
    verify(client)
    daemon.restart()
    assert read_events(client, user_id="u1") == told["user_id", "u1"]
    assert daemon.stop() == 0


def test_what_was_just_written_is_told(client):
    """Before the archive has heard of it, and while it hears of it."""
    for number in range(150):
        user = f"new {number}"
        client.ok("user.put", id=user)
        client.ok("user.put", id=user, name="second")
        found = client.ok("events.read", user_id=user)["events"]
        assert [event["type"] for event in found] == ["USER_CREATED_EVENT", "USER_UPDATED_EVENT"]
    verify(client)
