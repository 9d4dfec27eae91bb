# SPDX-License-Identifier: MPL-2.0
"""No reply waits for the next request: whatever the daemon was doing when a request came, it is
answered though nobody says anything more."""
import random
import time

from harness import Client, Subscriber, uuid7

ROUNDS = 150
USERS = 300


def let_pass(seconds):
    """Less than any sleep would take."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def at_any_moment(client, other, ask):
    """ask() sends a request of the client, which is answered once a thread of the daemon is done.
    While it is, the other one's comes; nobody sends anything before both are answered."""
    chance = random.Random(7)
    took = 0.0
    for number in range(ROUNDS):
        start = time.monotonic()
        ask(number)
        let_pass(chance.uniform(0, took))
        other.send("hello")
        assert client.receive()["ok"] is True
        took = min(time.monotonic() - start, 0.005)
        assert other.receive()["ok"] is True


def test_a_request_while_one_of_the_past_is_answered(daemon, client):
    put = [{"id": uuid7(), "op": "user.put", "args": {"id": f"u{n}"}} for n in range(USERS)]
    client.ok("batch", commands=put)
    head = client.ok("hello")["head"]

    def ask(number):
        client.send("user.list", {"limit": USERS, "at_seq": head - number % 2})

    with Client(daemon.api) as other:
        at_any_moment(client, other, ask)


def test_a_request_while_one_is_made_durable_and_published(daemon, client):
    def ask(number):
        nonlocal subscriber
        if number % 20 == 0:
            subscriber = Subscriber(daemon.events, ["t"])
        if number % 20 == 10:
            subscriber.close()
        client.send("publish", {"events": [{"type": "t", "data": {"n": number}}]})

    subscriber = None
    with Client(daemon.api) as other:
        at_any_moment(client, other, ask)


def test_one_after_the_other(client):
    for _ in range(10 * ROUNDS):
        client.ok("hello")
