# SPDX-License-Identifier: MPL-2.0
"""Server-Sent Events of the HTTP bridge: each event once and in order, to thousands at once."""
import http.client
import json
import resource
import select
import selectors
import shutil
import socket
import time

import pytest

import harness
from bridges import assert_problem, frozen, head

STREAMS = 2000


def put(client, number, start=0):
    """Makes `number` events."""
    for index in range(start, start + number):
        client.send("location.put", {"id": f"l{index}"})
    for _ in range(number):
        assert client.receive()["ok"]


def seqs(stream, last, timeout=harness.REPLY_DEADLINE):
    """The ids up to `last`, checked against what the events say."""
    found = []
    while not found or found[-1] < last:
        event = stream.next(timeout)
        data = json.loads(event["data"])
        assert data["seq"] == int(event["id"]) and data["type"] == event["event"]
        found.append(data["seq"])
    return found


class RawStream:
    """A stream read by hand, as it comes over the wire."""

    def __init__(self, port, path="/events", headers=(), receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", "Host: x", "Accept: text/event-stream", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.buffer = b""

    def fileno(self):
        return self.socket.fileno()

    def read_some(self):
        """False at the end of the connection."""
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def readable(self):
        """Whether something has come."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def read_until(self, text, timeout=60):
        self.socket.settimeout(timeout)
        while text not in self.buffer:
            assert self.read_some(), f"ended before {text}: {self.buffer[-200:]}"

    def text(self):
        """What has come, without head and chunks; the last chunk may be incomplete."""
        rest = self.buffer.partition(b"\r\n\r\n")[2]
        text = b""
        while b"\r\n" in rest:
            size, _, rest = rest.partition(b"\r\n")
            text += rest[: int(size, 16)]
            rest = rest[int(size, 16) + 2 :]
        return text

    def close(self):
        self.socket.close()


def test_a_stream_begins_now(bridge, client):
    put(client, 3)
    with bridge.stream() as stream:
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream"
        first = head(client) + 1
        put(client, 2, start=10)
        assert seqs(stream, first + 1) == [first, first + 1]


def test_an_event_does_not_wait_for_something_else_to_happen(bridge, client):
    count = 40
    with bridge.stream() as stream:
        began = time.monotonic()
        for index in range(count):
            put(client, 1, start=index)
            stream.next()
        # The bridge looks after everything once a second.
        assert time.monotonic() - began < count / 2


def ids(stream):
    return [int(line[4:]) for line in stream.text().split(b"\n") if line.startswith(b"id: ")]


def test_now_is_what_the_daemon_says_and_not_what_the_bridge_has_heard(bridge, client):
    with bridge.stream() as stream:  # the bridge follows from here on
        put(client, 1)
        stream.next()
        with frozen(bridge):
            late = RawStream(bridge.port)
            put(client, 2000, start=10)
        late.read_until(b"retry: 2000\n\n")
        first = head(client) + 1
        put(client, 2, start=3000)
        late.read_until(f'"seq":{first + 1},'.encode())
        assert ids(late) == [first, first + 1]
        late.close()
        assert seqs(stream, first + 1)[-1] == first + 1


def test_a_stream_waits_for_the_daemon_and_nobody_else_does(bridge, daemon, client):
    bridge.get("/readyz")
    with frozen(daemon):
        stream = RawStream(bridge.port)
        assert bridge.get("/livez").status == 200
        assert not stream.readable()
    stream.read_until(b"retry: 2000\n\n")
    first = head(client) + 1
    put(client, 1)
    stream.read_until(f'"seq":{first},'.encode())
    assert ids(stream) == [first]
    stream.close()


def test_a_stream_that_the_daemon_does_not_answer_is_told_so(bridge, daemon, client):
    with bridge.stream() as stream:
        assert stream.status == 200
    with frozen(daemon):
        response = bridge.request("GET", "/events", headers={"Accept": "text/event-stream"},
                                  timeout=60)  # fmt: skip
        assert_problem(response, 504, "UNAVAILABLE")
        assert int(response.headers["Retry-After"]) >= 1


def test_a_stream_that_went_before_the_daemon_answered_is_forgotten(bridge, daemon, client):
    with frozen(daemon):
        for _ in range(20):
            RawStream(bridge.port).close()
        assert bridge.get("/livez").status == 200
    with bridge.stream() as stream:
        first = head(client) + 1
        put(client, 1)
        assert seqs(stream, first) == [first]
    assert bridge.stop() == 0


@pytest.mark.parametrize("name", ["rental_id", "user_id", "asset_id"])
def test_a_stream_of_one_thing_is_refused(bridge, daemon, name):
    response = bridge.get(f"/events?{name}=x", {"Accept": "text/event-stream"})
    assert_problem(response, 400, "INVALID_ARGUMENT", name)
    assert bridge.get(f"/events?{name}=x").status == 200


def test_a_stream_that_is_the_first_request_misses_nothing(daemon, client):
    bridge = harness.Bridge(daemon)
    bridge.launch()

    def connect():
        try:
            return bridge.stream()
        except OSError:
            return None

    stream = harness.wait_until(connect)
    first = head(client) + 1
    put(client, 1)
    assert seqs(stream, first) == [first]
    stream.close()
    assert bridge.stop() == 0


def test_a_stream_says_when_to_come_back(bridge, daemon):
    stream = RawStream(bridge.port)
    stream.read_until(b"retry: 2000\n\n")
    assert b"\r\nContent-Type: text/event-stream\r\n" in stream.buffer
    stream.close()


def test_history_meets_the_present(bridge, client):
    put(client, 170)  # more than three pages
    last = head(client)
    for query in ("from_seq=1", "from_seq=0", "since=2000-01-01T00:00:00Z"):
        with bridge.stream(f"/events?{query}") as stream:
            assert seqs(stream, last) == list(range(1, last + 1))
            put(client, 3, start=last * 10)
            last = head(client)
            assert seqs(stream, last) == list(range(last - 2, last + 1))


def test_history_and_present_while_events_come(bridge, client):
    """Streams that begin anywhere, while writers write more than the ring holds."""
    put(client, 600)
    begin = 1
    with bridge.stream("/events?from_seq=1") as slow:
        streams = []
        for start in range(600, 3000, 400):
            streams.append((start // 2, bridge.stream(f"/events?from_seq={start // 2}")))
            put(client, 400, start=start)
        last = head(client)
        for begin, stream in streams:
            assert seqs(stream, last) == list(range(begin, last + 1))
        assert seqs(slow, last) == list(range(1, last + 1))


def test_last_event_id_goes_before_the_query(bridge, client):
    put(client, 10)
    last = head(client)
    headers = {"Last-Event-ID": "5"}
    with bridge.stream("/events?from_seq=1", headers) as stream:
        assert seqs(stream, last) == list(range(6, last + 1))


@pytest.mark.parametrize("text", ["x", "-1", "", "1.5", "18446744073709551615"])
def test_a_bad_last_event_id_is_named(bridge, daemon, text):
    headers = {"Accept": "text/event-stream", "Last-Event-ID": text}
    response = bridge.get("/events", headers)
    assert response.status == 400
    assert response.json()["field"] == "Last-Event-ID"


def test_a_place_in_the_future_waits(bridge, client):
    last = head(client)
    with bridge.stream(f"/events?from_seq={last + 3}") as stream:
        put(client, 4)
        assert seqs(stream, last + 4) == [last + 3, last + 4]


def test_only_the_types_that_are_asked_for(bridge, client):
    put(client, 5)
    client.ok("user.put", id="u1")
    path = "/events?from_seq=1&type=USER_CREATED_EVENT&type=ASSET_CREATED_EVENT"
    with bridge.stream(path) as stream:
        assert stream.next()["event"] == "USER_CREATED_EVENT"
        put(client, 1500, start=100)  # passes the ring by
        client.ok("asset.put", id="a1", asset_type="mug")
        event = stream.next()
        assert event["event"] == "ASSET_CREATED_EVENT"
        assert json.loads(event["data"])["data"] == {"id": "a1", "asset_type": "mug"}


def test_a_stream_survives_a_crash_of_the_daemon(bridge, daemon, client):
    put(client, 5)
    with bridge.stream("/events?from_seq=1") as stream:
        last = head(client)
        assert seqs(stream, last) == list(range(1, last + 1))
        daemon.kill()
        daemon.start()
        put(client, 5, start=50)
        after = head(client)
        assert seqs(stream, after) == list(range(last + 1, after + 1))


@pytest.mark.soak
def test_resuming_over_a_crash_leaves_no_gap_and_no_double(bridge, daemon, client):
    seen = []
    for round_number in harness.rounds(4):
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        path = "/events" if seen else "/events?from_seq=1"
        with bridge.stream(path, headers) as stream:
            put(client, 20, start=round_number * 100)
            target = head(client)
            seen += seqs(stream, target - 7 if round_number % 2 else target)
        daemon.kill()
        daemon.start()
    with bridge.stream("/events", {"Last-Event-ID": str(seen[-1])}) as stream:
        seen += seqs(stream, head(client))
    assert seen == list(range(1, len(seen) + 1))


def test_a_new_bridge_resumes_where_the_old_one_ended(daemon, client):
    put(client, 5)
    with harness.Bridge(daemon) as first:
        with first.stream("/events?from_seq=1") as stream:
            seen = seqs(stream, 4)
    put(client, 5, start=50)
    with harness.Bridge(daemon) as second:
        with second.stream("/events", {"Last-Event-ID": str(seen[-1])}) as stream:
            seen += seqs(stream, head(client))
    assert seen == list(range(1, len(seen) + 1))


def test_a_reader_that_does_not_read_is_no_burden(bridge, client):
    """It gets everything in the end; meanwhile the others are served, and memory is bounded."""
    idle = RawStream(bridge.port, "/events?from_seq=1", receive_buffer=32768)
    before = memory(bridge)
    with bridge.stream() as reader:
        first = head(client) + 1
        for batch in range(10):
            put(client, 500, start=batch * 500)
        last = head(client)
        assert seqs(reader, last) == list(range(first, last + 1))
    assert memory(bridge) - before < 64 << 20
    idle.read_until(f'"seq":{last},'.encode())
    assert ids(idle) == list(range(1, last + 1))
    idle.close()


def memory(bridge):
    """Resident bytes."""
    with open(f"/proc/{bridge.pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def test_clients_that_come_and_go_leave_nothing(bridge, client):
    def descriptors():
        with open(f"/proc/{bridge.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("FDSize"))

    for _ in range(20):
        for stream in [RawStream(bridge.port, f"/events?from_seq={n}") for n in range(20)]:
            stream.close()
        put(client, 1)
    assert bridge.get("/livez").status == 200
    assert descriptors() <= 1024


def test_a_silent_stream_has_a_heartbeat(bridge, daemon):
    stream = RawStream(bridge.port)
    stream.read_until(b"retry: 2000\n\n")
    stream.read_until(b"\n:\n\n", timeout=40)
    stream.close()


def test_http_1_0_is_served_too(bridge, client):
    with socket.create_connection(("127.0.0.1", bridge.port)) as connection:
        connection.sendall(b"GET /events?from_seq=1 HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n")
        connection.settimeout(harness.REPLY_DEADLINE)
        data = b""
        while b"event: HELLO_EVENT\n" not in data:
            piece = connection.recv(4096)
            assert piece, data
            data += piece
    assert b"chunked" not in data


def open_many(bridge, number):
    streams = []
    for _ in range(number):
        streams.append(RawStream(bridge.port))
    return streams


def read_all_until(streams, text, deadline=60):
    """Reads all of them until each has the text."""
    waiting = {stream for stream in streams if text not in stream.buffer}
    with selectors.DefaultSelector() as selector:
        for stream in waiting:
            selector.register(stream, selectors.EVENT_READ)

        def read():
            for key, _ in selector.select(1):
                stream = key.fileobj
                assert stream.read_some(), "a stream was dropped"
                if text in stream.buffer:
                    selector.unregister(stream)
                    waiting.discard(stream)
            return not waiting

        harness.wait_until(read, deadline, f"{len(waiting)} streams wait for {text}")


def test_thousands_of_streams_get_each_event(bridge, client):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < STREAMS + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (STREAMS + 200, hard))
    before = memory(bridge)
    streams = open_many(bridge, STREAMS)
    try:
        read_all_until(streams, b"retry: 2000\n\n")
        assert (memory(bridge) - before) / STREAMS < 64 << 10
        client.ok("location.put", id="everywhere")
        read_all_until(streams, b'"everywhere"')
        assert all(stream.buffer.count(b"\nid: ") == 1 for stream in streams)
        # One by one: those that come while streams still rest wait for the end of that.
        for index in range(5):
            client.ok("location.put", id=f"l{index}")
        read_all_until(streams, b'"l4"')
        first = int(streams[0].buffer.split(b"\nid: ")[1].split(b"\n")[0])
        for stream in streams:
            found = [int(part.split(b"\n")[0]) for part in stream.buffer.split(b"\nid: ")[1:]]
            assert found == list(range(first, first + 6))
        assert bridge.get("/livez").status == 200
    finally:
        for stream in streams:
            stream.close()


def test_the_end_of_the_bridge_ends_the_streams(bridge, client):
    stream = RawStream(bridge.port)
    stream.read_until(b"retry: 2000\n\n")
    assert bridge.stop() == 0
    stream.socket.settimeout(harness.STOP_DEADLINE)
    while stream.read_some():
        pass
    assert stream.buffer.endswith(b"0\r\n\r\n")
    stream.close()


def test_another_ledger_behind_the_same_endpoint(bridge, daemon, client):
    """Streams of the old one end, and those that come then are of the new one."""
    put(client, 20)
    with bridge.stream() as stream:
        assert daemon.stop() == 0
        shutil.rmtree(daemon.data)
        daemon.start()
        with pytest.raises((EOFError, http.client.HTTPException, OSError)):
            stream.next()
    with bridge.stream() as stream:
        first = head(client) + 1
        assert first < 20
        put(client, 3)
        assert seqs(stream, first + 2) == [first, first + 1, first + 2]


def test_a_stream_that_begins_when_the_ledger_is_another_one(bridge, daemon, client):
    """Before the bridge has seen that it is: nothing of the old one is taken for the new one's."""
    put(client, 20)
    with bridge.stream() as old:
        put(client, 20, start=100)
        old.next()
        assert daemon.stop() == 0
        shutil.rmtree(daemon.data)
        daemon.start()
        with bridge.stream() as stream:
            first = head(client) + 1
            assert first < 20
            put(client, 3, start=500)
            events = [json.loads(stream.next()["data"]) for _ in range(3)]
            assert [event["seq"] for event in events] == [first, first + 1, first + 2]
            assert [event["data"]["id"] for event in events] == ["l500", "l501", "l502"]
        with pytest.raises((EOFError, http.client.HTTPException, OSError)):
            while True:
                assert int(old.next()["id"]) > 3
