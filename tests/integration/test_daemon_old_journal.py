# SPDX-License-Identifier: MPL-2.0
"""A journal from before there were policies, renewals and several reasons, in format 1."""
import sqlite3
from pathlib import Path

import pytest

from harness import Client, Daemon

JOURNAL = Path(__file__).parent.parent / "data" / "journal_before_policies.sql"


@pytest.fixture
def daemon(tmp_path):
    """A daemon on the old journal, without an archive."""
    data = tmp_path / "data"
    data.mkdir()
    with sqlite3.connect(data / "journal.db") as database:
        database.executescript(JOURNAL.read_text())
    with Daemon(tmp_path, args=("--ledger", "old")) as daemon:
        yield daemon


@pytest.fixture
def old(daemon):
    with Client(daemon.api) as client:
        yield client


def command_id(number):
    return number.to_bytes(16, "big")


def test_it_opens_and_agrees(old):
    assert old.ok("stats")["rentals"] == 5
    assert "problem" not in old.ok("admin.verify")


def test_its_asset_types_renew_by_their_loan_period(old):
    mug = old.ok("asset_type.get", id="mug")["asset_type"]
    assert (mug["loan_period"], mug["renewal_period"]) == ("P2D", "P2D")


def test_its_commands_have_their_first_outcomes(old):
    unknown = old.ok("command.get", command_id=command_id(17))
    assert (unknown["outcome"], unknown["reasons"]) == ("REJECTED", ["USER_UNKNOWN"])
    again = old.call("rental.return", {"asset_id": "m3", "location_id": "bin",
                                       "timestamp": "2025-03-20T12:00:00Z"}, id=command_id(21))
    assert again["result"]["reason"] == "RENTAL_EXPIRED"
    assert again["result"]["reasons"] == ["RENTAL_EXPIRED"]
    assert again["result"]["seq"] == 32
    held = old.ok("command.get", command_id=command_id(15))
    assert held["outcome"] == "ALREADY_OUT" and "reason" not in held


def test_it_is_appended_to_and_still_agrees_after_restarts(daemon):
    for number in range(3):
        with Client(daemon.api) as client:
            client.ok("user.put", id=f"new-{number}", name="New")
            assert "problem" not in client.ok("admin.verify")
            assert len(client.ok("events.read", limit=100)["events"]) > 36
        if number == 0:
            daemon.kill()
        daemon.restart()
    with sqlite3.connect(daemon.data / "journal.db") as database:
        assert database.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() == (2,)
        assert database.execute("SELECT count(*) FROM block WHERE first_seq <= 36").fetchone() > (20,)
