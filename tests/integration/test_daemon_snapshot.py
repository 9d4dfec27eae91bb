# SPDX-License-Identifier: MPL-2.0
"""Snapshots: a start goes on from one, and nobody can tell."""
import random

import pytest

from harness import Client, Daemon, run_cli, wait_until
from ledgers import at, read_events, read_list, stock, verify

USERS = [f"u{number}" for number in range(20)]
ASSETS = [(f"a{number}", "mug") for number in range(20)]


@pytest.fixture
def shop(daemon):
    with Client(daemon.api) as client:
        stock(client, USERS, ASSETS)
        scans(client, 100)
        client.ok("consumer.put", id="c", types=["RENTAL_RETURN_COMPLETE_EVENT"])
        yield daemon, client


def scans(client, count, rng=None):
    """Random scans, a batch at a time."""
    rng = rng or random.Random(count)
    commands = []
    for number in range(count):
        args = {
            "user_id": rng.choice(USERS),
            "asset_id": rng.choice(ASSETS)[0],
            "location_id": rng.choice(["north", "south"]),
            "timestamp": at(minutes=number),
        }
        op = rng.choice(["rental.checkout", "rental.return"])
        commands.append(client.ok(op, **args))
    return commands


def everything(client):
    """What can be read, but for what a start changes."""
    lists = {op: read_list(client, op) for op in ("user.list", "asset.list", "rental.list", "location.list")}
    stats = client.ok("stats")
    own = ("head", "started_at", "requests", "commits", "snapshots", "archived_seq", "journal_bytes", "archive_bytes")
    lists["stats"] = {key: value for key, value in stats.items() if key not in own}
    lists["consumer"] = client.ok("consumer.get", id="c")["consumer"]
    for key in ("lag", "cursor", "workers", "oldest_at"):
        lists["consumer"].pop(key, None)
    lists["stats"].pop("consumer_status")
    return lists


def test_a_start_goes_on_from_a_snapshot(shop):
    daemon, client = shop
    assert client.ok("stats")["snapshot_seq"] == 0
    written = client.ok("admin.snapshot")
    head = client.ok("hello")["head"]
    assert written["seq"] == head and written["bytes"] > 500
    assert written["time"] == client.ok("events.read", from_seq=head)["events"][0]["time"]
    stats = client.ok("stats")
    assert (stats["snapshot_seq"], stats["snapshot_at"]) == (head, written["time"])
    assert client.ok("admin.snapshot") == {**written, "took_ms": 0}
    assert client.ok("stats")["snapshots"] == 1
    scans(client, 30)
    before = everything(client)
    daemon.restart()
    assert f"event=snapshot_loaded seq={head}" in daemon.log()
    with Client(daemon.api) as again:
        assert everything(again) == before
        events = read_events(again)
        verify(again)
        assert again.ok("admin.snapshot")["seq"] == events[-1]["seq"]
    kept = {f"snapshot-{seq:020}" for seq in (head, events[-1]["seq"])}
    assert {path.name for path in daemon.data.glob("snapshot*")} == kept


def test_reads_of_the_past_around_a_snapshot(shop):
    daemon, client = shop
    middle = client.ok("hello")["head"]
    past = lambda client, seq: [client.ok("rental.list", at_seq=seq), client.ok("stats", at_seq=seq)["returns"]]
    early = past(client, middle // 2)
    present = past(client, middle)
    snapshot = client.ok("admin.snapshot")["seq"]
    assert snapshot == middle
    scans(client, 40)
    late = past(client, middle + 20)
    daemon.restart()
    with Client(daemon.api) as again:
        assert past(again, middle + 20) == late
        assert past(again, middle) == present
        assert past(again, middle // 2) == early
        assert past(again, middle + 20) == late


def test_verify_says_when_a_snapshot_is_not_what_the_journal_says(shop):
    daemon, client = shop
    client.ok("admin.snapshot")
    verify(client)
    (path,) = daemon.data.glob("snapshot-*")
    good = path.read_bytes()
    path.write_bytes(good[:-100] + bytes([good[-100] ^ 1]) + good[-99:])
    problem = client.ok("admin.verify")["problem"]
    assert f"{path.name} is no good" in problem and "has to replay the journal" in problem
    # Another takes its place by itself.
    wait_until(lambda: "problem" not in client.call("admin.verify", timeout=60)["result"], 60)
    assert f"event=snapshot_passed_over seq={int(path.name[9:])}" in daemon.log()


def test_a_kill_while_one_is_written(shop):
    daemon, _ = shop
    rng = random.Random()
    for _ in range(4):
        with Client(daemon.api) as client:
            scans(client, 3)
            head = client.ok("hello")["head"]
            client.send("admin.snapshot")
            client.readable(rng.randrange(0, 30))
            daemon.kill()
        daemon.start()
        with Client(daemon.api) as again:
            assert again.ok("hello")["head"] == head + 1
            assert not list(daemon.data.glob("*.part"))
            verify(again)


def test_a_damaged_snapshot_is_passed_over(shop):
    daemon, client = shop
    seq = client.ok("admin.snapshot")["seq"]
    before = everything(client)
    daemon.kill()
    (path,) = daemon.data.glob("snapshot-*")
    path.write_bytes(path.read_bytes()[:-1])
    daemon.env["RENTBUS_SNAPSHOT_EVERY"] = "0"
    daemon.start()
    assert f'event=snapshot_passed_over seq={seq} reason="it ends too early"' in daemon.log()
    with Client(daemon.api) as again:
        after = everything(again)
        assert after["stats"].pop("snapshot_seq") == 0
        before["stats"].pop("snapshot_seq"), before["stats"].pop("snapshot_at")
        assert after == before


def test_one_comes_by_itself(tmp_path):
    with Daemon(tmp_path, config="snapshot_every = 100\n") as daemon, Client(daemon.api) as client:
        stock(client, USERS, ASSETS)
        scans(client, 50)
        wait_until(lambda: client.ok("stats")["snapshot_seq"] >= 100, 60)


def test_the_verb(shop):
    daemon, client = shop
    done = run_cli(daemon, "snapshot")
    assert done.returncode == 0 and "up to" in done.stdout
    assert str(client.ok("stats")["snapshot_seq"]) in done.stdout
