# SPDX-License-Identifier: MPL-2.0
"""`rentbus bench`: the ledger that it makes up, the load that it puts on, and what it says of it."""
import json
import signal
import time

import pytest

from harness import REPLY_DEADLINE, run_cli, spawn_cli, wait_until
from ledgers import read_events

USAGE, BAD_DATA, UNAVAILABLE = 2, 65, 69
DEADLINE = 60
SMALL = "20,200,60,40"


def bench(daemon, *words, code=0):
    done = run_cli(daemon, "--json", "bench", *words, timeout=DEADLINE)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else json.loads(done.stderr)["error"]


def counts(client):
    stats = client.ok("stats")
    return {name: stats[name] for name in ("users", "assets", "rentals", "open", "locations")}


@pytest.fixture
def prepared(daemon):
    bench(daemon, "--prepare", SMALL)
    return daemon


def test_prepare_makes_what_it_was_asked_for(daemon, client):
    rows = 5 + 20 + 20 + 200 + 60 + 40
    assert bench(daemon, "--prepare", SMALL) == {
        "rows": rows, "new": rows, "already_there": 0, "bad": 0,
    }
    # One user more, who says how large it is.
    expected = {"users": 21, "assets": 200, "rentals": 100, "open": 60, "locations": 20}
    assert counts(client) == expected
    assert client.ok("rental.get", rental_id="bench-open-00000059")["rental"]["status"] == "IN_PROGRESS"
    assert client.ok("rental.get", rental_id="bench-closed-00000039")["rental"]["status"] == "COMPLETED"
    assert bench(daemon, "--prepare", SMALL)["new"] == 0
    assert counts(client) == expected
    assert run_cli(daemon, "verify").returncode == 0


def test_prepare_numbers_its_commands_upwards(prepared, client):
    """A command above all others is new for sure: no archive is searched for it."""
    commands = [event["command"] for event in read_events(client) if "command" in event]
    assert len(commands) > 345 and commands == sorted(set(commands))


def test_prepare_goes_on_after_it_was_cut_off(daemon, client, tmp_path):
    sizes = "10,6000,500,500"
    run = spawn_cli(daemon, "bench", "--prepare", sizes, directory=tmp_path)
    wait_until(lambda: client.ok("stats")["assets"] > 4500, DEADLINE)
    if run.running:
        run.kill()
    after = bench(daemon, "--prepare", sizes)
    # What is there for sure is not sent again.
    assert after["bad"] == 0 and after["rows"] < 5 + 20 + 10 + 6000 + 500 + 500
    assert counts(client) == {
        "users": 11, "assets": 6000, "rentals": 1000, "open": 500, "locations": 20,
    }


def test_prepare_leaves_a_ledger_in_use_alone(daemon, client):
    client.ok("user.put", id="ada")
    before = client.ok("hello")["head"]
    refused = bench(daemon, "--prepare", SMALL, code=BAD_DATA)
    assert refused["code"] == "PRECONDITION_FAILED" and "other things" in refused["message"]
    assert client.ok("hello")["head"] == before
    assert bench(daemon, "--prepare", SMALL, "--yes")["bad"] == 0
    assert counts(client)["users"] == 22


def test_other_sizes_want_another_ledger(prepared, client):
    before = client.ok("hello")["head"]
    refused = bench(prepared, "--prepare", "20,201,60,40", code=BAD_DATA)
    assert refused["code"] == "PRECONDITION_FAILED" and "other sizes" in refused["message"]
    assert client.ok("hello")["head"] == before


def test_a_load_wants_a_ledger_that_is_prepared(daemon):
    assert bench(daemon, "--count", "1", code=BAD_DATA)["code"] == "PRECONDITION_FAILED"


def test_the_load_is_what_was_asked_for(prepared, client):
    mix = "get=4,list=2,return=2,checkout=2"
    for clients in (1, 3):
        before = client.ok("stats")
        said = bench(prepared, "--count", "600", "--clients", clients, "--mix", mix)
        after = client.ok("stats")
        kinds = {kind: said[kind]["requests"] for kind in ("get", "list", "return", "checkout")}
        assert sum(kinds.values()) == said["all"]["requests"] == 600
        assert min(kinds.values()) > 60 and kinds["get"] > kinds["list"]
        assert said["errors"] == {} and said["rejected"] == 0
        assert after["returns"] - before["returns"] == kinds["return"]
        assert after["rentals"] - before["rentals"] == kinds["checkout"]
        for kind in (*kinds, "all"):
            told = [said[kind][f"{name}_us"] for name in ("p50", "p90", "p99", "p99_9", "max")]
            assert told == sorted(told) and told[0] > 0
    assert run_cli(prepared, "verify").returncode == 0


def test_scans_turn_round_when_there_is_nothing_left(prepared, client):
    said = bench(prepared, "--count", "400", "--mix", "checkout=1", "--in-flight", "1")
    assert said["rejected"] == 0 and said["return"]["requests"] > 100
    assert client.ok("stats")["open"] == 200 - said["return"]["requests"] % 2
    said = bench(prepared, "--count", "500", "--mix", "return=1", "--in-flight", "1")
    assert said["rejected"] == 0 and said["checkout"]["requests"] > 100


def test_a_table_for_people(prepared):
    done = run_cli(prepared, "bench", "--count", "50", "--mix", "get=1")
    assert done.returncode == 0 and done.stderr == ""
    head, get, everything = done.stdout.splitlines()
    assert head.split()[:3] == ["requests", "/s", "p50"]
    assert get.split()[:2] == ["get", "50"] and everything.split()[:2] == ["all", "50"]


def test_it_lasts_as_long_as_it_should(prepared):
    begun = time.monotonic()
    said = bench(prepared, "--duration", "0.5", "--rate", "100")
    assert 0.3 < said["seconds"] < DEADLINE and time.monotonic() - begun >= 0.4
    assert 40 <= said["all"]["requests"] <= 50


def test_a_daemon_that_stands_still_shows_in_all_that_was_due(prepared, client, tmp_path):
    """Only one request waits for the daemon, but those behind it are late, too."""
    before = client.ok("stats")["requests"]
    run = spawn_cli(
        prepared, "--json", "bench", "--mix", "get=1", "--rate", "200", "--count", "600",
        "--in-flight", "1", directory=tmp_path,
    )
    wait_until(lambda: client.ok("stats")["requests"] > before + 100, DEADLINE)
    stopped = time.monotonic()
    prepared.signal(signal.SIGSTOP)
    wait_until(lambda: time.monotonic() > stopped + 1, REPLY_DEADLINE)
    prepared.signal(signal.SIGCONT)
    said = json.loads(run.next_line(DEADLINE))
    assert run.wait(DEADLINE) == 0
    assert said["get"]["requests"] == 600 and said["errors"] == {}
    assert said["get"]["p99_us"] > 0.8e6
    assert said["get"]["p90_us"] > 0.4e6


def test_interrupted_it_says_what_it_has(prepared, client, tmp_path):
    before = client.ok("stats")["requests"]
    run = spawn_cli(
        prepared, "--json", "bench", "--duration", "PT1H", "--clients", "2", directory=tmp_path
    )
    wait_until(lambda: client.ok("stats")["requests"] > before + 500, DEADLINE)
    run.signal(signal.SIGINT)
    said = json.loads(run.next_line(DEADLINE))
    assert run.wait(DEADLINE) == 0
    assert said["all"]["requests"] > 0 and said["errors"] == {}
    # It has kept which things are out.
    assert bench(prepared, "--count", "100", "--mix", "return=1,checkout=1")["rejected"] == 0


def test_errors_are_counted_by_their_code(prepared, client, tmp_path):
    before = client.ok("stats")["requests"]
    run = spawn_cli(
        prepared, "--json", "--timeout", "1", "bench", "--rate", "50", "--count", "200",
        "--in-flight", "200", directory=tmp_path,
    )
    wait_until(lambda: client.ok("stats")["requests"] > before + 20, DEADLINE)
    prepared.signal(signal.SIGSTOP)
    said = json.loads(run.next_line(DEADLINE))
    prepared.signal(signal.SIGCONT)
    assert run.wait(DEADLINE) == UNAVAILABLE
    assert set(said["errors"]) == {"TIMEOUT"} and said["all"]["requests"] > 0
    assert said["errors"]["TIMEOUT"] + said["all"]["requests"] == 200


@pytest.mark.parametrize(
    "words",
    [
        ["--prepare", "10,10"],
        ["--prepare", "10,10,11"],
        ["--prepare", "10,10,5,"],
        ["--prepare", "1000001,10,1"],
        ["--prepare", "x"],
        ["--mix", "get"],
        ["--mix", "get=0"],
        ["--mix", "get=1,"],
        ["--mix", "put=1"],
        ["--mix", "get=1000001"],
        ["--clients", "0"],
        ["--clients", "257"],
        ["--in-flight", "0"],
        ["--in-flight", "65537"],
        ["--rate", "0"],
        ["--count", "0"],
        ["--duration", "soon"],
        ["now"],
    ],
)
def test_what_makes_no_sense_is_refused(words):
    done = run_cli(None, "bench", *words)
    assert done.returncode == USAGE and done.stdout == ""
