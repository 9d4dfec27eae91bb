# SPDX-License-Identifier: MPL-2.0
"""Publishing and keeping consumers over HTTP; workers of the tests fetch from the daemon itself."""
import json
import os
from collections import Counter
from datetime import datetime, timezone

import cbor2
import pytest

import harness
from bridges import assert_problem, frozen, head, key
from ledgers import read_events, verify

BODY_MAX = 64 << 10
EVENTS_BODY_MAX = 1 << 20
DATA_MAX = 64 << 10
PAGE_MAX = 1000

DEFAULTS = {"lease_ms": 30000, "backoff_ms": 1000, "max_attempts": 8, "backoff_max_ms": 300000}
IDLE = {
    "acked": 0, "failed": 0, "parked": 0, "paused": False, "delayed": 0, "stalled": False,
    "workers": 0, "in_flight": 0,
}  # fmt: skip


@pytest.fixture
def ledger(client):
    yield client
    verify(client)


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


def last_event(client):
    return read_events(client, from_seq=head(client))[-1]


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


@pytest.fixture
def parked(bridge, ledger):
    """A consumer that gave up five events, and has nothing else to do; their seqs."""
    put(bridge, types=["till.closed"])
    publish(bridge, *(event(data={"n": n}, subject=f"t{n}") for n in range(5)))
    worker = Worker(ledger)
    deliveries = worker.fetch()
    worker.park(deliveries)
    harness.wait_until(lambda: status(bridge)["parked"] == 5, 10)
    return [one["event"]["seq"] for one in deliveries]


# ---- POST /events ----


def test_an_event_of_our_own_goes_on_record(bridge, ledger):
    before = head(ledger)
    data = {"sum": 17, "of": ["mug", None, True, -3, 2.5], "at": {"till": "ü"}}
    result = publish(bridge, event(data=data, subject="till-1"))
    assert result == {"seq": before + 1, "outcome": "CREATED"}
    (found,) = bridge.get(f"/events?from_seq={before + 1}").json()["events"]
    assert found["type"] == "till.closed" and found["subject"] == "till-1"
    assert found["data"] == data and found["specversion"] == "1.0"
    assert "cause" not in found and "hops" not in found
    with bridge.stream(f"/events?from_seq={before + 1}&type=till.closed") as stream:
        told = stream.next()
        assert told["event"] == "till.closed" and json.loads(told["data"]) == found


def test_events_are_recorded_together_and_in_order(bridge, ledger):
    before = head(ledger)
    response = bridge.post("/events", {"events": [event(f"n{n}") for n in range(32)]})
    assert accepted(bridge, response) == {"seq": before + 32, "outcome": "CREATED"}
    events = read_events(ledger, before + 1)
    assert [one["type"] for one in events] == [f"n{n}" for n in range(32)]
    command = response.headers["Location"].rpartition("/")[2].replace("-", "")
    assert {one["command"].hex() for one in events} == {command}


def test_publishing_again_under_the_same_key(bridge, ledger):
    headers = {"Idempotency-Key": key(), "Prefer": "wait=10"}
    body = {"events": [event(), event("other")]}
    first = bridge.post("/events", body, headers)
    assert first.headers["Location"] == f"/commands/{headers['Idempotency-Key']}"
    before = head(ledger)
    again = bridge.post("/events", body, headers)
    assert again.status == 202 and again.json() == accepted(bridge, first)
    assert head(ledger) == before
    assert publish(bridge, event())["seq"] == before + 1


def test_a_publication_is_tried(bridge, ledger):
    before = head(ledger)
    headers = {"Idempotency-Key": key()}
    for response in (
        bridge.post("/events?dry_run=true", {"events": [event()]}, headers),
        bridge.post("/events", {"events": [event()], "dry_run": True}, headers),
    ):
        assert tried(response)["outcome"] == "CREATED"
    reserved = bridge.post("/events?dry_run=true", {"events": [event("RENTAL_X")]})
    assert_problem(reserved, 400, "INVALID_ARGUMENT", "type")
    assert head(ledger) == before
    unknown = bridge.get(f"/commands/{headers['Idempotency-Key']}")
    assert_problem(unknown, 404, "NOT_FOUND", "command_id")


def test_a_cause_is_told_and_a_loop_ends(bridge, ledger):
    seq = publish(bridge, event())["seq"]
    for hops in range(1, 17):
        cause, seq = seq, publish(bridge, event(), cause=seq)["seq"]
        found = bridge.get(f"/events?from_seq={seq}").json()["events"][0]
        assert (found["cause"], found["hops"]) == (cause, hops)
    before = head(ledger)
    response = bridge.post("/events", {"events": [event()], "cause": seq})
    assert_problem(response, 409, "CONFLICT", "cause")
    response = bridge.post("/events", {"events": [event()], "cause": before + 1})
    assert_problem(response, 404, "NOT_FOUND", "cause")
    assert head(ledger) == before


@pytest.mark.parametrize(
    "body, code, field",
    [
        ({}, "INVALID_ARGUMENT", "events"),
        ({"events": []}, "INVALID_ARGUMENT", "events"),
        ({"events": [event()] * 33}, "INVALID_ARGUMENT", "events"),
        ({"events": event()}, "INVALID_ARGUMENT", "events"),
        ({"events": [event()], "cause": -1}, "INVALID_ARGUMENT", "cause"),
        ({"events": [event()], "cause": "1"}, "INVALID_ARGUMENT", "cause"),
        ({"events": [event()], "types": 1}, "INVALID_ARGUMENT", "types"),
        ({"events": [7]}, "INVALID_ARGUMENT", "events"),
        ({"events": [event(data=[])]}, "INVALID_ARGUMENT", "data"),
        ({"events": [event(data=3)]}, "INVALID_ARGUMENT", "data"),
        ({"events": [event("")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("a b")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("ü")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("t" * 201)]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("RENTAL_PAINTED")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event(), event("CONSUMER_X")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("HELLO_EVENT")]}, "INVALID_ARGUMENT", "type"),
        ({"events": [event("USER_CREATED_EVENT")]}, "INVALID_ARGUMENT", "type"),
    ],
)
def test_what_cannot_be_published(bridge, ledger, body, code, field):
    before = head(ledger)
    assert_problem(bridge.post("/events", body), 400, code, field)
    assert head(ledger) == before


@pytest.mark.xfail(reason="the daemon does not name what is wrong inside of a list")
@pytest.mark.parametrize(
    "path, body, field",
    [
        ("/events", {"events": [{"type": "x"}]}, "events.data"),
        ("/events", {"events": [{"data": {}}]}, "events.type"),
        ("/events", {"events": [event(), event(7)]}, "events.type"),
        ("/events", {"events": [event(subject="")]}, "events.subject"),
        ("/events", {"events": [event(seq=1)]}, "events.seq"),
        ("/consumers/mail/replay", {"seqs": [{}]}, "seqs.seq"),
        ("/consumers/mail/drop", {"seqs": [{"seq": -1}]}, "seqs.seq"),
    ],
)
def test_what_is_wrong_inside_of_a_list(bridge, ledger, path, body, field):
    put(bridge)
    before = head(ledger)
    assert_problem(bridge.post(path, body), 400, "INVALID_ARGUMENT", field)
    assert head(ledger) == before


def test_the_longest_type_there_is(bridge, ledger):
    publish(bridge, event("t" * 200), event("Till-1.closed_9"))


def test_data_has_a_limit_and_a_body_another(bridge, ledger):
    """Both are greater than that of the bodies of other requests."""
    head_of_map = 1 + 2 + 3  # {"t": a text whose length has two bytes
    fits = event(data={"t": "x" * (DATA_MAX - head_of_map)})
    assert len(json.dumps({"events": [fits]})) > BODY_MAX
    publish(bridge, fits)
    before = head(ledger)
    more = event(data={"t": "x" * (DATA_MAX - head_of_map + 1)})
    assert_problem(bridge.post("/events", {"events": [event(), more]}), 413, "TOO_LARGE", "data")
    body = json.dumps({"events": [event()]}).encode()
    longest = bridge.request("POST", "/events", body=body.ljust(EVENTS_BODY_MAX))
    assert longest.status == 202
    response = bridge.request("POST", "/events", body=body.ljust(EVENTS_BODY_MAX + 1))
    assert_problem(response, 413, "TOO_LARGE")
    assert str(EVENTS_BODY_MAX) in response.json()["detail"]
    assert head(ledger) == before + 1
    response = bridge.request("PUT", "/consumers/mail", body=b"{}".ljust(BODY_MAX + 1))
    assert_problem(response, 413, "TOO_LARGE")


def test_a_key_whose_publication_is_still_on_its_way(bridge, daemon, ledger):
    assert bridge.get("/readyz").status == 200
    headers = {"Idempotency-Key": key()}
    with frozen(daemon):
        with pytest.raises(TimeoutError):
            bridge.request("POST", "/events", {"events": [event()]}, headers, timeout=0.5)
        response = bridge.post("/events", {"events": [event()]}, headers)
        assert_problem(response, 409, "CONFLICT")
    again = bridge.get(f"/commands/{headers['Idempotency-Key']}")
    harness.wait_until(
        lambda: bridge.get(f"/commands/{headers['Idempotency-Key']}").status == 200, 30
    )
    assert again.status in (200, 404)
    assert Counter(one["type"] for one in read_events(ledger))["till.closed"] == 1


# ---- /consumers/{id} ----


def test_a_consumer_is_made_changed_and_forgotten(bridge, ledger):
    before = head(ledger)
    wants = {"types": ["till.closed", "x"], "user_id": "u1", "asset_type": "mug",
             "location_id": "bin", "lease_ms": 5000, "backoff_ms": 20, "max_attempts": 3,
             "backoff_max_ms": 40}  # fmt: skip
    assert put(bridge, **wants)["outcome"] == "CREATED"
    assert status(bridge) == {**IDLE, "lag": 0, "cursor": before + 1,
                              "consumer": {"id": "mail", **wants}}  # fmt: skip
    assert put(bridge, **wants)["outcome"] == "UNCHANGED"
    assert put(bridge, id="mail")["outcome"] == "UPDATED"
    assert status(bridge)["consumer"] == {"id": "mail", **DEFAULTS}
    gone = bridge.request("DELETE", "/consumers/mail")
    assert accepted(bridge, gone)["outcome"] == "UPDATED"
    assert last_event(ledger)["type"] == "CONSUMER_DELETED_EVENT"
    assert_problem(bridge.get("/consumers/mail"), 404, "NOT_FOUND", "id")
    assert_problem(bridge.request("DELETE", "/consumers/mail"), 404, "NOT_FOUND", "id")


def test_forgetting_takes_a_body_a_key_and_a_dry_run(bridge, ledger):
    put(bridge)
    before = head(ledger)
    assert tried(bridge.request("DELETE", "/consumers/mail?dry_run=true"))["events"] == [
        {"data": {"consumer_id": "mail"}, "type": "CONSUMER_DELETED_EVENT", "subject": "mail"}
    ]
    tried(bridge.request("DELETE", "/consumers/mail", {"dry_run": True}))
    other = bridge.request("DELETE", "/consumers/mail", {"id": "chat"})
    assert_problem(other, 400, "INVALID_ARGUMENT", "id")
    page = bridge.request("DELETE", "/consumers/mail", headers={"Origin": "http://else.example"})
    assert_problem(page, 403, "PERMISSION_DENIED", "Origin")
    keyless = bridge.request("DELETE", "/consumers/mail", headers={"Idempotency-Key": "k"})
    assert_problem(keyless, 400, "INVALID_ARGUMENT", "Idempotency-Key")
    assert head(ledger) == before
    headers = {"Idempotency-Key": key()}
    first = bridge.request("DELETE", "/consumers/mail", headers=headers)
    again = bridge.request("DELETE", "/consumers/mail", headers=headers)
    assert again.status == 202 and again.json() == accepted(bridge, first)
    assert head(ledger) == before + 1


def moment(client, seq):
    return read_events(client, seq)[0]["time"]


def test_where_a_consumer_begins(bridge, ledger):
    first = publish(bridge, event(subject="s1"))["seq"]
    middle = publish(bridge, event(subject="s2"))["seq"]
    begins = [
        ({"start": "first"}, 0),
        ({"from_seq": middle}, middle - 1),
        ({"from_seq": 1}, 0),
        ({"since": "2020-01-01T00:00:00Z"}, 0),
        ({"since": moment(ledger, middle)}, middle - 1),
    ]
    assert first < middle
    for number, (begin, cursor) in enumerate(begins):
        name = f"c{number}"
        put(bridge, name, types=["till.closed"], **begin)
        expected = [seq for seq in (first, middle) if seq > cursor]
        assert Worker(ledger, name).seqs() == expected, begin
    for name, begin in (("c7", {"start": "new"}), ("c8", {}), ("c9", {"from_seq": head(ledger) + 1})):
        put(bridge, name, types=["till.closed"], **begin)
        assert Worker(ledger, name).seqs() == []
    last = publish(bridge, event())["seq"]
    for name in ("c7", "c8"):
        assert Worker(ledger, name).seqs(wait_ms=5000) == [last]


def test_a_consumer_that_is_there_stays_where_it_is(bridge, ledger):
    publish(bridge, event())
    put(bridge, types=["till.closed"])
    cursor = status(bridge)["cursor"]
    assert put(bridge, start="first")["outcome"] == "UPDATED"
    assert cursor <= status(bridge)["cursor"] and Worker(ledger).seqs() == []


@pytest.mark.parametrize(
    "body, field",
    [
        ({"id": "chat"}, "id"),
        ({"types": []}, "types"),
        ({"types": ["a b"]}, "types"),
        ({"types": "till.closed"}, "types"),
        ({"types": ["x"] * 33}, "types"),
        ({"kind": "mug"}, "kind"),
        ({"lease_ms": 0}, "lease_ms"),
        ({"lease_ms": 86400001}, "lease_ms"),
        ({"lease_ms": -1}, "lease_ms"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_attempts": 1001}, "max_attempts"),
        ({"backoff_ms": 0}, "backoff_ms"),
        ({"backoff_ms": 50, "backoff_max_ms": 49}, "backoff_max_ms"),
        ({"start": "last"}, "start"),
        ({"start": "first", "from_seq": 1}, "from_seq"),
        ({"start": "first", "since": "2025-02-10T11:00:00Z"}, "since"),
        ({"from_seq": 0}, "from_seq"),
        ({"from_seq": 1 << 40}, "from_seq"),
        ({"since": "yesterday"}, "since"),
        ({"location_id": ""}, "location_id"),
    ],
)
def test_what_is_no_consumer(bridge, ledger, body, field):
    before = head(ledger)
    assert_problem(bridge.put("/consumers/mail", body), 400, "INVALID_ARGUMENT", field)
    assert head(ledger) == before
    assert_problem(bridge.get("/consumers/mail"), 404, "NOT_FOUND", "id")


def test_how_a_consumer_stands(bridge, ledger):
    put(bridge, types=["till.closed"], backoff_ms=60000)
    seqs = [publish(bridge, event(subject=f"s{n}"))["seq"] for n in range(4)]
    waiting = status(bridge)
    assert waiting["lag"] == head(ledger) - waiting["cursor"] >= 4
    assert waiting["in_flight"] == waiting["workers"] == 0
    worker = Worker(ledger)
    done, failed, *held = worker.fetch()
    worker.ack([done])
    ledger.ok("consumer.nack", **worker.me, seq=seqs[1], lease=failed["lease"], error="x")
    now = status(bridge)
    assert now["cursor"] == seqs[0] and now["lag"] == head(ledger) - seqs[0]
    assert (now["acked"], now["failed"], now["delayed"]) == (1, 1, 1)
    assert (now["in_flight"], now["workers"], now["parked"]) == (2, 1, 0)
    oldest = datetime.fromisoformat(now["oldest_at"].replace("Z", "+00:00"))
    assert oldest == datetime.fromisoformat(moment(ledger, seqs[1]).replace("Z", "+00:00"))
    assert oldest <= datetime.now(timezone.utc)
    worker.ack(held)
    assert status(bridge)["in_flight"] == 0
    stats = bridge.get("/stats").json()
    assert (stats["consumers"], stats["parked"], stats["stalled"]) == (1, 0, 0)


def test_consumers_are_listed_page_by_page(bridge, ledger):
    assert bridge.get("/consumers").json() == {"consumers": []}
    names = [f"c{n}" for n in (3, 1, 2, 5, 4)]
    for name in names:
        put(bridge, name, types=["x"])
    page = bridge.get("/consumers").json()
    assert [one["consumer"]["id"] for one in page["consumers"]] == names and "cursor" not in page
    assert page["consumers"][1] == {**status(bridge, "c1")}
    found, path = [], "/consumers?limit=2"
    for size in (2, 2, 1):
        page = bridge.get(path).json()
        assert len(page["consumers"]) == size
        found += [one["consumer"]["id"] for one in page["consumers"]]
        path = f"/consumers?limit=2&cursor={page.get('cursor')}"
    assert found == names and "cursor" not in page


@pytest.mark.parametrize(
    "path, field",
    [
        ("/consumers?limit=0", "limit"),
        (f"/consumers?limit={PAGE_MAX + 1}", "limit"),
        ("/consumers?limit=x", "limit"),
        ("/consumers?cursor=x", "cursor"),
        ("/consumers?at_seq=1", "at_seq"),
        ("/consumers?id=mail", "id"),
        ("/consumers/mail?limit=1", "limit"),
        ("/consumers/mail?id=mail", "id"),
        ("/consumers/mail/parked?limit=0", "limit"),
        ("/consumers/mail/parked?cursor=x", "cursor"),
        ("/consumers/mail/parked?seqs=1", "seqs"),
    ],
)
def test_what_cannot_be_asked(bridge, ledger, path, field):
    put(bridge)
    assert_problem(bridge.get(path), 400, "INVALID_ARGUMENT", field)


def test_a_cursor_belongs_to_its_list(bridge, parked):
    put(bridge, "chat")
    one = bridge.get("/consumers?limit=1").json()["cursor"]
    other = bridge.get("/consumers/mail/parked?limit=1").json()["cursor"]
    for path, cursor in (("/consumers", other), ("/consumers/mail/parked", one)):
        response = bridge.get(f"{path}?cursor={cursor}")
        assert_problem(response, 400, "INVALID_ARGUMENT", "cursor")


# ---- verbs ----


def test_a_consumer_stands_still_and_goes_on(bridge, ledger):
    put(bridge, types=["till.closed"])
    assert order(bridge, "pause")["outcome"] == "UPDATED"
    assert status(bridge)["paused"] is True
    assert order(bridge, "pause", {})["outcome"] == "UNCHANGED"
    seq = publish(bridge, event())["seq"]
    assert Worker(ledger).seqs() == []
    assert order(bridge, "resume")["outcome"] == "UPDATED"
    assert status(bridge)["paused"] is False
    assert order(bridge, "resume")["outcome"] == "UNCHANGED"
    assert Worker(ledger).seqs(wait_ms=5000) == [seq]


@pytest.mark.parametrize("how", ["start", "from_seq", "since"])
def test_a_consumer_begins_anew(bridge, ledger, how):
    put(bridge, types=["till.closed"])
    seqs = [publish(bridge, event(subject=f"s{n}"))["seq"] for n in range(3)]
    worker = Worker(ledger)
    worker.ack(worker.fetch())
    assert worker.seqs() == []
    body, expected = {
        "start": ({"start": "first"}, seqs),
        "from_seq": ({"from_seq": seqs[1]}, seqs[1:]),
        "since": ({"since": moment(ledger, seqs[2])}, seqs[2:]),
    }[how]
    assert order(bridge, "reset", body)["outcome"] == "UPDATED"
    assert worker.seqs(wait_ms=5000) == expected
    order(bridge, "reset", {"start": "new"})
    assert worker.seqs() == []


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "start"),
        ({"start": "last"}, "start"),
        ({"start": "first", "from_seq": 1}, "from_seq"),
        ({"from_seq": 0}, "from_seq"),
        ({"from_seq": 999}, "from_seq"),
        ({"since": 7}, "since"),
        ({"seq": 1}, "seq"),
        ({"from_seq": 1, "id": "chat"}, "id"),
    ],
)
def test_where_no_consumer_can_begin(bridge, ledger, body, field):
    put(bridge)
    before = head(ledger), status(bridge)
    assert_problem(bridge.post("/consumers/mail/reset", body), 400, "INVALID_ARGUMENT", field)
    assert (head(ledger), status(bridge)) == before


def test_an_event_is_passed_over(bridge, ledger):
    put(bridge, types=["till.closed"])
    first, second = (publish(bridge, event(subject="same"))["seq"] for _ in range(2))
    assert order(bridge, "skip", {"seq": first})["outcome"] == "UPDATED"
    assert Worker(ledger).seqs(wait_ms=5000) == [second]
    assert order(bridge, "skip", {"seq": 1})["outcome"] == "UNCHANGED"
    before = head(ledger)
    for body, field in (({}, "seq"), ({"seq": before + 1}, "seq"), ({"seq": "1"}, "seq"),
                        ({"seqs": [{"seq": 1}]}, "seqs")):  # fmt: skip
        assert_problem(bridge.post("/consumers/mail/skip", body), 400, "INVALID_ARGUMENT", field)
    assert head(ledger) == before


# ---- parked events ----


def test_what_was_given_up_is_shown_with_why(bridge, ledger):
    put(bridge, types=["till.closed"], max_attempts=2, backoff_ms=1)
    seq = publish(bridge, event(data={"n": 1}, subject="s"))["seq"]
    worker = Worker(ledger)
    for error in ("no paper", "no ink"):
        (one,) = worker.fetch(wait_ms=10000)
        ledger.ok("consumer.nack", **worker.me, seq=seq, lease=one["lease"], error=error)
    harness.wait_until(lambda: status(bridge)["parked"] == 1, 10)
    page = bridge.get("/consumers/mail/parked").json()
    assert set(page) == {"parked"}
    (found,) = page["parked"]
    assert found["event"] == bridge.get(f"/events?from_seq={seq}").json()["events"][0]
    assert found["attempts"] == 2
    assert [failure["error"] for failure in found["failures"]] == ["no paper", "no ink"]
    assert found["failures"][0]["at"] <= found["failures"][1]["at"] <= found["parked_at"]
    assert bridge.get("/stats").json()["parked"] == 1


def test_parked_events_are_listed_page_by_page(bridge, parked):
    found, path = [], "/consumers/mail/parked?limit=2"
    for size in (2, 2, 1):
        page = bridge.get(path).json()
        assert len(page["parked"]) == size
        found += [one["event"]["seq"] for one in page["parked"]]
        path = f"/consumers/mail/parked?limit=2&cursor={page.get('cursor')}"
    assert found == parked and "cursor" not in page


def test_the_past_of_a_consumer_as_cbor(bridge, client, parked):
    accept = {"Accept": "application/cbor"}
    for path in ("/consumers", "/consumers/mail", "/consumers/mail/parked"):
        response = bridge.get(path, accept)
        assert response.headers["Content-Type"] == "application/cbor"
        told = cbor2.loads(response.body)
        op = {"/consumers": "consumer.list", "/consumers/mail": "consumer.get"}
        args = {} if path == "/consumers" else {"id": "mail"}
        own = client.ok(op.get(path, "consumer.parked"), **args)
        assert told == (own["consumer"] if path == "/consumers/mail" else own), path


@pytest.mark.parametrize("which", ["all", "seqs"])
def test_parked_events_are_handled_again(bridge, client, parked, which):
    body = {"all": True} if which == "all" else {"seqs": [{"seq": parked[3]}, {"seq": parked[1]}]}
    expected = parked if which == "all" else [parked[1], parked[3]]
    assert order(bridge, "replay", body)["outcome"] == "UPDATED"
    assert status(bridge)["parked"] == 5 - len(expected)
    deliveries = Worker(client).fetch(wait_ms=5000)
    assert sorted(one["event"]["seq"] for one in deliveries) == expected
    if which == "all":
        assert order(bridge, "replay", body)["outcome"] == "UNCHANGED"


def test_parked_events_are_dropped(bridge, client, parked):
    assert order(bridge, "drop", {"seqs": [{"seq": parked[0]}]})["outcome"] == "UPDATED"
    left = bridge.get("/consumers/mail/parked").json()["parked"]
    assert [one["event"]["seq"] for one in left] == parked[1:]
    assert order(bridge, "drop", {"all": True})["outcome"] == "UPDATED"
    assert bridge.get("/consumers/mail/parked").json() == {"parked": []}
    assert Worker(client).seqs() == [] and status(bridge)["parked"] == 0


@pytest.mark.parametrize("verb", ["replay", "drop"])
def test_how_many_there_would_be(bridge, client, parked, verb):
    """A count goes first: a dry run names what would be handled again, or dropped."""
    before = head(client)
    result = tried(bridge.post(f"/consumers/mail/{verb}?dry_run=true", {"all": True}))
    (told,) = result["events"]
    assert [ref["seq"] for ref in told["data"]["seqs"]] == parked
    assert head(client) == before and status(bridge)["parked"] == 5


@pytest.mark.parametrize("verb", ["replay", "drop"])
@pytest.mark.parametrize(
    "body, status_code, code, field",
    [
        ({}, 400, "INVALID_ARGUMENT", "seqs"),
        ({"all": False}, 400, "INVALID_ARGUMENT", "seqs"),
        ({"seqs": []}, 400, "INVALID_ARGUMENT", "seqs"),
        ({"seqs": [{"seq": 1}], "all": True}, 400, "INVALID_ARGUMENT", "seqs"),
        ({"seqs": [1]}, 400, "INVALID_ARGUMENT", "seqs"),
        ({"seqs": [{"seq": 1}] * 1001}, 400, "INVALID_ARGUMENT", "seqs"),
        ({"all": 1}, 400, "INVALID_ARGUMENT", "all"),
        ({"seq": 1}, 400, "INVALID_ARGUMENT", "seq"),
        ({"seqs": [{"seq": 1}]}, 404, "NOT_FOUND", "seqs"),
    ],
)
def test_what_is_not_parked(bridge, client, parked, verb, body, status_code, code, field):
    before = head(client), status(bridge)
    assert_problem(bridge.post(f"/consumers/mail/{verb}", body), status_code, code, field)
    assert (head(client), status(bridge)) == before


# ---- all of them ----

COMMANDS = [
    ("POST", "/events", {"events": [event()]}, None),
    ("PUT", "/consumers/chat", {}, "CONSUMER_CREATED_EVENT"),
    ("PUT", "/consumers/mail", {"max_attempts": 1}, "CONSUMER_UPDATED_EVENT"),
    ("DELETE", "/consumers/mail", {}, "CONSUMER_DELETED_EVENT"),
    ("POST", "/consumers/mail/pause", {}, "CONSUMER_PAUSED_EVENT"),
    ("POST", "/consumers/mail/resume", {}, "COMMAND_UNCHANGED_EVENT"),
    ("POST", "/consumers/mail/reset", {"start": "first"}, "CONSUMER_RESET_EVENT"),
    ("POST", "/consumers/mail/skip", {"seq": 1}, "COMMAND_UNCHANGED_EVENT"),
    ("POST", "/consumers/mail/replay", {"all": True}, "CONSUMER_REPLAYED_EVENT"),
    ("POST", "/consumers/mail/drop", {"all": True}, "CONSUMER_DROPPED_EVENT"),
]


def test_every_command_can_be_run_dry(bridge, client, parked):
    paths = bridge.get("/openapi.json").json()["paths"]
    told = {(method.upper(), path) for path, methods in paths.items()
            for method, operation in methods.items()
            if "202" in operation["responses"] and path.startswith(("/events", "/consumers"))}  # fmt: skip
    ours = {(method, path.replace("chat", "{id}").replace("mail", "{id}"))
            for method, path, _, _ in COMMANDS}  # fmt: skip
    assert told == ours
    before = head(client), status(bridge)
    for method, path, body, last in COMMANDS:
        headers = {"Idempotency-Key": key()}
        for result in (
            tried(bridge.request(method, f"{path}?dry_run=true", body, headers)),
            tried(bridge.request(method, path, {**body, "dry_run": True}, headers)),
        ):
            assert result["seq"] == before[0]
            assert last is None or result["events"][-1]["type"] == last, path
        misspelt = bridge.request(method, f"{path}?dryrun=true", body)
        assert_problem(misspelt, 400, "INVALID_ARGUMENT", "dryrun")
        unknown = bridge.get(f"/commands/{headers['Idempotency-Key']}")
        assert_problem(unknown, 404, "NOT_FOUND", "command_id")
    assert (head(client), status(bridge)) == before


@pytest.mark.parametrize("method, path, body, last", COMMANDS)
def test_every_command_is_done_once(bridge, client, parked, method, path, body, last):
    headers = {"Idempotency-Key": key()}
    first = bridge.request(method, path, body, headers)
    result = accepted(bridge, first)
    assert last is None or read_events(client, result["seq"])[0]["type"] == last
    before = head(client)
    again = bridge.request(method, path, body, headers)
    assert again.status == 202 and again.json() == result
    assert again.headers["Location"] == first.headers["Location"]
    assert head(client) == before


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("GET", "/consumers/nobody", None),
        ("GET", "/consumers/nobody/parked", None),
        ("DELETE", "/consumers/nobody", None),
        ("POST", "/consumers/nobody/pause", None),
        ("POST", "/consumers/nobody/resume", None),
        ("POST", "/consumers/nobody/reset", {"start": "first"}),
        ("POST", "/consumers/nobody/skip", {"seq": 1}),
        ("POST", "/consumers/nobody/replay", {"all": True}),
        ("POST", "/consumers/nobody/drop", {"all": True}),
    ],
)
def test_a_consumer_that_nobody_knows(bridge, ledger, method, path, body):
    put(bridge)
    before = head(ledger)
    for query in ("", "?dry_run=true") if method != "GET" else ("",):
        assert_problem(bridge.request(method, path + query, body), 404, "NOT_FOUND", "id")
    assert head(ledger) == before


@pytest.mark.parametrize(
    "method, path, allow",
    [
        ("PUT", "/events", "GET, HEAD, POST"),
        ("POST", "/consumers", "GET, HEAD"),
        ("POST", "/consumers/mail", "GET, HEAD, PUT, DELETE"),
        ("POST", "/consumers/mail/parked", "GET, HEAD"),
        ("DELETE", "/consumers/mail/parked", "GET, HEAD"),
        ("GET", "/consumers/mail/replay", "POST"),
        ("PUT", "/consumers/mail/pause", "POST"),
    ],
)
def test_a_method_that_a_path_has_not(bridge, daemon, method, path, allow):
    response = bridge.request(method, path)
    assert_problem(response, 405, "UNKNOWN_OP")
    assert response.headers["Allow"] == allow


@pytest.mark.parametrize("verb", ["fetch", "ack", "nack", "extend", "stall", ""])
def test_workers_are_not_served_here(bridge, ledger, verb):
    put(bridge)
    response = bridge.post(f"/consumers/mail/{verb}", {})
    assert_problem(response, 404, "NOT_FOUND")


def test_a_consumer_may_be_called_anything(bridge, ledger):
    for name, path in (("a b", "a%20b"), ("ü/?#", "%C3%BC%2F%3F%23"), ("parked", "parked"),
                       ("c" * 128, "c" * 128)):  # fmt: skip
        put(bridge, path)
        assert status(bridge, path)["consumer"]["id"] == name
        order(bridge, "pause", {"id": name}, path)
        assert bridge.get(f"/consumers/{path}/parked").json() == {"parked": []}
    assert_problem(bridge.put(f"/consumers/{'c' * 129}", {}), 400, "INVALID_ARGUMENT", "id")


def test_pages_of_other_sites_may_not_write(bridge, client, parked):
    before = head(client)
    for method, path, body, _ in COMMANDS:
        response = bridge.request(method, path, body, {"Origin": "https://elsewhere.example"})
        assert_problem(response, 403, "PERMISSION_DENIED", "Origin")
        response = bridge.request(method, path, body, {"Content-Type": "text/plain"})
        assert_problem(response, 415, "INVALID_ARGUMENT", "Content-Type")
    assert head(client) == before


# ---- a daemon that begins again ----


def test_what_was_ordered_over_http_lasts(bridge, daemon, client, parked):
    put(bridge, "chat", types=["x"])
    order(bridge, "pause", name="chat")
    order(bridge, "drop", {"seqs": [{"seq": parked[4]}]})
    before = status(bridge), status(bridge, "chat"), bridge.get("/consumers/mail/parked").json()
    daemon.kill()
    daemon.start()
    harness.wait_until(lambda: bridge.get("/readyz").status == 200, 30)
    forgotten = {"acked": 0, "failed": 0, "workers": 0}
    after = status(bridge), status(bridge, "chat"), bridge.get("/consumers/mail/parked").json()
    assert after[0] == {**before[0], **forgotten, "lag": after[0]["lag"],
                        "cursor": after[0]["cursor"]}  # fmt: skip
    assert after[1]["paused"] is True and after[2] == before[2]


# ---- who may do what ----

PRINCIPAL = 'principal "uid:%d" {\n  role = %s\n%s}\n'
ROLES = {"reader": 403, "clerk": 403, "lambda": 202, "admin": 202}


@pytest.mark.parametrize("role", ROLES)
def test_who_may_publish_and_keep_consumers(tmp_path, role):
    config = PRINCIPAL % (os.getuid(), role, "")
    with harness.Daemon(tmp_path, config=config) as daemon, harness.Bridge(daemon) as bridge:
        assert bridge.get("/readyz").json()["role"] == role
        assert bridge.get("/consumers").json() == {"consumers": []}
        assert_problem(bridge.get("/consumers/mail/parked"), 404, "NOT_FOUND", "id")
        for method, path, body, _ in (COMMANDS[0], COMMANDS[2], *COMMANDS[4:], COMMANDS[3]):
            response = bridge.request(method, path, body)
            if ROLES[role] == 202:
                assert response.status == 202, (path, response.body)
            else:
                assert_problem(response, 403, "PERMISSION_DENIED")
                assert role in response.json()["detail"]


# ---- openapi.json ----


def test_the_answers_have_the_fields_that_openapi_says(bridge, client, parked):
    document = bridge.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    page = bridge.get("/consumers/mail/parked").json()
    caused = publish(bridge, event(subject="s"), cause=parked[0])["seq"]
    values = [
        ("ConsumerStatus", status(bridge)),
        ("Consumer", status(bridge)["consumer"]),
        ("ConsumerPage", bridge.get("/consumers").json()),
        ("ParkedPage", page),
        ("Parked", page["parked"][0]),
        ("Failure", page["parked"][0]["failures"][0]),
        ("Event", bridge.get(f"/events?from_seq={caused}").json()["events"][0]),
        ("Stats", bridge.get("/stats").json()),
    ]
    for name, value in values:
        schema = schemas[name]
        assert set(schema.get("required", ())) <= set(value) <= set(schema["properties"]), name
    assert any(tag["name"] == "Consumers" for tag in document["tags"])
