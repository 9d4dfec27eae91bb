# SPDX-License-Identifier: MPL-2.0
"""What goes wrong on the way to the daemon and back: no daemon, wrong words, closed streams."""
import json
import subprocess

import pytest

import harness
from harness import run_cli

OK, USAGE, BAD_DATA, UNAVAILABLE, OUTPUT, CONFIGURATION = 0, 2, 65, 69, 74, 78

COMMAND_ID = "01890000-0000-7000-8000-000000000001"


def error(done):
    """The one JSON error of a run."""
    (line,) = done.stderr.splitlines()
    return json.loads(line)["error"]


def test_no_daemon(tmp_path):
    api = f"ipc://{tmp_path}/nobody.sock"
    env = {"RENTBUS_API": api, "RENTBUS_EVENTS": api}
    done = run_cli(None, "--timeout", "0.2", "hello", env=env)
    assert done.returncode == UNAVAILABLE
    assert done.stdout == ""
    assert done.stderr == f"rentbus: no answer from {api} within 0.2 s: is rentbusd running?\n"
    for args in (
        ("list",),
        ("import", harness.DATA / "reusables.sql"),
        ("user", "put", "u1"),
        ("return", "--event", harness.DATA / "scan_1.json", harness.DATA / "scan_2.json"),
        ("export",),
        ("verify",),
        ("snapshot",),
        ("trim", "--before", "1", "--yes"),
        ("stats",),
        ("events",),
    ):
        done = run_cli(None, "--json", *args, "--timeout", "0.2", env=env)
        assert done.returncode == UNAVAILABLE, args
        assert error(done)["code"] == "UNAVAILABLE"
    done = run_cli(None, "--json", "watch", "--timeout", "0.2", env=env)
    assert done.returncode == UNAVAILABLE
    assert error(done)["code"] == "UNAVAILABLE"


def test_a_command_without_an_answer_names_its_id(tmp_path):
    env = {"RENTBUS_API": f"ipc://{tmp_path}/nobody.sock"}
    done = run_cli(None, "--timeout", "0.2", "user", "put", "u1", "--id", COMMAND_ID, env=env)
    assert done.returncode == UNAVAILABLE
    assert f"--id {COMMAND_ID}" in done.stderr


def test_flags_beat_the_environment(daemon):
    env = {"RENTBUS_API": "ipc:///nowhere/api.sock"}
    assert run_cli(daemon, "hello", env=env).returncode == OK


@pytest.mark.parametrize("endpoint", ["nonsense", "ipc://", "tcp://host", ""])
def test_a_bad_endpoint(endpoint):
    for args in (("hello",), ("watch", "--timeout", "0.2")):
        done = run_cli(None, "--json", "--api", endpoint, "--timeout", "0.3", *args)
        assert done.returncode == CONFIGURATION, (endpoint, done.stderr)
        assert error(done)["code"] == "CONFIGURATION"


@pytest.mark.parametrize(
    "args, words",
    [
        (("chekout",), "did you mean checkout?"),
        (("xyzzyplugh",), "unknown verb xyzzyplugh"),
        (("list", "--stauts", "COMPLETED"), "did you mean --status?"),
        (("list", "-z"), "unknown option -z"),
        (("list", "--limit"), "--limit needs a value"),
        (("list", "--limit", "many"), "--limit"),
        (("list", "--limit", "-1"), "--limit"),
        (("list", "--expired", "--not-expired"), "not both"),
        (("list", "word"), "word"),
        (("get",), "missing"),
        (("get", "a", "b"), "too much"),
        (("checkout", "--user", "u1", "--asset", "m1"), "--location"),
        (("checkout", "--user", "u", "--asset", "a", "--location", "l", "--expires",
          "2025-01-01T00:00:00Z", "--period", "P1D"), "not both"),
        (("return",), "--asset or --rental"),
        (("return", "--asset", "m1"), "--location"),
        (("return", "--event", "-", "--user", "u1"), "do not go together"),
        (("user",), "put, get or list?"),
        (("user", "lst"), "did you mean list?"),
        (("user", "put"), "missing"),
        (("user", "list", "--name", "x"), "--name is for put"),
        (("location", "put", "l1", "--limit", "1"), "--limit is for list"),
        (("asset", "put", "m1"), "--type"),
        (("user", "put", "u1", "--id", "x"), "UUID"),
        (("command", "got", COMMAND_ID), "get"),
        (("command", "get", "x"), "UUID"),
        (("call", "rental.retrun"), "did you mean rental.return?"),
        (("events", "--from", "1", "--since", "2025-01-01T00:00:00Z"), "not both"),
        (("watch", "--since", "yesterday"), "--since"),
        (("watch", "--count", "x"), "--count"),
        (("watch", "--timeout", "P1Y"), "--timeout"),
        (("--timeout", "0", "hello"), "--timeout"),
        (("--timeout", "soon", "hello"), "--timeout"),
        (("--json=yes", "hello"), "takes no value"),
        (("import",), "missing"),
        (("help", "chekout"), "did you mean checkout?"),
    ],
)
def test_usage(args, words):
    done = run_cli(None, *args)
    assert done.returncode == USAGE
    assert done.stdout == ""
    first, usage = done.stderr.splitlines()[:2]
    assert first.startswith("rentbus: ") and words in first
    assert usage.startswith("Usage: rentbus ")
    as_json = run_cli(None, *args, "--json")
    assert as_json.returncode == USAGE
    assert error(as_json)["code"] == "USAGE"


@pytest.mark.parametrize(
    "args, field",
    [
        (("return", "--asset", "a", "--location", "l", "--at", "2025-02-30T00:00:00Z"),
         "timestamp"),
        (("return", "--asset", "x" * 129, "--location", "l"), "asset_id"),
        (("return", "--asset", "", "--location", "l"), "asset_id"),
        (("checkout", "--user", "u", "--asset", "a", "--location", "l", "--period", "P1M"),
         "loan_period"),
        (("checkout", "--user", "u", "--asset", "a", "--location", "l", "--eligible", "a,,b"),
         "eligible_asset_types"),
        (("list", "--status", "LOST"), "status"),
        (("user", "put", "x\ny"), "id"),
        (("user", "put", "u", "--name", "x" * 1025), "name"),
        (("events", "--since", "yesterday"), "since"),
        (("events", "--type", ","), "types"),
    ],
)
def test_bad_values_name_their_field(args, field):
    done = run_cli(None, "--json", *args)
    assert done.returncode == BAD_DATA
    assert error(done) == {
        "code": "INVALID_ARGUMENT",
        "field": field,
        "message": error(done)["message"],
    }
    assert f"{field}: " in run_cli(None, *args).stderr


def test_bytes_that_are_no_utf8(daemon):
    argv = [harness.bin_dir() / "rentbus", "--api", daemon.api, "--json"]
    argv += ["user", "put", b"\xff\xfe"]
    done = subprocess.run(argv, capture_output=True)
    assert done.returncode == BAD_DATA
    assert json.loads(done.stderr)["error"]["field"] == "id"
    argv[-3:] = [b"\xff\x1b[31m"]
    done = subprocess.run(argv, capture_output=True)
    assert done.returncode == USAGE
    assert "\\xff\\x1b" in json.loads(done.stderr)["error"]["message"]


def test_files_that_are_not_there(daemon, tmp_path):
    for args in (("import", "/nonexistent"), ("return", "--event", "/nonexistent"),
                 ("import", tmp_path), ("return", "--event", tmp_path)):
        assert run_cli(daemon, *args).returncode == BAD_DATA, args
    done = run_cli(daemon, "export", "--output", tmp_path / "no" / "file")
    assert done.returncode == OUTPUT


def test_output_that_cannot_be_written(daemon):
    argv = [harness.bin_dir() / "rentbus", "--api", daemon.api]
    for verb in (["hello"], ["events"], ["export"], ["hello", "--json"], ["help"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*argv, *verb], stdout=full, stderr=subprocess.PIPE)
        expected = OK if verb == ["export"] else OUTPUT  # an empty ledger writes nothing
        assert done.returncode == expected, (verb, done.stderr)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(daemon, closed):
    command = f'exec "$0" "$@" {closed}'
    argv = ["sh", "-c", command, harness.bin_dir() / "rentbus", "--api", daemon.api, "hello"]
    done = subprocess.run(argv, capture_output=True, encoding="utf-8")
    assert done.returncode == (OUTPUT if ">&-" in closed.replace("2>&-", "") else OK)
