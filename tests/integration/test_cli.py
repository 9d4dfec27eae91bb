# SPDX-License-Identifier: MPL-2.0
"""The command line against a running daemon: verbs, shapes, exit codes."""
import base64
import json
import re
import signal
import subprocess

import pytest

import harness
from harness import run_cli, spawn_cli

OK, REJECTED, USAGE, NOT_FOUND, BAD_DATA, TRY_AGAIN = 0, 1, 2, 4, 65, 75

COMMAND_ID = "01890000-0000-7000-8000-000000000001"


def lines(done):
    """The JSON lines of a run."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def ok(daemon, *args, **more):
    """A run that must end with 0; its JSON lines."""
    done = run_cli(daemon, "--json", *args, **more)
    assert done.returncode == OK, done.stderr
    assert done.stderr == ""
    return lines(done)


def error(done):
    """The one JSON error of a run."""
    (line,) = done.stderr.splitlines()
    return json.loads(line)["error"]


@pytest.fixture
def shop(daemon):
    """A user, a mug and a bowl."""
    ok(daemon, "user", "put", "u1", "--name", "Björn")
    ok(daemon, "asset", "put", "m1", "--type", "mug")
    ok(daemon, "asset", "put", "b1", "--type", "bowl")
    return daemon


def checkout(daemon, asset="m1", *args):
    (result,) = ok(
        daemon, "checkout", "--user", "u1", "--asset", asset, "--location", "L1", *args
    )
    return result


# ---- the five scans ----


def test_the_five_scans(daemon, reusables):
    assert run_cli(daemon, "import", reusables.database).stdout == (
        "65 rows: 65 new, 0 already there, 0 bad\n"
    )
    done = run_cli(daemon, "return", "--event", *reusables.scan_files)
    assert done.returncode == REJECTED
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "COMPLETED rental 2152d14c-708d-4053-9f3f-246fd472f1aa (user tpg_u0001, asset tpg_a00001),"
        " matched by oldest",
        "COMPLETED rental cf13bd77-7921-46b5-bfd1-1a2faa0686ea (user tpg_u0002, asset tpg_a00015),"
        " matched by oldest",
        "REJECTED ASSET_UNKNOWN",
        "COMPLETED rental e97ac892-32ff-419d-9cc3-993e3e7d9ccc (user tpg_u0004, asset tpg_a00025),"
        " matched by oldest",
        "COMPLETED rental 814404a3-89bf-4df1-b2f3-8d92acaf6b40 (user tpg_u0001, asset tpg_a00002),"
        " matched by oldest",
    ]
    again = run_cli(daemon, "--json", "return", "--event", reusables.scan_files[0])
    assert again.returncode == OK
    assert lines(again)[0]["reason"] == "ALREADY_RETURNED"


def test_each_scan_has_its_own_exit_code(daemon, reusables):
    run_cli(daemon, "import", reusables.database)
    codes = [run_cli(daemon, "return", "--event", path).returncode for path in reusables.scan_files]
    assert codes == [OK, OK, REJECTED, OK, OK]


def test_scans_on_standard_input(daemon, reusables):
    run_cli(daemon, "import", reusables.database)
    stream = "\n".join(json.dumps(scan) for scan in reusables.scans) + "\n\n"
    done = run_cli(daemon, "--json", "return", "--event", "-", stdin=stream)
    assert [line["outcome"] for line in lines(done)] == [
        "COMPLETED",
        "COMPLETED",
        "REJECTED",
        "COMPLETED",
        "COMPLETED",
    ]
    pretty = run_cli(
        daemon, "--json", "return", "--event", "-", stdin=json.dumps(reusables.scans[0], indent=4)
    )
    assert lines(pretty)[0]["reason"] == "ALREADY_RETURNED"


def test_a_bad_scan_does_not_stop_the_next(daemon, reusables):
    run_cli(daemon, "import", reusables.database)
    good = json.dumps(reusables.scans[0])
    stream = "\n".join(
        [
            "nonsense",
            json.dumps({**reusables.scans[0], "asset_qr_data": "!!"}),
            json.dumps({**reusables.scans[0], "timestamp": "2025-02-30T11:00:00Z"}),
            json.dumps({**reusables.scans[0], "surprise": 1}),
            "x" * (1 << 21),
            good,
        ]
    )
    done = run_cli(daemon, "--json", "return", "--event", "-", stdin=stream)
    assert done.returncode == BAD_DATA
    assert [line["outcome"] for line in lines(done)] == ["COMPLETED"]
    errors = [json.loads(line)["error"] for line in done.stderr.splitlines()]
    assert [fault["code"] for fault in errors] == [
        "MALFORMED",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        "TOO_LARGE",
    ]
    assert [fault.get("field") for fault in errors[1:4]] == [
        "asset_qr_data",
        "timestamp",
        "surprise",
    ]
    assert [fault.get("line") for fault in errors[:4]] == [1, 2, 3, 4]


def test_brackets_in_text_open_nothing(shop):
    scan = {"timestamp": "2025-01-01T00:00:00Z", "asset_id": "m1", "location_id": 'L{"\\["'}
    stream = f"{json.dumps(scan)}\n{json.dumps(scan)}\n"
    done = run_cli(shop, "--json", "return", "--event", "-", stdin=stream)
    assert [line["reason"] for line in lines(done)] == ["NO_OPEN_RENTAL"] * 2


def test_a_scan_arrives_while_the_stream_is_open(shop, tmp_path):
    checkout(shop)
    scan = {"timestamp": "2030-01-01T00:00:00Z", "asset_id": "m1", "location_id": "L1"}
    argv = [harness.bin_dir() / "rentbus", "--json", "--api", shop.api, "return", "--event", "-"]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdin.write(json.dumps(scan).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["reason"] == "CLOCK_SKEW"
        process.stdin.close()
        assert process.wait(harness.STOP_DEADLINE) == REJECTED
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# ---- checkout and return by flags ----


def test_checkout_and_return(shop):
    created = checkout(shop, "m1", "--at", "2025-01-01T00:00:00Z", "--period", "P7D")
    rental = created["rental"]
    assert created["outcome"] == "CREATED"
    assert (rental["created_at"], rental["expires_at"]) == (
        "2025-01-01T00:00:00Z",
        "2025-01-08T00:00:00Z",
    )
    assert rental["eligible_asset_types"] == ["mug"]
    assert checkout(shop)["outcome"] == "ALREADY_OUT"

    args = ("--asset", "m1", "--user", "u1", "--location", "L2")
    args += ("--at", "2025-01-02T01:00:00+01:00")
    (done,) = ok(shop, "return", *args)
    assert done["outcome"] == "COMPLETED"
    assert done["matched_by"] == "oldest"
    assert done["rental"]["returned_at"] == "2025-01-02T00:00:00Z"
    (found,) = ok(shop, "get", rental["id"])
    assert found == done["rental"]
    (again,) = ok(shop, "return", *args)
    assert (again["outcome"], again["reason"]) == ("REJECTED", "ALREADY_RETURNED")


def test_times_are_now_unless_said(shop):
    rental = checkout(shop)["rental"]
    (done,) = ok(shop, "return", "--rental", rental["id"], "--at", "now")
    assert done["outcome"] == "COMPLETED"
    assert done["matched_by"] == "rental_id"
    assert rental["created_at"] <= done["rental"]["returned_at"]
    (hello,) = ok(shop, "hello")
    assert done["rental"]["returned_at"] <= hello["time"]


def test_checkout_with_everything(shop):
    created = checkout(
        shop, "m1", "--at", "2025-01-01T00:00:00Z", "--expires", "2025-01-03T00:00:00Z",
        "--eligible", "mug,bowl",
    )
    assert created["rental"]["expires_at"] == "2025-01-03T00:00:00Z"
    assert created["rental"]["eligible_asset_types"] == ["mug", "bowl"]


def test_checkout_scan(shop):
    scan = {
        "location_id": "L1",
        "user_qr_data": base64.b64encode(b"u1").decode(),
        "asset_qr_data": base64.b64encode(b"m1").decode(),
        "timestamp": "2025-01-01T00:00:00Z",
        "loan_period": "P1D",
    }
    (created,) = ok(shop, "checkout", "--event", "-", stdin=json.dumps(scan))
    assert created["rental"]["expires_at"] == "2025-01-02T00:00:00Z"


def test_rejections_end_with_1(shop):
    for args in (
        ("checkout", "--user", "nobody", "--asset", "m1", "--location", "L1"),
        ("checkout", "--user", "u1", "--asset", "nothing", "--location", "L1"),
        ("return", "--user", "u1", "--asset", "m1", "--location", "L1"),
        ("return", "--asset", "nothing", "--location", "L1"),
    ):
        done = run_cli(shop, *args)
        assert done.returncode == REJECTED, args
        assert done.stdout.startswith("REJECTED ")
        assert done.stderr == ""


def test_the_same_command_id_gives_the_first_outcome(shop):
    first = checkout(shop, "m1", "--id", COMMAND_ID)
    second = checkout(shop, "m1", "--id", COMMAND_ID)
    assert first == second
    assert first["command"] == COMMAND_ID
    (known,) = ok(shop, "command", "get", COMMAND_ID)
    assert known == first
    done = run_cli(shop, "command", "get", COMMAND_ID.replace("1", "2"))
    assert done.returncode == NOT_FOUND


def test_the_id_of_a_rejected_command_keeps_its_exit_code(shop):
    args = ("return", "--asset", "m1", "--location", "L1", "--id", COMMAND_ID)
    assert run_cli(shop, *args).returncode == REJECTED
    assert run_cli(shop, *args).returncode == REJECTED
    assert run_cli(shop, "command", "get", COMMAND_ID).returncode == REJECTED


# ---- things ----


def test_things(daemon):
    assert ok(daemon, "user", "put", "u1", "--name", "Ada")[0]["outcome"] == "CREATED"
    assert ok(daemon, "user", "put", "u1", "--name", "Bea")[0]["outcome"] == "UPDATED"
    assert ok(daemon, "user", "put", "u1", "--name", "Bea")[0]["outcome"] == "UNCHANGED"
    assert ok(daemon, "user", "get", "u1") == [{"id": "u1", "name": "Bea"}]
    ok(daemon, "location", "put", "L1")
    assert ok(daemon, "location", "list") == [{"id": "L1"}]
    ok(daemon, "asset", "put", "m1", "--type", "mug")
    assert ok(daemon, "asset", "get", "m1") == [{"id": "m1", "asset_type": "mug"}]
    ok(daemon, "asset-type", "put", "mug", "--period", "PT36H", "--eligible", "mug,cup")
    assert ok(daemon, "asset-type", "list") == [
        {
            "id": "mug",
            "loan_period": "P1DT12H",
            "renewal_period": "P1DT12H",
            "eligible_asset_types": ["mug", "cup"],
        }
    ]
    for thing in ("user", "location", "asset", "asset-type"):
        assert run_cli(daemon, thing, "get", "nothing").returncode == NOT_FOUND


def test_lists_page_through_everything(daemon, client):
    for number in range(1203):
        client.send("user.put", {"id": f"u{number:05}"})
    for _ in range(1203):
        client.receive()
    found = [user["id"] for user in ok(daemon, "user", "list")]
    assert sorted(found) == [f"u{number:05}" for number in range(1203)]
    assert len(ok(daemon, "user", "list", "--limit", "777")) == 777
    assert ok(daemon, "user", "list", "--limit", "0") == []
    plain = run_cli(daemon, "user", "list").stdout.splitlines()
    assert len(plain) == 1204
    assert [line for line in plain if "USER" in line] == plain[:1]


def test_list_filters(daemon, reusables):
    run_cli(daemon, "import", reusables.database)

    def count(*args):
        return len(ok(daemon, "list", *args))

    assert count() == 10
    assert count("--user", "tpg_u0005") == 3
    assert count("--asset", "tpg_a00040") == 1
    assert count("--status", "COMPLETED") == 3
    assert count("--expired") == 7
    assert count("--not-expired") == 0
    assert count("--user", "tpg_u0005", "--status", "IN_PROGRESS", "--limit", "1") == 1
    assert count("--user", "nobody") == 0


def test_tables_for_people(daemon, reusables):
    run_cli(daemon, "import", reusables.database)
    table = run_cli(daemon, "list", "--user", "tpg_u0004").stdout.splitlines()
    assert table[0].split("  ")[0].startswith("RENTAL")
    assert len(table) == 3
    assert "\033" not in "".join(table)
    assert run_cli(daemon, "list", "--user", "nobody").stdout == ""
    assert "Björn K." in run_cli(daemon, "user", "list", env={"LC_ALL": "C"}).stdout
    record = run_cli(daemon, "get", "2152d14c-708d-4053-9f3f-246fd472f1aa").stdout
    assert re.search(r"^status +IN_PROGRESS$", record, re.M)
    assert re.search(r"^head +\d+$", run_cli(daemon, "stats").stdout, re.M)
    assert re.search(r"^ledger +\w+$", run_cli(daemon, "hello").stdout, re.M)


def test_control_characters_do_not_reach_the_terminal(daemon, client):
    client.ok("user.put", id="u1", name="red\033[31m\u009b31m")
    for args in (("user", "list"), ("user", "get", "u1"), ("events", "--from", "2")):
        shown = run_cli(daemon, *args).stdout
        assert "red" in shown
        assert "\033" not in shown and "\u009b" not in shown


# ---- events ----


def test_events(shop):
    everything = ok(shop, "events")
    assert [event["seq"] for event in everything] == list(range(1, len(everything) + 1))
    assert [event["type"] for event in everything[:2]] == ["HELLO_EVENT", "USER_CREATED_EVENT"]
    assert everything[1]["specversion"] == "1.0"
    assert everything[1]["data"] == {"id": "u1", "name": "Björn"}
    assert ok(shop, "events", "--from", "3") == everything[2:]
    assert ok(shop, "events", "--from", "2", "--to", "3") == everything[1:3]
    assert ok(shop, "events", "--limit", "2") == everything[:2]
    assert ok(shop, "events", "--since", everything[2]["time"]) == everything[2:]
    assert ok(shop, "events", "--since", "2999-01-01T00:00:00Z") == []
    assert ok(shop, "events", "--from", "99") == []
    types = ("--type", "ASSET_CREATED_EVENT")
    assert [event["subject"] for event in ok(shop, "events", *types)] == ["m1", "b1"]
    both = ok(shop, "events", *types, "--type", "HELLO_EVENT")
    assert both == ok(shop, "events", "--type", "HELLO_EVENT,ASSET_CREATED_EVENT")
    assert len(both) == 3
    plain = run_cli(shop, "events", "--from", "2", "--limit", "1").stdout
    assert re.fullmatch(r"2  \S+Z  USER_CREATED_EVENT  u1  id=u1  name=Björn\n", plain)


def test_many_events_page(daemon, client):
    for number in range(1000):  # and the greeting: one more than two pages
        client.send("location.put", {"id": f"L{number}"})
    for _ in range(1000):
        client.receive()
    assert [event["seq"] for event in ok(daemon, "events")] == list(range(1, 1002))


def test_watch_catches_up(shop):
    head = ok(shop, "hello")[0]["head"]
    seen = ok(shop, "watch", "--since", "1", "--count", str(head))
    assert seen == ok(shop, "events")
    since = seen[2]["time"]
    assert ok(shop, "watch", "--since", since, "--count", str(head - 2)) == seen[2:]
    one = ok(shop, "watch", "--since", "1", "--type", "ASSET_CREATED_EVENT", "--count", "1")
    assert one == [event for event in seen if event["type"] == "ASSET_CREATED_EVENT"][:1]


def test_watch_lives_through_a_restart(shop, tmp_path):
    head = ok(shop, "hello")[0]["head"]
    watch = spawn_cli(
        shop, "watch", "--json", "--since", str(head), "--count", "4", directory=tmp_path
    )
    first = json.loads(watch.next_line())
    assert first["seq"] == head
    rental = checkout(shop)["rental"]
    assert json.loads(watch.next_line())["type"] == "RENTAL_CHECKOUT_EVENT"
    assert json.loads(watch.next_line())["subject"] == rental["id"]
    shop.restart()
    assert json.loads(watch.next_line())["type"] == "HELLO_EVENT"
    assert watch.wait() == OK


def test_watch_in_time_or_not(shop):
    assert run_cli(shop, "watch", "--timeout", "2").returncode == OK
    done = run_cli(shop, "watch", "--json", "--timeout", "2", "--count", "1")
    assert done.returncode == TRY_AGAIN
    assert error(done)["code"] == "TRY_AGAIN"
    done = run_cli(shop, "watch", "--since", "1", "--timeout", "PT30S", "--count", "1")
    assert done.returncode == OK


def test_watch_stops_when_its_reader_goes(shop):
    argv = [harness.bin_dir() / "rentbus", "--api", shop.api, "--events", shop.events]
    watch = subprocess.Popen([*argv, "watch", "--since", "1"], stdout=subprocess.PIPE)
    try:
        assert b"HELLO_EVENT" in watch.stdout.readline()
        watch.stdout.close()

        # The next event finds the pipe closed.
        ok(shop, "location", "put", "L1")
        watch.wait(harness.STOP_DEADLINE)
        assert watch.returncode == -signal.SIGPIPE
    finally:
        watch.kill()
        watch.wait()


# ---- verify, export, call ----


def test_verify(shop):
    checkout(shop)
    (result,) = ok(shop, "verify")
    assert result["events"] == ok(shop, "hello")[0]["head"]
    assert "problem" not in result
    assert "agree" in run_cli(shop, "verify").stdout


def test_call(shop):
    (page,) = ok(shop, "call", "asset.list", '{"limit":1}')
    assert page["assets"] == [{"id": "b1", "asset_type": "bowl"}] or page["assets"][0]["id"] == "m1"
    assert page["cursor"]
    (page,) = ok(shop, "call", "asset.list", "-", stdin='{\n  "limit": 1\n}\n')
    assert len(page["assets"]) == 1
    (hello,) = ok(shop, "call", "hello")
    assert hello["protocol"] == 1
    done = run_cli(shop, "call", "rental.return", '{"timestamp":"2025-01-01T00:00:00Z",'
                   '"asset_id":"nothing","location_id":"L1"}')
    assert done.returncode == REJECTED
    assert json.loads(done.stdout)["reason"] == "ASSET_UNKNOWN"
    done = run_cli(shop, "call", "--json", "user.get", "{}")
    assert done.returncode == BAD_DATA
    assert error(done)["field"] == "id"
    assert run_cli(shop, "call", "user.get", "{").returncode == BAD_DATA
    assert run_cli(shop, "call", "user.got").returncode == USAGE


# ---- colour ----


def test_colour_only_where_it_is_wanted(shop):
    def run_on_terminal(*args, **env):
        variables = "".join(f"{name}={value} " for name, value in env.items())
        command = f"{variables}{harness.bin_dir()}/rentbus --api {shop.api} {' '.join(args)}"
        argv = ["script", "-qec", command, "/dev/null"]
        return subprocess.run(argv, capture_output=True, encoding="utf-8").stdout

    assert "\033[32mUPDATED\033[0m" in run_on_terminal("user put u1 --name A")
    assert "\033" not in run_on_terminal("user put u1 --name B", NO_COLOR="1")
    assert "\033" not in run_on_terminal("user put u1 --name C --no-color")
    assert "\033" not in run_on_terminal("user put u1 --name D --json")
    assert "\033" not in run_cli(shop, "user", "put", "u1", "--name", "E").stdout
