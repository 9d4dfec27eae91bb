# SPDX-License-Identifier: MPL-2.0
"""Devices that move with the ledger: export, import, and a device that goes on behind them."""
import json
import random

import cbor2
import pytest

import harness
from harness import Client, Daemon, run_cli, uuid7
from ledgers import at, read_events, stock, verify

OK, BAD_DATA = 0, 65
HOLES_MAX = 100


def shown(daemon, *words):
    done = run_cli(daemon, "--json", *words)
    assert done.returncode == OK, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def devices(daemon):
    """What list and get tell of every device, which is the same."""
    listed = shown(daemon, "device", "list")
    assert [shown(daemon, "device", "get", device["id"])[0] for device in listed] == listed
    return listed


def scan(client, device, device_seq):
    return client.ok(
        "rental.return", user_id="ada", asset_id="m0", location_id="bin", timestamp=at(),
        device_id=device, device_seq=device_seq,
    )


def come(client, device, seqs):
    for seq in seqs:
        scan(client, device, seq)


def imported(daemon, *rows):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return run_cli(daemon, "--json", "import", "-", stdin=text)


def holes(*pairs):
    return [{"last": last, "first": first} for first, last in pairs]


@pytest.fixture
def other(tmp_path):
    daemon = Daemon(tmp_path / "other").start()
    yield daemon
    assert daemon.stop() == 0


def test_a_device_goes_on_behind_a_move(daemon, client, other, tmp_path):
    stock(client, ["ada"], [("m0", "mug")])
    come(client, "bin 1", [1, 2, 5, 9, 7])
    come(client, "ü", range(1, 4))
    client.ok("admin.import_device", id="end", device_seq=2**63 - 1)
    client.ok("rental.checkout", user_id="ada", asset_id="m0", location_id="bin", timestamp=at())
    assert run_cli(daemon, "export", "--output", tmp_path / "all").returncode == OK
    rows = [json.loads(line) for line in (tmp_path / "all").read_text("utf-8").splitlines()]
    assert [row["kind"] for row in rows] == ["user", "asset"] + ["device"] * 3 + ["rental"]
    assert rows[2] == {
        "kind": "device", "id": "bin 1", "holes": holes((3, 4), (6, 6), (8, 8)), "device_seq": 9
    }
    done = run_cli(other, "--json", "import", tmp_path / "all")
    assert (done.returncode, done.stderr) == (OK, "")
    assert devices(other) == devices(daemon) and len(devices(other)) == 3
    assert run_cli(other, "export").stdout == (tmp_path / "all").read_text("utf-8")
    again = shown(other, "import", str(tmp_path / "all"))
    assert again == [{"rows": 6, "new": 0, "already_there": 6, "bad": 0}]
    other.kill()
    other.start()
    with Client(other.api) as there:
        for seq in (1, 2, 5, 7, 9):
            assert scan(there, "bin 1", seq)["outcome"] == "UNCHANGED"
        assert scan(there, "end", 2**63 - 1)["outcome"] == "UNCHANGED"
        assert scan(there, "bin 1", 8)["outcome"] != "UNCHANGED"
        scan(there, "bin 1", 10)
        gaps = [event for event in read_events(there) if event["type"] == "DEVICE_GAP_EVENT"]
        assert gaps == []
        device = there.ok("device.get", id="bin 1")["device"]
        assert (device["device_seq"], device["missing"]) == (10, 3)
        verify(there)


def test_random_devices_are_the_same(daemon, client, other):
    pick = random.Random(seed := random.SystemRandom().randrange(1 << 32))
    stock(client, ["ada"], [("m0", "mug")])
    for number in range(12):
        seqs = pick.sample(range(1, 80), pick.randrange(1, 40))
        come(client, f"bin-{number}", seqs)
    text = run_cli(daemon, "export").stdout
    assert run_cli(other, "import", "-", stdin=text).returncode == OK
    assert devices(other) == devices(daemon), f"seed {seed}"
    assert run_cli(other, "export").stdout == text, f"seed {seed}"


def test_more_holes_than_a_row_can_say(daemon, client, other):
    most = holes(*((2 * n + 1, 2 * n + 1) for n in range(HOLES_MAX)))
    stock(client, ["ada"], [("m0", "mug")])
    for name in ("full", "over"):
        client.ok("admin.import_device", id=name, holes=most, device_seq=500)
    come(client, "over", [502])
    come(client, "tail", [2])
    client.ok("rental.checkout", user_id="ada", asset_id="m0", location_id="bin", timestamp=at())
    for words in ((), ("--json",)):
        done = run_cli(daemon, *words, "export")
        assert done.returncode == BAD_DATA
        assert "over" in done.stderr and "100" in done.stderr and len(done.stderr.splitlines()) == 1
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["id"] for row in rows if row["kind"] == "device"] == ["full", "tail"]
        assert rows[-1]["kind"] == "rental"
    assert run_cli(other, "import", "-", stdin=done.stdout).returncode == OK
    assert devices(other) == [each for each in devices(daemon) if each["id"] != "over"]


@pytest.mark.parametrize(
    "members, field",
    [
        ({"device_seq": 0}, "device_seq"),
        ({"device_seq": -1}, "device_seq"),
        ({"device_seq": None}, "device_seq"),
        ({"holes": holes((0, 1))}, "holes"),
        ({"holes": holes((3, 2))}, "holes"),
        ({"holes": holes((9, 10))}, "holes"),
        ({"holes": holes((1, 2), (3, 4))}, "holes"),
        ({"holes": holes((4, 5), (1, 2))}, "holes"),
        ({"holes": holes(*((2 * n + 1, 2 * n + 1) for n in range(101))), "device_seq": 900}, "holes"),
        ({"holes": [{"first": 1}]}, "holes"),
        ({"holes": [{"first": 1, "last": 1, "more": 1}]}, "holes"),
        ({"holes": [{"first": "1", "last": 1}]}, "holes"),
        ({"holes": [1]}, "holes"),
        ({"holes": {}}, "holes"),
        ({"missing": 1}, "missing"),
    ],
)
def test_a_row_that_cannot_be_taken(daemon, members, field):
    row = {"kind": "device", "id": "bin", "device_seq": 10, **members}
    done = imported(daemon, row, {"kind": "device", "id": "good", "holes": None, "device_seq": 3})
    assert done.returncode == BAD_DATA
    assert [json.loads(line)["error"]["field"] for line in done.stderr.splitlines()] == [field]
    assert devices(daemon) == [{"id": "good", "holes": [], "missing": 0, "device_seq": 3}]


def test_a_known_device_stays(client):
    stock(client, ["ada"], [("m0", "mug")])
    come(client, "bin", [1, 3])
    args = {"id": "bin", "holes": holes((1, 4)), "device_seq": 9}
    dry = client.ok("admin.import_device", dry_run=True, **{**args, "id": "new"})
    assert dry["outcome"] == "CREATED" and dry["events"][0]["data"] == {
        "id": "new", "holes": holes((1, 4)), "missing": 4, "device_seq": 9
    }
    result = client.ok("admin.import_device", **args)
    (event,) = read_events(client, result["seq"])
    assert (result["outcome"], event["type"], event["subject"]) == (
        "UNCHANGED", "COMMAND_UNCHANGED_EVENT", "bin"
    )
    assert event["data"] == {"op": "admin.import_device", "device_id": "bin", "device_seq": 9}
    assert [each["device_seq"] for each in client.ok("device.list")["devices"]] == [3]


def test_holes_are_journaled_in_order(client):
    """Whatever the order of keys in a request, the event is deterministic."""
    args = {"device_seq": 9, "holes": [{"first": 2, "last": 3}, {"first": 5, "last": 5}], "id": "bin"}
    request = {"v": 1, "id": uuid7(),
               "op": "admin.import_device", "args": args}
    reply = harness.decode_reply(client.raw(cbor2.dumps(request)))
    assert reply["result"]["outcome"] == "CREATED"
    (event,) = read_events(client, reply["result"]["seq"])
    assert event["data"] == {
        "id": "bin", "holes": holes((2, 3), (5, 5)), "missing": 3, "device_seq": 9
    }
    assert all(list(hole) == ["last", "first"] for hole in event["data"]["holes"])
    verify(client)
