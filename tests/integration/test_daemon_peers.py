# SPDX-License-Identifier: MPL-2.0
"""Peers that take more than their share of connections and of memory."""
import re
import socket
import struct
from pathlib import Path

import pytest

import harness
from harness import Client, wait_until

DESCRIPTORS = 160
DEADLINE = 20


@pytest.fixture
def daemon(tmp_path):
    """One with few descriptors."""
    daemon = harness.Daemon(tmp_path)
    daemon.argv = ["sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh", *daemon.argv]
    yield daemon.start()
    assert daemon.stop() == 0


def descriptors(daemon):
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


def connect(endpoint):
    """A connection that says nothing; one that is refused, or closed again, is one all the same."""
    peer = socket.socket(socket.AF_UNIX)
    # No settimeout(): with that, a full queue of the system would be an error at once.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", DEADLINE, 0))
    try:
        peer.connect(endpoint.removeprefix("ipc://"))
    except ConnectionError:
        pass
    return peer


@pytest.mark.parametrize("which", ["api", "events"])
def test_more_connections_than_descriptors(daemon, which):
    before = descriptors(daemon)
    with Client(daemon.api) as client:
        client.ok("user.put", id="u1")
        peers = []
        for _ in range(2 * DESCRIPTORS):
            peers.append(connect(getattr(daemon, which)))
        assert client.ok("user.put", id="u2")["outcome"] == "CREATED"
        assert client.ok("admin.snapshot")["seq"] > 0, "no descriptor is left for a file"
        assert descriptors(daemon) > DESCRIPTORS // 3, "too many are kept"
        for peer in peers:
            peer.close()
    wait_until(lambda: descriptors(daemon) <= before + 8, DEADLINE, "the connections to end")
    with Client(daemon.api) as late:
        assert late.ok("user.get", id="u2")


def resident(daemon):
    status = Path(f"/proc/{daemon.pid}/status").read_text("ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


# What a SUB socket of ZMTP 3.0 says first. By hand: libzmq's own does not survive what follows.
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\x00") + bytes(32)
READY = b"\x05READY\x0bSocket-Type" + (3).to_bytes(4, "big") + b"SUB"


def subscribe(endpoint, prefix):
    """Subscribes, and waits until the daemon ends the connection."""
    with connect(endpoint) as peer:
        peer.settimeout(DEADLINE)
        peer.sendall(GREETING + b"\x04" + bytes([len(READY)]) + READY)
        try:
            peer.sendall(b"\x02" + (len(prefix) + 1).to_bytes(8, "big") + b"\x01" + prefix)
            while peer.recv(4096):
                pass
        except ConnectionError:
            pass


def test_a_subscription_longer_than_any_type_costs_nothing(tmp_path):
    daemon = harness.Daemon(tmp_path).start()
    before = resident(daemon)
    subscribe(daemon.events, b"x" * (4 << 20))
    with Client(daemon.api) as client:
        assert client.ok("user.put", id="u1")["outcome"] == "CREATED"
    assert resident(daemon) < before + (32 << 20)
    assert daemon.stop() == 0
