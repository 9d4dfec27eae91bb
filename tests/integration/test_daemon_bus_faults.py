# SPDX-License-Identifier: MPL-2.0
"""Consumers, when daemons and workers end at the worst of moments."""
import random
import resource
import sqlite3
import threading
import time

import pytest

import harness
from consumers import EAGER, Worker, publish, put, seqs, status
from harness import Client, Daemon, Refused, uuid7, wait_until
from ledgers import verify


def new_rng():
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


class Hand(threading.Thread):
    """A worker that acknowledges what it handles, fails now and then, and goes on whatever happens
    to the daemon. `handled` is shared: subject → seqs in the order of their first handling."""

    def __init__(self, daemon, name, handled, rng):
        super().__init__(daemon=True)
        self.api = daemon.api
        self.name = name
        self.handled = handled
        self.rng = random.Random(rng.randrange(2**32))
        self.over = threading.Event()
        self.problems = []

    def run(self):
        while not self.over.is_set():
            with Client(self.api) as client:
                try:
                    self.serve(Worker(client, "c", self.name))
                except (TimeoutError, Refused) as problem:
                    # Cut off, fenced by nobody, or its leases are gone: it begins anew.
                    if isinstance(problem, Refused) and problem.error["code"] not in (
                        "CONFLICT",
                        "NOT_FOUND",
                        "UNAVAILABLE",
                        "BUSY",
                    ):
                        self.problems.append(problem.error)

    def serve(self, worker):
        call = worker.client.call
        worker.client.call = lambda op, args: call(op, args, timeout=2)
        while not self.over.is_set():
            for delivery in worker.fetch(5, wait_ms=100):
                event = delivery["event"]
                kind = self.rng.random()
                if kind < 0.05:
                    worker.nack(delivery, error="now and then")
                    continue
                with LOCK:
                    order = self.handled.setdefault(event["subject"], [])
                    if event["seq"] not in order:
                        order.append(event["seq"])
                if kind < 0.2:
                    made = {"type": "made", "subject": event["subject"], "data": {"of": event["seq"]}}
                    worker.ack(delivery, publish=[made])
                elif kind < 0.23:
                    break  # handled, and gone before it could say so
                else:
                    worker.ack(delivery)

    def end(self):
        self.over.set()
        self.join(60)
        assert not self.is_alive() and not self.problems, self.problems


LOCK = threading.Lock()


def check_order(handled, made):
    for subject, wanted in made.items():
        assert handled.get(subject) == wanted, f"{subject}: {handled.get(subject)} of {wanted}"


@pytest.mark.soak
def test_kills_while_workers_acknowledge(tmp_path):
    """Every event is handled at least once, those of a subject in order at first; what was parked is
    accounted for; and nothing that a handler published is there twice."""
    daemon = Daemon(tmp_path).start()
    rng = new_rng()
    handled, made = {}, {}
    with Client(daemon.api) as client:
        put(client, "c", "t", lease_ms=300, backoff_ms=1, backoff_max_ms=20, max_attempts=1000)
    hands = [Hand(daemon, f"w{n}", handled, rng) for n in range(3)]
    for hand in hands:
        hand.start()
    for _ in harness.rounds(6):
        with Client(daemon.api) as client:
            for _ in range(rng.randrange(1, 12)):
                subjects = [f"s{rng.randrange(9)}" for _ in range(rng.randrange(1, 32))]
                for subject, seq in zip(subjects, publish(client, *subjects)):
                    made.setdefault(subject, []).append(seq)
        if rng.random() < 0.8:
            assert daemon.kill() < 0
        else:
            assert daemon.stop() == 0
        if rng.random() < 0.2:
            for path in daemon.data.glob("cursors.db*"):
                path.unlink()
        daemon.start()
    with Client(daemon.api) as client:
        wait_until(lambda: done(client), 150, "the end of the work")
        for hand in hands:
            hand.end()
        check_order(handled, made)
        assert client.ok("consumer.parked", id="c")["parked"] == []
        causes = [e["cause"] for e in all_events(client, "made")]
        assert len(causes) == len(set(causes)), "published twice"
        verify(client)
    assert daemon.stop() == 0


def done(client):
    now = status(client, "c")
    if now["in_flight"] or now["delayed"] or "oldest_at" in now:
        return False
    head = client.ok("hello")["head"]
    tail = client.ok("events.read", from_seq=now["cursor"] + 1, types=["t"], limit=1)["events"]
    return not tail and head


def all_events(client, type):
    found, seq = [], 1
    while True:
        page = client.ok("events.read", from_seq=seq, types=[type], limit=1000)["events"]
        if not page:
            return found
        found += page
        seq = page[-1]["seq"] + 1


def test_workers_that_are_killed(daemon, client):
    """Their leases end, others go on; what never works is parked, and is all that is."""
    put(client, "c", "t", lease_ms=200, backoff_ms=1, backoff_max_ms=5, max_attempts=3)
    made = publish(client, *(f"s{n % 10}" for n in range(30)))
    poison = set(made[3::10])
    handled = set()
    for number in range(200):
        worker = Worker(client, "c", f"w{number % 4}", uuid7())
        for delivery in worker.fetch(4, wait_ms=50):
            seq = delivery["event"]["seq"]
            if seq in poison or number % 3 == 0:
                continue  # it dies of it, or of something else
            try:
                worker.ack(delivery)
                handled.add(seq)
            except Refused as refused:
                assert refused.error["code"] in ("CONFLICT", "NOT_FOUND")
        if len(handled) + status(client, "c")["parked"] == 30:
            break
    parked = client.ok("consumer.parked", id="c")["parked"]
    assert poison <= {p["event"]["seq"] for p in parked}
    assert not handled & {p["event"]["seq"] for p in parked}
    assert handled | {p["event"]["seq"] for p in parked} == set(made)
    for one in parked:
        assert one["attempts"] == 3 and len(one["failures"]) == 3
        assert {f["error"] for f in one["failures"]} <= {"the lease ended", "its worker began anew"}


def test_a_stop_keeps_cursors_exactly(daemon, client):
    put(client, "c", "t", **EAGER)
    made = publish(client, *(f"s{n}" for n in range(32)))
    worker = Worker(client, "c")
    taken = worker.fetch()
    for delivery in taken[::2]:
        worker.ack(delivery)
    worker.nack(taken[1], delay_ms=0)
    before = status(client, "c")
    daemon.restart()
    with Client(daemon.api) as again:
        assert status(again, "c")["cursor"] == before["cursor"] == made[0]
        left = Worker(again, "c").fetch()
        assert seqs(left) == made[1::2]
        assert {d["attempt"] for d in left} == {2}


def test_a_stop_in_the_middle_of_the_work(daemon):
    """What was acknowledged before the stop is not handed out behind it: not one."""
    with Client(daemon.api) as client:
        put(client, "c", "t")
        for number in range(20):
            publish(client, *(f"s{number}-{n}" for n in range(32)))
        acked = set()
        worker = Worker(client, "c")
        for number in range(19):
            deliveries = worker.fetch(17)
            worker.ack(*deliveries)
            acked |= set(seqs(deliveries))
    daemon.restart()
    with Client(daemon.api) as client:
        left = Worker(client, "c").work()
        assert not acked & set(left) and len(acked) + len(left) == 640


def limit_files(daemon, size=resource.RLIM_INFINITY):
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.parametrize("size", [0, 30000])
def test_a_full_disk(daemon, client, size):
    """What is to be recorded is refused, or waits; acknowledgements go on, and are saved later."""
    put(client, "c", "t", max_attempts=1, backoff_ms=1)
    made = publish(client, "a", "b", "c", "d")
    worker = Worker(client, "c")
    first, second, third, fourth = worker.fetch()
    limit_files(daemon, size)
    wait_until(lambda: not client.call("user.put", {"id": "u1"})["ok"])
    worker.ack(first)
    told = [{"type": "made", "data": {}}]
    error = client.error("consumer.ack", **worker.ack_args([second], publish=told))
    assert error["code"] == "UNAVAILABLE"
    assert worker.nack(third, error="broken")["parked"] is False  # it cannot be
    end = time.monotonic() + 0.2
    wait_until(lambda: time.monotonic() > end)
    limit_files(daemon)
    wait_until(lambda: client.call("user.put", {"id": "u2"})["ok"], what="a disk that works")
    assert worker.ack(second, publish=told)["acked"] == 1
    again = wait_until(worker.fetch)
    assert seqs(again) == made[2:3] and again[0]["attempt"] == 2
    assert worker.nack(again[0], error="broken")["parked"] is True
    wait_until(lambda: "event=cursors_recovered" in daemon.log() or size)
    worker.ack(fourth)
    verify(client)
    daemon.restart()
    with Client(daemon.api) as later:
        assert Worker(later, "c").work() == []
        assert status(later, "c")["parked"] == 1
        assert [e["cause"] for e in all_events(later, "made")] == made[1:2]


def test_publishing_acks_are_taken_once(daemon, client):
    """The same request again, over another connection and behind a restart."""
    put(client, "c", "t")
    seq = publish(client, "a")[0]
    worker = Worker(client, "c")
    delivery = worker.fetch()[0]
    args = worker.ack_args([delivery], publish=[{"type": "made", "subject": "a", "data": {"n": 1}}])
    first = client.call("consumer.ack", args)
    assert first["ok"], first
    with Client(daemon.api) as other:
        assert other.call("consumer.ack", args, id=first["id"]) == first
    assert daemon.kill() < 0
    daemon.start()
    with Client(daemon.api) as other:
        assert other.call("consumer.ack", args, id=first["id"]) == first
        made = all_events(other, "made")
        assert len(made) == 1
        event = made[0]
        assert (event["cause"], event["hops"], event["consumer"]) == (seq, 1, "c")
        assert event["command"] == first["id"]
        # With another id it is another one, of an event that is done.
        error = other.call("consumer.ack", args)["error"]
        assert error["code"] == "NOT_FOUND"
        assert Worker(other, "c").work() == []
        assert len(all_events(other, "made")) == 1


def test_a_loop_is_stopped(daemon, client):
    put(client, "c", "echo")
    publish(client, "a", type="echo")
    worker = Worker(client, "c")
    hops = 0
    while True:
        delivery = wait_until(worker.fetch)[0]
        assert delivery["event"].get("hops", 0) == hops
        args = worker.ack_args([delivery], publish=[{"type": "echo", "subject": "a", "data": {}}])
        reply = client.call("consumer.ack", args)
        if not reply["ok"]:
            break
        hops += 1
    assert hops == 16
    assert (reply["error"]["code"], reply["error"]["field"]) == ("CONFLICT", "publish")
    parked = client.ok("consumer.parked", id="c")["parked"]
    assert [p["event"]["seq"] for p in parked] == [delivery["event"]["seq"]]
    assert "loop" in parked[0]["failures"][0]["error"]
    assert worker.fetch() == []


def test_abandoned_consumers_cost_nothing(daemon, client):
    """Many that nobody asks for, from the first event on, do not slow the others down."""
    for number in range(300):
        put(client, f"gone{number}", "never" if number % 2 else "t")
    put(client, "c", "t")
    worker = Worker(client, "c")
    for number in range(30):
        made = publish(client, *(f"s{n}" for n in range(32)))
        assert worker.work() == made
    assert client.ok("stats")["consumers"] == 301


def test_a_journal_of_before(tmp_path):
    """A ledger that has never heard of consumers gets some."""
    daemon = Daemon(tmp_path, args=("--ledger", "old"))
    daemon.data.mkdir(parents=True)
    script = harness.DATA / "journal_before_policies.sql"
    with sqlite3.connect(daemon.data / "journal.db") as connection:
        connection.executescript(script.read_text("utf-8"))
    connection.close()
    daemon.start()
    with Client(daemon.api) as client:
        put(client, "c")
        worker = Worker(client, "c")
        head = client.ok("hello")["head"]
        assert sorted(worker.work()) == list(range(1, head))
        verify(client)
    assert daemon.stop() == 0
