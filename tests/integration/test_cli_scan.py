# SPDX-License-Identifier: MPL-2.0
"""rentbus scan: scans that wait for the daemon in a file, and come to it once, in order."""
import base64
import json
import os
import random

import pytest

import harness
from desk import errors, head, lines, ok, one, open_desk
from harness import Daemon, run_cli, wait_until

OK, REJECTED, USAGE, BAD_DATA, UNAVAILABLE, TRY_AGAIN = 0, 1, 2, 65, 69, 75


def qr(text):
    return base64.b64encode(text.encode()).decode()


class Scanner(harness.Process):
    """`rentbus scan` with a pipe to type into."""

    def __init__(self, daemon, spool, *args):
        self._in, self._out = None, None
        argv = [harness.bin_dir() / "rentbus", "--api", daemon.api, "--events", daemon.events]
        argv += ["--json", "--timeout", "60", "scan", "--spool", spool, *args]
        super().__init__(argv, spool.parent, f"scan-{harness.mark()}")
        self._in, self._out = os.pipe()
        self.launch(self._in)
        os.close(self._in)

    def type(self, *typed):
        os.write(self._out, "".join(line + "\n" for line in typed).encode())
        return self

    def end(self):
        os.close(self._out)
        self._out = None
        return self.wait()

    def close(self):
        if self._out is not None:
            os.close(self._out)
            self._out = None
        super().close()

    def said(self, member):
        """What it printed so far that has the member."""
        text = self.output()
        found = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [line for line in found if member in line]

    def kept(self, count):
        """Waits until so many scans are said to be kept; their ids."""
        wait_until(lambda: len(self.said("kept")) >= count, what=f"{count} scans: {self.log()}")
        return [line["kept"] for line in self.said("kept")]

    def answered(self, count):
        wait_until(lambda: len(self.said("outcome")) >= count, what=f"{count} answers: {self.log()}")
        return self.said("outcome")


def spooled(spool):
    """The scans in the file."""
    return [
        line for line in map(json.loads, spool.read_text("utf-8").splitlines()) if "op" in line
    ]


def rejected(spool):
    path = spool.with_name(spool.name + ".rejected")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def scans_of(daemon, *types):
    """The (device_seq, asset) of every scan in the journal, in its order."""
    args = [word for each in types or ("RENTAL_RETURN_EVENT",) for word in ("--type", each)]
    return [
        (event["data"].get("device_seq"), event["data"]["asset_id"])
        for event in ok(daemon, "events", *args)
    ]


def stopped(daemon):
    assert daemon.stop() == 0
    return daemon


class Nowhere:
    """A daemon that is away for good."""

    api = events = "ipc:///nonexistent/rentbus.sock"


def away(spool, *words):
    """Assets scanned at L1 while there is no daemon; options behind them."""
    assets = [word for word in words if word.startswith("m")]
    typed = "".join(qr(asset) + "\n" for asset in assets)
    done = scan(Nowhere, spool, typed, "--location", "L1", *words[len(assets) :], timeout="0.1")
    assert done.returncode == UNAVAILABLE
    return done


@pytest.fixture
def desk(daemon):
    return open_desk(daemon)


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "scans.ndjson"


def scan(daemon, spool, typed, *args, timeout="60"):
    return run_cli(daemon, "--json", "--timeout", timeout, "scan", "--spool", spool, *args, stdin=typed)


def test_scans_with_the_daemon_there(desk, spool):
    checkout = f"{qr('u1')} {qr('m1')}\n"
    done = scan(desk, spool, checkout, "--checkout", "--location", "L1", "--device", "bin")
    assert (done.returncode, done.stderr) == (OK, "")
    kept, answer = lines(done)
    assert kept["device_seq"] == 1 and answer["command"] == kept["kept"]
    assert answer["outcome"] == "CREATED" and answer["rental"]["asset_id"] == "m1"
    done = scan(desk, spool, f"{qr('m1')}\n", "--location", "L2")
    assert [line.get("outcome") for line in lines(done)] == [None, "COMPLETED"]
    assert lines(done)[1]["rental"]["returned_at_location_id"] == "L2"
    assert json.loads(spool.read_text()) == {"device_id": "bin", "device_seq": 2}
    assert one(desk, "device", "get", "bin") == {
        "id": "bin", "holes": [], "missing": 0, "device_seq": 2,
    }


def test_what_people_see(desk, spool):
    done = run_cli(desk, "scan", "--spool", spool, "--location", "L1", stdin=f"{qr('m1')}\n{qr('x')}")
    assert done.returncode == REJECTED
    assert done.stdout.splitlines()[:1] == ["kept m1"]
    assert set(done.stdout.splitlines()) == {
        "kept m1", "kept x", "m1: REJECTED NO_OPEN_RENTAL", "x: REJECTED ASSET_UNKNOWN",
    }
    assert done.stderr == ""


def test_scans_go_on_while_the_daemon_is_away(desk, spool):
    stopped(desk)
    with_daemon_gone = Scanner(desk, spool, "--location", "L1", "--device", "bin")
    for number in range(1, 6):
        with_daemon_gone.type(qr(f"m{number}"))
        ids = with_daemon_gone.kept(number)  # each at once
    assert [line["id"] for line in spooled(spool)] == ids
    assert [line["args"]["device_seq"] for line in spooled(spool)] == [1, 2, 3, 4, 5]
    assert with_daemon_gone.said("outcome") == []
    desk.start()
    answers = with_daemon_gone.answered(5)
    assert [answer["command"] for answer in answers] == ids
    with_daemon_gone.type(qr("m1"))
    with_daemon_gone.answered(6)
    assert with_daemon_gone.end() == REJECTED
    assert [seq for seq, _ in scans_of(desk)] == [1, 2, 3, 4, 5, 6]
    assert spooled(spool) == []


def test_what_an_earlier_run_left_is_uploaded(desk, spool):
    done = away(spool, *(f"m{number % 3 + 1}" for number in range(450)), "--device", "bin")
    assert len(spooled(spool)) == 450 == len(lines(done))
    assert scan(Nowhere, spool, "", "--upload", timeout="0.2").returncode == UNAVAILABLE
    assert len(spooled(spool)) == 450
    done = scan(desk, spool, "", "--upload")
    assert done.returncode == REJECTED  # nothing was out
    assert [seq for seq, _ in scans_of(desk)] == list(range(1, 451))
    assert spooled(spool) == [] and len(rejected(spool)) == 450
    before = head(desk)
    assert scan(desk, spool, "", "--upload").returncode == OK
    assert head(desk) == before
    # The sequence goes on though the file is empty.
    scan(desk, spool, qr("m1"), "--location", "L1")
    assert scans_of(desk)[-1] == (451, "m1")


def test_rejected_and_refused_scans_are_kept_aside(desk, spool):
    typed = [
        qr("m1"),
        json.dumps({"asset_id": "m1", "user_id": "u1", "op": "x"}),
        json.dumps({"op": "user.put", "args": {"id": "u1"}}),
        "no base64!",
        json.dumps({"location_id": "L9"}),  # of what?
        json.dumps({"op": "rental.checkout", "args": {"user_id": "u1", "asset_id": "m1"}}),
        json.dumps({"rental_id": "r9", "location_id": "L1"}),
    ]
    done = scan(desk, spool, "\n".join(typed), "--location", "L1")
    assert done.returncode == BAD_DATA
    faults = errors(done)
    assert [(fault["line"], fault.get("field")) for fault in faults if "line" in fault] == [
        (2, "op"), (3, "op"), (4, "asset_qr_data"),
    ]
    refused = rejected(spool)
    assert [(line["op"], line.get("outcome"), line.get("error", {}).get("code")) for line in refused] == [
        ("rental.return", "REJECTED", None),
        ("rental.return", None, "INVALID_ARGUMENT"),
        ("rental.return", None, "NOT_FOUND"),
    ]
    assert refused[0]["reasons"] == ["NO_OPEN_RENTAL"]
    assert [line.get("outcome") for line in lines(done) if "outcome" in line] == ["REJECTED", "CREATED"]
    assert spooled(spool) == []


def test_a_scan_is_kept_aside_once(desk, spool):
    """As after a crash between FILE.rejected and FILE."""
    away(spool, "m1", "m2")
    waiting = spool.read_bytes()
    scan(desk, spool, "", "--upload")
    aside = spool.with_name(spool.name + ".rejected")
    before = aside.read_bytes()
    assert len(rejected(spool)) == 2 and spooled(spool) == []
    spool.write_bytes(waiting)
    aside.write_bytes(before.splitlines(True)[0] + before.splitlines(True)[1][:-9])
    assert scan(desk, spool, "", "--upload").returncode == REJECTED
    assert aside.read_bytes() == before and spooled(spool) == []
    assert len(scans_of(desk)) == 2


def test_two_processes_cannot_share_a_spool(desk, spool):
    first = Scanner(desk, spool, "--location", "L1")
    first.type(qr("m1")).answered(1)
    done = scan(desk, spool, qr("m2"), "--location", "L1")
    assert done.returncode == TRY_AGAIN and errors(done)[0]["code"] == "TRY_AGAIN"
    first.type(qr("m1")).answered(2)  # the file was renamed over in between
    assert scan(desk, spool, "", "--upload").returncode == TRY_AGAIN
    assert first.end() == REJECTED
    assert scan(desk, spool, "", "--upload").returncode == OK
    assert len(scans_of(desk)) == 2


def test_a_torn_line_is_kept_aside(desk, spool):
    away(spool, "m1", "m2", "m3", "--device", "bin")
    whole = spool.read_bytes()
    spool.write_bytes(whole[:-20])
    done = scan(desk, spool, qr("m1"), "--location", "L1")
    (fault,) = errors(done)
    assert fault["code"] == "MALFORMED" and "1 line" in fault["message"]
    torn = spool.with_name(spool.name + ".torn")
    assert torn.read_bytes().rstrip(b"\n") == whole[:-20].splitlines()[-1]
    # Its number was never said to be kept.
    assert scans_of(desk) == [(1, "m1"), (2, "m2"), (3, "m1")]


def test_lines_that_are_no_scans_are_kept_aside(desk, spool):
    away(spool, "m1", "m2")
    first, second = spool.read_text().splitlines()
    spool.write_bytes(b"\0" * 4096 + b"\n" + first.encode() + b"\ngarbage\n" + second.encode() +
                      b"\n" + b"y" * 200000 + b"\n" + b"\0" * 9)
    done = scan(desk, spool, "", "--upload")
    assert "4 lines" in errors(done)[0]["message"]
    assert [asset for _, asset in scans_of(desk)] == ["m1", "m2"]
    assert spooled(spool) == []
    assert spool.with_name(spool.name + ".torn").stat().st_size == 4097 + 8 + 200001 + 10


def test_a_file_that_is_cut_anywhere(desk, spool):
    """Scans whose lines are whole come; nothing else does."""
    away(spool, "m1", "m2", "--device", "bin")
    text = spool.read_bytes()
    for length in range(0, len(text), 41):
        path = spool.with_name(f"cut-{length}")
        path.write_bytes(text[:length])
        whole = [line for line in text[:length].split(b"\n")[:-1] if b'"op"' in line]
        done = scan(desk, path, "", "--upload")
        assert len(lines(done)) == len(whole), (length, done.stderr)
        assert spooled(path) == []
        assert ("set aside" in done.stderr) == (text[:length][-1:] not in (b"", b"\n")), length


def test_a_spool_belongs_to_a_device(desk, spool):
    assert scan(desk, spool, "", "--device", "bin").returncode == OK
    done = scan(desk, spool, "", "--device", "other")
    assert done.returncode == BAD_DATA and "bin" in errors(done)[0]["message"]
    assert scan(desk, spool, "", "--device", "").returncode == USAGE


def test_a_lost_file_does_not_lose_scans(desk, spool):
    scan(desk, spool, f"{qr('m1')}\n{qr('m2')}", "--location", "L1", "--device", "bin")
    spool.unlink()
    scan(desk, spool, qr("m3"), "--location", "L1", "--device", "bin")
    assert scans_of(desk) == [(1, "m1"), (2, "m2"), (3, "m3")]
    # While the daemon is away nobody knows: then the scan is refused, shown and kept aside.
    spool.unlink()
    away(spool, "m1", "--device", "bin")
    done = scan(desk, spool, "", "--upload")
    assert (done.returncode, errors(done)[0]["field"]) == (BAD_DATA, "device_seq")
    assert [line["error"]["code"] for line in rejected(spool) if "error" in line] == ["CONFLICT"]
    scan(desk, spool, qr("m2"), "--location", "L1")
    assert scans_of(desk)[-1] == (4, "m2")


def test_clocks_that_are_off(desk, spool):
    typed = json.dumps({"asset_id": "m1", "location_id": "L1", "timestamp": "2025-01-01T00:00:10Z"})
    scan(desk, spool, typed, "--clock-offset", "10000")
    scan(desk, spool, typed, "--clock-offset", "-500")
    events = ok(desk, "events", "--type", "RENTAL_RETURN_EVENT")
    assert [event["data"]["occurred_at"] for event in events] == [
        "2025-01-01T00:00:00Z", "2025-01-01T00:00:10.500000Z",
    ]


@pytest.mark.parametrize(
    "args",
    [(), ("--spool", "/nowhere/at/all"), ("--spool", "/tmp"), ("--spool", "/dev/null"), ("--spool", "x", "y"),
     ("--spool", "x", "--clock-offset", "many"), ("--spool", "x", "--location", "a\nb")],
)
def test_wrong_words(desk, args, tmp_path):
    done = run_cli(desk, "--json", "scan", *args, stdin=qr("m1"))
    assert done.returncode in (USAGE, BAD_DATA, 74) and len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.soak
def test_killed_at_any_moment(tmp_path, spool):
    """Scanner and daemon are killed at random: every scan that was said to be kept is in the
    journal once, in order; and each one of the journal is one that was typed."""
    random_ = random.Random(seed := random.SystemRandom().randrange(1 << 32))
    desk = open_desk(Daemon(tmp_path / "desk").start())
    said = []
    for _ in harness.rounds(8):
        if not desk.running and random_.random() < 0.8:
            desk.start()
        scanner = Scanner(desk, spool, "--location", "L1", "--device", "bin")
        typed = random_.randrange(1, 60)
        scanner.type(*(qr(f"m{random_.randrange(1, 4)}") for _ in range(typed)))
        wanted = random_.randrange(typed + 1)
        wait_until(lambda: len(scanner.said("kept")) >= wanted, what=f"seed {seed}: {scanner.log()}")
        if desk.running and random_.random() < 0.3:
            desk.kill()
        scanner.kill()
        said += [line["kept"] for line in scanner.said("kept")]
        assert "set aside" not in scanner.log() or "torn" in scanner.log()
    if not desk.running:
        desk.start()
    scan(desk, spool, "", "--upload")
    events = ok(desk, "events", "--type", "RENTAL_RETURN_EVENT")
    commands = [event["command"] for event in events]
    assert len(set(commands)) == len(commands), f"seed {seed}"
    assert [command for command in commands if command in set(said)] == said, f"seed {seed}"
    numbers = [event["data"]["device_seq"] for event in events]
    assert numbers == list(range(1, len(numbers) + 1)), f"seed {seed}"
    assert spooled(spool) == []
    kept_aside = [line["id"] for line in rejected(spool)]
    assert sorted(kept_aside) == sorted(commands), f"seed {seed}: each rejected scan once"
    assert desk.stop() == 0
