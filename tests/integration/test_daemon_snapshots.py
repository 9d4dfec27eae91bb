# SPDX-License-Identifier: MPL-2.0
"""Two snapshots of a trimmed journal: one that is damaged takes nothing with it."""
import pytest

from harness import Client, Daemon, run_cli, wait_until
from ledgers import at, read_list, stock, verify
from trims import snapshot, two_snapshots

LISTS = ("user.list", "asset.list", "rental.list", "location.list")


class Shop:
    """A ledger that was trimmed up to the older of its two snapshots."""

    def __init__(self, client, data):
        self.data = data
        stock(client, [f"u{number}" for number in range(5)], [("m1", "mug"), ("m2", "mug")])
        args = {"user_id": "u1", "asset_id": "m1", "location_id": "desk"}
        self.closed = client.ok("rental.checkout", **args)["rental"]["id"]
        client.ok("rental.return", asset_id="m1", location_id="bin", timestamp=at(minutes=1))
        client.ok("rental.checkout", **{**args, "asset_id": "m2"})
        (self.older, self.newer) = two_snapshots(client)
        self.last = client.ok("user.put", id="last")["seq"]
        self.state = self.read(client)
        self.first = client.ok("admin.trim", before_seq=self.older)["first_seq"]
        assert 1 < self.first <= self.older

    def read(self, client):
        return {op: read_list(client, op) for op in LISTS}, client.ok("stats")["returns"]

    def path(self, seq):
        return self.data / f"snapshot-{seq:020}"

    def damage(self, seq):
        bytes = bytearray(self.path(seq).read_bytes())
        bytes[len(bytes) // 2] ^= 1
        self.path(seq).write_bytes(bytes)


@pytest.fixture
def daemon(tmp_path):
    """Nothing is written but on request."""
    running = Daemon(tmp_path, config='snapshot_every = "0"\n').start()
    yield running
    if running.running:
        assert running.stop() == 0, running.log()


@pytest.fixture
def shop(client, daemon):
    return Shop(client, daemon.data)


def test_a_start_falls_back_to_the_older(shop, daemon, client):
    daemon.kill()
    shop.damage(shop.newer)
    daemon.start()
    log = daemon.log()
    assert f"event=snapshot_passed_over seq={shop.newer} reason=" in log
    assert f"event=snapshot_loaded seq={shop.older}" in log
    assert shop.read(client) == shop.state
    told = run_cli(daemon, "verify")
    assert told.returncode == 65 and f"{shop.path(shop.newer).name} is no good" in told.stdout
    error = client.error("admin.trim", before_seq=shop.last)
    assert error["code"] == "CONFLICT" and shop.path(shop.newer).name in error["message"], error
    snapshot(client)
    assert not shop.path(shop.newer).exists() and shop.path(shop.older).exists()
    verify(client)
    assert run_cli(daemon, "verify").returncode == 0
    assert client.ok("admin.trim", before_seq=shop.last)["first_seq"] >= shop.first


def test_another_is_written_by_itself(shop, daemon, client):
    assert daemon.stop() == 0
    shop.damage(shop.newer)
    daemon.env["RENTBUS_SNAPSHOT_EVERY"] = "1000000"
    daemon.start()
    wait_until(lambda: not shop.path(shop.newer).exists(), 60)
    wait_until(lambda: client.ok("stats")["snapshot_seq"] > shop.newer, 60)
    assert shop.path(shop.older).exists()
    verify(client)


def test_without_a_good_one_there_is_no_start(shop, daemon, client):
    assert daemon.stop() == 0
    kept = {seq: shop.path(seq).read_bytes() for seq in (shop.older, shop.newer)}
    for seq in kept:
        shop.damage(seq)
    daemon.launch()
    assert daemon.wait() == 78
    last = [line for line in daemon.log().splitlines() if "no snapshot is good" in line]
    assert all(shop.path(seq).name in last[-1] for seq in kept), last
    assert all(shop.path(seq).exists() for seq in kept)
    shop.path(shop.older).write_bytes(kept[shop.older])
    daemon.start()
    assert shop.read(client) == shop.state


def test_verify_looks_at_both(shop, daemon, client):
    verify(client)
    for seq, other in ((shop.newer, "the other one"), (shop.older, "no start can")):
        shop.damage(seq)
        reply = client.call("admin.verify", timeout=60)
        assert other in reply["result"]["problem"], reply
    assert f"event=snapshot_passed_over seq={shop.older}" in daemon.log()
    assert shop.read(client) == shop.state


def test_the_past_goes_on_from_the_older(shop, daemon, client):
    stats = client.ok("stats", at_seq=shop.older)
    assert stats["head"] == shop.older and stats["users"] == 5
    for seq in (shop.older - 1, shop.first, 1):
        error = client.error("user.list", at_seq=seq)
        assert (error["code"], error["field"]) == ("TRIMMED", "at_seq")
        assert f"from seq {shop.older} on" in error["message"], error
        assert f"begins with seq {shop.first}" in error["message"], error
    assert len(read_list(client, "user.list", at_seq=shop.newer)) == 5
    daemon.restart()
    shop.damage(shop.newer)
    with Client(daemon.api) as again:
        assert len(read_list(again, "user.list", at_seq=shop.last)) == 6
        assert again.ok("stats")["snapshot_seq"] == shop.older
        assert len(read_list(again, "user.list", at_seq=shop.older)) == 5


def test_nothing_is_trimmed_behind_one_alone(daemon, client):
    for number in range(3):
        last = client.ok("user.put", id=f"u{number}")["seq"]
    client.ok("admin.trim", older_than="P1D")
    for _ in range(2):
        error = client.error("admin.trim", before_seq=last)
        assert error["code"] == "CONFLICT" and "two verified snapshots" in error["message"], error
        snapshot(client)
    first = client.ok("hello")["head"]
    client.ok("user.put", id="more")
    snapshot(client)
    assert client.ok("admin.trim", before_seq=2**60)["first_seq"] <= first + 1
