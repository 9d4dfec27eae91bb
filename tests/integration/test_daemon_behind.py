# SPDX-License-Identifier: MPL-2.0
"""An archive that does not come after, since somebody else has it locked: what memory holds for it is
bounded, commands are told to wait, every client knows how to, and nothing is lost."""
import json
import sqlite3
from contextlib import contextmanager

import harness
import pytest
from harness import Client, run_cli, spawn_cli, uuid7, wait_until
from ledgers import at, stock, verify

LAG = 1000
AT_ONCE = 100
TRY_AGAIN = 75
DEADLINE = 90


@contextmanager
def locked(path):
    """Nobody else writes to the database meanwhile."""
    database = sqlite3.connect(path, timeout=DEADLINE, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
    finally:
        database.close()


def fill(client):
    """Puts users until one is refused: how many there are, the command that was refused, and why."""
    for first in range(0, 3 * LAG, AT_ONCE):
        sent = {client.send("user.put", {"id": f"u{n}"}): n for n in range(first, first + AT_ONCE)}
        replies = [client.receive() for _ in sent]
        refused = [reply for reply in replies if not reply["ok"]]
        if refused:
            # Each was taken before any was refused: none is left out.
            count = first + AT_ONCE - len(refused)
            assert sorted(sent[reply["id"]] for reply in refused) == list(range(count, first + AT_ONCE))
            return count, refused[0]["id"], refused[0]["error"]
    raise AssertionError("nothing was refused")


@pytest.fixture
def behind(tmp_path):
    """A daemon with a bound so low that a test reaches it, and a rental that is archived."""
    with harness.Daemon(tmp_path, config=f"archive_lag = {LAG}\n") as daemon, Client(daemon.api) as client:
        stock(client, ["ada"], [("mug-1", "mug")])
        scan = {"user_id": "ada", "asset_id": "mug-1", "location_id": "desk", "timestamp": at()}
        rental = client.ok("rental.checkout", **scan)["rental"]["id"]
        client.ok("rental.return", **scan)
        prepared = run_cli(daemon, "bench", "--prepare", "5,40,0", "--yes")
        assert prepared.returncode == 0, prepared.stderr
        archived(client)
        yield daemon, client, rental


def archived(client):
    def there():
        stats = client.ok("stats")
        return stats["archived_seq"] == stats["head"]

    wait_until(there, DEADLINE)


def test_clients_wait_for_the_archive_and_nothing_is_lost(behind, tmp_path):
    daemon, client, rental = behind
    with harness.Bridge(daemon) as bridge, locked(daemon.data / "archive.db"):
        before = client.ok("stats")["archived_seq"]
        count, refused, error = fill(client)
        assert error["code"] == "BUSY" and 1 <= error["retry_after_ms"] <= 10000
        stats = client.ok("stats")
        assert stats["archived_seq"] == before and LAG <= stats["head"] - before <= LAG + AT_ONCE

        # Reads go on, also of what is archived.
        assert client.ok("rental.get", rental_id=rental)["rental"]["status"] == "COMPLETED"
        assert client.ok("user.get", id=f"u{count - 1}")["user"]["id"] == f"u{count - 1}"
        assert bridge.get(f"/rentals/{rental}").status == 200

        # Who is patient for long waits as told; who is not says what to do.
        load = ("--mix", "checkout=1,return=1", "--count", "300", "--in-flight", "32", "--timeout", DEADLINE)
        patient = spawn_cli(daemon, "bench", *load, "--json", directory=tmp_path)
        hasty = run_cli(daemon, "user", "put", "hasty", "--timeout", "0.5")
        assert hasty.returncode == TRY_AGAIN and "BUSY" in hasty.stderr, hasty.stderr
        answer = bridge.request("PUT", "/users/hasty", {}, timeout=DEADLINE)
        assert answer.status == 503 and answer.json()["code"] == "BUSY", answer.body
        assert int(answer.headers["Retry-After"]) >= 1
        assert patient.running and client.ok("stats")["archived_seq"] == before

    assert patient.wait(DEADLINE) == 0, patient.log()
    measured = json.loads(patient.output())
    assert measured["all"]["requests"] == 300 and measured["errors"] == {}
    archived(client)
    assert client.call("user.put", {"id": f"u{count}"}, refused)["result"]["outcome"] == "CREATED"
    assert client.error("user.get", id="hasty")["code"] == "NOT_FOUND"
    for number in range(count + 1):
        client.ok("user.get", id=f"u{number}")
    verify(client)
