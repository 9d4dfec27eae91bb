# SPDX-License-Identifier: MPL-2.0
"""import and export of the command line."""
import json
import os
import re
import sqlite3
import stat
import subprocess
import time
from pathlib import Path

import harness
from harness import Daemon, run_cli, wait_until

OK, BAD_DATA, UNAVAILABLE = 0, 65, 69

RENTAL = {
    "kind": "rental",
    "id": "r1",
    "user_id": "u1",
    "asset_id": "a1",
    "created_at_location_id": "L1",
    "created_at": "2025-01-01T00:00:00Z",
    "expires_at": "2025-01-08T00:00:00Z",
    "status": "IN_PROGRESS",
    "eligible_asset_types": ["mug"],
}
USER = {"kind": "user", "id": "u1", "name": "Ada"}
ASSET = {"kind": "asset", "id": "a1", "asset_type": "mug"}


def ndjson(*rows):
    return "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)


def summary(done):
    """The (rows, new, already there, bad) of a run with --json."""
    line = json.loads(done.stdout.splitlines()[-1])
    return line["rows"], line["new"], line["already_there"], line["bad"]


def errors(done):
    return [json.loads(line)["error"] for line in done.stderr.splitlines()]


def import_text(daemon, text):
    return run_cli(daemon, "--json", "import", "-", stdin=text)


def database(path, script):
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


def head(daemon):
    return json.loads(run_cli(daemon, "--json", "hello").stdout)["head"]


def test_a_second_run_changes_nothing(daemon, reusables):
    done = run_cli(daemon, "--json", "import", reusables.database)
    assert (done.returncode, summary(done)) == (OK, (65, 65, 0, 0))
    assert done.stderr == ""
    before = head(daemon)
    done = run_cli(daemon, "--json", "import", reusables.database)
    assert (done.returncode, summary(done)) == (OK, (65, 0, 65, 0))
    assert head(daemon) == before
    assert run_cli(daemon, "import", reusables.database).stdout == (
        "65 rows: 0 new, 65 already there, 0 bad\n"
    )
    daemon.restart()
    assert summary(run_cli(daemon, "--json", "import", reusables.database)) == (65, 0, 65, 0)


def test_an_import_does_not_undo_what_happened_since(daemon, reusables):
    run_cli(daemon, "import", reusables.database)
    run_cli(daemon, "return", "--event", reusables.scan_files[0])
    run_cli(daemon, "user", "put", "tpg_u0001", "--name", "Somebody else")
    run_cli(daemon, "import", reusables.database)
    rental = json.loads(
        run_cli(daemon, "--json", "get", "2152d14c-708d-4053-9f3f-246fd472f1aa").stdout
    )
    assert rental["status"] == "COMPLETED"
    user = json.loads(run_cli(daemon, "--json", "user", "get", "tpg_u0001").stdout)
    assert user["name"] == "Somebody else"


def test_what_is_imported_is_what_the_file_says(daemon, reusables):
    run_cli(daemon, "import", reusables.database)
    found = {
        rental["id"]: rental
        for rental in map(json.loads, run_cli(daemon, "--json", "list").stdout.splitlines())
    }
    for row in reusables.rows("rentals"):
        rental = found[row["id"]]
        for name in ("user_id", "asset_id", "status", "created_at_location_id",
                     "returned_at_location_id"):
            assert rental[name] == row[name]
        assert rental["eligible_asset_types"] == json.loads(row["eligible_asset_types"])
        for name in ("created_at", "expires_at", "returned_at"):
            assert rental[name] == (row[name] and row[name].replace("+00:00", "Z"))
    users = map(json.loads, run_cli(daemon, "--json", "user", "list").stdout.splitlines())
    assert [(user["id"], user.get("name")) for user in users] == [
        (row["id"], row["name"]) for row in reusables.rows("users")
    ]


def test_export_and_import_again(daemon, reusables, tmp_path):
    run_cli(daemon, "import", reusables.database)
    run_cli(daemon, "asset-type", "put", "mug", "--period", "P3D", "--eligible", "mug,cup")
    run_cli(daemon, "location", "put", "L1", "--name", "Counter")
    run_cli(daemon, "return", "--event", *reusables.scan_files)
    written = tmp_path / "ledger.ndjson"
    assert run_cli(daemon, "export", "--output", written).returncode == OK
    text = written.read_text("utf-8")
    assert run_cli(daemon, "export").stdout == text
    kinds = [json.loads(line)["kind"] for line in text.splitlines()]
    assert kinds == ["asset_type", "location"] + ["user"] * 5 + ["asset"] * 50 + ["rental"] * 10

    other = Daemon(tmp_path / "other").start()
    done = run_cli(other, "--json", "import", written)
    assert (done.returncode, summary(done)) == (OK, (67, 67, 0, 0))
    assert run_cli(other, "export").stdout == text
    # What is there already under another command id is there.
    assert summary(run_cli(daemon, "--json", "import", written))[2:] == (67, 0)


def test_lines(daemon):
    done = import_text(daemon, ndjson(USER, ASSET, "\n  \n", RENTAL).rstrip("\n"))
    assert (done.returncode, summary(done)) == (OK, (3, 3, 0, 0))
    done = import_text(daemon, "")
    assert (done.returncode, summary(done)) == (OK, (0, 0, 0, 0))


def test_equal_rows_count_once(daemon):
    done = import_text(daemon, ndjson(*[USER] * 2000))
    assert done.returncode == OK
    assert head(daemon) == 2
    assert summary(done)[0] == 2000


def test_bad_lines_are_reported_one_by_one(daemon):
    wrong = [
        ("nonsense\n", "MALFORMED", None),
        ("[]\n", "MALFORMED", None),
        ('{"kind":"user","id":"u2"\n', "MALFORMED", None),
        ('{"kind":"user","id":"u2","id":"u3"}\n', "MALFORMED", None),
        ('{"kind":"planet","id":"p"}\n', "INVALID_ARGUMENT", "kind"),
        ('{"id":"p"}\n', "INVALID_ARGUMENT", "kind"),
        ('{"kind":"user"}\n', "INVALID_ARGUMENT", "id"),
        ('{"kind":"user","id":7}\n', "INVALID_ARGUMENT", "id"),
        ('{"kind":"user","id":"u","shoe_size":7}\n', "INVALID_ARGUMENT", "shoe_size"),
        ({**RENTAL, "status": "LOST"}, "INVALID_ARGUMENT", "status"),
        ({**RENTAL, "created_at": "2025-02-30T00:00:00Z"}, "INVALID_ARGUMENT", "created_at"),
        ({**RENTAL, "eligible_asset_types": "mug"}, "INVALID_ARGUMENT", "eligible_asset_types"),
        ({**RENTAL, "user_id": None}, "INVALID_ARGUMENT", "user_id"),
        ({**RENTAL, "user_id": "nobody"}, "NOT_FOUND", "user_id"),
        ({**RENTAL, "asset_id": "nothing"}, "NOT_FOUND", "asset_id"),
        ('{"kind":"user","id":"' + "x" * (1 << 20) + '"}\n', "TOO_LARGE", None),
    ]
    rows = [row for row, _, _ in wrong]
    done = import_text(daemon, ndjson(USER, ASSET, *rows, RENTAL))
    assert done.returncode == BAD_DATA
    assert summary(done) == (len(rows) + 3, 3, 0, len(rows))
    found = sorted(errors(done), key=lambda fault: fault["line"])
    assert [fault["line"] for fault in found] == list(range(3, 3 + len(rows)))
    assert [(fault["code"], fault.get("field")) for fault in found] == [
        (code, field) for _, code, field in wrong
    ]
    assert found[9]["key"] == "r1" and found[9]["table"] == "rental"
    plain = run_cli(daemon, "import", "-", stdin=ndjson({**RENTAL, "status": "LOST"}))
    assert plain.stderr == (
        "rentbus: -:1: rental r1: status: must be one of IN_PROGRESS, COMPLETED, FORGIVEN, "
        "FLAGGED\n"
    )


def test_a_database_that_is_cut_off(daemon, reusables, tmp_path):
    cut = tmp_path / "cut.db"
    cut.write_bytes(Path(reusables.database).read_bytes()[:5000])
    done = run_cli(daemon, "import", cut)
    assert done.returncode == 65
    assert re.match(rf"rentbus: {re.escape(str(cut))}: (table \w+: )?database disk", done.stderr)


def test_bad_rows_of_a_database(daemon, tmp_path):
    path = database(
        tmp_path / "bad.db",
        """
        CREATE TABLE users(id, name);
        CREATE TABLE assets(id, asset_type);
        CREATE TABLE rentals(id, user_id, asset_id, created_at_location_id, created_at, expires_at,
            status, eligible_asset_types, returned_at_location_id, returned_at);
        INSERT INTO users VALUES ('u1', 'Ada'), (NULL, 'x'), (x'00ff', 'x'), ('', 'x'),
            (printf('%.*c', 129, 'x'), 'x'), (42, 'a number is a fine id'), (1.5, 'x'),
            ('u2', CAST(x'fffe' AS TEXT)), ('u3', printf('%.*c', 2000000, 'x')), ('u4', x'00'),
            ('a' || char(0) || 'b', 'x'), ('u5', NULL), (x'7531', 'u1 as a blob');
        INSERT INTO assets VALUES ('a1', 'mug'), ('a2', NULL), ('a3', '');
        INSERT INTO rentals VALUES
            ('r1','u1','a1','L1','2025-01-01T00:00:00Z','2025-01-08T00:00:00Z','IN_PROGRESS',
             NULL, NULL, NULL),
            ('r7','u1','a1','L1','2025-01-01T00:00:00Z','2025-01-08T00:00:00Z','IN_PROGRESS',
             '[]', NULL, NULL),
            ('r2','u1','a1','L1','2025-01-01','2025-01-08T00:00:00Z','COMPLETED','[]','L1',
             '2025-01-02T00:00:00Z'),
            ('r3','u1','a1','L1','2025-01-01T00:00:00Z','2025-01-08T00:00:00Z','COMPLETED','mug',
             'L1','2025-01-02T00:00:00Z'),
            ('r4','u1','a1','L1','2025-01-01T00:00:00Z','2025-01-08T00:00:00Z','completed','[]',
             'L1','2025-01-02T00:00:00Z'),
            ('r5','u9','a1','L1','2025-01-01T00:00:00Z','2025-01-08T00:00:00Z','COMPLETED',
             '["mug"]','L1','2025-01-02T00:00:00Z'),
            ('r6','u1','a1','L1','2025-01-01T00:00:00Z','2025-01-08T00:00:00Z','COMPLETED',
             '["mug"]','L1','2025-01-02T00:00:00Z');
        """,
    )
    done = run_cli(daemon, "--json", "import", path)
    assert done.returncode == BAD_DATA
    found = errors(done)
    by_table = {
        table: [fault.get("field") for fault in found if fault["table"] == table]
        for table in ("users", "assets")
    }
    assert by_table == {
        "users": ["id", "id", "id", "id", "id", "name", "name", "name", "id", "id"],
        "assets": ["asset_type", "asset_type"],
    }
    # Those that the daemon refuses are reported when it answers.
    assert {fault["key"]: fault["field"] for fault in found if fault["table"] == "rentals"} == {
        "r2": "created_at",
        "r3": "eligible_asset_types",
        "r4": "status",
        "r5": "user_id",
        "r7": "asset_id",
    }
    assert summary(done) == (23, 6, 0, 17)
    rental = json.loads(run_cli(daemon, "--json", "get", "r1").stdout)
    assert rental["eligible_asset_types"] == ["mug"]
    users = map(json.loads, run_cli(daemon, "--json", "user", "list").stdout.splitlines())
    assert [user["id"] for user in users] == ["u1", "42", "u5"]


def test_tables_and_columns_that_are_missing(daemon, tmp_path):
    only_users = database(
        tmp_path / "users.db", "CREATE TABLE users(ID TEXT); INSERT INTO users VALUES ('u1')"
    )
    assert summary(run_cli(daemon, "--json", "import", only_users)) == (1, 1, 0, 0)
    limits = database(
        tmp_path / "limits.db",
        "CREATE TABLE users(id, user_limit, shoe_size);"
        "INSERT INTO users VALUES ('u2', 3, 44), ('u3', NULL, 44), ('u4', 'many', 44)",
    )
    done = run_cli(daemon, "--json", "import", limits)
    assert summary(done) == (3, 2, 0, 1)
    assert [(fault["key"], fault["field"]) for fault in errors(done)] == [("u4", "user_limit")]
    users = map(json.loads, run_cli(daemon, "--json", "user", "list").stdout.splitlines())
    assert list(users) == [{"id": "u1"}, {"id": "u2", "user_limit": 3}, {"id": "u3"}]
    none = database(tmp_path / "none.db", "CREATE TABLE planets(id)")
    done = run_cli(daemon, "import", none)
    assert done.returncode == BAD_DATA
    assert "no table users, assets or rentals" in done.stderr
    no_type = database(
        tmp_path / "no_type.db", "CREATE TABLE assets(id); INSERT INTO assets VALUES ('a1'), ('a2')"
    )
    done = run_cli(daemon, "--json", "import", no_type)
    assert done.returncode == BAD_DATA
    assert [(fault["key"], fault["field"]) for fault in errors(done)] == [
        ("a1", "asset_type"),
        ("a2", "asset_type"),
    ]


def test_a_damaged_database(daemon, reusables, tmp_path):
    whole = reusables.database.read_bytes()
    for name, content in (
        ("cut.db", whole[: len(whole) // 2]),
        ("header.db", whole[:100]),
        ("noise.db", whole[:4096] + os.urandom(len(whole) - 4096)),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        done = run_cli(daemon, "import", path)
        assert done.returncode == BAD_DATA, name
        assert done.stderr.startswith("rentbus: ")


def test_the_database_is_only_read(daemon, reusables, tmp_path):
    before = reusables.database.read_bytes()
    run_cli(daemon, "import", reusables.database)
    assert reusables.database.read_bytes() == before
    assert not list(tmp_path.glob("reusables.db-*"))


def test_a_database_with_a_write_ahead_log(daemon, tmp_path):
    connection = sqlite3.connect(tmp_path / "wal.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE users(id)")
    connection.execute("INSERT INTO users VALUES ('u1')")
    connection.commit()
    assert (tmp_path / "wal.db-wal").stat().st_size > 0
    assert summary(run_cli(daemon, "--json", "import", tmp_path / "wal.db")) == (1, 1, 0, 0)
    connection.close()


def test_a_name_that_means_something_in_a_uri(daemon, tmp_path):
    path = database(tmp_path / "a?b#c%20.db", "CREATE TABLE users(id); INSERT INTO users VALUES(1)")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    path.chmod(stat.S_IRUSR)
    assert summary(run_cli(daemon, "--json", "import", path)) == (1, 1, 0, 0)


def test_an_import_goes_on_over_a_restart(daemon, tmp_path):
    """kill -9 in the middle; the SDK tries again, and every row is in exactly once."""
    rows = 3000
    users = ndjson(*({"kind": "user", "id": f"u{number}"} for number in range(rows)))
    path = tmp_path / "users.ndjson"
    path.write_text(users)
    argv = [harness.bin_dir() / "rentbus", "--json", "--timeout", "60", "--api", daemon.api]
    process = subprocess.Popen([*argv, "import", path], stdout=subprocess.PIPE)
    try:
        wait_until(lambda: head(daemon) > 50, what="the first rows")
        daemon.kill()
        daemon.start()
        assert process.wait(60) == OK
        assert json.loads(process.stdout.read())["rows"] == rows
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    done = run_cli(daemon, "--json", "import", path)
    assert summary(done) == (rows, 0, rows, 0)
    listed = run_cli(daemon, "--json", "user", "list").stdout.splitlines()
    assert len(listed) == rows
    created = run_cli(daemon, "--json", "events", "--type", "USER_CREATED_EVENT").stdout
    assert len(created.splitlines()) == rows


def test_a_producer_that_is_slower_than_the_timeout(daemon):
    argv = [harness.bin_dir() / "rentbus", "--json", "--timeout", "3", "--api", daemon.api]
    process = subprocess.Popen(
        [*argv, "import", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    process.stdin.write(ndjson(USER, ASSET))
    process.stdin.flush()
    later = time.monotonic() + 3.5
    wait_until(lambda: time.monotonic() > later)
    output, _ = process.communicate(ndjson(RENTAL), timeout=60)
    assert process.returncode == OK
    assert json.loads(output) == {"rows": 3, "new": 3, "already_there": 0, "bad": 0}


def test_an_import_without_a_daemon_says_so_and_goes_on_later(daemon, tmp_path):
    reader, writer = os.pipe()
    argv = [harness.bin_dir() / "rentbus", "--timeout", "3", "--api", daemon.api, "import", "-"]
    process = subprocess.Popen(
        argv, stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    os.close(reader)
    with open(writer, "w") as stream:
        stream.write(ndjson(USER))
        stream.flush()
        stream.write(ndjson(ASSET))
        stream.flush()
        wait_until(lambda: head(daemon) >= 2, what="the first row")
        daemon.stop()
        stream.write(ndjson(RENTAL))
    output, words = process.communicate(timeout=60)
    assert process.returncode == UNAVAILABLE
    assert f"no answer from {daemon.api} within 3 s: is rentbusd running?" in words
    assert "run it again" in words
    daemon.start()
    done = import_text(daemon, ndjson(USER, ASSET, RENTAL))
    assert (done.returncode, summary(done)[0]) == (OK, 3)


def test_progress_is_for_terminals(daemon, tmp_path):
    path = tmp_path / "users.ndjson"
    path.write_text(ndjson(*({"kind": "user", "id": f"u{number}"} for number in range(20000))))

    def run_on_terminal(*args):
        words = (harness.bin_dir() / "rentbus", "--api", daemon.api, *args)
        command = " ".join(str(word) for word in words)
        argv = ["script", "-qec", command, "/dev/null"]
        return subprocess.run(argv, capture_output=True, encoding="utf-8", timeout=120).stdout

    shown = run_on_terminal("import", path)
    assert " rows/s" in shown and "[#" in shown
    assert shown.endswith("20000 rows: 20000 new, 0 already there, 0 bad\n")
    assert "rows/s" not in run_on_terminal("--json", "import", path)
    assert run_cli(daemon, "import", path).stderr == ""
    assert " rows/s" in run_on_terminal("export", "--output", tmp_path / "out.ndjson")
    assert " rows/s" not in run_on_terminal("export")
    assert run_cli(daemon, "export").stderr == ""


def test_a_row_longer_than_the_limit_of_a_column(daemon, tmp_path):
    path = database(
        tmp_path / "long.db",
        "CREATE TABLE users(id, name); INSERT INTO users VALUES "
        "(printf('%.*c', 3000000, 'x'), 'x'), ('u1', 'Ada')",
    )
    done = run_cli(daemon, "--json", "import", path)
    assert (done.returncode, summary(done)) == (BAD_DATA, (2, 1, 0, 1))
    (fault,) = errors(done)
    assert fault["field"] == "id" and len(fault["key"]) < 2000
