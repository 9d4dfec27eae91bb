# SPDX-License-Identifier: MPL-2.0
"""Keeping consumers over HTTP, and what they gave up."""
from datetime import datetime, timezone

import cbor2
import pytest

import harness
from bridges import assert_problem, head, key
from ledgers import read_events, verify
from publishing import Worker, accepted, event, order, park_five, publish, put, status, tried

PAGE_MAX = 1000

DEFAULTS = {"lease_ms": 30000, "backoff_ms": 1000, "max_attempts": 8, "backoff_max_ms": 300000}
IDLE = {
    "acked": 0, "failed": 0, "parked": 0, "paused": False, "delayed": 0, "stalled": False,
    "workers": 0, "in_flight": 0, "acked_last_minute": 0, "failed_last_minute": 0,
}  # fmt: skip


@pytest.fixture
def ledger(client):
    yield client
    verify(client)


@pytest.fixture
def parked(bridge, ledger):
    """A consumer that gave up five events, and has nothing else to do; their seqs."""
    return park_five(bridge, ledger)


# ---- /consumers/{id} ----


def last_event(client):
    return read_events(client, from_seq=head(client))[-1]


def test_a_consumer_is_made_changed_and_forgotten(bridge, ledger):
    before = head(ledger)
    wants = {"types": ["till.closed", "x"], "user_id": "u1", "asset_type": "mug",
             "location_id": "bin", "lease_ms": 5000, "backoff_ms": 20, "max_attempts": 3,
             "backoff_max_ms": 40}  # fmt: skip
    assert put(bridge, **wants)["outcome"] == "CREATED"
    made = status(bridge)
    assert made == {**IDLE, "lag": before + 1 - made["cursor"], "cursor": made["cursor"],
                    "consumer": {"id": "mail", **wants}}  # fmt: skip
    assert made["cursor"] >= before
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
        assert Worker(ledger, name).seqs(wait_ms=20000) == [last]


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
    assert Worker(ledger).seqs(wait_ms=20000) == [seq]


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
    assert worker.seqs(wait_ms=20000) == expected
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
    assert Worker(ledger).seqs(wait_ms=20000) == [second]
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
        (one,) = worker.fetch(wait_ms=20000)
        ledger.ok("consumer.nack", **worker.me, seq=seq, lease=one["lease"], error=error)
    harness.wait_until(lambda: status(bridge)["parked"] == 1)
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
    deliveries = Worker(client).fetch(wait_ms=20000)
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
