# SPDX-License-Identifier: MPL-2.0
"""What a trim never takes: what is not in two snapshots, and half a command."""
from consumers import publish
from harness import wait_until
from ledgers import read_events
from trims import two_snapshots


def test_nothing_goes_without_a_snapshot(daemon, client):
    for number in range(5):
        client.ok("user.put", id=f"u{number}")
    wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"])
    for args in ({"before_seq": 3}, {"older_than": "PT0S"}, {"before_seq": 3, "dry_run": True}):
        error = client.error("admin.trim", **args)
        assert error["code"] == "CONFLICT" and "snapshot" in error["message"], error
    assert read_events(client)[0]["seq"] == 1


def test_nothing_behind_the_older_snapshot_goes(daemon, client):
    for number in range(5):
        client.ok("user.put", id=f"u{number}")
    kept = two_snapshots(client)[0] + 1
    for number in range(5, 10):
        client.ok("user.put", id=f"u{number}")
    wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"])
    assert client.ok("admin.trim", before_seq=kept + 3)["first_seq"] == kept
    assert client.ok("admin.trim", older_than="PT0S")["first_seq"] == kept
    daemon.kill()
    daemon.start()
    assert len(client.ok("user.list")["users"]) == 10


def test_no_command_is_cut(daemon, client):
    """Publications of 32 events, of which blocks of 128 end in the midst: all is in one commit."""
    for _ in range(3):
        for number in range(40):
            client.send("publish", {"events": [{"type": "t", "data": {"n": i}} for i in range(31)]})
        for number in range(40):
            client.receive()
    client.ok("user.put", id="last")
    events = read_events(client)
    two_snapshots(client)
    for before in range(300, 3600, 300):
        first = client.ok("admin.trim", before_seq=before)["first_seq"]
        if first > 1:
            assert events[first - 1].get("command") != events[first - 2].get("command"), first
    assert first > 1000
