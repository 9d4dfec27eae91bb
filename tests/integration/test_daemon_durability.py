# SPDX-License-Identifier: MPL-2.0
"""Crashes, stops and a failing disk under load: what is acknowledged stays, and once."""
import random
import resource
import time

import pytest

import harness
from harness import Client, Subscriber, uuid7, wait_until
from ledgers import NOTHING_BEFORE, at, check_chain, check_commands, read_events, stock, verify

USERS = [f"u{number}" for number in range(8)]
ASSETS = [f"a{number}" for number in range(24)]


class Pipelined(Client):
    """Takes replies as they come."""

    def arrived(self, milliseconds=0):
        while self._socket.poll(milliseconds):
            yield self.receive()


class Load:
    """Commands of every kind, many in flight from several clients; what was sent, and what each
    was answered."""

    def __init__(self, daemon, rng, clients=3, window=40):
        self.daemon = daemon
        self.rng = rng
        self.window = window
        self.sent = {}
        self.results = {}
        self.refused = set()
        self.clients = [Pipelined(daemon.api) for _ in range(clients)]
        self.in_flight = [set() for _ in range(clients)]

    def command(self):
        rng = self.rng
        scan = {"asset_id": rng.choice(ASSETS), "location_id": "l"}
        scan["timestamp"] = at(minutes=rng.randrange(99))
        kind = rng.random()
        if kind < 0.45:
            return "rental.checkout", {**scan, "user_id": rng.choice(USERS)}
        if kind < 0.85:
            return "rental.return", scan
        return "user.put", {"id": rng.choice(USERS), "name": str(rng.randrange(9))}

    def send(self, number, command=None):
        """Sends a new command, or one again, over the client of that number."""
        op, args = self.sent[command] if command else self.command()
        command = self.clients[number].send(op, args, id=command)
        self.sent[command] = (op, args)
        self.in_flight[number].add(command)

    def take(self, number, milliseconds=0):
        """Takes what was answered."""
        for reply in self.clients[number].arrived(milliseconds):
            command = reply["id"]
            self.in_flight[number].discard(command)
            if reply["ok"]:
                before = self.results.setdefault(command, reply["result"])
                assert before == reply["result"], "another outcome than the first time"
                self.refused.discard(command)
            else:
                error = reply["error"]
                assert error["code"] in ("UNAVAILABLE", "BUSY") and error["retry_after_ms"], error
                self.refused.add(command)

    def run_until(self, enough, deadline=120):
        end = time.monotonic() + deadline
        while not enough(self):
            assert time.monotonic() < end, "the load takes too long"
            for number in range(len(self.clients)):
                while len(self.in_flight[number]) < self.window:
                    self.send(number)
                self.take(number, 1)

    def hang_up(self):
        """Takes what has arrived, and drops the rest: nothing goes to the next daemon."""
        for number in range(len(self.clients)):
            self.take(number, 20)
            self.clients[number].close()

    def repeat(self, commands):
        """Each of the commands once more, pipelined; their outcomes must be as before."""
        commands = list(commands)
        with Pipelined(self.daemon.api) as client:
            for start in range(0, len(commands), 1000):
                part = commands[start : start + 1000]
                for command in part:
                    client.send(*self.sent[command], id=command)
                for _ in part:
                    reply = client.receive()
                    assert reply["ok"], reply
                    before = self.results.setdefault(reply["id"], reply["result"])
                    assert reply["result"] == before, self.sent[reply["id"]]


class Journal:
    """The events as they were read so far: only the new ones are read, and must follow."""

    def __init__(self):
        self.events = []
        self.hash = NOTHING_BEFORE

    def read(self, client):
        new = read_events(client, len(self.events) + 1)
        self.hash = check_chain(new, self.hash, len(self.events) + 1)
        self.events += new
        return new

    def check(self, client, results):
        """Each result stands where it says, and no command stands there twice."""
        self.read(client)
        commands = check_commands(self.events)
        for command, result in results.items():
            assert self.events[result["seq"] - 1].get("command") == command
        return set(commands)


class Heard(Subscriber):
    def arrived(self):
        """The events that have come so far."""
        while self.readable(20):
            yield self.next()[1]


def new_rng():
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


def fill(daemon):
    with Client(daemon.api) as client:
        stock(client, USERS, [(asset, "mug") for asset in ASSETS])


def drop_archive(daemon):
    for path in daemon.data.glob("archive.db*"):
        path.unlink()


@pytest.mark.soak
def test_kill_at_random_moments(tmp_path):
    rng = new_rng()
    daemon = harness.Daemon(tmp_path).start()
    fill(daemon)
    journal = Journal()
    sent, results = {}, {}
    for number in harness.rounds(18):
        with Heard(daemon.events) as subscriber:
            load = Load(daemon, rng, rng.randrange(1, 5), rng.choice([1, 5, 50, 300]))
            enough = rng.randrange(1, 10 ** rng.randrange(1, 4))
            load.run_until(lambda load: len(load.results) >= enough)
            assert daemon.kill() < 0
            load.hang_up()
            heard = list(subscriber.arrived())
        if rng.random() < 0.4:
            drop_archive(daemon)
        daemon.start()
        with Client(daemon.api) as client:
            new = journal.read(client)
            assert new[-1]["type"] == "HELLO_EVENT"
            assert new[-1]["data"]["head"] == new[-1]["seq"] - 1
            for event in heard:
                assert journal.events[event["seq"] - 1] == event, "heard, and not there any more"
            known = journal.check(client, load.results)
            assert set(load.results) <= known
            head = len(journal.events)
            load.repeat(load.results)
            assert client.ok("hello")["head"] == head, "what was done was done again"
            load.repeat(set(load.sent) - set(load.results))
            sent.update(load.sent)
            results.update(load.results)
            old = rng.sample(sorted(results), min(50, len(results)))
            load.sent, load.results = sent, results
            load.repeat(old)
            journal.check(client, results)
            if number % 3 == 0:
                assert verify(client)["commands"] == len(check_commands(journal.events))
    with Client(daemon.api) as client:
        assert verify(client)["hash"] == journal.hash
    hellos = [event for event in journal.events if event["type"] == "HELLO_EVENT"]
    print(f"{number + 1} rounds, {len(results)} commands, {len(journal.events)} events")
    assert len(hellos) == number + 2
    assert daemon.stop() == 0


@pytest.mark.soak
def test_stop_under_load(tmp_path):
    """SIGTERM: what was journaled was answered, and what was answered stays."""
    rng = new_rng()
    daemon = harness.Daemon(tmp_path).start()
    fill(daemon)
    journal = Journal()
    for _ in harness.rounds(4):
        with Client(daemon.api) as client:
            before = set(journal.check(client, {}))
        load = Load(daemon, rng, 3, rng.choice([1, 50, 300]))
        enough = rng.randrange(1, 500)
        load.run_until(lambda load: len(load.results) >= enough)
        start = time.monotonic()
        daemon.signal(15)
        if rng.random() < 0.5:
            load.run_until(lambda load: not daemon.running or load.rng.random() < 0.05)
        assert daemon.wait() == 0
        assert time.monotonic() - start < 30
        load.hang_up()
        assert not list(daemon.data.parent.glob("*.sock")), "a socket file is left"
        if rng.random() < 0.4:
            drop_archive(daemon)
        daemon.start()
        with Client(daemon.api) as client:
            known = journal.check(client, load.results) - before
            assert known == set(load.results), "journaled and not answered"
            load.repeat(load.results)
            verify(client)
    assert daemon.stop() == 0
    assert "event=stopped" in daemon.log()


def limit_files(daemon, size=resource.RLIM_INFINITY):
    """No file of the daemon may grow beyond so many bytes: as on a full disk, writes fail."""
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.parametrize("size", [0, 4096, 30000])
def test_a_failing_disk(daemon, client, size):
    """Commands are refused, reads go on and show what is durable, nothing is published; and all is
    well by itself when the disk is."""
    stock(client, ["u1"], [("a1", "mug")])
    scan = {"user_id": "u1", "asset_id": "a1", "location_id": "l"}
    rental = client.ok("rental.checkout", **scan, timestamp=at())["rental"]
    with Heard(daemon.events).settle(client) as subscriber:
        head = client.ok("hello")["head"]
        limit_files(daemon, size)
        refused = []
        # The log may have room for a few commits before the limit.
        wait_until(lambda: not client.call("user.put", {"id": "u1"})["ok"])
        durable = client.ok("hello")["head"]
        for number in range(5):
            for op, args in (
                ("rental.return", {**scan, "timestamp": at(hours=1)}),
                ("user.put", {"id": f"lost{number}"}),
            ):
                reply = client.call(op, args)
                assert reply["ok"] is False and reply["error"]["code"] == "UNAVAILABLE", reply
                assert reply["error"]["retry_after_ms"] > 0
                refused.append((op, args, reply["id"]))
            assert client.ok("rental.get", rental_id=rental["id"])["rental"] == rental
            assert client.ok("asset.get", id="a1")["asset"]["rental_id"] == rental["id"]
            assert client.error("user.get", id=f"lost{number}")["code"] == "NOT_FOUND"
            assert client.ok("rental.list", status="IN_PROGRESS")["rentals"] == [rental]
            assert client.error("command.get", command_id=refused[-1][2])["code"] == "NOT_FOUND"
            assert client.ok("hello")["head"] == durable
            assert len(read_events(client)) == durable
        # What was settled before may still come in; nothing of what was refused does.
        assert all(event["seq"] <= durable for event in subscriber.arrived())
        limit_files(daemon)
        probe = uuid7()
        wait_until(lambda: client.call("user.put", {"id": "well"}, id=probe)["ok"])
        results = [client.call(op, args, id=command) for op, args, command in refused]
        assert all(reply["ok"] for reply in results)
        last = results[-1]["result"]["seq"]
        heard = subscriber.collect_until(lambda event: event["seq"] == last)
    events = read_events(client)
    check_chain(events)
    assert {command for _, _, command in refused} <= set(check_commands(events))
    assert [event["seq"] for event in heard] == list(range(heard[0]["seq"], last + 1))
    assert heard == events[heard[0]["seq"] - 1 : last] and heard[0]["seq"] <= max(durable, head) + 1
    verify(client)
    for event in ("journal_failed", "journal_recovered"):
        assert size < 30000 or event in daemon.log()


@pytest.mark.soak
def test_a_disk_that_fails_now_and_then(tmp_path):
    rng = new_rng()
    daemon = harness.Daemon(tmp_path).start()
    fill(daemon)
    load = Load(daemon, rng, 3, 30)
    for _ in harness.rounds(4):
        done = len(load.results) + rng.randrange(1, 300)
        load.run_until(lambda load: len(load.results) >= done)
        limit_files(daemon, rng.choice([0, 4096, rng.randrange(200000)]))
        refusals = len(load.refused) + rng.randrange(1, 50)
        load.run_until(
            lambda load: len(load.refused) >= refusals or len(load.results) > done + 9999
        )
        if rng.random() < 0.3:
            assert daemon.kill() < 0
            load.hang_up()
            daemon.start()
            load.clients = [Pipelined(daemon.api) for _ in load.clients]
            load.in_flight = [set() for _ in load.clients]
        limit_files(daemon)
        done = len(load.results) + 50
        load.run_until(lambda load: len(load.results) >= done)
    while any(load.in_flight):
        for number in range(len(load.clients)):
            load.take(number, 50)
    journal = Journal()
    with Client(daemon.api) as client:
        known = journal.check(client, load.results)
        assert set(load.results) <= known
        load.repeat(load.sent)
        assert load.sent.keys() == load.results.keys()
        journal.check(client, load.results)
        verify(client)
    assert daemon.stop() == 0
