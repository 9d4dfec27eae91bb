# SPDX-License-Identifier: MPL-2.0
"""Messages that are not what they should be, byte by byte, and a daemon that goes on serving."""
import random
import time

import cbor2
import pytest

import harness
from harness import Client, uuid7, wait_until
from ledgers import encode, read_events, stock, verify

ID = bytes(range(1, 17))
REQUEST = {"v": 1, "id": ID, "op": "user.get", "args": {"id": "u1"}}
GOOD = encode(REQUEST)
MIB = 1 << 20
REQUEST_MAX = 6 * MIB


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, reap_after_module):
    running = harness.Daemon(tmp_path_factory.mktemp("bytes")).start()
    with Client(running.api) as filler:
        stock(filler, ["u1"])
    yield running
    assert running.stop() == 0


def text(value):
    return encode(value)


def request(v=b"\x01", id=b"\x50" + ID, op=text("user.get"), args=encode({"id": "u1"}), more=b""):
    """A request of parts that are bytes already; `more` are further pairs, of which each begins
    with the byte 0x61."""
    pairs = 4 + more.count(b"\x61")
    body = text("v") + v + text("id") + id + text("op") + op + text("args") + args
    return bytes([0xA0 + pairs]) + body + more


def nested(depth):
    """An item of so many arrays in one another."""
    return b"\x81" * (depth - 1) + b"\x80"


MALFORMED = {
    "nothing": b"",
    "one byte of a head": b"\xb9",
    "a break alone": b"\xff",
    "reserved additional information": b"\x1c",
    "reserved in a map": request(v=b"\x1d"),
    "reserved, of text": request(op=b"\x7e"),
    "reserved, simple": request(v=b"\xfc"),
    "simple value below 32 in two bytes": request(v=b"\xf8\x18"),
    "indefinite integer": request(v=b"\x1f"),
    "indefinite tag": request(v=b"\xdf\x01"),
    "trailing zero byte": GOOD + b"\x00",
    "trailing break": GOOD + b"\xff",
    "two requests": GOOD + GOOD,
    "text of 2^64-1 bytes": request(op=b"\x7b" + b"\xff" * 8),
    "bytes of 2^64-1 bytes": request(id=b"\x5b" + b"\xff" * 8),
    "bytes of 2^32-1 bytes": request(id=b"\x5a" + b"\xff" * 4),
    "array of 2^64-1 items": request(args=b"\x9b" + b"\xff" * 8),
    "array of 2^63 items": request(args=b"\x9b\x80" + bytes(7)),
    "map of 2^64-1 pairs": request(args=b"\xbb" + b"\xff" * 8),
    "map of 2^63 pairs": request(args=b"\xbb\x80" + bytes(7)),
    "huge map alone": b"\xbb" + b"\xff" * 8,
    "nine bytes that ask for gigabytes": b"\x9b\x00\x00\x00\x01" + bytes(4),
    "the same key twice": request(more=text("v") + b"\x01"),
    "the same key twice, far apart": b"\xa5" + text("v") + b"\x01" + request()[1:],
    "the same key twice in args": request(args=b"\xa2" + (text("id") + text("u1")) * 2),
    "the same key, whole and in chunks": request(more=b"\x7f\x61v\xff\x01"),
    "the same key with another length head": b"\xa5" + request()[1:] + b"\x78\x01v\x01",
    "a key that is a number": request(args=b"\xa1\x01\x02"),
    "a key that is bytes": request(args=b"\xa1\x42id" + text("u1")),
    "a key that is a map": request(args=b"\xa1\xa0\x01"),
    "a key that is null": request(args=b"\xa1\xf6\x01"),
    "arrays nested nine deep": request(args=b"\xa1" + text("id") + nested(7)),
    "maps nested a thousand deep": b"\xa1\x61a" * 1000 + b"\x00",
    "indefinite arrays nested a thousand deep": b"\x9f" * 1000 + b"\xff" * 1000,
    "tags nested a thousand deep": b"\xc1" * 1000 + b"\x00",
    "text that is no UTF-8": request(op=b"\x68user.ge\xff"),
    "text with half a surrogate pair": request(op=b"\x63\xed\xa0\x80"),
    "overlong UTF-8": request(op=b"\x62\xc0\x80"),
    "a character cut in two by chunks": request(op=b"\x7f\x61\xc3\x61\xa9\xff"),
    "chunks without an end": request()[:-3] + b"\x7f",
    "chunk of another type": request(op=b"\x7f\x41a\xff"),
    "chunk within a chunk": request(op=b"\x7f\x7f\x61a\xff\xff"),
    "indefinite map with half a pair": b"\xbf\x61v\xff",
    "indefinite map without an end": b"\xbf\x61v\x01",
    "break in a definite array": request(args=b"\x82\x01\xff"),
}


# How the message goes on, by the beginning of the name; of the rest, that it is not well-formed.
SAID = {
    "trailing": "bytes behind",
    "two requests": "bytes behind",
    "the same key": "same key twice",
    "a key that is": "key that is not text",
    "arrays nested": "nested too deeply",
    "maps nested": "nested too deeply",
    "indefinite arrays nested": "nested too deeply",
    "tags nested": "nested too deeply",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(client, name):
    reply = harness.decode_reply(client.raw(MALFORMED[name]))
    assert reply["id"] == bytes(16)
    assert reply["error"]["code"] == "MALFORMED", reply
    said = [message for begin, message in SAID.items() if name.startswith(begin)]
    assert (said or ["not well-formed"])[0] in reply["error"]["message"], reply


def test_every_truncation_is_malformed(client):
    for length in range(len(GOOD)):
        reply = harness.decode_reply(client.raw(GOOD[:length]))
        assert reply["error"]["code"] == "MALFORMED", length


NOT_REQUESTS = [7, -7, 1.5, "user.get", b"user.get", [], [REQUEST], True, None]
NOT_REQUESTS += [cbor2.CBORTag(6000, REQUEST)]


@pytest.mark.parametrize("value", NOT_REQUESTS, ids=repr)
def test_what_is_no_request(client, value):
    reply = harness.decode_reply(client.raw(encode(value)))
    assert reply["id"] == bytes(16) and reply["error"]["code"] == "INVALID_ARGUMENT"


WELCOME = {
    "unsorted keys": request(),
    "keys backwards": b"\xa4" + b"".join(
        text(key) + encode(REQUEST[key]) for key in ("op", "args", "id", "v")
    ),
    "v in two bytes": request(v=b"\x18\x01"),
    "v in nine bytes": request(v=b"\x1b" + bytes(7) + b"\x01"),
    "lengths in nine bytes": request(
        id=b"\x5b" + bytes(7) + b"\x10" + ID, op=b"\x7b" + bytes(7) + b"\x08user.get"
    ),
    "map in nine bytes": b"\xbb" + bytes(7) + b"\x04" + request()[1:],
    "indefinite map": b"\xbf" + request()[1:] + b"\xff",
    "indefinite args": request(args=b"\xbf" + text("id") + text("u1") + b"\xff"),
    "text in chunks": request(op=b"\x7f\x64user\x60\x64.get\xff"),
    "bytes in chunks": request(id=b"\x5f\x48" + ID[:8] + b"\x48" + ID[8:] + b"\xff"),
    "key in chunks": request(args=b"\xa1\x7f\x61i\x61d\xff" + text("u1")),
    "everything indefinite": b"\xbf\x7f\x61v\xff\x01"
    + text("id")
    + b"\x5f\x50"
    + ID
    + b"\xff"
    + text("op")
    + b"\x7f\x68user.get\xff"
    + text("args")
    + b"\xbf\x62id\x7f\x62u1\xff\xff\xff",
}


@pytest.mark.parametrize("name", WELCOME)
def test_the_same_request_in_other_words(client, name):
    expected = client.raw(GOOD)
    assert harness.decode_reply(expected)["ok"] is True
    assert client.raw(WELCOME[name]) == expected


def test_indefinite_array_of_ids(client):
    types = b"\x9f" + text("HELLO_EVENT") + text("USER_CREATED_EVENT") + b"\xff"
    message = request(op=text("events.read"), args=b"\xa1" + text("types") + types)
    events = harness.decode_reply(client.raw(message))["result"]["events"]
    assert {event["type"] for event in events} == {"HELLO_EVENT", "USER_CREATED_EVENT"}


def test_nested_eight_deep_is_read(client):
    reply = harness.decode_reply(client.raw(request(args=b"\xa1" + text("id") + nested(6))))
    assert (reply["error"]["code"], reply["error"]["field"]) == ("INVALID_ARGUMENT", "id")


@pytest.mark.parametrize(
    "args",
    [
        {str(number): 1 for number in range(65)},
        {"types": ["x"] * 70000},
        {"types": [[]] * 70000},
    ],
    ids=["a map of 65 entries", "70,000 ids", "70,000 arrays"],
)
def test_too_many_items(client, args):
    reply = harness.decode_reply(client.raw(request(op=text("events.read"), args=encode(args))))
    assert reply["error"]["code"] == "TOO_LARGE"


def padded(size):
    """A request of exactly so many bytes."""
    bare = len(encode({**REQUEST, "args": {"id": b"x" * MIB}})) - MIB
    return encode({**REQUEST, "args": {"id": b"x" * (size - bare)}})


def test_a_request_may_have_six_mebibytes(client):
    for size in (REQUEST_MAX, REQUEST_MAX + 1):
        assert len(padded(size)) == size
    error = harness.decode_reply(client.raw(padded(REQUEST_MAX)))["error"]
    assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "id")
    for size in (REQUEST_MAX + 1, 8 * MIB):
        assert harness.decode_reply(client.raw(padded(size)))["error"]["code"] == "TOO_LARGE"


def test_sixteen_mebibytes_cost_the_connection(daemon, client):
    with Client(daemon.api) as other:
        client.send_frames(bytes(16 * MIB + 1))
        assert other.ok("hello")

        def served_again():
            client.send("hello")
            return client.readable(200)

        wait_until(served_again, what="an answer after the connection was dropped")
        while client.readable(100):
            assert client.receive()["ok"], "only the greetings are answered"


def mutated(rng):
    """Garbage: noise, or a request with some bytes changed, cut out or doubled."""
    if rng.random() < 0.4:
        return rng.randbytes(rng.randrange(0, 200))
    message = bytearray(encode({**REQUEST, "id": rng.randbytes(16)}))
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(message) + 1)
        kind = rng.randrange(3)
        if kind == 0 and place < len(message):
            message[place] = rng.randrange(256)
        elif kind == 1:
            del message[place : place + rng.randrange(1, 5)]
        else:
            message[place:place] = rng.randbytes(rng.randrange(1, 9))
    return bytes(message)


def test_garbage_from_one_keeps_nobody_from_being_served(daemon):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    count = 10000
    with Client(daemon.api) as noisy, Client(daemon.api) as other:
        before = other.ok("stats")
        slowest = 0
        for number in range(count):
            noisy.send_frames(mutated(rng))
            if number % 200 == 0:
                start = time.monotonic()
                assert other.ok("user.get", id="u1")["user"]["id"] == "u1"
                slowest = max(slowest, time.monotonic() - start)
        codes = {}
        for _ in range(count):
            reply = noisy.receive()
            code = "ok" if reply["ok"] else reply["error"]["code"]
            codes[code] = codes.get(code, 0) + 1
        assert slowest < 20, f"{slowest} s"
        assert not noisy.readable(0), "more replies than messages"
        assert codes.pop("MALFORMED") > count / 2
        allowed = ["ok", "INVALID_ARGUMENT", "UNKNOWN_OP", "UNSUPPORTED_VERSION", "NOT_FOUND"]
        assert set(codes) <= {*allowed, "TOO_LARGE"}, codes
        after = other.ok("stats")
        assert after["requests"] >= before["requests"] + count and after["head"] == before["head"]


def test_the_ledger_is_whole(client):
    client.ok("user.put", id=f"last-{uuid7().hex()}")
    assert [event["seq"] for event in read_events(client)][-1] == client.ok("hello")["head"]
    verify(client)
