# SPDX-License-Identifier: MPL-2.0
"""What verification proves of a trimmed journal: all that is left of it, and what the snapshot counts."""
import sqlite3
from contextlib import contextmanager

import pytest

from archives import entries
from harness import Client, Daemon, wait_until
from ledgers import at, read_events, stock, verify
from test_daemon_verify import MISCOUNTED, SPOILT
from trims import two_snapshots


def lend(client, first, last):
    for number in range(first, last):
        scan = {"user_id": "ada", "asset_id": f"mug-{number % 2 + 1}", "location_id": "desk"}
        client.ok("rental.checkout", **scan, timestamp=at(minutes=2 * number))
        client.ok("rental.return", **scan, timestamp=at(minutes=2 * number + 1))


@pytest.fixture
def client(tmp_path):
    """Of the 30 returns, 10 are no longer in the journal, 10 are in it and in both snapshots, and 10
    came later."""
    with Daemon(tmp_path, config='snapshot_every = "0"\n') as daemon, Client(daemon.api) as client:
        stock(client, ["ada"], [("mug-1", "mug"), ("mug-2", "mug")])
        lend(client, 0, 10)
        cut = client.ok("user.put", id="cut")["seq"]
        lend(client, 10, 20)
        two_snapshots(client)
        assert client.ok("admin.trim", before_seq=cut)["first_seq"] == cut
        lend(client, 20, 30)
        head = client.ok("hello")["head"]
        wait_until(lambda: client.ok("stats")["archived_seq"] == head)
        client.archive = daemon.data / "archive.db"
        yield client


@contextmanager
def spoilt(client, how, *values):
    """The archive is another meanwhile."""
    with sqlite3.connect(":memory:") as kept, sqlite3.connect(client.archive) as archive:
        archive.backup(kept)
        if callable(how):
            with entries(client.archive) as opened:
                how(opened, *values)
        else:
            assert archive.execute(how, values).rowcount > 0, "nothing was spoilt"
            archive.commit()
        yield
        kept.backup(archive)


def returns(client):
    """Of each return that is left the seqs of its command, in two parts."""
    events = read_events(client, client.ok("stats")["first_seq"])
    commands = [e["command"] for e in events if e["type"] == "RENTAL_RETURN_COMPLETE_EVENT"]
    found = [[e["seq"] for e in events if e.get("command") == command] for command in commands]
    assert len(found) == 20
    return found[3], found[16]


def test_what_is_left_is_compared(client):
    verify(client)
    for what, (how, said) in SPOILT.items():
        for own in returns(client):
            with spoilt(client, how, own[0] if callable(how) else own[0] - 1):
                problem = client.ok("admin.verify")["problem"]
            assert problem.startswith(said), what
    verify(client)


def test_what_has_gone_is_counted(client):
    """Of commands that are gone nobody can say how many there were."""
    for what, how in MISCOUNTED.items():
        if what == "a command too many":
            continue
        with spoilt(client, how):
            assert client.ok("admin.verify")["problem"].startswith("the archive "), what
    with spoilt(client, "DELETE FROM rental WHERE created_seq = (SELECT min(created_seq) FROM rental)"):
        assert "other rentals" in client.ok("admin.verify")["problem"]
    verify(client)
