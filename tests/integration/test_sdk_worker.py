# SPDX-License-Identifier: MPL-2.0
"""Workers of the library against the real daemon: everything at least once, and in order per
subject, while the daemon and workers die and come back."""
import errno
import random
import threading

import pytest

import harness
from harness import Client, Process, wait_until
from ledgers import read_events

DEADLINE = 60
SUBJECTS = 20
PAGE = 32


def work(daemon, directory, name, threads=4, credit=0, fail_each=0, consumer="c"):
    argv = [harness.bin_dir() / "sdk_work", daemon.api, consumer, name, threads, credit, fail_each]
    return Process(argv, directory, f"work-{harness.mark()}").launch()


def put_consumer(client, **wants):
    client.ok("consumer.put", id="c", start="first", types=["test.tick"], **wants)


def ticks(numbers):
    """Events about SUBJECTS things, one after the other."""
    return [
        {"type": "test.tick", "subject": f"s{n % SUBJECTS}", "data": {"n": n}} for n in numbers
    ]


def publish(client, count, first=0):
    for start in range(first, first + count, PAGE):
        client.ok("publish", events=ticks(range(start, min(start + PAGE, first + count))))


def lines(*processes):
    """Of all of them: (seq, attempt, subject) of each time that an event was handled."""
    found = []
    for process in processes:
        for line in process.output().split("\n")[:-1]:
            if not line.startswith("end"):
                seq, attempt, subject, _ = line.split(" ")
                found.append((int(seq), int(attempt), subject))
    return found


def published(client):
    return [event for event in read_events(client) if event["type"] == "test.tick"]


def check_order(handled, events):
    """Each event was handled, and for the first time behind those of its subject before it."""
    wanted = {}
    for event in events:
        wanted.setdefault(event["subject"], []).append(event["seq"])
    first = {}
    for seq, _, subject in handled:
        if seq not in first.setdefault(subject, {}):
            first[subject][seq] = True
    assert {subject: list(seqs) for subject, seqs in first.items()} == wanted


def wait_handled(client, count, deadline=DEADLINE):
    def done():
        status = client.ok("consumer.get", id="c")["consumer"]
        return status["lag"] == 0 and status["in_flight"] == 0

    try:
        wait_until(done, deadline, f"{count} events handled")
    except AssertionError as error:
        raise AssertionError(f"{error}, but {client.ok('consumer.get', id='c')}") from None


def test_four_threads_handle_everything_in_order(daemon, client, tmp_path):
    put_consumer(client)
    publish(client, 1000)
    worker = work(daemon, tmp_path, "w")
    publish(client, 1000, 1000)
    wait_handled(client, 2000)
    handled = lines(worker)
    check_order(handled, published(client))
    assert len(handled) == 2000 and worker.stop() == 0
    assert worker.output().endswith("end 0 \n")
    status = client.ok("consumer.get", id="c")["consumer"]
    assert (status["acked"], status["failed"], status["parked"]) == (2000, 0, 0)


def publish_stubbornly(api, count):
    """The same through the death of the daemon: what is not answered is sent again as it is."""
    with Client(api) as client:
        for start in range(0, count, PAGE):
            command = harness.uuid7()
            while True:
                client.send("publish", {"events": ticks(range(start, start + PAGE))}, command)
                try:
                    reply = client.receive(1)
                except TimeoutError:
                    continue
                if reply["id"] == command and reply["ok"]:
                    break


@pytest.mark.soak
def test_the_daemon_is_killed_under_load(daemon, client, tmp_path):
    put_consumer(client, lease_ms=5000)
    worker = work(daemon, tmp_path, "w", credit=16)
    total = 0
    for seed in harness.rounds(3):
        print(f"seed {seed}")
        chance = random.Random(seed)
        loader = threading.Thread(target=publish_stubbornly, args=(daemon.api, 50 * PAGE))
        loader.start()
        for _ in range(3):
            further = len(lines(worker)) + chance.randrange(1, 300)
            # There is no more to come when everything is published.
            wait_until(lambda: len(lines(worker)) >= further or not loader.is_alive(), DEADLINE)
            daemon.kill()
            daemon.start()
        loader.join(DEADLINE)
        assert not loader.is_alive()
        total += 50 * PAGE
    with Client(daemon.api) as fresh:
        assert worker.running, worker.output()[-300:]
        wait_handled(fresh, total)
        events = published(fresh)
        assert len(events) == total
        check_order(lines(worker), events)
        assert fresh.ok("consumer.get", id="c")["consumer"]["parked"] == 0
    assert worker.stop() == 0


@pytest.mark.soak
def test_workers_are_killed_under_load(daemon, client, tmp_path):
    put_consumer(client, lease_ms=500, max_attempts=100, backoff_ms=1)
    workers = []
    total = 0
    for seed in harness.rounds(4):
        print(f"seed {seed}")
        chance = random.Random(seed)
        publish(client, 500, total)
        total += 500
        # Now under the same name, which takes over at once, now under another one.
        workers.append(work(daemon, tmp_path, f"w{seed // 2}", credit=8))
        further = chance.randrange(1, 200)
        wait_until(lambda: len(lines(workers[-1])) >= further, DEADLINE)
        workers[-1].kill()
    workers.append(work(daemon, tmp_path, "last"))
    wait_handled(client, total)
    events = published(client)
    assert {seq for seq, _, _ in lines(*workers)} == {event["seq"] for event in events}
    assert client.ok("consumer.get", id="c")["consumer"]["parked"] == 0
    assert workers[-1].stop() == 0


def test_a_stop_gives_back_what_is_in_hand(daemon, client, tmp_path):
    # What was fetched and not begun is no attempt: with one alone, it would be parked.
    put_consumer(client, lease_ms=60000, max_attempts=1)
    workers = []
    for number in range(5):
        publish(client, 400)
        workers.append(work(daemon, tmp_path, f"w{number}", threads=2))
        wait_until(lambda: len(lines(workers[-1])) >= 50, DEADLINE)
        assert workers[-1].stop() == 0
        assert client.ok("consumer.get", id="c")["consumer"]["in_flight"] == 0
    workers.append(work(daemon, tmp_path, "last"))
    wait_handled(client, 2000)
    handled = lines(*workers)
    check_order(handled, published(client))
    assert len(handled) == 2000 and {attempt for _, attempt, _ in handled} == {1}
    told = client.ok("consumer.get", id="c")["consumer"]
    assert told["failed"] == 0 and told["parked"] == 0


def test_a_worker_that_was_killed_while_it_waited_gets_nothing(daemon, client, tmp_path):
    """The event goes to the other one at once. The daemon may not have noticed its end yet: then it
    comes back with its lease, which is no harm but in this test; so it has some tries."""
    for number in range(5):
        name = f"c{number}"
        client.ok("consumer.put", id=name, types=["test.tick"], lease_ms=600000)
        first = work(daemon, tmp_path, "first", threads=1, consumer=name)
        status = lambda: client.ok("consumer.get", id=name)["consumer"]  # noqa: E731
        wait_until(lambda: status()["workers"] == 1, DEADLINE)
        second = work(daemon, tmp_path, "second", threads=1, consumer=name)
        wait_until(lambda: status()["workers"] == 2, DEADLINE)
        first.kill()
        publish(client, 1)
        wait_until(lambda: status()["acked"] or status()["in_flight"], DEADLINE)
        # What the second one has, it says at its end at the latest.
        assert second.stop() == 0
        if status()["in_flight"] == 0:
            assert [attempt for _, attempt, _ in lines(second)] in ([], [1])
            return
    raise AssertionError("the dead got every event")


def test_what_fails_is_tried_again(daemon, client, tmp_path):
    put_consumer(client, backoff_ms=10)
    publish(client, 400)
    worker = work(daemon, tmp_path, "w", fail_each=10)
    wait_handled(client, 400)
    handled = lines(worker)
    events = published(client)
    check_order(handled, events)
    again = sorted(seq for seq, attempt, _ in handled if attempt == 2)
    assert again == [event["seq"] for event in events if event["seq"] % 10 == 0]
    assert len(handled) == len(events) + len(again)


def test_a_worker_of_the_same_name_takes_over(daemon, client, tmp_path):
    put_consumer(client)
    publish(client, 10)
    first = work(daemon, tmp_path, "w", threads=1)
    wait_until(lambda: len(lines(first)) == 10, DEADLINE)
    second = work(daemon, tmp_path, "w", threads=1)
    assert first.wait() == 1
    assert f"end {-errno.ESTALE} a newer worker" in first.output()
    publish(client, 10, 10)
    wait_handled(client, 20)
    check_order(lines(first, second), published(client))
    assert len(lines(second)) == 10 and second.stop() == 0


def test_no_such_consumer(daemon, client, tmp_path):
    worker = work(daemon, tmp_path, "w", consumer="nobody")
    assert worker.wait() == 1
    assert worker.output().startswith("end 5 ")
