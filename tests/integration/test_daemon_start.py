# SPDX-License-Identifier: MPL-2.0
"""Starting and stopping: what is in use already, what is damaged, and what systemd is told."""
import os
import signal
import socket
import stat

import pytest
import zmq

import harness
from harness import Client, ServiceManager, Subscriber, bindable, free_port, wait_until
from ledgers import read_events, verify


def fails(daemon, code):
    """Starts a daemon that must end by itself; its log."""
    daemon.launch()
    assert daemon.wait() == code, daemon.log()
    assert "event=ready" not in daemon.log() and "event=stopped" not in daemon.log()
    return daemon.log()


# ---- what is in use ----


def untouched(daemon):
    """The daemon answers over new connections, and its socket files are those that it made."""
    with Client(daemon.api) as client, Subscriber(daemon.events).settle(client):
        assert client.ok("hello")["head"]
    for endpoint in (daemon.api, daemon.events):
        assert stat.S_ISSOCK(os.stat(endpoint.removeprefix("ipc://")).st_mode)


def socket_inodes(daemon):
    return [os.stat(url.removeprefix("ipc://")).st_ino for url in (daemon.api, daemon.events)]


def test_second_daemon_on_the_same_data(daemon, tmp_path):
    inodes = socket_inodes(daemon)
    other = f"ipc://{tmp_path}/"
    second = harness.Daemon(tmp_path, api=other + "b.sock", events=other + "c.sock")
    second.log_path = tmp_path / "second.log"
    log = fails(second, 75)
    assert f'name="{daemon.data}"' in log and "another rentbusd" in log
    assert not (tmp_path / "b.sock").exists() and not (tmp_path / "c.sock").exists()
    third = harness.Daemon(tmp_path)
    third.log_path = tmp_path / "third.log"
    assert f'name="{daemon.data}"' in fails(third, 75)
    untouched(daemon)
    assert inodes == socket_inodes(daemon)


@pytest.mark.parametrize("taken", ["api", "events"])
def test_second_daemon_on_the_same_socket(daemon, tmp_path, taken):
    path = getattr(daemon, taken).removeprefix("ipc://")
    inode = os.stat(path).st_ino
    for times in range(2):
        second = harness.Daemon(tmp_path / "second", **{taken: getattr(daemon, taken)})
        log = fails(second, 75)
        assert f"what={taken}" in log and f'name="ipc://{path}"' in log and "in use" in log
    untouched(daemon)
    assert os.stat(path).st_ino == inode
    assert not (tmp_path / "second/data/journal.db").exists(), "the data was opened all the same"


def test_a_socket_of_another_program(tmp_path):
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        log = fails(harness.Daemon(tmp_path), 75)
        assert "another program listens" in log and str(path) in log
        assert path.exists() and not (tmp_path / "events.sock").exists()


def test_a_file_where_the_socket_should_be(tmp_path):
    (tmp_path / "api.sock").write_text("precious")
    log = fails(harness.Daemon(tmp_path), 75)
    assert "no socket" in log and (tmp_path / "api.sock").read_text() == "precious"


@pytest.mark.parametrize("taken", ["api", "events"])
def test_tcp_port_in_use(tmp_path, taken):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        url = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        log = fails(harness.Daemon(tmp_path, **{taken: url}), 75)
        assert f"what={taken}" in log and url in log and "another program listens" in log


def test_a_stale_socket_is_taken_over(daemon, client):
    client.ok("user.put", id="u1")
    assert daemon.kill() == -signal.SIGKILL
    for endpoint in (daemon.api, daemon.events):
        assert os.path.exists(endpoint.removeprefix("ipc://"))
    daemon.start()
    untouched(daemon)
    assert client.ok("user.get", id="u1")


def test_a_folder_that_is_not_there(tmp_path):
    daemon = harness.Daemon(tmp_path, api=f"ipc://{tmp_path}/missing/api.sock")
    log = fails(daemon, 71)
    assert "what=api" in log and "missing/api.sock" in log and "No such file" in log


def test_modes_of_files(tmp_path):
    before = os.umask(0o022)
    try:
        with harness.Daemon(tmp_path) as daemon:
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
            assert modes["api.sock"] == modes["events.sock"] == 0o660
            assert modes["data"] == 0o750
            assert all(path.stat().st_mode & 0o002 == 0 for path in daemon.data.iterdir())
    finally:
        os.umask(before)
    assert not list(tmp_path.glob("*.sock"))


# ---- tcp ----


@pytest.fixture
def ipv6():
    """Sockets of this test connect over IPv6 too."""
    context = zmq.Context.instance()
    context.IPV6 = 1
    yield
    context.IPV6 = 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "[::1]", "localhost"])
def test_tcp_on_the_loopback(tmp_path, ipv6, host):
    if not bindable(host):
        pytest.skip(f"this machine has no {host}")
    api, events = free_port(), free_port()
    daemon = harness.Daemon(tmp_path, api=f"tcp://{host}:{api}", events=f"tcp://{host}:{events}")
    reached = "127.0.0.1" if host == "localhost" else host
    daemon.api, daemon.events = f"tcp://{reached}:{api}", f"tcp://{reached}:{events}"
    daemon.start()
    with Client(daemon.api, "REQ") as client, Subscriber(daemon.events) as subscriber:
        subscriber.settle(client)
        assert client.ok("hello")["actor"] == "anonymous"
        seq = client.ok("user.put", id="u1")["seq"]
        event = subscriber.collect_until(lambda event: event["seq"] == seq)[-1]
        assert event["subject"] == "u1" and event["actor"] == "anonymous"
    assert daemon.stop() == 0


def test_tcp_on_any_port_says_which(tmp_path):
    daemon = harness.Daemon(tmp_path, api="tcp://127.0.0.1:*", events="tcp://127.0.0.1:0").launch()
    line = wait_until(lambda: [line for line in daemon.log().split("\n") if "event=ready" in line])
    told = dict(pair.split("=", 1) for pair in line[0].split() if "=" in pair)
    with Client(told["api"]) as client, Subscriber(told["events"]).settle(client):
        assert client.ok("hello")["head"]
    assert daemon.stop() == 0


# ---- the data ----


def test_the_actor_is_the_user_of_the_peer(client):
    assert client.ok("hello")["actor"] == f"uid:{os.getuid()}"
    seq = client.ok("user.put", id="u1")["seq"]
    (event,) = client.ok("events.read", from_seq=seq)["events"]
    assert event["actor"] == f"uid:{os.getuid()}"


def test_another_ledger_on_old_data(daemon):
    assert daemon.stop() == 0
    other = [*daemon.argv, "--ledger", "other"]
    daemon.argv, own = other, daemon.argv
    daemon.launch()
    assert daemon.wait() == 78
    assert "another ledger" in daemon.log() and str(daemon.data) in daemon.log()
    daemon.argv = own
    daemon.start()
    with Client(daemon.api) as client:
        assert client.ok("hello")["ledger"] == "main"
        verify(client)


def fill(daemon, count=3000):
    with Client(daemon.api) as client:
        for number in range(count):
            client.send("user.put", {"id": f"u{number}", "name": "x" * 200})
        for _ in range(count):
            client.receive()


@pytest.mark.parametrize("what", ["noise at its front", "noise in it", "cut", "text"])
def test_a_damaged_journal(daemon, what):
    """Nothing is served from it, and it is left as it is for whoever mends it."""
    fill(daemon)
    assert daemon.stop() == 0
    path = daemon.data / "journal.db"
    assert not list(daemon.data.glob("journal.db-wal")), "all is in the file after a stop"
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = {
        "noise at its front": os.urandom(4096) + whole[4096:],
        "noise in it": whole[:middle] + os.urandom(8192) + whole[middle + 8192 :],
        "cut": whole[:middle],
        "text": b"this is not a journal\n" * 1000,
    }[what]
    path.write_bytes(damaged)
    (daemon.data / "archive.db").unlink()
    daemon.launch()
    code = daemon.wait()
    print(code, daemon.log())
    assert code in (74, 78)
    place, error = daemon.log().split("event=start_failed")[1].split(" error=")
    assert f'name="{daemon.data}"' in place
    assert "is damaged" in error or "not a database" in error, error
    assert path.read_bytes()[:4096] == damaged[:4096] and len(path.read_bytes()) == len(damaged)


@pytest.mark.parametrize("lose", [os.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "empty"])
def test_a_lost_journal(daemon, lose):
    """A new ledger beside the archive of an old one would pass for the whole."""
    assert daemon.stop() == 0
    lose(daemon.data / "journal.db")
    daemon.launch()
    assert daemon.wait() == 78 and "journal.db is lost" in daemon.log()
    (daemon.data / "archive.db").unlink()
    daemon.start()


def test_a_full_disk_at_the_start(tmp_path):
    daemon = harness.Daemon(tmp_path)
    daemon.argv = ["/usr/bin/prlimit", "--fsize=8192", *daemon.argv]
    log = fails(daemon, 74)
    assert f'name="{daemon.data}"' in log
    daemon.argv = daemon.argv[2:]
    daemon.start()
    with Client(daemon.api) as client:
        assert [event["type"] for event in read_events(client)][0] == "HELLO_EVENT"


def test_data_that_is_no_folder(tmp_path):
    (tmp_path / "data").write_text("precious")
    log = fails(harness.Daemon(tmp_path), 71)
    assert f'name="{tmp_path}/data"' in log and "Not a directory" in log


# ---- systemd ----


@pytest.fixture
def manager(tmp_path):
    return ServiceManager(tmp_path)


def until(manager, wanted):
    """The lines up to the wanted one."""
    seen = []
    while wanted not in seen:
        seen.append(manager.next())
    return seen


def test_systemd_is_told(tmp_path, manager):
    env = {**manager.env, "WATCHDOG_USEC": "200000"}
    daemon = harness.Daemon(tmp_path, env=env).launch()
    until(manager, "READY=1")
    with Client(daemon.api) as client:
        assert client.call("hello")["ok"], "ready, and serves nobody"
    assert manager.next().startswith("STATUS=Serving ledger main on ipc://")
    for _ in range(5):
        until(manager, "WATCHDOG=1")
    daemon.signal(signal.SIGTERM)
    assert "READY=1" not in until(manager, "STOPPING=1")
    assert daemon.wait() == 0


def test_no_ready_before_it_serves(tmp_path, manager):
    daemon = harness.Daemon(tmp_path, env=manager.env)
    (tmp_path / "api.sock").write_text("in the way")
    fails(daemon, 75)
    (tmp_path / "api.sock").unlink()
    daemon.launch()
    assert until(manager, "READY=1") == ["READY=1"]
    daemon.signal(signal.SIGINT)
    until(manager, "STOPPING=1")
    assert daemon.wait() == 0


def test_the_watchdog_is_fed_under_load(tmp_path, manager):
    env = {**manager.env, "WATCHDOG_USEC": "400000"}
    daemon = harness.Daemon(tmp_path, env=env).launch()
    until(manager, "READY=1")
    fill(daemon, 5000)
    daemon.signal(signal.SIGTERM)
    assert until(manager, "STOPPING=1").count("WATCHDOG=1") >= 1
    assert daemon.wait() == 0


def test_priorities_for_the_journal_of_the_system(tmp_path):
    with harness.Daemon(tmp_path, env={"JOURNAL_STREAM": "1:2"}) as daemon:
        assert all(line.startswith("<") and line[2] == ">" for line in daemon.log().splitlines())
