# SPDX-License-Identifier: MPL-2.0
"""A ledger seen from outside: filling it, reading its events back, checking its chain."""
import base64
import hashlib
import json
from datetime import datetime, timedelta, timezone

import cbor2

NOTHING_BEFORE = bytes(32)
PAGE_MAX = 1000
START = datetime(2025, 2, 10, 12, 0, tzinfo=timezone.utc)


def at(**after):
    """A time on the wire, so much after START: at(hours=1)."""
    return (START + timedelta(**after)).strftime("%Y-%m-%dT%H:%M:%SZ")


def qr(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def encode(value):
    """Deterministic CBOR."""
    return cbor2.dumps(value, canonical=True)


def chain_hash(previous, event):
    """The hash that an event must have behind `previous`."""
    bare = {key: value for key, value in event.items() if key != "hash"}
    return hashlib.blake2b(previous + encode(bare), digest_size=32).digest()


def check_chain(events, previous=NOTHING_BEFORE, first=1):
    """Proves that the events are seqs first, first + 1, … of one chain; the last hash."""
    time = None
    for seq, event in enumerate(events, first):
        ledger = event["source"].removeprefix("/rentbus/")
        assert event["seq"] == seq, f"seq {event['seq']} where {seq} was expected"
        assert event["id"] == f"{ledger}-{seq}" and event["specversion"] == "1.0", event
        assert event["hash"] == chain_hash(previous, event), f"the chain breaks at {seq}"
        moment = datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
        assert time is None or moment >= time, f"time goes back at {seq}"
        time = moment
        previous = event["hash"]
    return previous


def read_events(client, from_seq=1, limit=PAGE_MAX, **args):
    """All events from a seq on, page by page."""
    events = []
    while True:
        page = client.ok("events.read", from_seq=from_seq, limit=limit, **args)
        assert len(page["events"]) <= limit
        assert page["next_seq"] > from_seq or from_seq > page["head"]
        events += page["events"]
        from_seq = page["next_seq"]
        if from_seq > page["head"]:
            return events


def read_list(client, op, limit=PAGE_MAX, short=False, **args):
    """All items of a list, page by page; `short`: a page may end before it is full."""
    items = []
    while True:
        page = client.ok(op, limit=limit, **args)
        (found,) = (value for key, value in page.items() if key != "cursor")
        assert len(found) <= limit
        items += found
        if "cursor" not in page:
            return items
        assert short or len(found) == limit
        args["cursor"] = page["cursor"]


def stock(client, users=(), assets=(), asset_types=()):
    """Puts users (ids), assets ((id, type) pairs) and asset types (maps)."""
    for user in users:
        client.ok("user.put", id=user)
    for asset_type in asset_types:
        client.ok("asset_type.put", **asset_type)
    for asset, kind in assets:
        client.ok("asset.put", id=asset, asset_type=kind)


def fill(client, reusables):
    """Imports the small shop."""
    for row in reusables.rows("users"):
        client.ok("user.put", **{key: value for key, value in row.items() if value is not None})
    for row in reusables.rows("assets"):
        client.ok("asset.put", **row)
    for row in reusables.rows("rentals"):
        row["eligible_asset_types"] = json.loads(row["eligible_asset_types"])
        client.ok("admin.import", **{k: v for k, v in row.items() if v is not None})


def verify(client, timeout=60):
    """Asks the daemon to compare journal, ledger and archive; its result."""
    reply = client.call("admin.verify", timeout=timeout)
    assert reply["ok"], reply
    assert "problem" not in reply["result"], reply["result"]
    return reply["result"]


def check_commands(events):
    """Proves that the events of each command stand together and that no id stands there twice; the
    ids, in order."""
    seen = {}
    last = None
    for event in events:
        command = event.get("command")
        if command is not None and command != last:
            assert command not in seen, f"{command.hex()} at {seen[command]} and {event['seq']}"
            seen[command] = event["seq"]
        last = command
    return list(seen)
