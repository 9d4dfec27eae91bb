# SPDX-License-Identifier: MPL-2.0
"""What happens without a command when its time has come: exactly, once, whatever happened before."""
import os
import resource
import statistics
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import harness
from harness import Client, Subscriber, uuid7, wait_until
from ledgers import at, check_chain, read_events, read_list, stock, verify

TIMERS = ("RENTAL_DUE_SOON_EVENT", "RENTAL_EXPIRED_EVENT")
FOR_CERTAIN = 60  # seconds within which even a busy machine has done it


def now():
    return datetime.now(timezone.utc)


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def lateness(event):
    """Milliseconds from when the rental ran out to when that was recorded."""
    return (moment(event["time"]) - moment(event["data"]["rental"]["expires_at"])) / timedelta(
        milliseconds=1
    )


class Clock:
    """Short loans, and the events that time brings."""

    def __init__(self, daemon, client):
        self.daemon = daemon
        self.client = client
        kinds = [
            {"id": "blink", "loan_period": "PT1S"},
            {"id": "warned", "loan_period": "PT3S", "due_soon_lead": "PT2S"},
            {"id": "long", "loan_period": "P7D"},
        ]
        assets = [(f"{kind['id']}{number}", kind["id"]) for kind in kinds for number in range(9)]
        stock(client, ["ada"], assets, kinds)
        self.heard = Subscriber(daemon.events).settle(client)

    def take(self, asset, **args):
        args = {"user_id": "ada", "asset_id": asset, "location_id": "l", **args}
        result = self.client.ok("rental.checkout", **args)
        assert result["outcome"] == "CREATED", result
        return result["rental"]

    def bring(self, asset):
        return self.client.ok(
            "rental.return", asset_id=asset, location_id="l", timestamp=now().isoformat()
        )

    def wait_for(self, kind, rental, deadline=FOR_CERTAIN):
        """The next event of that type and rental, as published."""
        found = self.heard.collect_until(
            lambda event: event["type"] == kind and event["subject"] == rental["id"], deadline
        )
        return found[-1]

    def told(self, rental):
        """What time has brought of a rental, as recorded: types."""
        events = read_events(self.client, types=list(TIMERS))
        return [event["type"] for event in events if event["subject"] == rental["id"]]


@pytest.fixture
def clock(daemon, client):
    yield Clock(daemon, client)
    check_chain(read_events(client))
    verify(client)


def test_a_rental_expires(clock):
    rental = clock.take("blink1")
    event = clock.wait_for("RENTAL_EXPIRED_EVENT", rental)
    assert event["data"] == {"rental": rental} and event["actor"] == "rentbusd"
    assert "command" not in event and lateness(event) > 0
    assert clock.client.ok("rental.get", rental_id=rental["id"])["rental"] == rental
    clock.wait_for("RENTAL_EXPIRED_EVENT", clock.take("blink2"))
    assert clock.told(rental) == ["RENTAL_EXPIRED_EVENT"]


def test_to_the_millisecond(clock):
    """Of a daemon that has nothing else to do; but the machine may have: then commands take as
    long."""
    times, trips = [], []
    for number in range(5):
        rental = clock.take(f"blink{number}", expires_at=(now() + timedelta(seconds=0.4)).isoformat())
        times.append(lateness(clock.wait_for("RENTAL_EXPIRED_EVENT", rental)))
        before = time.monotonic()
        clock.client.ok("user.put", id="ada", name=f"{number}")
        trips.append(1000 * (time.monotonic() - before))
    print("late by", times, "and commands take", trips)
    assert min(times) > 0 and statistics.median(times) < 50 + 5 * statistics.median(trips)


def test_waiting_costs_nothing(clock):
    """A timer in the future, and one that is done: neither keeps the daemon busy."""

    def busy():
        fields = Path(f"/proc/{clock.daemon.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    clock.take("long1")
    clock.wait_for("RENTAL_EXPIRED_EVENT", clock.take("blink1"))
    before = busy()
    expires = now() + timedelta(seconds=3)
    clock.wait_for("RENTAL_EXPIRED_EVENT", clock.take("blink2", expires_at=expires.isoformat()))
    assert busy() - before < 1


def test_due_soon_and_then_expired(clock):
    rental = clock.take("warned1")
    event = clock.wait_for("RENTAL_DUE_SOON_EVENT", rental)
    assert event["data"] == {"rental": rental}
    assert timedelta(0) < moment(rental["expires_at"]) - moment(event["time"]) <= timedelta(seconds=2)
    clock.wait_for("RENTAL_EXPIRED_EVENT", rental)
    assert clock.told(rental) == list(TIMERS)


def test_closing_cancels(clock):
    soon = (now() + timedelta(seconds=3)).isoformat()
    brought = clock.take("warned1", expires_at=(now() + timedelta(seconds=5)).isoformat())
    clock.bring("warned1")
    forgiven = clock.take("blink1", expires_at=soon)
    clock.client.ok("rental.forgive", rental_id=forgiven["id"], reason="kind")
    flagged = clock.take("blink2", expires_at=soon)
    clock.client.ok("rental.flag", rental_id=flagged["id"], reason="strict")
    last = (now() + timedelta(seconds=3.5)).isoformat()
    clock.wait_for("RENTAL_EXPIRED_EVENT", clock.take("blink3", expires_at=last))
    for rental in (brought, forgiven, flagged):
        assert clock.told(rental) == []
    clock.client.ok("rental.unflag", rental_id=flagged["id"])
    clock.wait_for("RENTAL_EXPIRED_EVENT", flagged)


def test_renewal_begins_anew(clock):
    clock.client.ok("policy.put", renewal_grace="PT1H")
    rental = clock.take("warned1")
    clock.wait_for("RENTAL_DUE_SOON_EVENT", rental)
    renew = {"rental_id": rental["id"], "expires_at": (now() + timedelta(seconds=3)).isoformat()}
    clock.client.ok("rental.renew", **renew)
    clock.wait_for("RENTAL_DUE_SOON_EVENT", rental)
    clock.wait_for("RENTAL_EXPIRED_EVENT", rental)
    clock.client.ok("rental.renew", rental_id=rental["id"], period="PT2S")
    clock.wait_for("RENTAL_EXPIRED_EVENT", rental)
    told = clock.told(rental)
    assert told[:3] == ["RENTAL_DUE_SOON_EVENT", "RENTAL_DUE_SOON_EVENT", "RENTAL_EXPIRED_EVENT"]
    assert told[-1] == "RENTAL_EXPIRED_EVENT" and told.count("RENTAL_EXPIRED_EVENT") == 2


@pytest.mark.parametrize("crash", [False, True])
def test_what_ran_out_while_nobody_was_there(daemon, client, crash):
    clock = Clock(daemon, client)
    done = clock.take("blink1")
    clock.wait_for("RENTAL_EXPIRED_EVENT", done)
    rentals = [clock.take(f"blink{number}") for number in (2, 3)]
    later = clock.take("blink4", expires_at=(now() + timedelta(seconds=4)).isoformat())
    assert daemon.kill() < 0 if crash else daemon.stop() == 0
    wait_until(lambda: now() > moment(rentals[1]["expires_at"]))
    for _ in range(2):
        daemon.start()
        wait_until(lambda: len(clock.told(rentals[1])) > 0, FOR_CERTAIN)
        assert [clock.told(rental) for rental in (done, *rentals)] == 3 * [["RENTAL_EXPIRED_EVENT"]]
        verify(client)
        assert daemon.kill() < 0
    daemon.start()
    wait_until(lambda: clock.told(later), FOR_CERTAIN)
    assert [clock.told(rental) for rental in (done, *rentals, later)] == 4 * [
        ["RENTAL_EXPIRED_EVENT"]
    ]
    verify(client)


def test_thousands_at_once(daemon, client):
    """The daemon goes on serving meanwhile, and tells of each once."""
    total, size = 6000, 1000
    stock(client, ["ada"])

    def item(op, **args):
        return {"id": uuid7(), "op": op, "args": args}

    for start in range(0, total, size):
        numbers = range(start, start + size)
        assets = [item("asset.put", id=f"a{number}", asset_type="mug") for number in numbers]
        assert client.ok("batch", commands=assets, atomic=True)["applied"]
    batches = range(0, total, size)
    for start in batches:
        rentals = [
            item(
                "admin.import",
                id=f"r{number}",
                status="IN_PROGRESS",
                user_id="ada",
                asset_id=f"a{number}",
                created_at=at(),
                expires_at=at(days=1, seconds=total - number),
                eligible_asset_types=["mug"],
                created_at_location_id="l",
            )
            for number in range(start, start + size)
        ]
        client.send("batch", {"commands": rentals, "atomic": True})
    for _ in batches:
        assert client.receive()["result"]["applied"]
    wait_until(
        lambda: client.ok("hello")["head"] >= 1 + 1 + 3 * total, 60, "an event for each rental"
    )
    events = read_events(client, types=["RENTAL_EXPIRED_EVENT"])
    assert len(events) == total == len({event["subject"] for event in events})
    assert len(read_list(client, "rental.list", expired=True)) == total
    verify(client)
    daemon.restart()
    assert len(read_events(client, types=["RENTAL_EXPIRED_EVENT"])) == total
    verify(client)


def test_a_failing_disk(clock):
    """Nothing is told while it cannot be recorded, and all of it afterwards, once."""
    rental = clock.take("blink1")
    no_limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(clock.daemon.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    wait_until(lambda: not clock.client.call("user.put", {"id": "ada"})["ok"])
    wait_until(lambda: now() > moment(rental["expires_at"]) + timedelta(seconds=0.5))
    assert clock.told(rental) == []
    assert clock.client.ok("rental.list", expired=True)["rentals"] == [rental]
    resource.prlimit(clock.daemon.pid, resource.RLIMIT_FSIZE, no_limit)
    clock.wait_for("RENTAL_EXPIRED_EVENT", rental)
    assert clock.told(rental) == ["RENTAL_EXPIRED_EVENT"]
