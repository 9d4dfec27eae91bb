# SPDX-License-Identifier: MPL-2.0
"""Durable consumers, from outside."""
import threading
import time
from datetime import datetime, timedelta

import cbor2
import pytest
import zmq

import consumers
from consumers import EAGER, Worker, leases, publish, put, seqs, status
from harness import REPLY_DEADLINE, Client, Daemon, Subscriber, uuid7, wait_until


@pytest.fixture
def worker(client):
    put(client, "c", "t")
    return Worker(client, "c")


def refused(client, op, code, field, **args):
    error = client.error(op, **args)
    assert (error["code"], error.get("field")) == (code, field), error


def test_the_longest_type(client):
    longest = "t" * 200
    put(client, "c", longest)
    wanted = publish(client, "a", type=longest)
    assert seqs(Worker(client, "c").fetch()) == wanted
    assert [event["seq"] for event in client.ok("events.read", types=[longest])["events"]] == wanted


def test_a_consumer_gets_what_it_wants(client, worker):
    publish(client, "x", type="u")
    wanted = publish(client, "a", "b", "a")
    first = worker.fetch()
    assert seqs(first) == wanted[:2]
    assert first[0]["event"]["data"] == {"n": 0}
    assert [d["attempt"] for d in first] == [1, 1]
    assert worker.ack(*first) == {"acked": 2}
    assert worker.work() == wanted[2:]
    now = status(client, "c")
    assert (now["cursor"], now["acked"], now["in_flight"]) == (wanted[2], 3, 0)
    assert now["consumer"]["max_attempts"] == 8 and now["consumer"]["lease_ms"] == 30000


def test_where_a_consumer_begins(client):
    before = publish(client, "a", "b")
    at = client.ok("events.read", from_seq=before[1])["events"][0]["time"]
    put(client, "first", "t")
    client.ok("consumer.put", id="new", types=["t"], start="new")
    client.ok("consumer.put", id="plain", types=["t"])
    put(client, "seq", "t", from_seq=before[1])
    put(client, "since", "t", since=at)
    after = publish(client, "c")
    assert Worker(client, "first").work() == before + after
    assert Worker(client, "new").work() == after
    assert Worker(client, "plain").work() == after
    assert Worker(client, "seq").work() == before[1:] + after
    assert Worker(client, "since").work() in (before[1:] + after, before + after)


def test_new_means_what_comes_from_now_on(client, daemon):
    """Also when other events are on their way to the disk."""
    with Client(daemon.api) as other:
        for number in range(200):
            other.send("publish", {"events": [{"type": "t", "subject": "s", "data": {}}]})
        made = client.ok("consumer.put", id="c", types=["t"], start="new")["seq"]
        for number in range(200):
            other.receive()
    assert all(seq > made for seq in Worker(client, "c").work())


def test_filters(client):
    client.ok("user.put", id="ann")
    client.ok("user.put", id="bob")
    client.ok("asset_type.put", id="bowl")
    client.ok("asset.put", id="b1", asset_type="bowl")
    client.ok("asset.put", id="m1", asset_type="mug")
    put(client, "user", user_id="ann")
    put(client, "type", asset_type="bowl")
    put(client, "place", location_id="bin")
    put(client, "both", "RENTAL_CREATED_EVENT", user_id="ann", asset_type="mug")
    for user, asset in (("ann", "b1"), ("bob", "m1")):
        client.ok("rental.checkout", user_id=user, asset_id=asset, location_id="desk")
    when = client.ok("events.read", types=["RENTAL_CREATED_EVENT"])["events"][-1]["time"]
    client.ok("rental.return", asset_id="b1", location_id="bin", timestamp=when)
    client.ok("publish", events=[{"type": "USER_survey", "data": {"user_id": "ann"}}])
    client.ok("publish", events=[{"type": "poll", "data": {"location_id": "bin"}}])

    def all_of(name):
        worker = Worker(client, name)
        found = []
        while deliveries := worker.fetch():
            found += [d["event"]["type"] for d in deliveries]
            worker.ack(*deliveries)
        return sorted(found)

    assert all_of("user") == sorted(
        ["USER_CREATED_EVENT", "RENTAL_CHECKOUT_EVENT", "RENTAL_CREATED_EVENT"]
        + ["RENTAL_RETURN_COMPLETE_EVENT", "USER_survey"]
    )
    assert all_of("type") == sorted(
        ["ASSET_TYPE_CREATED_EVENT", "ASSET_CREATED_EVENT", "RENTAL_CHECKOUT_EVENT"]
        + ["RENTAL_CREATED_EVENT", "RENTAL_RETURN_EVENT", "RENTAL_RETURN_COMPLETE_EVENT"]
    )
    assert all_of("place") == ["RENTAL_RETURN_COMPLETE_EVENT", "RENTAL_RETURN_EVENT", "poll"]
    assert all_of("both") == []


def test_everything_but_consumers(client):
    client.ok("consumer.put", id="all", start="first")
    client.ok("consumer.put", id="of-consumers", types=["CONSUMER_CREATED_EVENT"], start="first")
    client.ok("consumer.put", id="third", start="first")
    client.ok("user.put", id="u1")
    worker = Worker(client, "all")
    types = [d["event"]["type"] for d in worker.fetch()]
    assert types == ["HELLO_EVENT", "USER_CREATED_EVENT"]
    told = Worker(client, "of-consumers").fetch()
    assert [d["event"]["subject"] for d in told] == ["all", "third"]  # not of itself


# ---- bad input ----


def journal_head(client):
    return client.ok("hello")["head"]


def state(client):
    return journal_head(client), client.ok("consumer.list")["consumers"]


def test_unknown_consumers(client, worker):
    publish(client, "a")
    delivery = worker.fetch()[0]
    before = state(client)
    stranger = Worker(client, "nobody")
    refused(client, "consumer.fetch", "NOT_FOUND", "id", **stranger.who, credit=1)
    refused(client, "consumer.ack", "NOT_FOUND", "id", **stranger.ack_args([delivery]))
    refused(client, "consumer.nack", "NOT_FOUND", "id", **stranger.nack_args(delivery))
    refused(client, "consumer.extend", "NOT_FOUND", "id", **stranger.who, leases=leases([delivery]))
    for op in ("get", "delete", "pause", "resume", "parked"):
        refused(client, f"consumer.{op}", "NOT_FOUND", "id", id="nobody")
    refused(client, "consumer.reset", "NOT_FOUND", "id", id="nobody", start="first")
    refused(client, "consumer.skip", "NOT_FOUND", "id", id="nobody", seq=1)
    for op in ("replay", "drop"):
        refused(client, f"consumer.{op}", "NOT_FOUND", "id", id="nobody", all=True)
    assert state(client) == before


def test_leases_of_others_and_of_before(client, worker):
    publish(client, "a", "b")
    mine, yours = worker.fetch(1)[0], Worker(client, "c", "other").fetch(1)[0]
    before = state(client)
    other, newer = Worker(client, "c", "third"), Worker(client, "c")
    tries = [worker.ack_args([yours]), worker.ack_args([mine, yours]), other.ack_args([mine])]
    # Who has only begun has nothing in hand, and takes nothing over before it fetches.
    for args in (*tries, newer.ack_args([mine])):
        refused(client, "consumer.ack", "CONFLICT", "acks", **args)
    refused(client, "consumer.nack", "CONFLICT", "seq", **worker.nack_args(yours))
    refused(client, "consumer.extend", "CONFLICT", "leases", **worker.who, leases=leases([yours]))
    forged = {"event": mine["event"], "lease": mine["lease"] + 99}
    refused(client, "consumer.ack", "CONFLICT", "acks", **worker.ack_args([forged]))
    never = {"event": {"seq": 10**9}, "lease": 1}
    refused(client, "consumer.ack", "NOT_FOUND", "acks", **worker.ack_args([never]))
    refused(client, "consumer.ack", "INVALID_ARGUMENT", "acks", **worker.ack_args([]))
    assert state(client) == before
    worker.ack(mine)
    before = state(client)
    refused(client, "consumer.ack", "NOT_FOUND", "acks", **worker.ack_args([mine]))
    refused(client, "consumer.nack", "NOT_FOUND", "seq", **worker.nack_args(mine))
    assert state(client) == before


def test_an_ack_twice_in_one_request(client, worker):
    publish(client, "a")
    delivery = worker.fetch()[0]
    assert worker.ack(delivery, delivery) == {"acked": 1}
    assert status(client, "c")["acked"] == 1


def test_an_ack_behind_the_end_of_the_lease(client):
    put(client, "short", "t", lease_ms=30, **EAGER)
    publish(client, "a")
    worker = Worker(client, "short")
    delivery = worker.fetch()[0]
    again = wait_until(lambda: worker.fetch(), what="another attempt")[0]
    assert again["attempt"] == 2
    refused(client, "consumer.ack", "CONFLICT", "acks", **worker.ack_args([delivery]))


def test_an_extended_lease(client):
    put(client, "short", "t", lease_ms=2000, **EAGER)
    publish(client, "a")
    worker = Worker(client, "short")
    delivery = worker.fetch()[0]
    worker.extend(delivery, lease_ms=600000)
    end = time.monotonic() + 2.2
    wait_until(lambda: time.monotonic() > end)
    assert worker.fetch() == []
    for bad in (0, 86400001):
        args = {**worker.who, "leases": leases([delivery]), "lease_ms": bad}
        refused(client, "consumer.extend", "INVALID_ARGUMENT", "lease_ms", **args)
    worker.ack(delivery)


BAD_REFS = [
    {},
    {"seq": 5},
    {"lease": 1},
    {"seq": -1, "lease": 1},
    {"seq": "5", "lease": 1},
    {"seq": 5, "lease": 2**64 - 1},
    {"seq": 5, "lease": 1, "colour": "red"},
]


@pytest.mark.parametrize("bad", BAD_REFS, ids=str)
def test_bad_references(client, worker, bad):
    publish(client, "a")
    good = leases(worker.fetch())
    before = state(client)
    for refs in ([bad], good + [bad]):
        refused(client, "consumer.ack", "INVALID_ARGUMENT", "acks", **worker.who, acks=refs)
        refused(client, "consumer.extend", "INVALID_ARGUMENT", "leases", **worker.who, leases=refs)
    made = [{"type": "x", "data": {}}]
    args = {**worker.who, "acks": [bad], "publish": made}
    refused(client, "consumer.ack", "INVALID_ARGUMENT", "acks", **args)
    refused(client, "consumer.replay", "INVALID_ARGUMENT", "seqs", id="c", seqs=[{"seq": "x"}])
    assert state(client) == before


BAD_PUTS = [
    ({"types": []}, "types"),
    ({"types": ["a b"]}, "types"),
    ({"types": ["é"]}, "types"),
    ({"colour": "red"}, "colour"),
    ({"rental_id": "r1"}, "rental_id"),
    ({"lease_ms": 0}, "lease_ms"),
    ({"lease_ms": 86400001}, "lease_ms"),
    ({"backoff_ms": 0}, "backoff_ms"),
    ({"backoff_max_ms": 86400001}, "backoff_max_ms"),
    ({"backoff_ms": 2000, "backoff_max_ms": 1000}, "backoff_max_ms"),
    ({"max_attempts": 0}, "max_attempts"),
    ({"max_attempts": 1001}, "max_attempts"),
    ({"from_seq": 0}, "from_seq"),
    ({"from_seq": 10**6}, "from_seq"),
    ({"start": "first", "from_seq": 1}, "from_seq"),
    ({"start": "first", "since": "2025-01-01T00:00:00Z"}, "since"),
    ({"start": "middle"}, "start"),
    ({"id": ""}, "id"),
]


@pytest.mark.parametrize("bad, field", BAD_PUTS, ids=str)
def test_bad_definitions(client, bad, field):
    before = state(client)
    refused(client, "consumer.put", "INVALID_ARGUMENT", field, **{"id": "c", **bad})
    assert state(client) == before


BAD_RESETS = [
    ({}, "start"),
    ({"from_seq": 10**6}, "from_seq"),
    ({"from_seq": 0}, "from_seq"),
    ({"start": "new", "from_seq": 1}, "from_seq"),
    ({"start": "new", "since": "2025-01-01T00:00:00Z"}, "since"),
]


@pytest.mark.parametrize("bad, field", BAD_RESETS, ids=str)
def test_bad_resets(client, worker, bad, field):
    publish(client, "a")
    before = state(client)
    refused(client, "consumer.reset", "INVALID_ARGUMENT", field, id="c", **bad)
    refused(client, "consumer.skip", "INVALID_ARGUMENT", "seq", id="c", seq=before[0] + 1)
    assert state(client) == before


def test_bad_replays(client, worker):
    before = state(client)
    for op in ("consumer.replay", "consumer.drop"):
        refused(client, op, "INVALID_ARGUMENT", "seqs", id="c")
        refused(client, op, "INVALID_ARGUMENT", "seqs", id="c", seqs=[])
        refused(client, op, "INVALID_ARGUMENT", "seqs", id="c", all=True, seqs=[{"seq": 1}])
        refused(client, op, "NOT_FOUND", "seqs", id="c", seqs=[{"seq": 1}])
    assert state(client) == before


def test_a_fenced_worker(client, worker):
    publish(client, "a")
    delivery = worker.fetch()[0]
    newer = Worker(client, "c")
    assert newer.who["incarnation"] > worker.who["incarnation"]
    taken = newer.fetch()
    # What the older one had has failed: it may be what ended it.
    assert seqs(taken) == seqs([delivery]) and taken[0]["attempt"] == 2
    before = state(client)
    refused(client, "consumer.ack", "CONFLICT", "incarnation", **worker.ack_args([delivery]))
    refused(client, "consumer.nack", "CONFLICT", "incarnation", **worker.nack_args(delivery))
    refused(client, "consumer.fetch", "CONFLICT", "incarnation", **worker.who, credit=1)
    assert state(client) == before
    newer.ack(*taken)


def test_an_older_worker_that_waits_is_told(client, daemon, worker):
    with Client(daemon.api) as other:
        other.send("consumer.fetch", {**worker.who, "credit": 1, "wait_ms": 60000})
        wait_until(lambda: status(client, "c")["workers"] == 1)
        Worker(client, "c").fetch()
        reply = other.receive()
        assert reply["error"]["code"] == "CONFLICT" and reply["error"]["field"] == "incarnation"


# ---- failures ----


def test_attempts_and_parked_events(client):
    put(client, "c", "t", backoff_ms=1, backoff_max_ms=2, max_attempts=3)
    seq = publish(client, "a")[0]
    follower = publish(client, "a")[0]
    worker = Worker(client, "c")
    for attempt in (1, 2, 3):
        delivery = wait_until(worker.fetch)[0]
        assert delivery["event"]["seq"] == seq and delivery["attempt"] == attempt
        result = worker.nack(delivery, error=f"error {attempt}")
        assert result["parked"] is (attempt == 3)
        assert ("retry_at" in result) is (attempt < 3)
    parked = client.ok("consumer.parked", id="c")["parked"]
    assert [p["event"]["seq"] for p in parked] == [seq]
    assert parked[0]["attempts"] == 3
    assert [f["error"] for f in parked[0]["failures"]] == ["error 1", "error 2", "error 3"]
    told = client.ok("events.read", types=["CONSUMER_PARKED_EVENT"])["events"]
    assert [e["data"]["seq"] for e in told] == [seq] and told[0]["subject"] == "c"
    assert worker.work() == [follower]
    count = client.ok("consumer.replay", id="c", all=True, dry_run=True)
    assert count["events"][0]["data"]["seqs"] == [{"seq": seq}]
    assert status(client, "c")["parked"] == 1
    client.ok("consumer.replay", id="c", seqs=[{"seq": seq}])
    assert worker.work() == [seq]
    assert client.ok("consumer.parked", id="c")["parked"] == []


def test_many_parked_events_a_page_at_a_time(client):
    put(client, "c", "t")
    worker = Worker(client, "c")
    made = []
    for _ in range(8):
        made += publish(client, *(f"s{n}" for n in range(32)))
        for delivery in worker.fetch():
            worker.nack(delivery, fatal=True, error="no")
    found, cursor = [], {}
    while True:
        page = client.ok("consumer.parked", id="c", limit=100, **cursor)
        found += [p["event"]["seq"] for p in page["parked"]]
        if "cursor" not in page:
            break
        assert len(page["parked"]) == 100
        cursor = {"cursor": page["cursor"]}
    assert found == made
    client.ok("consumer.drop", id="c", seqs=[{"seq": seq} for seq in made[:250]])
    assert status(client, "c")["parked"] == 6
    client.ok("consumer.drop", id="c", all=True)
    assert status(client, "c")["parked"] == 0 and worker.work() == []


def test_failing_events_delay_no_other_subject(client):
    """One in a hundred fails, for hours; everything else goes its way."""
    put(client, "c", "t", backoff_ms=3600000, backoff_max_ms=3600000)
    made = []
    for number in range(40):
        made += publish(client, *(f"s{number}-{n}" for n in range(32)))
    bad = set(made[::100])
    worker = Worker(client, "c")
    done = []
    while deliveries := worker.fetch():
        for delivery in deliveries:
            if delivery["event"]["seq"] in bad:
                worker.nack(delivery, error="never")
            else:
                worker.ack(delivery)
                done.append(delivery["event"]["seq"])
    assert sorted(done) == sorted(set(made) - bad)
    assert status(client, "c")["delayed"] == len(bad)
    assert status(client, "c")["cursor"] == min(bad) - 1


# ---- order ----


def test_order_of_subjects_with_many_workers(daemon, client):
    """What is handled of a subject is handled in order, one after the other, whoever does it."""
    put(client, "c", "t", **EAGER)
    subjects = [f"s{n}" for n in range(6)]
    made = {subject: [] for subject in subjects}
    for number in range(40):
        chosen = [subjects[(number * 7 + n * n) % 6] for n in range(16)]
        for subject, seq in zip(chosen, publish(client, *chosen)):
            made[subject].append(seq)
    lock, busy, handled = threading.Lock(), set(), {subject: [] for subject in subjects}
    problems = []

    def run(name):
        with Client(daemon.api) as own:
            worker = Worker(own, "c", name)
            while sum(map(len, handled.values())) < 640 and not problems:
                for delivery in worker.fetch(3, wait_ms=100):
                    subject = delivery["event"]["subject"]
                    with lock:
                        if subject in busy:
                            problems.append(f"two of {subject} at once")
                        busy.add(subject)
                    fails = delivery["attempt"] == 1 and delivery["event"]["seq"] % 5 == 0
                    with lock:
                        busy.discard(subject)
                        if not fails:
                            handled[subject].append(delivery["event"]["seq"])
                    if fails:
                        worker.nack(delivery)
                    else:
                        worker.ack(delivery)

    threads = [threading.Thread(target=run, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(150)
    assert not problems
    assert handled == made


# ---- fetches that wait ----


def test_a_long_poll(daemon, client, worker):
    with Client(daemon.api) as other:
        sent = other.send("consumer.fetch", {**worker.who, "credit": 9, "wait_ms": 60000})
        wait_until(lambda: status(client, "c")["workers"] == 1)
        publish(client, "x", type="other")
        assert not other.readable(50)
        made = publish(client, "a")
        reply = other.receive()
        assert reply["id"] == sent and seqs(reply["result"]["deliveries"]) == made


def test_a_long_poll_ends(client, worker):
    before = time.monotonic()
    assert worker.fetch(wait_ms=150) == []
    assert 0.1 < time.monotonic() - before < 30


def test_a_fetch_sent_again(daemon, client, worker):
    """After a lost connection: the same answer, not another one."""
    made = publish(client, "a", "b", "c")
    args = {**worker.who, "credit": 2}
    first = client.call("consumer.fetch", args)
    with Client(daemon.api) as other:
        again = other.call("consumer.fetch", args, id=first["id"])
    assert again == first and seqs(first["result"]["deliveries"]) == made[:2]
    worker.ack(first["result"]["deliveries"][0])
    again = client.call("consumer.fetch", args, id=first["id"])["result"]["deliveries"]
    assert again == first["result"]["deliveries"][1:]
    assert seqs(worker.fetch()) == made[2:]


def test_a_paused_consumer(client, worker):
    publish(client, "a")
    client.ok("consumer.pause", id="c")
    assert worker.fetch() == [] and status(client, "c")["paused"] is True
    assert client.ok("consumer.pause", id="c")["outcome"] == "UNCHANGED"
    client.ok("consumer.resume", id="c")
    assert len(worker.fetch()) == 1


def test_fetches_of_many_megabytes(client):
    put(client, "c", "big")
    for number in range(12):
        publish(client, *(f"s{number}-{n}" for n in range(15)), type="big", text="x" * 60000)
    worker = Worker(client, "c")
    first = worker.fetch(1000)
    assert 60 < len(first) < 80  # 4 MiB and an event
    worker.ack(*first)
    assert len(worker.work()) == 12 * 15 - len(first)


# ---- seeing it ----


def test_lists_a_page_at_a_time(client):
    names = [f"c{number:02}" for number in range(25)]
    for name in names:
        put(client, name, "t")
    client.ok("consumer.delete", id="c03")
    names.remove("c03")
    page = client.ok("consumer.list", limit=10)
    found = [c["consumer"]["id"] for c in page["consumers"]]
    # Whatever goes or comes meanwhile, the others are told once.
    client.ok("consumer.delete", id="c00")
    put(client, "later", "t")
    while "cursor" in page:
        page = client.ok("consumer.list", limit=10, cursor=page["cursor"])
        found += [c["consumer"]["id"] for c in page["consumers"]]
    assert found == names + ["later"]
    assert client.ok("stats")["consumers"] == 24
    refused(client, "consumer.list", "INVALID_ARGUMENT", "cursor", cursor="x1")
    refused(client, "consumer.list", "INVALID_ARGUMENT", "limit", limit=0)


def test_a_stalled_consumer(tmp_path):
    daemon = Daemon(tmp_path, config="stall_after = PT1S\n").start()
    with Client(daemon.api) as client:
        put(client, "forgotten", "t")
        put(client, "idle", "u")
        put(client, "rests", "t")
        client.ok("consumer.pause", id="rests")
        publish(client, "a")
        wait_until(lambda: status(client, "forgotten")["stalled"], what="a report")
        told = client.ok("events.read", types=["CONSUMER_STALLED_EVENT"])["events"]
        assert [e["subject"] for e in told] == ["forgotten"]
        assert told[0]["data"]["lag"] >= 1 and "oldest_at" in told[0]["data"]
        # It keeps nobody waiting, and is not reported twice.
        put(client, "busy", "t")
        assert len(Worker(client, "busy").work()) == 1
        time_of = time.monotonic() + 2
        wait_until(lambda: time.monotonic() > time_of)
        told = client.ok("events.read", types=["CONSUMER_STALLED_EVENT"])["events"]
        assert [e["subject"] for e in told if e["subject"] != "busy"] == ["forgotten"]
        assert len(Worker(client, "forgotten").work()) == 1
        assert not status(client, "forgotten")["stalled"]
    assert daemon.stop() == 0


# ---- heartbeats ----


def heard_of(feed, milliseconds):
    """The (type, map) of the next message, heartbeats among them; None when there is none."""
    if not feed.poll(milliseconds):
        return None
    type, body = feed.recv_multipart()
    message = cbor2.loads(body)
    assert cbor2.dumps(message, canonical=True) == body
    return type, message


def told_at(message):
    return datetime.fromisoformat(message["time"].replace("Z", "+00:00"))


def test_heartbeats(daemon, client):
    """One for each second in which there is nothing else, by the clock of the daemon."""
    second = timedelta(seconds=0.95)
    with zmq.Context.instance().socket(zmq.SUB) as feed:
        feed.linger = 0
        feed.subscribe("")
        feed.connect(daemon.events)
        beats = []
        while len(beats) < 3:
            type, beat = heard_of(feed, REPLY_DEADLINE * 1000)
            if type == b"HEARTBEAT":
                assert set(beat) == {"head", "time"} and beat["head"] == journal_head(client)
                assert not beats or told_at(beat) - beats[-1] >= second
                beats.append(told_at(beat))
        # None while there is something else to hear.
        heard = 0
        last = beats[-1]
        end = time.monotonic() + 2.5
        while time.monotonic() < end or heard < 6:
            client.ok("user.put", id="u1")
            while found := heard_of(feed, 20):
                type, message = found
                assert type != b"HEARTBEAT" or told_at(message) - last >= second
                last = told_at(message)
                heard += type != b"HEARTBEAT"
    with Subscriber(daemon.events).settle(client) as subscriber:
        assert not subscriber.readable(1500)
