# SPDX-License-Identifier: MPL-2.0
"""Settings: flags, environment and file, and what is said about those that are wrong."""
import re
from pathlib import Path

import pytest

from harness import Process, bin_dir

EXAMPLE = Path(__file__).resolve().parents[2] / "daemon/rentbusd.conf"


def run(tmp_path, *args, env=None):
    """Runs rentbusd to its end, with no other settings than these: (exit code, stdout, stderr)."""
    number = len(list(tmp_path.glob("run*.log")))
    process = Process([bin_dir() / "rentbusd", *args], tmp_path, f"run{number}", env).launch()
    return process.wait(), process.output(), process.log()


def test_help_and_version(tmp_path):
    for flag in ("-h", "--help"):
        code, output, errors = run(tmp_path, flag)
        assert code == 0 and output.startswith("Usage: rentbusd") and not errors
        for word in ("--data", "--api", "--events", "--ledger", "--config"):
            assert word in output
    for flag in ("-V", "--version"):
        code, output, errors = run(tmp_path, flag)
        assert code == 0 and re.fullmatch(r"rentbusd \d+\.\d+\.\d+\n", output) and not errors


@pytest.mark.parametrize(
    "args", [["--nothing"], ["-x"], ["--data"], ["word"], ["--check-config", "word"], ["--help=x"]]
)
def test_bad_usage(tmp_path, args):
    code, output, errors = run(tmp_path, *args)
    assert code == 2 and not output
    assert "Try 'rentbusd --help'" in errors and args[-1].lstrip("-").split("=")[0] in errors


DEFAULTS = {
    "data": "/var/lib/rentbus",
    "api": "ipc:///run/rentbus/api.sock",
    "events": "ipc:///run/rentbus/events.sock",
    "ledger": "main",
    "default_role": "admin",
    "stall_after": "PT1M",
    "snapshot_every": "1000000",
    "archive_lag": "524288",
}


def settings(tmp_path, *args, env=None):
    """What --check-config prints, as a dict; it must be content."""
    code, output, errors = run(tmp_path, *args, "--check-config", env=env)
    assert code == 0 and not errors, errors
    return dict(re.fullmatch(r'(\w+) = "(.*)"', line).groups() for line in output.splitlines())


def test_defaults(tmp_path):
    assert settings(tmp_path) == DEFAULTS


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path):
    given = {
        "data": ("/f", "/e", "/l"),
        "api": ("ipc:///f", "ipc:///e", "tcp://127.0.0.1:1"),
        "events": ("ipc:///f2", "tcp://[::1]:*", "tcp://localhost:2"),
        "ledger": ("f", "e-1", "L.2_x"),
    }
    # Roles stand in the file alone; this has no flag.
    unsaid = ("default_role", "stall_after", "snapshot_every", "archive_lag")
    role = {key: DEFAULTS[key] for key in unsaid}
    file = tmp_path / "all.conf"
    file.write_text("# first\n" + "".join(f'{key} = "{v[0]}"\n' for key, v in given.items()))
    env = {f"RENTBUS_{key.upper()}": v[1] for key, v in given.items()}
    flags = [f"--{key.replace('_', '-')}={v[2]}" for key, v in given.items()]
    read = {"RENTBUS_CONFIG": str(file)}
    assert settings(tmp_path, "--config", file) == role | {key: v[0] for key, v in given.items()}
    assert settings(tmp_path, env=read) == role | {key: v[0] for key, v in given.items()}
    assert settings(tmp_path, env={**read, **env}) == role | {key: v[1] for key, v in given.items()}
    assert settings(tmp_path, *flags, env={**read, **env}) == role | {k: v[2] for k, v in given.items()}
    other = tmp_path / "other.conf"
    other.write_text("ledger = 'other'\n")
    assert settings(tmp_path, "-c", other, env=read) == {**DEFAULTS, "ledger": "other"}
    # What it prints is a file that it takes.
    code, output, _ = run(tmp_path, *flags, "--check-config")
    other.write_text(output)
    assert code == 0 and settings(tmp_path, "-c", other) == role | {k: v[2] for k, v in given.items()}


def test_stall_after(tmp_path):
    file = tmp_path / "stall.conf"
    file.write_text("stall_after = PT90S\n")
    assert settings(tmp_path, "-c", file)["stall_after"] == "PT1M30S"
    variable = {"RENTBUS_STALL_AFTER": "P1D"}
    assert settings(tmp_path, "-c", file, env=variable)["stall_after"] == "P1D"


def test_snapshot_every(tmp_path):
    file = tmp_path / "snapshot.conf"
    file.write_text("snapshot_every = 5000\n")
    assert settings(tmp_path, "-c", file)["snapshot_every"] == "5000"
    assert settings(tmp_path, "-c", file, env={"RENTBUS_SNAPSHOT_EVERY": "0"})["snapshot_every"] == "0"
    for bad in ("-1", "1e6", "1000000000001", '""'):
        file.write_text(f"snapshot_every = {bad}\n")
        code, output, errors = run(tmp_path, "-c", file, "--check-config")
        assert code == 78 and not output and "snapshot_every" in errors, bad


def test_archive_lag(tmp_path):
    file = tmp_path / "archive.conf"
    file.write_text("archive_lag = 5000\n")
    assert settings(tmp_path, "-c", file)["archive_lag"] == "5000"
    assert settings(tmp_path, "-c", file, env={"RENTBUS_ARCHIVE_LAG": "1000"})["archive_lag"] == "1000"
    for bad in ("-1", "999", "100000001", '""'):
        file.write_text(f"archive_lag = {bad}\n")
        code, output, errors = run(tmp_path, "-c", file, "--check-config")
        assert code == 78 and not output and "archive_lag" in errors, bad


BAD = [
    ("data", ""),
    ("data", "x" * 4096),
    ("api", ""),
    ("api", "/run/api.sock"),
    ("api", "inproc://api"),
    ("api", "ipc://relative"),
    ("api", "ipc:///" + "x" * 107),
    ("api", "tcp://0.0.0.0:5555"),
    ("api", "tcp://*:5555"),
    ("api", "tcp://192.168.0.1:5555"),
    ("api", "tcp://127.0.0.1.example.org:5555"),
    ("api", "tcp://[::]:5555"),
    ("api", "tcp://eth0:5555"),
    ("api", "tcp://127.0.0.1"),
    ("api", "tcp://127.0.0.1:"),
    ("api", "tcp://127.0.0.1:65536"),
    ("api", "tcp://127.0.0.1:-1"),
    ("api", "tcp://127.0.0.1:80x"),
    ("events", "tcp://0.0.0.0:5556"),
    ("events", "udp://127.0.0.1:1"),
    ("ledger", ""),
    ("ledger", "a/b"),
    ("ledger", "ä"),
    ("ledger", "x" * 65),
]


@pytest.mark.parametrize("key, value", BAD, ids=lambda text: text[:20] or "empty")
def test_bad_values_from_everywhere(tmp_path, key, value):
    """Each is told with where it stands: 78, and nothing is made."""
    flag = f"--{key.replace('_', '-')}"
    code, _, errors = run(tmp_path, flag, value)
    assert code == 78 and errors.startswith(f"rentbusd: {flag}: "), errors
    variable = f"RENTBUS_{key.upper()}"
    code, _, errors = run(tmp_path, env={variable: value})
    assert code == 78 and errors.startswith(f"rentbusd: {variable}: "), errors
    file = tmp_path / "bad.conf"
    file.write_text(f"\n# more\n{key} = '{value}'\n")
    for check in ([], ["--check-config"]):
        code, output, errors = run(tmp_path, "--config", file, *check)
        assert code == 78 and not output and errors.startswith(f"rentbusd: {file}:3: {key}"), errors
    assert {path.suffix for path in tmp_path.iterdir()} <= {".log", ".out", ".conf"}


@pytest.mark.parametrize(
    "text, line, word",
    [
        ("ledger = a\nlegder = b\n", 2, "legder"),
        ("\n\n'x' = 1\n", 3, "x"),
        ("data =\n", 1, ""),
        ("data = /a\n\nledger = \"unended\n", 3, ""),
        ("api {\n}\n", 1, ""),
    ],
)
def test_bad_files(tmp_path, text, line, word):
    file = tmp_path / "bad.conf"
    file.write_text(text)
    code, output, errors = run(tmp_path, "--config", file, "--check-config")
    assert code == 78 and not output
    assert re.search(rf"^rentbusd: {file}:\d+: .*{word}", errors), errors
    assert abs(int(errors.split(":")[2]) - line) <= 1


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "missing.conf", tmp_path):
        code, output, errors = run(tmp_path, "--config", path, "--check-config")
        assert code == 78 and not output and errors.startswith(f"rentbusd: {path}: "), errors


def test_the_example_is_the_default(tmp_path):
    assert settings(tmp_path, "--config", EXAMPLE) == DEFAULTS
    plain = tmp_path / "plain.conf"
    plain.write_text(re.sub(r"(?m)^#(\w+ = )", r"\1", EXAMPLE.read_text()))
    assert plain.read_text() != EXAMPLE.read_text()
    assert settings(tmp_path, "--config", plain) == DEFAULTS


def test_one_endpoint_for_both(tmp_path):
    code, _, errors = run(tmp_path, "-a", "ipc:///x", "-e", "ipc:///x", "--check-config")
    assert code == 78 and "api and events" in errors and "ipc:///x" in errors
