# SPDX-License-Identifier: MPL-2.0
"""Requests and replies, as a foreign client knows them: every operation, every field."""
import cbor2
import pytest

import cddl
import harness
from harness import Client, uuid7
from ledgers import at, encode, qr, stock, verify

NOT_TEXT = [7, -1, 1.5, b"x", ["x"], {"x": 1}, True]
NOT_IDS = ["", "x" * 129, "é" * 64 + "x", "a\0b", "a\nb", "\x7f", "a\u0085b"]
BAD = {
    "ID": [*NOT_TEXT, *NOT_IDS],
    "TEXT": [*NOT_TEXT, "x" * 1025, "a\0b"],
    "QR": [
        *NOT_TEXT,
        "",
        "!!!!",
        "a",
        "dHBnX3UwMDAx\n",
        "dHBn=3Uw",
        qr(b"\xff\xfe"),
        qr(b"\xed\xa0\x80"),
        qr(b"a\0b"),
        qr("x" * 129),
        "A" * 173,
    ],
    "IDS": [7, {"x": 1}, "mug", b"", [7], [["mug"]], *[[bad] for bad in NOT_IDS], ["x"] * 33],
    "TYPES": [7, {"x": 1}, "mug", b"", [7], [["mug"]], [""], ["x" * 201], ["a b"], ["a/b"], ["é"], ["x"] * 33],
    "TIME": [
        *NOT_TEXT,
        "",
        "yesterday",
        "2025-02-30T10:00:00Z",
        "2025-02-29T10:00:00Z",
        "2025-13-01T10:00:00Z",
        "2025-02-10T24:00:00Z",
        "2025-02-10T10:60:00Z",
        "2025-02-10T10:00:61Z",
        "2025-02-10T10:00:00",
        "2025-02-10T10:00:00+24:00",
        "2025-02-10T10:00Z",
        "2025-02-10",
        "2025-02-10T10:00:00.Z",
        "2025-02-10T10:00:00ZZ",
        "0000-01-01T00:00:00Z",
        " 2025-02-10T10:00:00Z",
    ],
    "DURATION": [*NOT_TEXT, "", "P", "PT", "1D", "P1Y", "P1M", "-P1D", "PT1.5H", "P1D2H", "P9999W"],
    "UINT": [-1, 2**63, 2**64 - 1, 1.0, "1", b"1", [1], True],
    "INT": [-(2**63) - 1, 2**63, 2**64 - 1, -(2**64), 1.0, "1", b"1", [1], True],
    "BOOL": [0, 1, "true", b"", [True]],
    "WORD": [*NOT_TEXT, "", "LOST", "in_progress", "IN_PROGRESS ", "IN_PROGRESS\0"],
    "MAPS": [7, "x", b"", {}, [7], [[]], [None]],
    "UUID": [7, "x" * 16, bytes(15), bytes(17), b"", [bytes(16)]],
}

SCAN = {"user_id": "u1", "asset_id": "a1", "location_id": "l1", "timestamp": at()}
IMPORT = {
    "id": "r-import",
    "status": "IN_PROGRESS",
    "user_id": "u1",
    "asset_id": "a2",
    "created_at": at(),
    "expires_at": at(days=1),
    "eligible_asset_types": ["mug"],
    "created_at_location_id": "l1",
}
OFFSET_MAX = 3155760000000  # milliseconds
LAST_TIME = "9999-12-31T23:59:59.999999Z"
JUDGED = {"rental_id": "r1", "reason": "broken"}
WORKER = {"id": "c1", "worker": "w", "incarnation": bytes(range(16))}
LEASE = {"seq": 1, "lease": 1}
# Of each operation good arguments. Its fields, with their kinds, stand in the schema.
GOOD_ARGS = {
    "hello": {},
    "rental.return": SCAN,
    "rental.checkout": SCAN,
    "rental.renew": {"rental_id": "r1"},
    "rental.forgive": JUDGED,
    "rental.flag": JUDGED,
    "rental.unflag": {"rental_id": "r1"},
    "rental.get": {"rental_id": "r1"},
    "rental.list": {},
    "user.put": {"id": "u1"},
    "user.block": {"id": "u1", "reason": "late"},
    "user.unblock": {"id": "u1"},
    "user.get": {"id": "u1"},
    "user.list": {},
    "asset.put": {"id": "a1", "asset_type": "mug"},
    "asset.get": {"id": "a1"},
    "asset.list": {},
    "asset_type.put": {"id": "mug"},
    "asset_type.get": {"id": "mug"},
    "asset_type.list": {},
    "location.put": {"id": "l1"},
    "location.get": {"id": "l1"},
    "location.list": {},
    "device.get": {"id": "d1"},
    "device.list": {},
    "policy.put": {},
    "policy.get": {},
    "batch": {"commands": []},
    "command.get": {"command_id": bytes(range(16))},
    "events.read": {},
    "stats": {},
    "explain": {"rental_id": "r1"},
    "publish": {"events": [{"type": "t", "data": {}}]},
    "consumer.put": {"id": "c1"},
    "consumer.get": {"id": "c1"},
    "consumer.list": {},
    "consumer.delete": {"id": "c1"},
    "consumer.pause": {"id": "c1"},
    "consumer.resume": {"id": "c1"},
    "consumer.reset": {"id": "c1", "start": "first"},
    "consumer.skip": {"id": "c1", "seq": 1},
    "consumer.fetch": {**WORKER, "credit": 1},
    "consumer.ack": {**WORKER, "acks": [LEASE]},
    "consumer.nack": {**WORKER, **LEASE},
    "consumer.extend": {**WORKER, "leases": [LEASE]},
    "consumer.parked": {"id": "c1"},
    "consumer.replay": {"id": "c1", "all": True},
    "consumer.drop": {"id": "c1", "all": True},
    "admin.import": IMPORT,
    "admin.import_device": {"id": "d1", "device_seq": 1},
    "admin.verify": {},
    "admin.trim": {"before_seq": 1},
    "admin.snapshot": {},
}
KINDS = {
    "id": "ID",
    "short_text": "TEXT",
    "qr_data": "QR",
    "ids": "IDS",
    "event_types": "TYPES",
    "instant": "TIME",
    "duration": "DURATION",
    "whole": "UINT",
    "integer": "INT",
    "bool": "BOOL",
    "uuid": "UUID",
}
# Required for this operation, though the schema has it optional.
REQUIRED = {("rental.return", "location_id")}


def operations():
    """Of each operation: good arguments, and its fields: name, kind, whether it is required."""
    schema = cddl.load()
    for op, (args, *_) in schema.rows["operations"].items():
        fields = []
        for field in schema.structs[args]:
            kind = "WORD" if field.type in schema.words else KINDS.get(field.type)
            kind = "MAPS" if field.item else kind
            required = not field.optional or (op, field.name) in REQUIRED
            fields.append((field.name, kind, required))
        yield op, (GOOD_ARGS.get(op), fields)


OPS = dict(operations())


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, reap_after_module):
    """One for all tests here: none of them changes what another one looks at."""
    running = harness.Daemon(tmp_path_factory.mktemp("protocol")).start()
    with Client(running.api) as filler:
        stock(filler, ["u1", "u2"], [("a1", "mug"), ("a2", "mug"), ("a3", "mug")], [{"id": "mug"}])
        filler.ok("location.put", id="l1", name="Door")
        filler.ok("rental.checkout", **{**SCAN, "user_id": "u2", "asset_id": "a3"})
    yield running
    assert running.stop() == 0


def test_every_operation_and_kind_is_here():
    assert set(GOOD_ARGS) == set(OPS)
    for op, (good, fields) in OPS.items():
        assert {name for name, _, required in fields if required} <= set(good), op
        assert all(kind in BAD for _, kind, _ in fields), op


def bad_requests(op):
    """(what is wrong, the args, the field that must be named)."""
    good, fields = OPS[op]
    yield "unknown field", {**good, "zzz": 1}, "zzz"
    yield "unknown field with a known one's beginning", {**good, "i": 1}, "i"
    for field, kind, required in fields:
        if required:
            yield "missing", {key: good[key] for key in good if key != field}, field
            yield "null", {**good, field: None}, field
        for value in BAD[kind]:
            yield f"{value!r:.40}", {**good, field: value}, field


@pytest.mark.parametrize("op", OPS)
def test_every_bad_field_is_named(client, op):
    head = client.ok("hello")["head"]
    cases = {client.send(op, args): (what, field) for what, args, field in bad_requests(op)}
    for _ in range(len(cases)):
        reply = client.receive()
        what, field = cases.pop(reply["id"])
        assert reply["ok"] is False, f"{op} with {field} = {what}"
        error = reply["error"]
        assert (error["code"], error.get("field")) == ("INVALID_ARGUMENT", field), (what, error)
        assert error["message"]
    assert not cases
    assert client.ok("hello")["head"] == head, "a request that was refused was journaled"


@pytest.mark.parametrize("args", [None, [], 7, "x", b"", cbor2.CBORTag(6000, {})])
def test_args_must_be_a_map(client, args):
    for op in OPS:
        request = encode({"v": 1, "id": uuid7(), "op": op, "args": args})
        error = harness.decode_reply(client.raw(request))["error"]
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "args"), op


@pytest.mark.parametrize(
    "op, args, field",
    [
        ("rental.return", {"user_qr_data": qr("u1")}, "user_qr_data"),
        ("rental.return", {"asset_qr_data": qr("a1")}, "asset_qr_data"),
        ("rental.checkout", {"user_qr_data": qr("u1")}, "user_qr_data"),
        ("rental.checkout", {"asset_qr_data": qr("a1")}, "asset_qr_data"),
        ("rental.return", {"asset_id": None}, "asset_qr_data"),
        ("rental.checkout", {"asset_id": None}, "asset_qr_data"),
        ("rental.checkout", {"user_id": None}, "user_qr_data"),
        ("events.read", {"from_seq": 1, "since": at()}, "since"),
        ("events.read", {"rental_id": "r1", "user_id": "u1"}, "user_id"),
        ("events.read", {"user_id": "u1", "asset_id": "a1"}, "asset_id"),
        ("events.read", {"rental_id": "r1", "asset_id": "a1"}, "asset_id"),
        ("events.read", {"rental_id": "r1", "user_id": "u1", "asset_id": "a1"}, "user_id"),
        *[
            (op, args, field)
            for op in ("rental.return", "rental.checkout")
            for args, field in [
                ({"device_id": "d1"}, "device_seq"),
                ({"device_seq": 1}, "device_id"),
                ({"device_id": "d1", "device_seq": 0}, "device_seq"),
                ({"override": ""}, "override"),
                ({"clock_offset_ms": OFFSET_MAX + 1}, "clock_offset_ms"),
                ({"clock_offset_ms": -OFFSET_MAX - 1}, "clock_offset_ms"),
                ({"clock_offset_ms": 2**63 - 1}, "clock_offset_ms"),
                ({"clock_offset_ms": -(2**63)}, "clock_offset_ms"),
                ({"timestamp": "0001-01-01T00:00:00Z", "clock_offset_ms": 1}, "clock_offset_ms"),
                ({"timestamp": LAST_TIME, "clock_offset_ms": -1}, "clock_offset_ms"),
            ]
        ],
        ("rental.checkout", {"timestamp": None, "clock_offset_ms": 0}, "clock_offset_ms"),
        ("rental.renew", {"override": ""}, "override"),
        ("stats", {"since": at(), "until": at(days=367)}, "since"),
        ("stats", {"since": at()}, "since"),
        ("admin.import", {"rev": 0}, "rev"),
        ("admin.import", {"closed_by": "forgive"}, "closed_by"),
        ("admin.import", {"flag_reason": "late"}, "flag_reason"),
        ("admin.import", {"returned_asset_id": "a2"}, "returned_asset_id"),
        (
            "admin.import",
            {"status": "FORGIVEN", "returned_asset_id": "a2"},
            "returned_asset_id",
        ),
        ("admin.import", {"expires_at": at()}, "expires_at"),
        ("admin.import", {"status": "COMPLETED"}, "returned_at"),
        ("admin.import", {"returned_at": at()}, "returned_at"),
        ("admin.import", {"returned_at_location_id": "l1"}, "returned_at_location_id"),
        ("asset_type.put", {"loan_period": "PT0S"}, "loan_period"),
        ("asset_type.put", {"eligible_asset_types": []}, "eligible_asset_types"),
        ("user.list", {"limit": 0}, "limit"),
        ("rental.list", {"limit": 1001}, "limit"),
        ("events.read", {"limit": 0}, "limit"),
        ("events.read", {"limit": 1001}, "limit"),
    ],
)
def test_fields_that_do_not_go_together(client, op, args, field):
    error = client.error(op, **{**OPS[op][0], **args})
    assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", field)


@pytest.mark.parametrize(
    "op, args, code, field",
    [
        ("rental.get", {"rental_id": "no"}, "NOT_FOUND", "rental_id"),
        ("user.get", {"id": "no"}, "NOT_FOUND", "id"),
        ("asset.get", {"id": "no"}, "NOT_FOUND", "id"),
        ("asset_type.get", {"id": "no"}, "NOT_FOUND", "id"),
        ("location.get", {"id": "no"}, "NOT_FOUND", "id"),
        ("device.get", {"id": "no"}, "NOT_FOUND", "id"),
        ("command.get", {"command_id": bytes(range(16))}, "NOT_FOUND", "command_id"),
        (
            "admin.import",
            {**IMPORT, "status": "COMPLETED", "returned_at": at(), "returned_asset_id": "no"},
            "NOT_FOUND",
            "returned_asset_id",
        ),
        ("admin.import", {**IMPORT, "user_id": "no"}, "NOT_FOUND", "user_id"),
        ("admin.import", {**IMPORT, "asset_id": "no"}, "NOT_FOUND", "asset_id"),
        ("admin.import", {**IMPORT, "asset_id": "a3"}, "CONFLICT", "asset_id"),
    ],
)
def test_what_is_not_there(client, op, args, code, field):
    error = client.error(op, **args)
    assert (error["code"], error["field"]) == (code, field)


def test_every_operation_has_a_good_answer(tmp_path):
    """A day with its whole answers, over one fresh ledger."""
    daemon = harness.Daemon(tmp_path, args=["--ledger", "north"]).start()
    client = Client(daemon.api)
    hello = client.ok("hello")
    assert hello.pop("time") and hello.pop("version") and hello.pop("actor").startswith("uid:")
    assert hello == {"head": 1, "ledger": "north", "protocol": 1, "role": "admin"}

    mug = {"id": "mug", "loan_period": "P30000D", "eligible_asset_types": ["mug"]}
    assert client.ok("asset_type.put", **mug) == {"seq": 2, "outcome": "CREATED"}
    mug["renewal_period"] = "P30000D"
    assert client.ok("asset_type.get", id="mug") == {"asset_type": mug}
    assert client.ok("asset_type.list") == {"asset_types": [mug]}
    assert client.ok("user.put", id="ü1", name="") == {"seq": 3, "outcome": "CREATED"}
    assert client.ok("user.get", id="ü1") == {"user": {"id": "ü1", "name": ""}}
    assert client.ok("user.list") == {"users": [{"id": "ü1", "name": ""}]}
    assert client.ok("asset.put", id="a1", asset_type="mug")["outcome"] == "CREATED"
    assert client.ok("asset.get", id="a1") == {"asset": {"id": "a1", "asset_type": "mug"}}
    assert client.ok("asset.list") == {"assets": [{"id": "a1", "asset_type": "mug"}]}
    assert client.ok("location.put", id="l1", name="Door")["outcome"] == "CREATED"
    assert client.ok("location.get", id="l1") == {"location": {"id": "l1", "name": "Door"}}
    assert client.ok("location.list") == {"locations": [{"id": "l1", "name": "Door"}]}

    scan = {"user_qr_data": qr("ü1"), "asset_qr_data": qr("a1"), "location_id": "l1"}
    out = client.call("rental.checkout", {**scan, "timestamp": "2025-02-10T13:00:00+01:00"})
    rental = out["result"]["rental"]
    assert rental["created_at"] == at() and rental["expires_at"] == at(days=30000)
    assert client.ok("rental.get", rental_id=rental["id"]) == {"rental": rental}
    assert client.ok("rental.list") == {"rentals": [rental]}
    back = client.ok("rental.return", **scan, timestamp=at(hours=1))
    assert (back["outcome"], back["matched_by"], back["seq"]) == ("COMPLETED", "oldest", 9)
    assert client.ok("command.get", command_id=out["id"]) == out["result"]
    imported = client.ok("admin.import", **{**IMPORT, "user_id": "ü1", "asset_id": "a1"})
    assert imported["outcome"] == "CREATED" and imported["rental"]["id"] == "r-import"
    page = client.ok("events.read", from_seq=10)
    assert (page["head"], page["next_seq"], len(page["events"])) == (11, 12, 2)
    assert page["events"][1]["type"] == "RENTAL_EXPIRED_EVENT"
    verified = verify(client)
    assert verified["hash"] == page["events"][1]["hash"]
    assert (verified["events"], verified["rentals"], verified["commands"]) == (11, 2, 7)
    stats = client.ok("stats")
    assert stats.pop("journal_bytes") > 8192 and stats.pop("archive_bytes") > 8192
    assert stats.pop("started_at") and stats.pop("requests") > 20 and stats.pop("commits") == 8
    assert stats == {
        "head": 11,
        "open": 1,
        "devices": 0,
        "flagged": 0,
        "returns": 0,
        "missed_scans": 0,
        "returns_by_day": [],
        "returns_by_location": [],
        "returns_by_asset_type": [],
        "users": 1,
        "assets": 1,
        "errors": 0,
        "expired": 1,
        "rentals": 2,
        "locations": 1,
        "asset_types": 1,
        "archived_seq": 11,
        "snapshot_seq": 0,
        "snapshots": 0,
        "trims": 0,
        "first_seq": 1,
        "consumers": 0,
        "consumer_status": [],
        "stalled": 0,
        "parked": 0,
    }
    assert daemon.stop() == 0


@pytest.mark.parametrize(
    "time, read",
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2025-02-10t12:00:00z", "2025-02-10T12:00:00Z"),
        ("2025-02-10T12:00:00.5+05:30", "2025-02-10T06:30:00.500000Z"),
        ("2025-02-10T12:00:00.1234567-00:00", "2025-02-10T12:00:00.123456Z"),
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"),
    ],
)
def test_times_as_rfc_3339_has_them(client, time, read):
    args = {**SCAN, "asset_id": "nothing", "timestamp": time}
    seq = client.ok("rental.return", **args)["seq"]
    (event,) = client.ok("events.read", from_seq=seq)["events"]
    assert event["data"]["occurred_at"] == read


@pytest.mark.parametrize("identity", ["x" * 128, "é" * 64, "🫙", " ", "a/b?c#d", "\u200b"])
def test_ids_of_every_shape(client, identity):
    client.ok("user.put", id=identity)
    assert client.ok("user.get", id=identity)["user"]["id"] == identity
    result = client.ok(
        "rental.return", timestamp=at(), location_id=identity, asset_qr_data=qr(identity)
    )
    assert result["reason"] == "ASSET_UNKNOWN"


def test_null_counts_as_absent(client):
    args = {**SCAN, "asset_id": "nothing", "user_qr_data": None, "rental_id": None}
    assert client.ok("rental.return", **args)["outcome"] == "REJECTED"


# ---- sockets ----


@pytest.mark.parametrize("kind", ["REQ", "DEALER"])
def test_req_and_dealer(daemon, kind):
    with Client(daemon.api, kind) as client:
        for _ in range(3):
            assert client.ok("hello")["protocol"] == 1
        assert client.error("nothing")["code"] == "UNKNOWN_OP"


@pytest.mark.parametrize("route", [[b""], [b"one"], [b"one", b""], [b"x" * 250] * 3 + [b""]])
def test_frames_before_the_request_come_back(client, route):
    command = uuid7()
    client.send_frames(*route, encode({"v": 1, "id": command, "op": "hello", "args": {}}))
    assert client._socket.poll(harness.REPLY_DEADLINE * 1000)
    *returned, body = client._socket.recv_multipart()
    assert returned == route and harness.decode_reply(body)["id"] == command


REQUEST = encode({"v": 1, "id": bytes(range(16)), "op": "user.put", "args": {"id": "framed"}})


@pytest.mark.parametrize(
    "frames",
    [[b"x"] * 40, [b"x" * 2000], [b"x" * 65537, b"y"], [b"", b""], [b"", REQUEST], [b"one", b"", b"x"]],
    ids=["many", "long", "very long", "two empty", "a request", "behind a route"],
)
@pytest.mark.parametrize("last", [REQUEST, b"extra", b""], ids=["request", "extra", "empty"])
def test_what_is_not_one_frame_is_malformed(client, frames, last):
    client.send_frames(*frames, last)
    assert client._socket.poll(harness.REPLY_DEADLINE * 1000), "no answer"
    *returned, body = client._socket.recv_multipart()
    assert returned == ([b""] if frames[0] == b"" else [])
    assert harness.decode_reply(body)["error"]["code"] == "MALFORMED"
    assert client.error("user.get", id="framed")["code"] == "NOT_FOUND"


def test_replies_are_the_same_bytes_to_everybody(daemon, client):
    queries = ["rental.list", "user.list", "asset.get", "events.read", "rental.get", "user.get"]
    with Client(daemon.api, "REQ") as other:
        for op in queries:
            request = encode({"v": 1, "id": bytes(range(16)), "op": op, "args": OPS[op][0]})
            assert client.raw(request) == client.raw(request) == other.raw(request)


def test_pipelined_requests_are_answered_in_order(client):
    sent = []
    for number in range(500):
        op, args = ("user.put", {"id": f"p{number}"}) if number % 3 else ("user.list", {"limit": 1})
        sent.append(client.send(op, args))
    assert [client.receive()["id"] for _ in sent] == sent


def test_a_read_shows_what_was_written_before_it(daemon):
    with Client(daemon.api) as writer, Client(daemon.api) as reader:
        for number in range(100):
            name = f"name {number}"
            writer.send("user.put", {"id": "reread", "name": name})
            writer.send("user.get", {"id": "reread"})
            assert writer.receive()["ok"]
            assert writer.receive()["result"]["user"]["name"] == name
            assert reader.ok("user.get", id="reread")["user"]["name"] == name


# ---- the envelope ----

GOOD = {"v": 1, "id": bytes(range(16)), "op": "user.get", "args": {"id": "u1"}}


@pytest.mark.parametrize(
    "change, code, field",
    [
        ({"v": 0}, "UNSUPPORTED_VERSION", "v"),
        ({"v": 2}, "UNSUPPORTED_VERSION", "v"),
        ({"v": 2**40}, "UNSUPPORTED_VERSION", "v"),
        ({"v": 2, "later": 1}, "UNSUPPORTED_VERSION", "v"),
        ({"v": 2, "op": 7}, "UNSUPPORTED_VERSION", "v"),
        ({"v": "1"}, "INVALID_ARGUMENT", "v"),
        ({"v": 1.0}, "INVALID_ARGUMENT", "v"),
        ({"v": cbor2.CBORTag(6000, 1)}, "INVALID_ARGUMENT", "v"),
        ({"op": "nothing"}, "UNKNOWN_OP", "op"),
        ({"op": ""}, "UNKNOWN_OP", "op"),
        ({"op": "user.get "}, "UNKNOWN_OP", "op"),
        ({"op": "user.get\0"}, "INVALID_ARGUMENT", "op"),
        ({"op": "\x1b[31m\n"}, "UNKNOWN_OP", "op"),
        ({"op": 7}, "INVALID_ARGUMENT", "op"),
        ({"op": "x" * 1025}, "INVALID_ARGUMENT", "op"),
        ({"args": cbor2.CBORTag(6000, {"id": "u1"})}, "INVALID_ARGUMENT", "args"),
        ({"traceparent": 7}, "INVALID_ARGUMENT", "traceparent"),
        ({"traceparent": "x" * 129}, "INVALID_ARGUMENT", "traceparent"),
        ({"later": 1}, "INVALID_ARGUMENT", "later"),
    ],
)
def test_envelope(client, change, code, field):
    reply = harness.decode_reply(client.raw(encode({**GOOD, **change})))
    assert reply["id"] == GOOD["id"], "the id could be read"
    assert (reply["error"]["code"], reply["error"]["field"]) == (code, field)
    assert all(character >= " " for character in reply["error"]["message"])


@pytest.mark.parametrize("missing", ["v", "op", "args"])
def test_envelope_with_a_member_missing(client, missing):
    request = {key: value for key, value in GOOD.items() if key != missing}
    reply = harness.decode_reply(client.raw(encode(request)))
    assert reply["id"] == GOOD["id"]
    assert (reply["error"]["code"], reply["error"]["field"]) == ("INVALID_ARGUMENT", missing)


@pytest.mark.parametrize("bad", [bytes(15), bytes(17), bytes(16), b"", "x" * 16, 7, None])
def test_envelope_with_a_bad_id(client, bad):
    reply = harness.decode_reply(client.raw(encode({**GOOD, "id": bad})))
    assert reply["id"] == bytes(16)
    assert (reply["error"]["code"], reply["error"]["field"]) == ("INVALID_ARGUMENT", "id")


def test_traceparent_is_carried_into_events(client):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    seq = client.call("user.put", {"id": "traced"}, traceparent=trace)["result"]["seq"]
    (event,) = client.ok("events.read", from_seq=seq)["events"]
    assert event["traceparent"] == trace
