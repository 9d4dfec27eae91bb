# SPDX-License-Identifier: MPL-2.0
"""Numbers of what came back: by day, location and type, and how long it was out."""
import random
import sqlite3
import statistics
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

import harness
from archives import entries
from harness import Client, uuid7, wait_until
from ledgers import at, read_events, stock, verify

RETURNED = {"return_scan", "late_checkout"}
RANGE = {"since": "2025-01-01T00:00:00Z", "until": "2025-12-31T00:00:00Z"}
UNITS = {"W": 604800, "D": 86400, "H": 3600, "M": 60, "S": 1}


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def seconds(duration):
    total, number = 0, ""
    for character in duration:
        if character.isdigit():
            number += character
        elif number:
            total, number = total + int(number) * UNITS[character], ""
    return total


def came_back(events):
    """(kind, rental, asset type) of each rental that came back, as events tell it."""
    for event in events:
        data = event["data"]
        if event["type"] == "RENTAL_RETURN_COMPLETE_EVENT":
            kind = data["rental"]["closed_by"]
        elif event["type"] == "RENTAL_IMPORTED_EVENT" and data["rental"]["status"] == "COMPLETED":
            kind = data["rental"].get("closed_by", "return_scan")
        else:
            continue
        yield kind, data["rental"], data.get("asset_type")


def expected(events, since, until):
    """What stats must say of the days from `since` to before `until`."""
    days, locations, types, periods, missed = Counter(), Counter(), Counter(), [], 0
    for kind, rental, asset_type in came_back(events):
        day = rental["returned_at"][:10]
        if not since <= day < until:
            continue
        if kind == "missed_scan":
            missed += 1
        if kind not in RETURNED:
            continue
        days[day] += 1
        if rental.get("returned_at_location_id") is not None:
            locations[rental["returned_at_location_id"]] += 1
        if asset_type is not None:
            types[asset_type] += 1
        out = moment(rental["returned_at"]) - moment(rental["created_at"])
        periods.append(out.total_seconds())

    def ranked(counter, name):
        rows = sorted(counter.items(), key=lambda row: (-row[1], row[0].encode()))[:1000]
        return [{name: key, "returns": count} for key, count in rows]

    said = {
        "returns": sum(days.values()),
        "missed_scans": missed,
        "returns_by_day": [{"day": day, "returns": days[day]} for day in sorted(days)],
        "returns_by_location": ranked(locations, "location_id"),
        "returns_by_asset_type": ranked(types, "asset_type"),
    }
    return said, statistics.median(periods) if periods else None


def check(client, events, **args):
    days = {"since": "2025-01-01", "until": "2025-12-31"}
    days |= {name: text[:10] for name, text in args.items() if name in days}
    said, median = expected(events, **days)
    stats = client.ok("stats", **{**RANGE, **args})
    assert {name: stats[name] for name in said} == said
    assert ("median_loan_period" in stats) == (median is not None)
    if median is not None:
        assert abs(seconds(stats["median_loan_period"]) - median) <= 0.01 * median + 1
    return stats


def a_season(client, choice):
    """Returns over weeks, of things of several types, at several places, and some that nobody saw."""
    assets = [(f"m{n}", f"type{n % 5}") for n in range(21)]
    types = [{"id": f"type{n}", "loan_period": "P9000D"} for n in range(5)]
    stock(client, ["ada", "bob"], assets, types)
    commands = []

    def add(op, **args):
        commands.append({"id": uuid7(), "op": op, "args": args})

    for number in range(200):
        asset, user = f"m{number % 20}", ("ada", "bob")[number // 20 % 2]
        minute = number * 300
        scan = {"asset_id": asset, "user_id": user}
        add("rental.checkout", **scan, location_id="desk", timestamp=at(minutes=minute))
        if number % 9:
            place = f"bin{choice.choice((0, 0, 0, 1, 1, 2))}"
            back = minute + choice.choice((5, 60, 300, 290))
            add("rental.return", **scan, location_id=place, timestamp=at(minutes=back))
    add("rental.return", asset_id="m20", location_id="late", timestamp=at(days=99, hours=9))
    add(
        "rental.checkout",
        user_id="ada",
        asset_id="m20",
        location_id="desk",
        timestamp=at(days=99),
        expires_at=at(days=120),
    )
    imported = {"user_id": "ada", "created_at_location_id": "old", "created_at": at(days=-9)}
    imported |= {"expires_at": at(), "returned_at": at(days=-1), "asset_id": "m4"}
    for number, more in enumerate(
        [
            {"status": "COMPLETED"},
            {"status": "COMPLETED", "closed_by": "missed_scan"},
            {"status": "COMPLETED", "closed_by": "late_checkout"},
            {"status": "COMPLETED", "returned_at_location_id": "bin1"},
            {"status": "FORGIVEN"},
            {"status": "FLAGGED"},
        ]
    ):
        add("admin.import", id=f"old{number}", **imported, **more)
    replies = client.ok("batch", commands=commands)["replies"]
    assert all(reply["ok"] for reply in replies)


def archived(client):
    wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"], 60)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, reap_after_module):
    running = harness.Daemon(tmp_path_factory.mktemp("stats")).start()
    with Client(running.api) as client:
        a_season(client, random.Random(7))
        archived(client)
    yield running
    assert running.stop() == 0


def test_a_season(client):
    events = read_events(client)
    stats = check(client, events)
    assert stats["returns"] > 150 and stats["missed_scans"] > 5
    assert len(stats["returns_by_day"]) > 30 and len(stats["returns_by_asset_type"]) == 5
    assert {"location_id": "late", "returns": 1} in stats["returns_by_location"]


@pytest.mark.parametrize(
    "since, until",
    [
        ("2025-02-10T00:00:00Z", "2025-02-11T00:00:00Z"),
        ("2025-02-10T23:59:59Z", "2025-02-12T23:59:59Z"),
        ("2025-02-01T12:00:00Z", "2025-02-14T00:00:00Z"),
        ("2025-02-14T00:00:00+01:00", "2025-02-16T00:00:00+01:00"),
        ("2025-02-14T00:00:00Z", "2025-02-14T23:00:00Z"),
        ("2025-02-14T00:00:00Z", "2025-02-12T00:00:00Z"),
        ("1970-01-01T00:00:00Z", "1970-12-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-02-01T00:00:00Z"),
        ("9999-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_whole_days_in_utc(client, since, until):
    days = [moment(text).astimezone(timezone.utc).date().isoformat() for text in (since, until)]
    said, _ = expected(read_events(client), *days)
    stats = client.ok("stats", since=since, until=until)
    assert {name: stats[name] for name in said} == said


def test_thirty_days_are_told_when_nothing_is_said(client):
    stats = client.ok("stats")
    assert stats["returns"] == 0 and stats["returns_by_day"] == []
    assert "median_loan_period" not in stats
    until = client.ok("stats", until="2025-03-12T00:00:00Z")
    month = client.ok("stats", since="2025-02-10T00:00:00Z", until="2025-03-12T00:00:00Z")
    for name in ("returns", "returns_by_day", "median_loan_period"):
        assert until[name] == month[name], name
    assert until["returns"] > 0
    edge = datetime(2025, 2, 10, tzinfo=timezone.utc)
    for days, good in ((366, True), (367, False)):
        args = {"since": edge.isoformat(), "until": (edge + timedelta(days=days)).isoformat()}
        assert client.call("stats", args)["ok"] is good, days
    assert client.ok("stats", since=datetime.now(timezone.utc).isoformat())["returns"] == 0


def test_what_came_back_today(client):
    """It is not in the archive yet when it is asked for, and then it is: counted once."""
    before = client.ok("stats")["returns"]
    for number in range(60):
        scan = {"user_id": "ada", "asset_id": "m19", "location_id": "today"}
        now = datetime.now(timezone.utc)
        if number % 2:
            times = {"created_at": at(), "expires_at": at(days=1), "returned_at": now.isoformat()}
            places = {"created_at_location_id": "old", "returned_at_location_id": "today"}
            args = {"id": f"today{number}", "user_id": "ada", "asset_id": "m19", **times, **places}
            client.ok("admin.import", status="COMPLETED", **args)
        else:
            client.ok("rental.checkout", **scan, timestamp=now.isoformat())
            later = now + timedelta(seconds=1)
            client.ok("rental.return", **scan, timestamp=later.isoformat())
        stats = client.ok("stats")
        assert stats["returns"] == before + number + 1
        assert stats["returns_by_location"] == [{"location_id": "today", "returns": number + 1}]
    archived(client)
    assert client.ok("stats")["returns"] == before + 60


def test_after_restarts_and_without_the_archive(tmp_path):
    daemon = harness.Daemon(tmp_path).start()
    client = Client(daemon.api)
    a_season(client, random.Random(8))
    events = read_events(client)
    archived(client)
    check(client, events)
    daemon.restart()
    check(client, events)
    daemon.kill()
    for path in daemon.data.glob("archive.db*"):
        path.unlink()
    daemon.start()
    check(client, events)
    archived(client)
    check(client, events)
    for path in daemon.data.glob("archive.db*"):
        path.unlink()
    for number in range(20):
        client.ok("location.put", id=f"wakes the archive {number}")
        check(client, events)
    archived(client)
    check(client, events)
    verify(client)
    assert daemon.stop() == 0


# ---- what verification finds in the archive ----

def lose_mention(archive):
    archive.mentions -= {max(archive.mentions, key=lambda m: (m[0], m[2]))}


def add_mention(archive):
    segment, key, seq = min(archive.mentions)
    archive.mentions.add((segment, (key + 1) % 2**32, seq))


def shift_mentions(archive):
    segment, _, seq = max(archive.mentions, key=lambda m: (m[0], m[2]))
    for key in [m[1] for m in archive.mentions if (m[0], m[2]) == (segment, seq)]:
        archive.mentions.remove((segment, key, seq))
        archive.mentions.add((segment, key, seq + 1))


SPOILT = {
    "a mention is gone": lose_mention,
    "a mention too many": add_mention,
    "mentions of another command": shift_mentions,
    "a count is gone": "DELETE FROM tally WHERE (day, kind, name) IN "
    "(SELECT day, kind, name FROM tally LIMIT 1)",
    "a count is wrong": "UPDATE tally SET count = count + 1 WHERE day = (SELECT min(day) FROM tally)",
    "a count of another day": "UPDATE tally SET day = day + 1000",
    "a rental is gone": "DELETE FROM rental WHERE created_seq = "
    "(SELECT max(created_seq) FROM rental)",
}


@pytest.mark.parametrize("what", SPOILT)
def test_verification_finds(tmp_path, what):
    daemon = harness.Daemon(tmp_path).start()
    client = Client(daemon.api)
    a_season(client, random.Random(9))
    archived(client)
    verify(client)
    if callable(SPOILT[what]):
        with entries(daemon.data / "archive.db") as archive:
            SPOILT[what](archive)
    else:
        with sqlite3.connect(daemon.data / "archive.db") as archive:
            changed = archive.execute(SPOILT[what]).rowcount
        archive.close()
        assert changed > 0, "nothing was spoilt"
    problem = client.ok("admin.verify")["problem"]
    assert "the archive" in problem
    for path in daemon.data.glob("archive.db*"):
        path.unlink()
    daemon.restart()
    verify(client)
    assert daemon.stop() == 0
