# SPDX-License-Identifier: MPL-2.0
"""What clients of the HTTP bridge may not do, and that it goes on serving the others meanwhile."""
import os
import random
import re
import signal
import socket
import subprocess

import pytest

import harness
from bridges import begun, frozen


def connect(bridge, timeout=harness.REPLY_DEADLINE):
    return socket.create_connection(("127.0.0.1", bridge.port), timeout)


def read_all(connection):
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except (ConnectionResetError, TimeoutError):
        pass
    return data


def exchange(bridge, request, timeout=harness.REPLY_DEADLINE):
    """What a connection answers to these bytes until it is closed."""
    with connect(bridge, timeout) as connection:
        try:
            connection.sendall(request)
        except OSError:
            pass
        return read_all(connection)


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


def put(path, body=b"", *headers):
    lines = [f"PUT {path} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


# ---- framing ----


@pytest.mark.parametrize(
    "headers, body",
    [
        (["Content-Length: 2", "Transfer-Encoding: chunked"], b"2\r\n{}\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked", "Content-Length: 2"], b"2\r\n{}\r\n0\r\n\r\n"),
        (["Content-Length: 2", "Content-Length: 3"], b"{} "),
        (["Content-Length: 2", "Content-Length: 2"], b"{}"),
        (["Content-Length: +2"], b"{}"),
        (["Content-Length: 2, 2"], b"{}"),
        (["Content-Length: x"], b"{}"),
        (["Transfer-Encoding: gzip"], b"{}"),
        (["Transfer-Encoding: gzip, chunked"], b"2\r\n{}\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"2\r\n{}\r\n0\r\n\r\n"),
        (["Content-Length: 2", "Host: y"], b"{}"),
    ],
)
def test_borders_that_others_may_see_elsewhere_are_refused(bridge, client, headers, body):
    """And what comes behind is not taken for another request."""
    smuggled = b"PUT /users/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    answer = exchange(bridge, put("/users/outer", body, *headers) + smuggled)
    assert status_of(answer) == 400, answer
    assert b"HTTP/1.1 2" not in answer
    assert client.ok("user.list")["users"] == []


def test_what_is_refused_for_want_of_a_host_is_not_done(bridge, client):
    answer = exchange(bridge, b"PUT /users/u1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
    assert status_of(answer) == 400, answer
    assert client.ok("user.list")["users"] == []


def test_chunks_are_put_together(bridge, client):
    body = b'3\r\n{"n\r\nb\r\name":"Ann"}\r\n0\r\n\r\n'
    answer = exchange(bridge, put("/users/u1", body, "Transfer-Encoding: chunked"))
    assert status_of(answer) == 202, answer
    assert client.ok("user.get", id="u1")["user"]["name"] == "Ann"


def test_requests_in_one_go_are_answered_in_order(bridge, client):
    requests = b"".join(
        f"PUT /users/u{number} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}"
        f"GET /users/u{number} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for number in range(100)
    ) + put("/users/last", b"{}", "Content-Length: 2")
    answer = exchange(bridge, requests)
    assert re.findall(rb'{"id":"u(\d+)"}', answer) == [b"%d" % number for number in range(100)]
    assert answer.count(b"HTTP/1.1 202 ") == 101
    assert answer.count(b"HTTP/1.1 200 ") == 100


def test_one_connection_serves_many_requests(bridge, daemon):
    with connect(bridge) as connection:
        for _ in range(50):
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            data = b""
            while not data.endswith(b"}"):
                piece = connection.recv(4096)
                assert piece, "the connection was closed"
                data += piece


# ---- sizes ----


def user_of(size):
    return b'{"name":"' + b"n" * (size - 11) + b'"}'


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    "size, status", [(65536, 400), (65537, 413), (200_000, 413)]
)  # fmt: skip
def test_a_body_has_a_limit(bridge, daemon, chunked, size, status):
    """64 KiB are read, and then the name is too long."""
    body = user_of(size)
    if chunked:
        request = put("/users/u1", b"%x\r\n%s\r\n0\r\n\r\n" % (size, body),
                      "Transfer-Encoding: chunked")  # fmt: skip
    else:
        request = put("/users/u1", body, f"Content-Length: {size}")
    answer = exchange(bridge, request)
    assert status_of(answer) == status, answer
    if status == 413:
        assert b'"code":"TOO_LARGE"' in answer


def test_a_huge_body_is_refused_before_it_is_sent(bridge, daemon):
    with connect(bridge) as connection:
        connection.sendall(put("/users/u1", b"", "Content-Length: 999999999999",
                               "Expect: 100-continue"))  # fmt: skip
        answer = read_all(connection)
    assert status_of(answer) == 413
    assert b"100 Continue" not in answer


def test_a_body_without_end_is_cut_off(bridge, daemon):
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with connect(bridge) as connection:
        connection.sendall(put("/users/u1", b"", "Transfer-Encoding: chunked"))
        with pytest.raises(OSError):
            for _ in range(1000):
                connection.sendall(piece)
    assert bridge.get("/livez").status == 200


@pytest.mark.parametrize(
    "request_bytes, statuses",
    [
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", {413, 431}),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", {413, 431}),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414, 413, 431}),
    ],
    ids=["one header", "many headers", "target"],
)
def test_a_head_has_a_limit(bridge, daemon, request_bytes, statuses):
    answer = exchange(bridge, request_bytes)
    assert answer == b"" or status_of(answer) in statuses, answer[:200]
    assert bridge.get("/livez").status == 200


# ---- garbage ----


@pytest.mark.soak
def test_garbage_is_refused_and_the_others_are_served(bridge, daemon):
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    source = random.Random(seed)
    valid = put("/users/u1", b'{"name":"Ann"}', "Content-Length: 14", "Content-Type: text/json")
    for _ in harness.rounds(300):
        if source.random() < 0.3:
            data = source.randbytes(source.randrange(1, 600))
        else:
            data = bytearray(valid)
            for _ in range(source.randrange(1, 6)):
                data[source.randrange(len(data))] = source.randrange(256)
        with connect(bridge) as connection:
            connection.sendall(bytes(data))
            if source.random() < 0.2:
                connection.settimeout(0.05)
                read_all(connection)
    assert bridge.get("/livez").status == 200
    assert bridge.get("/readyz").status == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"GET /li\0vez HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_request(bridge, daemon, request_bytes):
    answer = exchange(bridge, request_bytes, timeout=0.3)
    assert answer == b"" or status_of(answer) not in (200, 202), answer
    assert bridge.get("/livez").status == 200


def test_a_target_with_its_host(bridge, daemon):
    answer = exchange(bridge, b"GET http://any.example/livez HTTP/1.1\r\nHost: x\r\n"
                      b"Connection: close\r\n\r\n")  # fmt: skip
    assert status_of(answer) == 200


def test_slow_clients_do_not_hold_up_the_others(bridge, daemon):
    slow = [connect(bridge) for _ in range(200)]
    for connection in slow[:100]:
        connection.sendall(b"GET /livez HT")
    for connection in slow[100:]:
        connection.sendall(put("/users/u1", b"{", "Content-Length: 2"))
    assert bridge.get("/readyz").status == 200
    slow[0].sendall(b"TP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    slow[100].sendall(b"}")
    assert status_of(read_all(slow[0])) == 200
    assert slow[100].recv(12) == b"HTTP/1.1 202"
    for connection in slow:
        connection.close()


def test_clients_that_have_said_all_are_answered(bridge, daemon):
    """Who shuts down their side gets the answer, whether others are connected or not."""
    idle = connect(bridge)
    idle.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(12) == b"HTTP/1.1 200"
    for _ in range(50):
        with connect(bridge) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            assert status_of(read_all(connection)) == 200
    idle.close()


def test_clients_that_leave_in_the_middle(bridge, client):
    for number in range(100):
        connection = connect(bridge)
        connection.sendall(put(f"/users/u{number}", b"{}", "Content-Length: 2"))
        connection.close()
    harness.wait_until(lambda: len(client.ok("user.list", limit=200)["users"]) == 100)
    assert bridge.get("/livez").status == 200


def leave_within_requests(bridge):
    """What these clients have sent, and that they are gone, the bridge sees in one look."""
    with frozen(bridge):
        for half in (
            b"GET /livez HTTP/1.1\r\nHost:",
            put("/users/u1", b"{", "Content-Length: 2"),
            put("/users/u1", b"2\r\n{}", "Transfer-Encoding: chunked"),
        ):
            with connect(bridge) as connection:
                connection.sendall(half)


def test_clients_that_leave_within_a_request_keep_no_place(daemon):
    with harness.Bridge(daemon, args=["--max-connections", "3"]) as bridge:
        leave_within_requests(bridge)
        assert bridge.get("/livez").status == 200


def test_clients_that_leave_within_a_request_are_not_waited_for(bridge):
    leave_within_requests(bridge)
    assert bridge.get("/livez").status == 200
    bridge.signal(signal.SIGTERM)
    assert bridge.wait() == 0
    assert "did not end in time" not in bridge.log()


# ---- the program ----


def run(*args, env=None, timeout=harness.REPLY_DEADLINE):
    environment = {**os.environ, **(env or {})}
    environment.pop("RENTBUS_LISTEN", None) if not env else None
    return subprocess.run([harness.bin_dir() / "rentbus-http", *args], env=environment,
                          capture_output=True, text=True, timeout=timeout)  # fmt: skip


def test_help_and_version():
    done = run("--help")
    assert done.returncode == 0 and "--listen HOST:PORT" in done.stdout and not done.stderr
    assert run("--version").stdout.startswith("rentbus-http ")


@pytest.mark.parametrize(
    "args, code, words",
    [
        (["--nothing"], 2, "--nothing"),
        (["--listen"], 2, "--listen"),
        (["more"], 2, "more"),
        (["--max-connections", "0"], 2, "--max-connections"),
        (["--listen", "nonsense"], 78, "nonsense"),
        (["--listen", "127.0.0.1:99999"], 78, "99999"),
        (["--listen", "0.0.0.0:0"], 78, "--allow-remote"),
        (["--listen", "192.0.2.1:1", "--allow-remote"], 69, "192.0.2.1:1"),
        (["--listen", "127.0.0.1:0", "--api", "nonsense"], 78, "endpoint"),
        (["--listen", "127.0.0.1:0", "--events", "nonsense"], 78, "endpoint"),
    ],
)
def test_what_it_does_not_start_with(args, code, words):
    done = run(*args)
    assert done.returncode == code, done.stderr
    assert words in done.stderr


def test_an_address_that_is_taken(bridge, daemon):
    done = run("--listen", f"127.0.0.1:{bridge.port}", "--api", daemon.api)
    assert done.returncode == 69
    assert "another program" in done.stderr
    assert bridge.get("/livez").status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_port_0_is_named_in_the_log(daemon, host):
    if not harness.bindable(host):
        pytest.skip(f"this machine has no {host}")
    bridge = harness.Bridge(daemon, args=["--listen", f"{host}:0"])
    bridge.launch()
    url = re.escape(f"listening on http://{host}:") + r"(\d+)"
    port = int(harness.wait_until(lambda: re.search(url, bridge.log()))[1])
    with socket.create_connection((host.strip("[]"), port)) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert status_of(read_all(connection)) == 200
    assert bridge.stop() == 0


def test_more_connections_than_allowed_wait(daemon):
    with harness.Bridge(daemon, args=["--max-connections", "3"]) as bridge:
        idle = [connect(bridge) for _ in range(3)]
        for connection in idle:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        waiting = connect(bridge, timeout=0.5)
        waiting.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(TimeoutError):
            waiting.recv(12)
        idle[0].close()
        waiting.settimeout(harness.REPLY_DEADLINE)
        assert waiting.recv(12) == b"HTTP/1.1 200"


def test_more_connections_of_one_address_than_allowed_are_closed(daemon):
    with harness.Bridge(daemon, args=["--max-connections-per-ip", "2"]) as bridge:

        def served():
            """A connection that is served, once those before it have been forgotten."""
            connection = connect(bridge)
            try:
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                return connection.recv(12) == b"HTTP/1.1 200" and connection
            except ConnectionResetError:
                return None

        idle = [harness.wait_until(served) for _ in range(2)]
        assert read_all(connect(bridge)) == b""
        idle[0].close()
        harness.wait_until(served)


def is_closed(bridge):
    """Whether it takes no more connections."""
    try:
        connect(bridge).close()
        return False
    except OSError:
        return True


def test_a_request_in_flight_is_answered_before_the_end(bridge, daemon):
    """It waits for a daemon that hangs; the answer is an error, but there is one."""
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        with begun(bridge, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            bridge.signal(signal.SIGTERM)
            harness.wait_until(lambda: "stopping" in bridge.log())
            harness.wait_until(lambda: is_closed(bridge))
            assert status_of(read_all(connection)) in (503, 504)
        assert bridge.wait() == 0
    finally:
        os.kill(daemon.pid, signal.SIGCONT)


def test_the_service_manager_is_told(daemon, tmp_path):
    manager = harness.ServiceManager(tmp_path)
    env = {**manager.env, "WATCHDOG_USEC": "400000", "JOURNAL_STREAM": "8:1"}
    bridge = harness.Bridge(daemon, env=env)
    bridge.start()
    while (told := manager.next()) != "READY=1":
        assert told == "WATCHDOG=1"
    assert manager.next() == "WATCHDOG=1"
    assert manager.next() == "WATCHDOG=1"
    bridge.signal(signal.SIGTERM)
    while (told := manager.next()) != "STOPPING=1":
        assert told == "WATCHDOG=1"
    assert bridge.wait() == 0
    assert all(line.startswith("<") for line in bridge.log().splitlines())
