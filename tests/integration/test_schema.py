# SPDX-License-Identifier: MPL-2.0
"""schema.cddl, which people read, says what schema.h, which the compiler reads, says."""
import json
import re
import subprocess

import pytest

import cddl

TYPES = {
    "ID": "id",
    "TEXT": "short_text",
    "QR": "qr_data",
    "IDS": "ids",
    "TYPES": "event_types",
    "TIME": "instant",
    "DURATION": "duration",
    "UINT": "whole",
    "INT": "integer",
    "BOOL": "bool",
    "UUID": "uuid",
    "HASH": "hash",
    "ANY": "any",
}


@pytest.fixture(scope="module")
def table(bin_dir):
    return json.loads(subprocess.run([bin_dir / "schema_dump"], check=True, capture_output=True).stdout)


@pytest.fixture(scope="module")
def schema():
    return cddl.load()


def type_of(field):
    if field["kind"] == "MAPS":
        return f"[* {field['extra']}]"
    return TYPES.get(field["kind"]) or field["extra"]


def test_structs_and_their_fields(table, schema):
    # The heartbeat is no message of the table: nobody but a subscriber reads it.
    assert set(schema.structs) - {"heartbeat"} == set(table["schemas"])
    for name, fields in table["schemas"].items():
        wanted = [(f["name"], type_of(f), f["need"]) for f in fields]
        needs = {(True, True): "NULLABLE", (True, False): "OPTIONAL", (False, False): "REQUIRED"}
        found = [(f.name, f.type, needs[f.optional, f.nullable]) for f in schema.structs[name]]
        assert found == wanted, name


def test_words(table, schema):
    assert schema.words == table["words"]


def test_operations(table, schema):
    wanted = {op: [row["args"], row["result"], row["mode"].lower()] for op, row in table["ops"].items()}
    assert schema.rows["operations"] == wanted


def test_events(table, schema):
    wanted = {
        type: [row["data"], row["outcome"].replace("NONE", "none")]
        for type, row in table["events"].items()
    }
    assert schema.rows["known_events"] == wanted


def test_nothing_else_is_defined(schema):
    assert set(schema.rows) == {"operations", "known_events"}
    others = {"message", "none", "event_type"} | set(TYPES.values()) - {"any", "bool"}
    assert set(schema.plain) == others


def test_limits(table, schema):
    limits = table["limits"]
    text = cddl.SCHEMA.read_text(encoding="utf-8")
    assert schema.plain["id"] == f"tstr .size (1..{limits['id']})"
    assert schema.plain["ids"] == f"[0*{limits['ids']} id]"
    assert schema.plain["event_type"] == f"tstr .size (1..{limits['type']})"
    assert schema.plain["event_types"] == f"[0*{limits['ids']} event_type]"
    assert schema.plain["short_text"] == f"tstr .size (0..{limits['text']})"
    assert schema.plain["qr_data"] == f"tstr .size (1..{limits['qr']})"
    assert schema.plain["hash"] == f"bstr .size {limits['hash']}"
    assert schema.plain["whole"] == f"0..{2**63 - 1}"
    assert schema.plain["integer"] == f"{-2**63}..{2**63 - 1}"
    assert f"more than {limits['depth']} levels" in text
    assert f"at most {limits['reply_depth']} levels" in text
    assert f"takes up to {limits['batch']} commands" in text
    assert f"[* batch_command],  ; at most {limits['batch']}\n" in text
    assert f"A type is 1 to {limits['type']} bytes" in text
    assert f"what would have more than {limits['hops']} is refused" in text
    assert f"any,  ; a map of at most {limits['event_data']} bytes\n" in text
    assert f"events: [* new_event],  ; 1 to {limits['publish']}\n" in text
    assert f"publish: [* new_event],  ; 1 to {limits['publish']}\n" in text
    assert f"integer,  ; the true time is timestamp less this; at most {limits['clock_offset_ms']}," in text
    assert f"[* device_hole],  ; the oldest of what is missing, at most {limits['holes']}\n" in text
    assert f"holes: [* device_hole],  ; at most {limits['holes']}\n" in text
    assert re.search(rf"over\s+;?\s*{limits['request_bytes']} bytes", text)
    assert f"over {limits['request_items']} items" in text
    assert f"a map over {limits['map']} entries" in text
    assert f"rentbus, version {table['version']}," in text


def test_every_type_is_defined(schema):
    for name, fields in schema.structs.items():
        for field in fields:
            used = field.item or field.type
            assert used in ("any", "bool") or schema.has(used), f"{name}.{field.name}: {used}"
    for rows in schema.rows.values():
        for key, cells in rows.items():
            assert schema.structs.get(cells[0]) is not None, key


@pytest.mark.parametrize("words", ["error_code", "reason", "verdict"])
def test_every_word_is_explained(schema, words):
    text = cddl.SCHEMA.read_text(encoding="utf-8")
    for word in schema.words[words]:
        assert re.search(rf"^; {word}  +\S", text, re.M), word
