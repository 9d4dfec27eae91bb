# SPDX-License-Identifier: MPL-2.0
"""The golden vectors, with an independent CBOR implementation and schema.cddl: none of our code runs
here. tests/golden/README.md says what they are."""
import base64
import io
import json
import uuid
from pathlib import Path

import cbor2
import pytest

import cddl

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "messages.json"
VECTORS = json.loads(GOLDEN.read_text(encoding="utf-8"))
SCHEMA = cddl.load()


def data_schema(schema, value):
    """The struct of the data of an event of a known type, also of one that would be; or None."""
    row = SCHEMA.rows["known_events"].get(value.get("type")) if schema in ("event", "preview") else None
    return row and row[0]


def convert(schema, value, scalar, plain, absent):
    """The map of a schema with each value converted; `absent` says what stands for a field that is
    not there, or is null."""
    known = {field.name: field for field in SCHEMA.structs[schema]}
    assert set(value) <= set(known), schema
    result = {}
    for name, field in known.items():
        item = value.get(name)
        if item is None:
            assert field.optional, f"{schema}.{name} is missing"
            result |= absent(field)
        elif field.type in SCHEMA.structs:
            result[name] = convert(field.type, item, scalar, plain, absent)
        elif field.item:
            result[name] = [convert(field.item, one, scalar, plain, absent) for one in item]
        elif field.type == "any" and data_schema(schema, value):
            result[name] = convert(data_schema(schema, value), item, scalar, plain, absent)
        elif field.type == "any":
            result[name] = plain(item)
        else:
            result[name] = scalar(field.type, item)
    return result


def scalar_to_cbor(type, value):
    if type == "uuid":
        return uuid.UUID(value).bytes
    return base64.b64decode(value, validate=True) if type == "hash" else value


def scalar_to_json(type, value):
    if type == "uuid":
        return str(uuid.UUID(bytes=value))
    return base64.b64encode(value).decode() if type == "hash" else value


def plain_to_json(value):
    """Any item, where no schema says what its bytes mean."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: plain_to_json(item) for key, item in value.items()}
    return [plain_to_json(item) for item in value] if isinstance(value, list) else value


def to_cbor(schema, value):
    return convert(schema, value, scalar_to_cbor, lambda item: item, lambda field: {})


def to_json(schema, value):
    null = lambda field: {field.name: None} if field.nullable else {}
    return convert(schema, value, scalar_to_json, plain_to_json, null)


def decode(data):
    stream = io.BytesIO(data)
    value = cbor2.load(stream)
    assert not stream.read(), "bytes behind the item"
    return value


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
class TestVector:
    def test_bytes_are_deterministic(self, vector):
        data = bytes.fromhex(vector["cbor"])
        assert cbor2.dumps(decode(data), canonical=True) == data

    def test_bytes_give_the_json(self, vector):
        value = decode(bytes.fromhex(vector["cbor"]))
        assert to_json(vector["schema"], value) == vector["json"]

    def test_json_gives_the_bytes(self, vector):
        value = to_cbor(vector["schema"], vector["json"])
        same = cbor2.dumps(value, canonical=True).hex() == vector["cbor"]
        assert same != vector.get("one_way", False)


def test_every_rule_has_a_vector():
    assert {vector["schema"] for vector in VECTORS} == set(SCHEMA.structs)


def test_every_field_has_a_vector():
    for schema, fields in SCHEMA.structs.items():
        seen = {key for vector in VECTORS if vector["schema"] == schema
                for key, value in vector["json"].items() if value is not None}
        assert seen == {field.name for field in fields}, schema


def test_every_operation_event_and_error_code_has_a_vector():
    def texts(schema, *path):
        for vector in VECTORS:
            value = vector["json"] if vector["schema"] == schema else {}
            for key in path:
                value = value.get(key, {})
            if value:
                yield value

    assert set(texts("request", "op")) == set(SCHEMA.rows["operations"])
    assert set(texts("event", "type")) >= set(SCHEMA.rows["known_events"])
    assert set(texts("reply", "error", "code")) == set(SCHEMA.words["error_code"])
