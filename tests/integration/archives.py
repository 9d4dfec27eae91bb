# SPDX-License-Identifier: MPL-2.0
"""What an archive holds packed: its mentions and commands, to be read and changed (see
daemon/archive/archive_entry.h)."""
import contextlib
import sqlite3

SEGMENT_BITS = 18
SIGN = 1 << 31


class Entries:
    """`mentions` is a set of (segment, key, seq within it); `commands` is {id: [first, more]}."""

    def __init__(self, db):
        self.db = db
        self.mentions = {
            (segment, int.from_bytes(entry[:4], "big") ^ SIGN, int.from_bytes(entry[4:], "big"))
            for segment, entry in self._read("mention", 7)
        }
        self.commands = {
            entry[:16]: [int.from_bytes(entry[16:22], "big"), int.from_bytes(entry[22:], "big")]
            for _, entry in self._read("command", 24)
        }

    def _read(self, table, size):
        for segment, entries in self.db.execute(f"SELECT segment, entries FROM {table}"):
            for at in range(0, len(entries), size):
                yield segment, entries[at : at + size]

    def write(self):
        for table in ("mention", "command"):
            self.db.execute(f"DELETE FROM {table}")
        rows = {}
        for segment, key, seq in self.mentions:
            entry = (key ^ SIGN).to_bytes(4, "big") + seq.to_bytes(3, "big")
            rows.setdefault(("mention", segment, 7), []).append(entry)
        for id, (first, more) in self.commands.items():
            entry = id + first.to_bytes(6, "big") + more.to_bytes(2, "big")
            rows.setdefault(("command", 0, 16), []).append(entry)
        for (table, segment, key), entries in rows.items():
            entries.sort()
            self.db.execute(
                f"INSERT INTO {table}(segment, first, entries) VALUES(?, ?, ?)",
                (segment, entries[0][:key], b"".join(entries)),
            )

    def of(self, seq):
        """The mentions at a seq."""
        return {m for m in self.mentions if m[0] << SEGMENT_BITS | m[2] == seq}


@contextlib.contextmanager
def entries(path):
    """What is changed in it is written when all is well."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        found = Entries(db)
        before = set(found.mentions), {id: list(at) for id, at in found.commands.items()}
        yield found
        assert (found.mentions, found.commands) != before, "nothing was changed"
        found.write()
