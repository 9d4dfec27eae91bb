# SPDX-License-Identifier: MPL-2.0
"""The library against the real daemon: calls and subscribers while the daemon dies and comes back."""
import errno
import random
import shutil

import pytest

import harness
from harness import Process, wait_until
from ledgers import at, read_events

WATCH_DEADLINE = 60
LOAD_DEADLINE = 120
LOAD_COUNT = 300


def watch(daemon, directory, start, *types):
    """A subscriber in C; returns when the daemon has answered it."""
    argv = [harness.bin_dir() / "sdk_watch", daemon.api, daemon.events, start, *types]
    process = Process(argv, directory, f"watch-{harness.mark()}").launch()
    assert process.next_line(WATCH_DEADLINE) == "ready"
    return process


def load(daemon, directory, prefix, count, in_flight):
    argv = [harness.bin_dir() / "sdk_load", daemon.api, prefix, count, in_flight]
    return Process(argv, directory, f"load-{prefix}").launch()


def seqs(process):
    """What it has printed so far."""
    lines = process.output().split("\n")[1:-1]
    return [int(line.split()[0]) for line in lines]


def expect_up_to(process, first, last):
    """It has printed, or prints in time, each seq from first to last once and in order."""
    wait_until(
        lambda: len(seqs(process)) > last - first, WATCH_DEADLINE, f"events up to {last}"
    )
    assert seqs(process) == list(range(first, last + 1))


def put_locations(client, prefix, count):
    for number in range(count):
        client.ok("location.put", id=f"{prefix}-{number}")


def test_watch_from_a_seq(daemon, client, tmp_path):
    put_locations(client, "before", 30)
    process = watch(daemon, tmp_path, 5)
    put_locations(client, "after", 30)
    expect_up_to(process, 5, client.ok("hello")["head"])


def test_watch_from_a_time(daemon, client, tmp_path):
    put_locations(client, "before", 30)
    process = watch(daemon, tmp_path, "time")
    put_locations(client, "after", 30)
    expect_up_to(process, 1, client.ok("hello")["head"])


def test_watch_from_now(daemon, client, tmp_path):
    put_locations(client, "before", 30)
    head = client.ok("hello")["head"]
    process = watch(daemon, tmp_path, "now")
    put_locations(client, "after", 30)
    expect_up_to(process, head + 1, client.ok("hello")["head"])


def test_watch_some_types(daemon, client, tmp_path):
    client.ok("user.put", id="user-1")
    put_locations(client, "before", 10)
    process = watch(daemon, tmp_path, 1, "USER_CREATED_EVENT", "USER_UPDATED_EVENT")
    put_locations(client, "after", 10)
    client.ok("user.put", id="user-2")
    assert process.next_line().endswith(" USER_CREATED_EVENT user-1")
    assert process.next_line().endswith(" USER_CREATED_EVENT user-2")


def test_watch_over_a_clean_restart(daemon, client, tmp_path):
    process = watch(daemon, tmp_path, 1)
    for number in range(3):
        put_locations(client, f"round-{number}", 10)
        daemon.restart()
    expect_up_to(process, 1, client.ok("hello")["head"])


def test_watch_notices_an_older_ledger(daemon, client, tmp_path):
    put_locations(client, "some", 20)
    process = watch(daemon, tmp_path, 1)
    expect_up_to(process, 1, client.ok("hello")["head"])
    daemon.stop()
    shutil.rmtree(daemon.data)
    daemon.start()
    wait_until(lambda: f"error {-errno.ESTALE}\n" in process.output(), WATCH_DEADLINE)


def lines_of(process):
    return process.output().splitlines()


def kill_and_start(daemon, loader, random_source):
    """Lets the load come some way, kills the daemon there, and starts it again."""
    further = len(lines_of(loader)) + random_source.randrange(1, 100)
    wait_until(lambda: len(lines_of(loader)) >= further or not loader.running, LOAD_DEADLINE)
    daemon.kill()
    daemon.start()


def check_acknowledged(loader, by_seq):
    """What the daemon has acknowledged is in the ledger, as it was acknowledged."""
    for line in lines_of(loader):
        name, outcome, seq = line.split()
        event = by_seq[int(seq)]
        assert outcome == "CREATED" and event["subject"] == name, f"{line}: {event}"


@pytest.mark.soak
def test_nothing_is_lost_or_doubled_when_the_daemon_is_killed(daemon, client, tmp_path):
    process = watch(daemon, tmp_path, 1)
    loaders = []
    for seed in harness.rounds(4):
        print(f"seed {seed}")
        random_source = random.Random(seed)
        loaders.append(load(daemon, tmp_path, f"put-{seed}", LOAD_COUNT, 64))
        kill_and_start(daemon, loaders[-1], random_source)
        kill_and_start(daemon, loaders[-1], random_source)
        assert loaders[-1].wait(LOAD_DEADLINE) == 0, loaders[-1].log()

    expect_up_to(process, 1, client.ok("hello")["head"])
    events = read_events(client)
    created = [event["subject"] for event in events if event["type"] == "LOCATION_CREATED_EVENT"]
    expected = [f"put-{seed}-{n}" for seed in range(len(loaders)) for n in range(LOAD_COUNT)]
    assert sorted(created) == sorted(expected)
    by_seq = {event["seq"]: event for event in events}
    for loader in loaders:
        check_acknowledged(loader, by_seq)


def test_calls_outlast_a_daemon_that_is_away(daemon, client, tmp_path):
    daemon.kill()
    loader = load(daemon, tmp_path, "early", 200, 16)
    daemon.start()
    assert loader.wait(LOAD_DEADLINE) == 0, loader.log()
    assert len(loader.output().splitlines()) == 200


def example(daemon, tmp_path, name, *args):
    env = {"RENTBUS_API": daemon.api, "RENTBUS_EVENTS": daemon.events}
    return Process([harness.bin_dir() / f"example_{name}", *args], tmp_path, name, env).launch()


def test_examples(daemon, client, tmp_path):
    client.ok("user.put", id="user-1")
    client.ok("asset.put", id="box-1", asset_type="large-bowl")
    scan = {"user_id": "user-1", "asset_id": "box-1", "location_id": "bin-1"}
    rental = client.ok("rental.checkout", **scan, timestamp=at())["rental"]

    getting = example(daemon, tmp_path, "get_rental", rental["id"])
    assert getting.wait() == 0, getting.log()
    assert f'"id":"{rental["id"]}"' in getting.output()
    missing = example(daemon, tmp_path, "get_rental", "no-such-rental")
    assert missing.wait() == 1

    watching = example(daemon, tmp_path, "watch_returns", 1)
    client.ok("rental.return", **scan, timestamp=at(hours=1))
    assert f"{rental['id']} of user-1 came back" in watching.next_line()

    client.ok("rental.checkout", **scan)
    batch = example(daemon, tmp_path, "batch", "bin-1", "box-1", "no-such-box")
    assert batch.wait() == 0, batch.log()
    lines = batch.output().splitlines()
    assert lines == ["box-1: COMPLETED", "no-such-box: REJECTED ASSET_UNKNOWN"]
