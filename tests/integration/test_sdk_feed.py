# SPDX-License-Identifier: MPL-2.0
"""Subscribers of the library behind a bad feed: a proxy between the daemon's socket and them loses
messages, or goes silent."""
import random
import threading
import time

import cbor2
import pytest
import zmq

import cddl
import harness
from harness import Process, wait_until
from processes import started

DEADLINE = 60


class Proxy:
    """Passes on what the daemon publishes, as far as `keep` (topic, number of the message) says.
    `deaf`: nothing at all, until somebody subscribes anew."""

    def __init__(self, events, endpoint, keep=lambda topic, number: True):
        self.endpoint = endpoint
        self.deaf = False
        self.lost = 0
        self.beats = 0
        self.subscriptions = 0
        self._keep = keep
        self._end = False
        context = zmq.Context.instance()
        self._from, self._to = context.socket(zmq.SUB), context.socket(zmq.XPUB)
        for socket in (self._from, self._to):
            socket.linger = 0
            socket.rcvhwm = socket.sndhwm = 0
        self._to.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._from.subscribe("")
        self._from.connect(events)
        self._to.bind(endpoint)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        started.append(self)

    def _run(self):
        number = 0
        poller = zmq.Poller()
        poller.register(self._from, zmq.POLLIN)
        poller.register(self._to, zmq.POLLIN)
        while not self._end:
            ready = dict(poller.poll(50))
            if self._to in ready and self._to.recv()[:1] == b"\x01":
                self.subscriptions += 1
                self.deaf = False
            if self._from not in ready:
                continue
            frames = self._from.recv_multipart()
            number += 1
            self.beats += frames[0] == b"HEARTBEAT"
            if not self.deaf and self._keep(frames[0], number):
                self._to.send_multipart(frames)
            else:
                self.lost += 1
        self._from.close()
        self._to.close()

    def close(self):
        self._end = True
        self._thread.join()

    def reports(self):
        return []


def watch(daemon, proxy, directory, start=1):
    argv = [harness.bin_dir() / "sdk_watch", daemon.api, proxy.endpoint, start]
    process = Process(argv, directory, f"watch-{harness.mark()}").launch()
    assert process.next_line(DEADLINE) == "ready"
    return process


def seqs(process):
    return [int(line.split()[0]) for line in process.output().split("\n")[1:-1]]


def expect_up_to(process, last):
    wait_until(lambda: len(seqs(process)) >= last, DEADLINE, f"events up to {last}")
    assert seqs(process) == list(range(1, last + 1))


def put_locations(client, prefix, count):
    for number in range(count):
        client.ok("location.put", id=f"{prefix}-{number}")
    return client.ok("hello")["head"]


def test_heartbeats_are_as_described(daemon, client):
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.linger = 0
    socket.subscribe("HEARTBEAT")
    socket.connect(daemon.events)
    for _ in range(2):
        assert socket.poll(DEADLINE * 1000), "no heartbeat"
        topic, body = socket.recv_multipart()
        beat = cbor2.loads(body)
        assert topic == b"HEARTBEAT" and cbor2.dumps(beat, canonical=True) == body
        fields = cddl.load().structs["heartbeat"]
        assert list(beat) == [field.name for field in fields]
        assert beat["head"] == client.ok("hello")["head"]
    socket.close()


@pytest.mark.soak
def test_one_message_in_a_hundred_is_lost(daemon, client, tmp_path):
    for seed in harness.rounds(3):
        print(f"seed {seed}")
        chance = random.Random(seed)
        proxy = Proxy(daemon.events, f"ipc://{tmp_path}/lossy-{seed}",
                      lambda topic, number: chance.random() >= 0.01)  # fmt: skip
        process = watch(daemon, proxy, tmp_path)
        for part in range(3):
            last = put_locations(client, f"{seed}-{part}", 300)
            expect_up_to(process, last)
        assert proxy.lost > 0
        process.close()


def test_everything_but_heartbeats_is_lost(daemon, client, tmp_path):
    proxy = Proxy(daemon.events, f"ipc://{tmp_path}/beats", lambda topic, _: topic == b"HEARTBEAT")
    process = watch(daemon, proxy, tmp_path)
    for part in range(3):
        expect_up_to(process, put_locations(client, f"part-{part}", 50))


def test_a_dead_feed_is_noticed_and_opened_anew(daemon, client, tmp_path):
    proxy = Proxy(daemon.events, f"ipc://{tmp_path}/deaf")
    process = watch(daemon, proxy, tmp_path)
    expect_up_to(process, put_locations(client, "before", 10))
    heard = proxy.beats
    wait_until(lambda: proxy.beats > heard, DEADLINE, "a heartbeat")
    subscriptions = proxy.subscriptions
    proxy.deaf = True
    start = time.monotonic()
    last = put_locations(client, "deaf", 10)
    expect_up_to(process, last)
    assert time.monotonic() - start < 30
    # From then on the feed is a new one.
    wait_until(lambda: proxy.subscriptions > subscriptions, DEADLINE, "a new subscription")
    assert not proxy.deaf
    expect_up_to(process, put_locations(client, "after", 10))


def test_a_feed_that_stops_while_the_daemon_is_killed(daemon, client, tmp_path):
    proxy = Proxy(daemon.events, f"ipc://{tmp_path}/killed")
    process = watch(daemon, proxy, tmp_path)
    for part in range(3):
        put_locations(client, f"part-{part}", 50)
        daemon.kill()
        daemon.start()
        with harness.Client(daemon.api) as fresh:
            last = put_locations(fresh, f"later-{part}", 5)
        expect_up_to(process, last)
