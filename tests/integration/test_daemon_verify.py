# SPDX-License-Identifier: MPL-2.0
"""What verification says of an archive that was tampered with: what differs, and at which seq."""
import sqlite3

import pytest

import harness
from archives import entries
from harness import Client, wait_until
from ledgers import at, stock, verify

UNKNOWN = "the archive does not know "
# What is done to the row that belongs to the seq, and what is said then.


def lose_mention(archive, seq):
    archive.mentions.discard(min(archive.of(seq)))


def add_mention(archive, seq):
    segment, key, within = min(archive.of(seq))
    archive.mentions.add((segment, key // 2 + 1, within))


def change_mention(archive, seq):
    segment, key, within = min(archive.of(seq))
    archive.mentions.discard((segment, key, within))
    archive.mentions.add((segment, (key + 1) % 2**32, within))


def move_mentions(archive, seq):
    for segment, key, within in archive.of(seq):
        archive.mentions.discard((segment, key, within))
        archive.mentions.add((segment + 1, key, within))


def command_at(archive, seq):
    return next(id for id, (first, _) in archive.commands.items() if first == seq)


def lose_command(archive, seq):
    del archive.commands[command_at(archive, seq)]


def prolong_command(archive, seq):
    archive.commands[command_at(archive, seq)][1] += 1


def add_command(archive):
    archive.commands[bytes([255] * 16)] = [1, 1]


SPOILT = {
    "a mention is gone": (lose_mention, UNKNOWN + "what the journal mentions"),
    "a mention too many": (add_mention, "the archive mentions what the journal does not"),
    "a mention of another thing": (change_mention, "the archive "),
    "a mention in another segment": (move_mentions, UNKNOWN + "what the journal mentions"),
    "a command is gone": (lose_command, UNKNOWN + "the command as the journal does"),
    "a command ends elsewhere": (prolong_command, UNKNOWN + "the command as the journal does"),
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
    "a command too many": add_command,
    "a rental too many": "INSERT INTO rental SELECT created_seq + 100000, 'other', status, "
    "closed_seq, body FROM rental LIMIT 1",
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

    def spoil(how, *values):
        head = client.ok("hello")["head"]
        wait_until(lambda: client.ok("stats")["archived_seq"] == head)
        verify(client)
        if callable(how):
            with entries(daemon.data / "archive.db") as archive:
                how(archive, *values)
        else:
            with sqlite3.connect(daemon.data / "archive.db") as archive:
                changed = archive.execute(how, values).rowcount
            archive.close()
            assert changed > 0, "nothing was spoilt"
        return client.ok("admin.verify")["problem"], head

    yield client, spoil
    assert daemon.stop() == 0


@pytest.mark.parametrize("what", SPOILT)
def test_the_seq_is_told(archived, what):
    client, spoil = archived
    how, said = SPOILT[what]
    events = client.ok("events.read", limit=1000)["events"]
    returns = [event for event in events if event["type"] == "RENTAL_RETURN_COMPLETE_EVENT"]
    command = returns[-1]["command"]
    own = [event["seq"] for event in events if event.get("command") == command]
    seq = own[0] if callable(how) else own[0] - 1
    problem, _ = spoil(how, seq)
    assert problem.startswith(said)
    assert int(problem.rsplit(" ", 1)[1]) in own


@pytest.mark.parametrize("what", MISCOUNTED)
def test_what_does_not_add_up_is_told(archived, what):
    _, spoil = archived
    problem, head = spoil(MISCOUNTED[what])
    assert problem.startswith("the archive ")
    assert problem.endswith(f" at seq {head}")


def test_a_damaged_journal_is_told(tmp_path):
    daemon = harness.Daemon(tmp_path).start()
    with Client(daemon.api) as client:
        for number in range(8):
            users = [{"id": f"u{number}-{each}", "name": "x" * 200} for each in range(100)]
            stock_users(client, users)
        head = client.ok("admin.snapshot")["seq"]
        assert daemon.stop() == 0
        with open(daemon.data / "journal.db", "r+b") as journal:
            journal.seek(journal.seek(0, 2) // 2)
            journal.write(b"\xff" * 8192)
        daemon.start()
        problem = client.ok("admin.verify")["problem"]
        assert 0 < int(problem.rsplit(" ", 1)[1]) < head
        told = harness.run_cli(daemon, "verify")
        assert told.returncode == 65 and problem in told.stdout
    assert daemon.stop() == 0


def stock_users(client, users):
    commands = [{"id": harness.uuid7(), "op": "user.put", "args": user} for user in users]
    assert all(reply["ok"] for reply in client.ok("batch", commands=commands)["replies"])
