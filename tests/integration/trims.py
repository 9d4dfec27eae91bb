# SPDX-License-Identifier: MPL-2.0
"""Trimming a journal, once what is to go is in the archive and in two snapshots."""
from harness import wait_until

# A snapshot as soon as there is anything new.
CONFIG = 'snapshot_every = "1"\n'
# Events that go together at most.
BLOCK = 128


def snapshot(client, timeout=60):
    """One of all that there is now: the seq that it goes up to."""

    def written():
        reply = client.call("admin.snapshot", timeout=timeout)
        assert reply["ok"] or reply["error"]["code"] == "BUSY", reply
        return reply.get("result")

    return wait_until(written, timeout)["seq"]


def two_snapshots(client):
    """The older is of all that there is now."""
    older = snapshot(client)
    client.ok("publish", events=[{"type": "tick", "data": {}}])
    return older, snapshot(client)


def may_go(client, before, timeout=60):
    """Waits until all but the last block before the event may go."""
    two_snapshots(client)

    def going():
        reply = client.call("admin.trim", {"before_seq": before, "dry_run": True})
        return reply["ok"] and before - BLOCK <= reply["result"]["first_seq"] <= before

    wait_until(going, timeout)


def trim(client, before, timeout=60):
    """Trims as soon as all of it may go, where blocks are of one command each; `before`."""
    two_snapshots(client)

    def going():
        reply = client.call("admin.trim", {"before_seq": before, "dry_run": True})
        return reply["ok"] and reply["result"]["first_seq"] == before

    wait_until(going, timeout)
    reply = client.call("admin.trim", {"before_seq": before}, timeout=timeout)
    assert reply["ok"] and reply["result"]["first_seq"] == before, reply
    return before
