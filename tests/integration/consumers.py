# SPDX-License-Identifier: MPL-2.0
"""What tests of consumers say in few words."""
from foreign import uuid7

# An instant of backoff, and as many attempts as there may be.
EAGER = {"backoff_ms": 1, "backoff_max_ms": 5, "max_attempts": 1000}


def put(client, name, *types, **more):
    """A consumer of these types (none: all), from the first event on."""
    wants = {"id": name, "start": "first", **more}
    for other in ("from_seq", "since"):
        if other in wants:
            del wants["start"]
    if types:
        wants["types"] = list(types)
    return client.ok("consumer.put", **wants)


def status(client, name):
    return client.ok("consumer.get", id=name)["consumer"]


def publish(client, *subjects, type="t", **data):
    """An event of each subject, in one publication; their seqs."""
    events = [{"type": type, "subject": s, "data": {"n": i, **data}} for i, s in enumerate(subjects)]
    last = client.ok("publish", events=events)["seq"]
    return list(range(last - len(events) + 1, last + 1))


def seqs(deliveries):
    return [delivery["event"]["seq"] for delivery in deliveries]


def leases(deliveries):
    return [{"seq": d["event"]["seq"], "lease": d["lease"]} for d in deliveries]


class Worker:
    """One worker of a consumer, over a client of its own or another's."""

    def __init__(self, client, consumer, name="w", incarnation=None):
        self.client = client
        self.who = {"id": consumer, "worker": name, "incarnation": incarnation or uuid7()}

    def fetch(self, credit=100, wait_ms=0):
        args = {**self.who, "credit": credit, "wait_ms": wait_ms}
        return self.client.ok("consumer.fetch", **args)["deliveries"]

    def ack_args(self, deliveries, **more):
        return {**self.who, "acks": leases(deliveries), **more}

    def ack(self, *deliveries, **more):
        return self.client.ok("consumer.ack", **self.ack_args(deliveries, **more))

    def nack_args(self, delivery, **more):
        return {**self.who, **leases([delivery])[0], **more}

    def nack(self, delivery, **more):
        return self.client.ok("consumer.nack", **self.nack_args(delivery, **more))

    def extend(self, *deliveries, **more):
        return self.client.ok("consumer.extend", **self.who, leases=leases(deliveries), **more)

    def work(self):
        """Takes and acknowledges what is there; the seqs."""
        done = []
        while deliveries := self.fetch():
            self.ack(*deliveries)
            done += seqs(deliveries)
        return done
