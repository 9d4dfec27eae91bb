# SPDX-License-Identifier: MPL-2.0
"""Reads sdk/protocol/schema.cddl: no more of CDDL than that file has, and anything else is an error."""
import re
from pathlib import Path

SCHEMA = Path(__file__).resolve().parents[2] / "sdk" / "protocol" / "schema.cddl"

_RULE = re.compile(r"^([a-z_]+) = (.*)$")
_FIELD = re.compile(r"^  (\? )?([a-z_]+): (.+),$")
_ROW = re.compile(r'^  "([A-Za-z_.]+)": \[(.+)\],$')
_WORD = re.compile(r'"([^"]*)"')


class Field:
    def __init__(self, optional, name, type, comment):
        self.optional = bool(optional)
        self.name = name
        self.type = type
        self.nullable = "null in JSON" in comment

    @property
    def item(self):
        """The type of the items of an array, or None."""
        found = re.fullmatch(r"\[\* ([a-z_]+)\]", self.type)
        return found and found.group(1)


class Schema:
    """structs: name -> fields in order; words: name -> words in order; rows: name -> {key: [cells]};
    plain: name -> what stands behind the "=" of any other rule."""

    def __init__(self, text):
        self.structs, self.words, self.rows, self.plain = {}, {}, {}, {}
        lines = iter(self._statements(text))
        for line, _ in lines:
            name, value = _RULE.match(line).groups()
            assert not self.has(name), f"{name} is defined twice"
            if value == "{":
                self._map(name, lines)
            elif _WORD.match(value) and "/" in value:
                self.words[name] = _WORD.findall(value)
            else:
                self.plain[name] = value

    def has(self, name):
        return any(name in rules for rules in (self.structs, self.words, self.rows, self.plain))

    @staticmethod
    def _statements(text):
        """Pairs of code and comment; lines that go on with "/" are joined to the one before."""
        statements = []
        for line in text.splitlines():
            # No string of the file holds a semicolon.
            code, _, comment = line.partition(";")
            code = code.rstrip()
            if code.startswith("  / "):
                statements[-1] = (statements[-1][0] + code[1:], statements[-1][1] + comment)
            elif code:
                statements.append((code, comment))
        return statements

    def _map(self, name, lines):
        fields, rows = [], {}
        for line, comment in lines:
            if line == "}":
                break
            if row := _ROW.match(line):
                assert row.group(1) not in rows, f"{name}: {row.group(1)} stands twice"
                rows[row.group(1)] = [cell.strip('"') for cell in row.group(2).split(", ")]
            else:
                fields.append(Field(*_FIELD.match(line).groups(), comment))
        if rows:
            assert not fields
            self.rows[name] = rows
        else:
            self.structs[name] = fields


def load():
    return Schema(SCHEMA.read_text(encoding="utf-8"))
