# SPDX-License-Identifier: MPL-2.0
"""The examples of workers and event loops, as a reader would run them."""
import json
import subprocess

import harness
from harness import Process, wait_until
from ledgers import at, read_events

DEADLINE = 60


def example(daemon, directory, name, *args, stdin=None):
    env = {"RENTBUS_API": daemon.api, "RENTBUS_EVENTS": daemon.events}
    argv = [harness.bin_dir() / f"example_{name}", *args]
    return Process(argv, directory, f"{name}-{harness.mark()}", env).launch(stdin)


def lend_and_return(client, times, user="user-1", first=0):
    for number in range(first, first + times):
        scan = {"user_id": user, "asset_id": "box-1", "location_id": "bin-1"}
        client.ok("rental.checkout", **scan, timestamp=at(minutes=2 * number))
        client.ok("rental.return", **scan, timestamp=at(minutes=2 * number + 1))


def stock(client):
    for user in ("user-1", "user-2"):
        client.ok("user.put", id=user)
    client.ok("asset.put", id="box-1", asset_type="large-bowl")


def wait_done(client, consumer):
    def done():
        reply = client.call("consumer.get", {"id": consumer})
        status = reply["ok"] and reply["result"]["consumer"]
        return status and status["lag"] == 0 and status["in_flight"] == 0

    wait_until(done, DEADLINE)


def test_worker(daemon, client, tmp_path):
    client.ok("consumer.put", id="all", start="first")
    stock(client)
    worker = example(daemon, tmp_path, "worker", "all")
    wait_done(client, "all")
    assert worker.stop() == 0, worker.log()
    seen = sorted(json.loads(line)["seq"] for line in worker.output().splitlines())
    assert seen == [e["seq"] for e in read_events(client) if not e["type"].startswith("CONSUMER_")]
    missing = example(daemon, tmp_path, "worker", "nobody")
    assert missing.wait() == 1 and "no such consumer" in missing.log()


def test_notify(daemon, client, tmp_path):
    notify = example(daemon, tmp_path, "notify", "mail")
    stock(client)
    wait_until(lambda: client.call("consumer.get", {"id": "mail"})["ok"], DEADLINE)
    client.ok("asset_type.put", id="large-bowl", loan_period="P3D", due_soon_lead="P5D")
    lend_and_return(client, 1)
    client.ok("rental.checkout", user_id="user-2", asset_id="box-1", location_id="bin-1")
    wait_done(client, "mail")
    wait_until(lambda: notify.output().count("\n.\n") >= 2, DEADLINE)
    assert notify.stop() == 0, notify.log()
    mails = notify.output().split("\n.\n")

    def told(user, subject, text):
        start = f"To: {user}\nSubject: {subject}\n\nHello,\n\nbox-1 {text} 20"
        return sum(mail.startswith(start) for mail in mails)

    assert told("user-1", "Thank you", "came back; it was due on") == 1
    assert told("user-2", "Please bring it back soon", "is due on") == 1


def rewards(client):
    return [e["subject"] for e in read_events(client) if e["type"] == "reward.granted"]


def test_rewards_survive_replay(daemon, client, tmp_path):
    stock(client)
    lend_and_return(client, 7)
    granting = example(daemon, tmp_path, "rewards", "bonus")
    wait_done(client, "bonus")
    assert rewards(client) == ["user-1"] * 2
    granting.kill()

    lend_and_return(client, 4, "user-2", first=7)
    lend_and_return(client, 2, first=11)
    granting = example(daemon, tmp_path, "rewards", "bonus")
    wait_done(client, "bonus")
    assert sorted(rewards(client)) == ["user-1"] * 3 + ["user-2"]

    client.ok("consumer.reset", id="bonus", start="first")
    wait_until(lambda: client.ok("consumer.get", id="bonus")["consumer"]["lag"] == 0, DEADLINE)
    assert sorted(rewards(client)) == ["user-1"] * 3 + ["user-2"]
    assert granting.stop() == 0, granting.log()
    granted = [e for e in read_events(client) if e["type"] == "reward.granted"]
    assert len({e["cause"] for e in granted}) == 4
    assert {e["consumer"] for e in granted} == {"bonus"}


def test_epoll(daemon, client, tmp_path):
    client.ok("consumer.put", id="all", start="first", types=["LOCATION_CREATED_EVENT"])
    loop = example(daemon, tmp_path, "epoll", "all")
    for number in range(200):
        client.ok("location.put", id=f"bin-{number}")
        if number == 100:
            wait_done(client, "all")
    wait_done(client, "all")
    assert loop.stop() == 0, loop.log()
    seqs = [int(line.split()[0]) for line in loop.output().splitlines()]
    wanted = [e["seq"] for e in read_events(client) if e["type"] == "LOCATION_CREATED_EVENT"]
    assert sorted(seqs) == wanted


def test_poll(daemon, client, tmp_path):
    loop = example(daemon, tmp_path, "poll", stdin=subprocess.PIPE)
    stdin = loop._popen.stdin
    for number in range(20):
        stdin.write(f"bin-{number}\n".encode())
        stdin.flush()

    def shown(text):
        return sum(text in line for line in loop.output().splitlines())

    wait_until(lambda: shown("put: CREATED") == 20, DEADLINE)
    wait_until(lambda: shown(" LOCATION_CREATED_EVENT") == 20, DEADLINE)
    stdin.write(b"bin-1\n")
    stdin.flush()
    wait_until(lambda: shown("put: UNCHANGED") == 1, DEADLINE)
    stdin.close()
    assert loop.wait() == 0, loop.log()
