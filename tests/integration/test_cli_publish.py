# SPDX-License-Identifier: MPL-2.0
"""`rentbus publish`."""
import json

import pytest

from harness import run_cli


def last_event(client):
    return client.ok("events.read", from_seq=client.ok("hello")["head"])["events"][-1]


def test_an_event_of_ones_own(daemon, client):
    done = run_cli(daemon, "publish", "fee.due", "--subject", "u1", "--data", '{"fee": 3.5}')
    assert (done.returncode, done.stdout) == (0, "CREATED event fee.due\n")
    event = last_event(client)
    assert (event["type"], event["subject"], event["data"]) == ("fee.due", "u1", {"fee": 3.5})


def test_nothing_but_a_type(daemon, client):
    assert run_cli(daemon, "publish", "tick").returncode == 0
    event = last_event(client)
    assert event["data"] == {} and "subject" not in event and "cause" not in event


def test_data_from_standard_input_and_a_cause(daemon, client):
    run_cli(daemon, "publish", "one")
    data = '{"text": "a \\"quoted\\" word",\n "big": 9007199254740993, "none": null}\n'
    done = run_cli(daemon, "publish", "two", "--data", "-", "--cause", "2", "--json", stdin=data)
    assert done.returncode == 0 and json.loads(done.stdout)["outcome"] == "CREATED"
    event = last_event(client)
    assert event["data"] == {"text": 'a "quoted" word', "big": 2**53 + 1, "none": None}
    assert event["cause"] == 2


def test_again_with_its_id_is_once(daemon, client):
    words = ("publish", "once", "--id", "01890a5d-ac96-774b-bcce-b302099a8057")
    assert run_cli(daemon, *words).stdout == run_cli(daemon, *words).stdout
    assert client.ok("hello")["head"] == 2


def test_dry_run(daemon, client):
    words = ("publish", "maybe", "--subject", "u1", "--data", '{"fee": 3}', "--dry-run")
    done = run_cli(daemon, *words)
    assert done.returncode == 0 and done.stdout.startswith("DRY RUN would be CREATED event maybe\n")
    assert done.stdout.splitlines()[-1].split() == ["maybe", "u1", "fee=3"]
    told = json.loads(run_cli(daemon, *words, "--json").stdout)
    assert told["events"] == [{"type": "maybe", "subject": "u1", "data": {"fee": 3}}]
    assert client.ok("hello")["head"] == 1


def test_lists_are_shown_by_what_is_in_them(daemon):
    lists = {
        "ids": ["a", "b"],
        "seqs": [{"seq": 7}, {"seq": 9}],
        "holes": [{"first": 3, "last": 7}, {"first": 9, "last": 9}],
        "sums": [1, 2.5, True, {"at": 1}],
        "none": [],
    }
    run_cli(daemon, "publish", "lists", "--data", json.dumps(lists))
    shown = set(run_cli(daemon, "events", "--type", "lists").stdout.split()[3:])
    assert shown == {"ids=a,b", "seqs=7,9", "holes=3-7,9-9", "sums=1,2.5,yes,...", "none="}


@pytest.mark.parametrize(
    "words, code, told",
    [
        (("RENTAL_MINE",), 65, "type"),
        (("CONSUMER_X",), 65, "type"),
        (("with space",), 65, "type"),
        (("",), 65, "type"),
        (("x" * 201,), 65, "type"),
        (("t", "--data", "[1]"), 65, "--data"),
        (("t", "--data", "3"), 65, "--data"),
        (("t", "--data", ""), 65, "--data"),
        (("t", "--data", '{"a":1,"a":2}'), 65, "--data"),
        (("t", "--data", '{"a":1} {"b":2}'), 65, "--data"),
        (("t", "--data", '{},"subject":"x","data":{}'), 65, "--data"),
        (("t", "--subject", ""), 65, "subject"),
        (("t", "--cause", "99"), 4, "cause"),
        (("t", "--cause", "x"), 65, "cause"),
        ((), 2, "missing"),
        (("t", "u"), 2, "too much"),
    ],
)
def test_refused(daemon, client, words, code, told):
    done = run_cli(daemon, "publish", *words)
    assert done.returncode == code and told in done.stderr and done.stdout == ""
    assert client.ok("hello")["head"] == 1
