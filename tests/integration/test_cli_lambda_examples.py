# SPDX-License-Identifier: MPL-2.0
"""The handlers of cli/examples, as their own first lines say to run them."""
import json
from email import message_from_string

import pytest

import harness
from harness import run_cli, wait_until
from lambdas import DEADLINE, start, until

EXAMPLES = harness.TESTS.parent / "cli" / "examples"


@pytest.fixture
def lent(daemon, client):
    """A mug that is overdue the moment it is lent."""
    client.ok("user.put", id="u1")
    client.ok("asset_type.put", id="mug", loan_period="PT1S", due_soon_lead="PT1S")
    client.ok("location.put", id="hall")
    client.ok("asset.put", id="mug1", asset_type="mug")
    taken = run_cli(
        daemon, "checkout", "--user", "u1", "--asset", "mug1", "--location", "hall", "--json"
    )
    assert taken.returncode == 0, taken.stderr
    return json.loads(taken.stdout)["rental"]


def test_notify(daemon, client, lent, tmp_path):
    words = ("--on", "RENTAL_DUE_SOON_EVENT", "--on", "RENTAL_EXPIRED_EVENT", "--from", "first")
    host = start(daemon, tmp_path, "notify", *words, "--", EXAMPLES / "notify.sh")
    until(client, "notify", acked=2)
    assert host.stop() == 0 and host.log() == ""
    letters = [message_from_string("To: " + text) for text in host.output().split("To: ")[1:]]
    assert [letter["To"] for letter in letters] == ["u1@example.org"] * 2
    assert [letter["Subject"] for letter in letters] == ["mug1 is due soon", "mug1 is overdue"]
    assert lent["expires_at"] in letters[0].get_payload()


def test_late_fees(daemon, client, lent, tmp_path):
    words = ("--on", "RENTAL_EXPIRED_EVENT", "--from", "first", "--publish")
    host = start(daemon, tmp_path, "late-fees", *words, "--", EXAMPLES / "late_fees.py")
    until(client, "late-fees", acked=1)
    assert host.stop() == 0 and host.log() == ""
    (fee,) = [e for e in client.ok("events.read")["events"] if e["type"] == "fee.late"]
    assert (fee["subject"], fee["consumer"], fee["hops"]) == ("u1", "late-fees", 1)
    assert fee["data"] == {"user_id": "u1", "rental_id": lent["id"], "cents": 50}


def test_rewards_survive_a_replay(daemon, client, lent, tmp_path):
    back = run_cli(daemon, "return", "--asset", "mug1", "--user", "u1", "--location", "hall")
    late = back.returncode != 0
    if late:
        client.ok("policy.put", late_return="forgive_within:P7D")
        run_cli(daemon, "return", "--asset", "mug1", "--user", "u1", "--location", "hall")
    points = tmp_path / "points"
    points.mkdir()
    words = ("--on", "RENTAL_RETURN_COMPLETE_EVENT", "--from", "first", "--stream")
    host = start(daemon, tmp_path, "rewards", *words, "--", EXAMPLES / "rewards.py", points)
    until(client, "rewards", acked=1)
    client.ok("consumer.reset", id="rewards", start="first")
    until(client, "rewards", acked=2, lag=0)
    assert host.stop() == 0
    assert json.loads((points / "u1.json").read_text())["points"] == 10


@pytest.fixture
def returned(daemon, client):
    """Four mugs of two users that were overdue, and came back."""
    client.ok("asset_type.put", id="mug", loan_period="PT1S", due_soon_lead="PT1S")
    client.ok("location.put", id="hall")
    client.ok("policy.put", late_return="forgive_within:P7D")
    pairs = [{"asset_id": f"m{n}", "user_id": f"u{n % 2}", "location_id": "hall"} for n in range(4)]
    for pair in pairs:
        client.ok("user.put", id=pair["user_id"])
        client.ok("asset.put", id=pair["asset_id"], asset_type="mug")
        client.ok("rental.checkout", **pair)
    wait_until(lambda: count(client, "RENTAL_EXPIRED_EVENT") == 4, DEADLINE, "four are overdue")
    for pair in pairs:
        client.ok("rental.return", **pair, timestamp=client.ok("hello")["time"])
    assert count(client, "RENTAL_RETURN_COMPLETE_EVENT") == 4


def count(client, type):
    return len(client.ok("events.read", types=[type])["events"])


def test_all_of_them_hold_in_a_drill(daemon, client, returned, tmp_path):
    head = client.ok("hello")["head"]
    expired, soon = "RENTAL_EXPIRED_EVENT", "RENTAL_DUE_SOON_EVENT"
    for name, *words in [
        ("notify.sh", "--on", expired, "--on", soon),
        ("late_fees.py", "--on", expired, "--publish"),
        ("rewards.py", "--on", "RENTAL_RETURN_COMPLETE_EVENT", "--stream"),
    ]:
        argv = ("lambda", "drill", name, "--last", "3", *words, "--", EXAMPLES / name)
        done = run_cli(daemon, *argv, env={"TMPDIR": str(tmp_path)}, timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), (name, done.stdout, done.stderr)
        assert done.stdout.startswith("3 events") and done.stdout.endswith(f"{name} held\n")
    assert client.ok("hello")["head"] == head
