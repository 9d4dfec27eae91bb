# SPDX-License-Identifier: MPL-2.0
"""What tests of publishing and of consumers over HTTP say in few words; workers of the tests fetch
from the daemon itself."""
import harness


def accepted(bridge, response):
    """The result of a command that is on record and can be read again."""
    assert response.status == 202, response.body
    result = response.json()
    assert "dry_run" not in result and "events" not in result
    location = response.headers["Location"]
    assert location.startswith("/commands/")
    assert bridge.get(location).json() == result
    return result


def tried(response):
    """The result of a dry run."""
    assert response.status == 200, response.body
    assert "Location" not in response.headers
    result = response.json()
    assert result["dry_run"] is True
    return result


def event(type="till.closed", data=None, **more):
    return {"type": type, "data": data if data is not None else {}, **more}


def publish(bridge, *events, **more):
    return accepted(bridge, bridge.post("/events", {"events": list(events), **more}))


def put(bridge, name="mail", **wants):
    return accepted(bridge, bridge.put(f"/consumers/{name}", wants))


def order(bridge, verb, body=None, name="mail"):
    return accepted(bridge, bridge.post(f"/consumers/{name}/{verb}", body))


def status(bridge, name="mail"):
    response = bridge.get(f"/consumers/{name}")
    assert response.status == 200, response.body
    return response.json()


class Worker:
    """Fetches for one consumer, from the daemon itself."""

    def __init__(self, client, consumer="mail"):
        self.client = client
        self.me = {"id": consumer, "worker": "w", "incarnation": harness.uuid7()}

    def fetch(self, credit=100, wait_ms=0):
        result = self.client.ok("consumer.fetch", **self.me, credit=credit, wait_ms=wait_ms)
        return result["deliveries"]

    def seqs(self, **more):
        return [delivery["event"]["seq"] for delivery in self.fetch(**more)]

    def ack(self, deliveries):
        acks = [{"seq": one["event"]["seq"], "lease": one["lease"]} for one in deliveries]
        self.client.ok("consumer.ack", **self.me, acks=acks)

    def park(self, deliveries, error="the printer is on fire"):
        for one in deliveries:
            seq = one["event"]["seq"]
            self.client.ok("consumer.nack", **self.me, seq=seq, lease=one["lease"], error=error,
                           fatal=True)  # fmt: skip


def park_five(bridge, client):
    """A consumer that gave up five events, and has nothing else to do; their seqs."""
    put(bridge, types=["till.closed"])
    publish(bridge, *(event(data={"n": n}, subject=f"t{n}") for n in range(5)))
    worker = Worker(client)
    deliveries = worker.fetch()
    worker.park(deliveries)
    harness.wait_until(lambda: status(bridge)["parked"] == 5)
    return [one["event"]["seq"] for one in deliveries]
