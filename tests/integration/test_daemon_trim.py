# SPDX-License-Identifier: MPL-2.0
"""A journal that was trimmed: what goes, what stays, and what each who asks for the past is told."""
import pytest

from consumers import EAGER, Worker, publish, put, seqs, status
from harness import Client, Daemon, Subscriber, decode_reply, run_cli, uuid7, wait_until
from ledgers import at, check_chain, read_events, read_list, stock, verify
from trims import BLOCK, CONFIG, may_go, trim

LISTS = ("user.list", "asset.list", "asset_type.list", "location.list", "device.list", "rental.list")
# What stats say of the ledger.
COUNTS = ("open", "users", "assets", "rentals", "returns", "flagged", "devices", "returns_by_day")


class Shop:
    """A ledger with a past: everything of `old` is about what happens before `cut`."""

    def __init__(self, client):
        self.client = client
        put(client, "behind", "t")
        put(client, "parking", "t", **{**EAGER, "max_attempts": 1})
        put(client, "ready", "t")
        stock(client, ["u1", "u2"], [("m1", "mug"), ("m2", "mug"), ("m3", "mug")])
        self.old_command = uuid7()
        self.old_args = {"user_id": "u1", "asset_id": "m1", "location_id": "desk"}
        self.old = self.take(self.old_args, self.old_command)
        client.ok("rental.return", asset_id="m1", location_id="bin", timestamp=self.old["created_at"])
        self.kept = self.take({"user_id": "u2", "asset_id": "m2", "location_id": "desk"})
        self.told = publish(client, "a", "b")
        worker = Worker(client, "parking")
        for delivery in worker.fetch(1):
            worker.nack(delivery, error="no")
        wait_until(lambda: status(client, "parking")["parked"] == 1)
        assert Worker(client, "ready").work() == self.told
        self.time = client.ok("events.read", from_seq=5)["events"][0]["time"]
        self.cut = client.ok("user.put", id="cut")["seq"]
        self.young_command = uuid7()
        self.young = self.take(
            {"user_id": "u1", "asset_id": "m3", "location_id": "desk"}, self.young_command
        )
        self.events = read_events(client)

    def take(self, args, id=None):
        reply = self.client.call("rental.checkout", args, id=id)
        assert reply["ok"], reply
        return reply["result"]["rental"]

    def state(self):
        """All that a read of the present shows."""
        lists = {op: read_list(self.client, op) for op in LISTS}
        stats = self.client.ok("stats")
        return lists, {key: stats[key] for key in COUNTS}


@pytest.fixture
def daemon(tmp_path):
    running = Daemon(tmp_path, config=CONFIG).start()
    yield running
    if running.running:
        assert running.stop() == 0, running.log()


@pytest.fixture
def shop(client):
    return Shop(client)


def trimmed(error, first, field=None):
    assert (error["code"], error.get("field")) == ("TRIMMED", field), error
    assert first is None or str(first) in error["message"], error


def refused(client, first, field, op, **args):
    trimmed(client.error(op, **args), first, field)


def test_nothing_of_the_ledger_changes(shop, client, daemon):
    archived = client.ok("rental.get", rental_id=shop.old["id"])
    before = shop.state()
    first = trim(client, shop.cut)
    assert client.ok("stats")["trims"] == 1
    assert shop.state() == before
    daemon.restart()
    assert shop.state() == before
    daemon.kill()
    daemon.start()
    assert shop.state() == before
    assert client.ok("rental.get", rental_id=shop.old["id"]) == archived
    assert client.ok("stats")["first_seq"] == first == shop.cut
    events = read_events(client, first)
    known = {event["seq"]: event for event in shop.events}
    assert events[: len(shop.events) - first + 1] == shop.events[first - 1 :]
    check_chain(events, known[first - 1]["hash"], first)
    told = [event for event in events if event["type"] == "JOURNAL_TRIMMED_EVENT"]
    assert [event["data"]["first_seq"] for event in told][-1] == first
    assert sum(event["data"]["events"] for event in told) == first - 1
    assert told[0]["actor"].startswith("uid:") and "command" not in told[0]
    result = verify(client)
    assert result["first_seq"] == first and result["events"] == client.ok("hello")["head"] - first + 1


def test_what_was_asked_for(shop, client):
    for args in ({}, {"before_seq": 5, "older_than": "PT1S"}):
        error = client.error("admin.trim", **args)
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "before_seq")
    first = trim(client, shop.told[0])
    assert first == shop.told[0]
    for args in ({"before_seq": 0}, {"before_seq": 1}, {"before_seq": first}, {"older_than": "P1D"}):
        assert client.ok("admin.trim", **args) == {"first_seq": first, "events": 0, "bytes": 0}
    dry = client.ok("admin.trim", before_seq=shop.cut, dry_run=True)
    assert dry["first_seq"] == shop.cut and dry["events"] == shop.cut - first
    assert client.ok("stats")["first_seq"] == first
    id = uuid7()
    done = client.call("admin.trim", {"before_seq": shop.cut}, id=id)["result"]
    assert done == dry and done["bytes"] > 100
    assert client.call("admin.trim", {"before_seq": shop.cut}, id=id)["result"] == done
    rest = client.ok("admin.trim", older_than="PT0S")
    assert shop.cut < rest["first_seq"] <= client.ok("hello")["head"]
    assert client.ok("admin.trim", before_seq=2**60)["first_seq"] >= rest["first_seq"]


def test_reading_events(shop, client):
    first = trim(client, shop.cut)
    for args in ({}, {"from_seq": 0}, {"from_seq": 1}, {"from_seq": first - 1}, {"types": ["t"]}):
        refused(client, first, "from_seq", "events.read", **args)
    refused(client, first, "since", "events.read", since=shop.time)
    refused(client, first, "since", "events.read", since=at())
    assert client.ok("events.read", from_seq=first, limit=1)["events"][0]["seq"] == first
    last = shop.events[-1]
    page = client.ok("events.read", since=last["time"])
    assert last in page["events"] and "first_seq" not in page


def test_histories_say_where_they_begin(shop, client):
    whole = client.ok("events.read", user_id="u1")
    assert "first_seq" not in whole
    first = trim(client, shop.cut)
    page = client.ok("events.read", user_id="u1")
    assert page["events"] == [event for event in whole["events"] if event["seq"] >= first]
    assert page["events"] and page["first_seq"] == first
    assert client.ok("events.read", rental_id=shop.old["id"])["events"] == []
    refused(client, first, "from_seq", "events.read", user_id="u1", from_seq=first - 1)
    refused(client, first, "since", "events.read", user_id="u1", since=shop.time)
    assert client.ok("events.read", user_id="u1", from_seq=first)["events"] == page["events"]


def test_commands_are_never_done_twice(shop, client):
    young = client.ok("command.get", command_id=shop.young_command)
    first = trim(client, shop.cut)
    before = shop.state()
    refused(client, first, "command_id", "command.get", command_id=shop.old_command)
    assert client.ok("command.get", command_id=shop.young_command) == young
    again = client.call("rental.checkout", shop.old_args, id=shop.old_command)
    trimmed(again["error"], first, "id")
    dry = client.call("rental.checkout", {**shop.old_args, "dry_run": True}, id=shop.old_command)
    trimmed(dry["error"], first, "id")
    other = uuid7()
    batch = [
        {"id": shop.old_command, "op": "rental.checkout", "args": shop.old_args},
        {"id": shop.young_command, "op": "user.put", "args": {"id": "never"}},
        {"id": other, "op": "user.put", "args": {"id": "u2"}},
    ]
    replies = client.ok("batch", commands=batch)["replies"]
    trimmed(replies[0]["error"], first, "id")
    assert replies[1]["result"] == young and replies[2]["result"]["outcome"] == "UNCHANGED"
    assert shop.state() == before


def test_the_past(shop, client):
    first = trim(client, shop.cut)
    refused(client, first, "at_seq", "user.get", id="u1", at_seq=2)
    refused(client, first, "at_seq", "stats", at_seq=first - 2)
    refused(client, first, "at", "rental.list", at=shop.time)
    head = client.ok("hello")["head"]
    assert client.ok("user.get", id="u1", at_seq=head)["user"]["id"] == "u1"


def test_explaining(shop, client):
    first = trim(client, shop.cut)
    refused(client, first, "command_id", "explain", command_id=shop.old_command)
    refused(client, first, "rental_id", "explain", rental_id=shop.old["id"])
    refused(client, first, "rental_id", "explain", rental_id=shop.kept["id"])
    assert client.error("explain", rental_id="never")["code"] == "NOT_FOUND"
    done = client.ok("rental.forgive", rental_id=shop.kept["id"], reason="lost")
    told = client.ok("explain", rental_id=shop.kept["id"])
    assert told["outcome"] == "UPDATED" and told["events"][-1]["seq"] == done["seq"]


def test_consumers(shop, client):
    first = trim(client, shop.cut)
    worker = Worker(client, "behind")
    refused(client, first, "id", "consumer.fetch", **worker.who, credit=1)
    client.send("consumer.fetch", {**worker.who, "credit": 1, "wait_ms": 20000})
    trimmed(client.receive()["error"], first, "id")
    assert status(client, "behind")["cursor"] < first
    for args in ({"from_seq": first - 1}, {"since": shop.time}):
        refused(client, first, list(args)[0], "consumer.reset", id="behind", **args)
        refused(client, first, list(args)[0], "consumer.put", id="other", types=["t"], **args)
        assert client.ok("consumer.put", id="ready", types=["t"], **args)["outcome"] == "UNCHANGED"
    client.ok("consumer.reset", id="behind", start="first")
    assert status(client, "behind")["cursor"] >= first - 1
    new = publish(client, "c")
    assert worker.work() == new
    assert Worker(client, "ready").work() == new
    put(client, "late", "t")
    assert status(client, "late")["consumer"]["id"] == "late"
    assert Worker(client, "late").work() == new


def test_a_consumer_is_told_while_it_waits(shop, client, daemon):
    """What it waits for is trimmed before it gets there."""
    with Client(daemon.api) as other:
        worker = Worker(other, "ready")
        assert worker.fetch() == []
        first = trim(client, shop.cut)
        new = publish(client, "c")
        assert worker.work() == new and first == shop.cut


def test_parked_events(shop, client):
    first = trim(client, shop.cut)
    (seq, _) = shop.told
    for op in ("consumer.parked", "consumer.replay"):
        args = {} if op == "consumer.parked" else {"all": True}
        error = client.error(op, id="parking", **args)
        assert error["code"] == "TRIMMED" and str(seq) in error["message"], error
    error = client.error("consumer.replay", id="parking", seqs=[{"seq": seq}])
    assert error["code"] == "TRIMMED" and str(seq) in error["message"] and first > seq
    client.ok("consumer.drop", id="parking", seqs=[{"seq": seq}])
    assert client.ok("consumer.parked", id="parking") == {"parked": []}


def test_a_lost_archive_is_not_half_built(shop, client, daemon):
    first = trim(client, shop.cut)
    assert daemon.stop() == 0
    archive = daemon.data / "archive.db"
    kept = archive.with_name("kept")
    archive.rename(kept)
    for other in daemon.data.glob("archive.db-*"):
        other.unlink()
    daemon.launch()
    assert daemon.wait() == 78
    assert f"trimmed before seq {first}" in daemon.log() and "archive.db" in daemon.log()
    assert not archive.exists()
    kept.rename(archive)
    daemon.start()
    assert client.ok("rental.get", rental_id=shop.old["id"])["rental"]["status"] == "COMPLETED"


def test_commands_go_on_meanwhile(client, daemon):
    """While much is trimmed, returns are taken and answered, and heard of without a gap."""
    for number in range(40):
        client.ok("batch", commands=[
            {"id": uuid7(), "op": "user.put", "args": {"id": f"u{number}-{i}"}} for i in range(500)
        ])
    head = client.ok("hello")["head"]
    with Client(daemon.api) as other, Subscriber(daemon.events) as heard:
        heard.settle(client)
        may_go(client, head - 100)
        other.send("admin.trim", {"before_seq": head - 100})
        made = [client.ok("user.put", id=f"meanwhile-{i}")["seq"] for i in range(30)]
        first = other.receive(60)["result"]["first_seq"]
        assert head - 100 - BLOCK <= first <= head - 100
        events = heard.collect_until(lambda event: event["seq"] == made[-1])
    got = [event["seq"] for event in events if event["seq"] >= made[0]]
    assert got == list(range(made[0], made[-1] + 1))
    assert client.ok("stats")["first_seq"] == first


def test_kill_in_the_midst(client, daemon):
    """However far a trim came: the journal begins where it says, and the ledger is whole."""
    for number in range(30):
        client.ok("batch", commands=[
            {"id": uuid7(), "op": "user.put", "args": {"id": f"u{number}-{i}"}} for i in range(500)
        ])
    users = len(read_list(client, "user.list"))
    head = client.ok("hello")["head"]
    for left in (4, 3, 2, 1):
        may_go(client, head - 3000 * left)
        first = client.ok("stats")["first_seq"]
        client.send("admin.trim", {"before_seq": head - 3000 * left})
        wait_until(lambda: client.ok("stats")["first_seq"] > first, 60)
        daemon.kill()
        daemon.start()
        first = client.ok("stats")["first_seq"]
        events = read_events(client, first)
        check_chain(events[1:], events[0]["hash"], first + 1)
        assert len(read_list(client, "user.list")) == users
        refused(client, first, "from_seq", "events.read", from_seq=first - 1)
