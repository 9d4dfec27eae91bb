# SPDX-License-Identifier: MPL-2.0
"""Foreign clients: they know the protocol from its description, not from our code."""
import secrets
import time

import cbor2
import zmq
from zmq.utils.monitor import recv_monitor_message

from processes import REPLY_DEADLINE, START_DEADLINE, started, wait_until


def uuid7(milliseconds=None):
    """A command id: 16 bytes, version 7."""
    stamp = int(time.time() * 1000) if milliseconds is None else milliseconds
    low = bytearray(secrets.token_bytes(10))
    low[0] = 0x70 | (low[0] & 0x0F)
    low[2] = 0x80 | (low[2] & 0x3F)
    return stamp.to_bytes(6, "big") + bytes(low)


class Refused(AssertionError):
    """An error reply where a result was asked for; `error` is its map."""

    def __init__(self, op, error):
        super().__init__(f"{op}: {error}")
        self.error = error


class Client:
    """A foreign client: it knows the protocol from its description, not from our code."""

    def __init__(self, api, kind="DEALER"):
        self.api = api
        self.kind = getattr(zmq, kind)
        self._socket = None
        self._open()
        started.append(self)

    def _open(self):
        self._socket = zmq.Context.instance().socket(self.kind)
        self._socket.linger = 0
        self._socket.reconnect_ivl = 20
        self._socket.sndhwm = self._socket.rcvhwm = 0
        self._socket.connect(self.api)

    def call(self, op, args=None, id=None, timeout=REPLY_DEADLINE, **more):
        """One request, its reply map. `more` are further members of the request."""
        command = self.send(op, args, id, **more)
        reply = self.receive(timeout)
        assert reply.get("id") == command, f"reply to another request: {reply}"
        return reply

    def ok(self, op, **args):
        """The result of a request that must succeed."""
        reply = self.call(op, args)
        if reply["ok"] is not True:
            raise Refused(op, reply["error"])
        return reply["result"]

    def error(self, op, **args):
        """The error of a request that must fail."""
        reply = self.call(op, args)
        assert reply["ok"] is False, f"{op} was served: {reply}"
        return reply["error"]

    def send(self, op, args=None, id=None, **more):
        """Sends and does not wait; the command id."""
        command = uuid7() if id is None else id
        request = {"v": 1, "id": command, "op": op, "args": args or {}, **more}
        self._socket.send(cbor2.dumps(request, canonical=True))
        return command

    def receive(self, timeout=REPLY_DEADLINE):
        """The next reply map, of whichever request."""
        return decode_reply(self._receive(timeout))

    def raw(self, message, timeout=REPLY_DEADLINE):
        """Any bytes as one frame; the bytes of the reply."""
        self._socket.send(message)
        return self._receive(timeout)

    def send_frames(self, *frames):
        """A message of any shape; nothing is added to it."""
        self._socket.send_multipart(frames)

    def readable(self, milliseconds):
        """Whether a reply is there, within so many milliseconds."""
        return bool(self._socket.poll(milliseconds))

    def _receive(self, timeout):
        if not self._socket.poll(timeout * 1000):
            if self.kind == zmq.REQ:  # would refuse to send again
                self._socket.close()
                self._open()
            raise TimeoutError(f"no reply from {self.api} within {timeout} s")
        frames = self._socket.recv_multipart()
        assert len(frames) == 1, f"a reply of {len(frames)} frames"
        return frames[0]

    def close(self):
        self._socket.close()

    def reports(self):
        return []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def decode_reply(message):
    """Checks the shape that every reply has, and that it is deterministic CBOR."""
    reply = cbor2.loads(message)
    assert cbor2.dumps(reply, canonical=True) == message, f"not deterministic: {message.hex()}"
    assert reply["v"] == 1
    assert reply["ok"] in (True, False)
    assert ("result" in reply) == reply["ok"] and ("error" in reply) != reply["ok"], reply
    return reply


class Subscriber:
    """A plain SUB socket. `types` are prefixes of event types; none means all.

    Returns connected, unless `connected` is False; the daemon hears of the subscription a moment
    later. Where not one event may be missed, call settle().
    """

    def __init__(self, events, types=(), connected=True):
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.reconnect_ivl = 20
        self._socket.rcvhwm = 0
        self._held = None
        monitor = self._socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        for prefix in types or ("",):
            self._socket.subscribe(prefix)
        self._socket.connect(events)
        started.append(self)
        if connected:
            assert monitor.poll(START_DEADLINE * 1000), f"no handshake with {events}"
            recv_monitor_message(monitor)
        self._socket.disable_monitor()

    def settle(self, client):
        """Waits until events arrive for sure; leaves a location of its own in the ledger."""
        self._socket.subscribe("LOCATION_CREATED_EVENT")

        def heard():
            marker = f"settle-{uuid7().hex()}"
            client.ok("location.put", id=marker)
            while self.readable(100):
                if self.next()[1].get("subject") == marker:
                    return True
            return False

        wait_until(heard, START_DEADLINE, "an event of our own")
        self._socket.unsubscribe("LOCATION_CREATED_EVENT")
        return self

    def readable(self, milliseconds):
        """Whether an event is there, within so many milliseconds. Heartbeats are none."""
        end = time.monotonic() + milliseconds / 1000
        while self._held is None:
            if not self._socket.poll(max(0, round((end - time.monotonic()) * 1000))):
                return False
            frames = self._socket.recv_multipart()
            assert len(frames) == 2, f"an event of {len(frames)} frames"
            if frames[0] != b"HEARTBEAT":
                self._held = frames
        return True

    def next(self, timeout=REPLY_DEADLINE):
        """The next (type, event map)."""
        if not self.readable(timeout * 1000):
            raise TimeoutError(f"no event within {timeout} s")
        frames, self._held = self._held, None
        event = cbor2.loads(frames[1])
        assert event["type"] == frames[0].decode(), f"topic {frames[0]} of {event['type']}"
        return event["type"], event

    def collect_until(self, predicate, timeout=REPLY_DEADLINE):
        """Every event map up to and with the first that predicate(event) is true for."""
        events = []
        end = time.monotonic() + timeout
        while not events or not predicate(events[-1]):
            events.append(self.next(max(0.001, end - time.monotonic()))[1])
        return events

    def close(self):
        self._socket.close()

    def reports(self):
        return []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
