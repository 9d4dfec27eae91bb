# SPDX-License-Identifier: MPL-2.0
"""What verification says of an archive that was tampered with: what differs, and at which seq."""
import sqlite3

import pytest

import harness
from harness import Client, wait_until
from ledgers import at, stock, verify

UNKNOWN = "the archive does not know "
# What is done to the row that belongs to the seq, and what is said then.
SPOILT = {
    "a mention is gone": (
        "DELETE FROM mention WHERE seq = ?",
        UNKNOWN + "what the journal mentions",
    ),
    "a mention too many": (
        "INSERT INTO mention SELECT segment, hash / 2 + 1, seq FROM mention WHERE seq = ? LIMIT 1",
        "the archive mentions what the journal does not",
    ),
    "a mention of another thing": (
        "UPDATE mention SET hash = hash + 1 WHERE seq = ?",
        "the archive ",
    ),
    "a mention in another segment": (
        "UPDATE mention SET segment = segment + 1 WHERE seq = ?",
        UNKNOWN + "what the journal mentions",
    ),
    "a command is gone": (
        "DELETE FROM command WHERE first_seq = ?",
        UNKNOWN + "the command as the journal does",
    ),
    "a command ends elsewhere": (
        "UPDATE command SET last_seq = last_seq + 1 WHERE first_seq = ?",
        UNKNOWN + "the command as the journal does",
    ),
    "a rental is gone": (
        "DELETE FROM rental WHERE closed_seq > ?",
        "the archive does not hold the rental as the journal does",
    ),
    "a rental is another": (
        "UPDATE rental SET body = (SELECT min(body) FROM rental) WHERE closed_seq > ? AND "
        "body != (SELECT min(body) FROM rental)",
        "the archive does not hold the rental as the journal does",
    ),
}
# What has no seq of its own is said to differ at the head.
MISCOUNTED = {
    "a count is gone": "DELETE FROM tally WHERE kind = (SELECT max(kind) FROM tally)",
    "a count is wrong": "UPDATE tally SET count = count + 1 WHERE kind = 2 OR kind = 3",
    "a count too many": "INSERT INTO tally SELECT day + 1000, kind, name, count FROM tally LIMIT 1",
    "a command too many": "INSERT INTO command VALUES(x'ff', 1, 2)",
    "a rental too many": "INSERT INTO rental SELECT created_seq + 100000, 'other', user_key, "
    "asset_key, status, closed_seq, body FROM rental LIMIT 1",
}


@pytest.fixture
def archived(tmp_path):
    """A client of a daemon whose archive has come up to the ledger, and a way to change it."""
    daemon = harness.Daemon(tmp_path).start()
    client = Client(daemon.api)
    stock(client, ["ada"], [("mug-1", "mug"), ("mug-2", "mug")])
    for number in range(40):
        scan = {"user_id": "ada", "asset_id": f"mug-{number % 2 + 1}", "location_id": "desk"}
        client.ok("rental.checkout", **scan, timestamp=at(minutes=2 * number))
        client.ok("rental.return", **scan, timestamp=at(minutes=2 * number + 1))

    def spoil(sql, *values):
        head = client.ok("hello")["head"]
        wait_until(lambda: client.ok("stats")["archived_seq"] == head)
        verify(client)
        with sqlite3.connect(daemon.data / "archive.db") as archive:
            changed = archive.execute(sql, values).rowcount
        archive.close()
        assert changed > 0, "nothing was spoilt"
        return client.ok("admin.verify")["problem"], head

    yield client, spoil
    assert daemon.stop() == 0


@pytest.mark.parametrize("what", SPOILT)
def test_the_seq_is_told(archived, what):
    client, spoil = archived
    sql, said = SPOILT[what]
    events = client.ok("events.read", limit=1000)["events"]
    returns = [event for event in events if event["type"] == "RENTAL_RETURN_COMPLETE_EVENT"]
    command = returns[-1]["command"]
    own = [event["seq"] for event in events if event.get("command") == command]
    seq = own[0] if "closed_seq" not in sql else own[0] - 1
    problem, _ = spoil(sql, seq)
    assert problem.startswith(said)
    assert int(problem.rsplit(" ", 1)[1]) in own


@pytest.mark.parametrize("what", MISCOUNTED)
def test_what_does_not_add_up_is_told(archived, what):
    _, spoil = archived
    problem, head = spoil(MISCOUNTED[what])
    assert problem.startswith("the archive ")
    assert problem.endswith(f" at seq {head}")
