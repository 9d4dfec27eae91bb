# SPDX-License-Identifier: MPL-2.0
"""Webhooks whose endpoint, host or daemon is slow, dead or out of its mind; and what is refused."""
import signal
import threading
import time

import pytest

from endpoints import SECRET, Endpoint, secret_file, start
from harness import Client, run_cli, wait_until
from lambdas import DEADLINE, publish, status, until

QUICK = ("--backoff", "0.01", "--backoff-max", "0.05")


class Gate:
    """Answers that wait until it is opened."""

    def __init__(self):
        self.opened = threading.Event()

    def __call__(self, request):
        self.opened.wait(3 * DEADLINE)
        return 200

    def open(self):
        self.opened.set()


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open()


def error_of(client, name="l"):
    return client.ok("consumer.parked", id=name)["parked"][0]["failures"][-1]["error"]


def test_an_answer_that_takes_too_long(daemon, client, tmp_path, gate):
    publish(client, 1)
    endpoint = Endpoint(lambda request: gate(request) if request.number == 0 else 200)
    host = start(daemon, tmp_path, "l", endpoint, *QUICK, "--timeout", "2")
    until(client, "l", acked=1, failed=1)
    assert len(endpoint.requests) == 2
    assert host.stop() == 0
    assert "attempt 1: not now: no answer: it took too long" in host.log()


def test_an_endpoint_that_comes_later(daemon, client, tmp_path):
    seqs = publish(client, 3)
    endpoint = Endpoint(listen=False)
    host = start(daemon, tmp_path, "l", endpoint, *QUICK, "--max-attempts", "1000")
    wait_until(lambda: "attempt 2: not now: no answer: " in host.log(), DEADLINE, "two attempts")
    endpoint.listen()
    until(client, "l", acked=3, parked=0)
    assert [request.event["seq"] for request in endpoint.requests] == seqs
    assert host.stop() == 0


def test_an_answer_without_an_end(daemon, client, tmp_path):
    """Its status is known, and the rest is not read."""

    def endless():
        while True:
            yield b"x" * 65536

    publish(client, 2)
    endpoint = Endpoint(lambda request: (200 if request.n else 400, {}, endless()))
    host = start(daemon, tmp_path, "l", endpoint, "--max-attempts", "1", "--timeout", "60")
    until(client, "l", parked=1, acked=1)
    assert error_of(client).startswith("HTTP 400: xxxx")
    assert host.stop() == 0


def test_a_header_without_an_end(daemon, client, tmp_path):
    publish(client, 1)
    endpoint = Endpoint(lambda request: (200, {f"x-{i}": "y" * 900 for i in range(100)}, b""))
    host = start(daemon, tmp_path, "l", endpoint, "--max-attempts", "1")
    until(client, "l", parked=1)
    assert error_of(client) == "no answer: its header is too long"
    assert host.stop() == 0


def test_no_http(daemon, client, tmp_path):
    """Whoever speaks something else has not answered."""
    publish(client, 1)
    endpoint = Endpoint(lambda request: (200, {}, b""))
    endpoint._write = lambda handler, answer: handler.wfile.write(b"220 mail.example ESMTP\r\n")
    host = start(daemon, tmp_path, "l", endpoint, "--max-attempts", "1")
    until(client, "l", parked=1)
    assert error_of(client).startswith("no answer: ")
    assert host.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_waits_for_what_is_under_way(daemon, client, tmp_path, gate, number):
    publish(client, 5, subjects=5)
    endpoint = Endpoint(gate)
    host = start(daemon, tmp_path, "l", endpoint, "--concurrency", "2", "--timeout", "60")
    endpoint.until(2)
    host.signal(number)
    publish(client, 1)
    gate.open()
    assert host.wait() == 0 and host.log() == ""
    until(client, "l", acked=2, in_flight=0, delayed=0)
    assert len(endpoint.requests) == 2


def test_when_the_grace_is_over_the_event_goes_back_at_once(daemon, client, tmp_path, gate):
    publish(client, 1)
    endpoint = Endpoint(gate)
    host = start(daemon, tmp_path, "l", endpoint, "--timeout", "1000", "--grace", "0.2")
    endpoint.until(1)
    assert host.stop() == 0
    until(client, "l", acked=0, in_flight=0, delayed=0)


def test_an_endpoint_that_is_slower_than_the_lease(daemon, client, tmp_path, gate):
    publish(client, 1)
    endpoint = Endpoint(gate)
    words = ("--lease", "3", "--timeout", "1000")
    hosts = [start(daemon, tmp_path, "l", endpoint, *words) for _ in range(2)]
    until(client, "l", workers=2, in_flight=1)
    later = time.monotonic() + 4.5
    wait_until(lambda: time.monotonic() > later, DEADLINE, "one lease and a half")
    gate.open()
    until(client, "l", acked=1, failed=0)
    assert len(endpoint.requests) == 1
    assert [host.stop() for host in hosts] == [0, 0]


def test_killed_in_the_middle(daemon, client, tmp_path):
    """Every event is sent at least once, and of a subject none before an earlier one was."""
    seqs = publish(client, 60, subjects=4)
    held = threading.Event()

    def answer(request):
        """The tenth request, and those beside it, are never answered to the one that is killed."""
        if request.number >= 9:
            held.wait(3 * DEADLINE)
        return 200

    endpoint = Endpoint(answer)
    words = ("--concurrency", "3", "--worker", "w", "--lease", "2", *QUICK)
    host = start(daemon, tmp_path, "l", endpoint, *words)
    endpoint.until(12)
    host.kill()
    held.set()
    host = start(daemon, tmp_path, "l", endpoint, *words)
    until(client, "l", lag=0, in_flight=0, parked=0)
    sent = [request.event["seq"] for request in endpoint.requests]
    assert set(sent) == set(seqs) and len(sent) > len(seqs)
    first = list(dict.fromkeys(sent))
    for subject in range(4):
        assert [seq for seq in first if (seq - seqs[0]) % 4 == subject] == seqs[subject::4]
    assert host.stop() == 0


def test_the_daemon_may_come_back_later(daemon, client, tmp_path, gate):
    """What is under way goes on under a new lease, and is not sent a second time."""
    seqs = publish(client, 3)
    endpoint = Endpoint(gate)
    host = start(daemon, tmp_path, "l", endpoint, "--concurrency", "2", "--timeout", "1000")
    endpoint.until(1)
    daemon.kill()
    daemon.start()
    with Client(daemon.api) as again:
        until(again, "l", in_flight=1)
        gate.open()
        until(again, "l", lag=0, in_flight=0)
    assert [request.event["seq"] for request in endpoint.requests] == seqs
    assert host.stop() == 0


def test_a_newer_worker_of_the_name_takes_over(daemon, client, tmp_path, gate):
    publish(client, 1)
    endpoint = Endpoint(gate)
    words = ("--worker", "w", "--lease", "1", "--timeout", "1000")
    older = start(daemon, tmp_path, "l", endpoint, *words)
    endpoint.until(1)
    newer = start(daemon, tmp_path, "l", endpoint, *words)
    endpoint.until(2)
    assert older.wait() == 1
    assert "a newer worker of the same name has taken over" in older.log()
    gate.open()
    until(client, "l", acked=1)
    assert newer.stop() == 0


def test_a_consumer_that_is_deleted_ends_its_host(daemon, client, tmp_path):
    host = start(daemon, tmp_path, "l", Endpoint())
    until(client, "l", workers=1)
    client.ok("consumer.delete", id="l")
    assert host.wait() == 4 and "NOT_FOUND" in host.log()


URL = ("--url", "http://127.0.0.1:1/")


@pytest.mark.parametrize(
    "words, code, told",
    [
        ((), 2, "--url is missing"),
        (("--url", ""), 2, "--url"),
        (("--url", "127.0.0.1/hook"), 2, "--url: must be an http:// or https:// address"),
        (("--url", "ftp://127.0.0.1/"), 2, "--url: must be an http"),
        (("--url", "file:///etc/passwd"), 2, "--url: must be an http"),
        (("--url", "http://"), 2, "--url"),
        (("--url", "http://a b/"), 2, "--url"),
        (("--url", "http://a\r\nb/"), 2, "--url"),
        (("--url", "http://127.0.0.1:99999/"), 2, "--url"),
        (("--url", "http://user:hunter2@127.0.0.1/"), 2, "must not hold a user or a password"),
        (("--url", "http://user@127.0.0.1/"), 2, "must not hold a user or a password"),
        ((*URL, "--header", "nonsense"), 2, "--header: number 1 is not NAME: VALUE"),
        ((*URL, "--header", "a: b", "--header", "a:"), 2, "--header: number 2 has no value"),
        ((*URL, "--header", "Webhook-Id: hunter2"), 2, "is not to be set"),
        ((*URL, "--header", "@/no/such"), 78, "--header: /no/such: No such file"),
        ((*URL, *["--header", "a: b"] * 33), 2, "--header: at most 32"),
        ((*URL, "--secret-file", "/no/such"), 78, "--secret-file: /no/such: No such file"),
        ((*URL, "--secret-file", "/tmp"), 78, "--secret-file: /tmp: "),
        ((*URL, "--cacert", "/no/such"), 78, "--cacert: /no/such: No such file"),
        ((*URL, "--concurrency", "0"), 2, "--concurrency"),
        ((*URL, "--timeout", "0"), 2, "--timeout"),
        ((*URL, "--publish"), 2, "does not go with this"),
        ((*URL, "--stream"), 2, "does not go with this"),
        ((*URL, "--", "true"), 2, "true"),
        ((*URL, "--max-attempts", "x"), 65, "max_attempts"),
    ],
)
def test_refused(words, code, told):
    done = run_cli(None, "lambda", "webhook", "l", *words)
    assert done.returncode == code and told in done.stderr, done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    "text, mode, told",
    [
        (SECRET, 0o604, "others may read it"),
        (SECRET, 0o602, "others may read it or write to it"),
        ("", 0o600, "there is no secret"),
        ("hunter2", 0o600, "a secret does not begin with whsec_"),
        ("whsec_hunter2", 0o600, "a secret is not base64"),
        ("whsec_aHVudGVyMg==", 0o600, "a secret has less than 24 bytes"),
        (" ".join([SECRET] * 9), 0o600, "there are more than 8 secrets"),
        (SECRET + " " * 9000, 0o600, "it is too long"),
    ],
)
def test_secret_files_that_are_refused(tmp_path, text, mode, told):
    file = secret_file(tmp_path, text, mode)
    done = run_cli(None, "lambda", "webhook", "l", *URL, "--secret-file", file)
    assert done.returncode == 78 and told in done.stderr, done.stderr
    assert str(file) in done.stderr
    assert "hunter2" not in done.stderr and SECRET[6:] not in done.stderr


def test_a_header_file_that_others_may_read(tmp_path):
    file = secret_file(tmp_path, "Authorization: hunter2", 0o644)
    done = run_cli(None, "lambda", "webhook", "l", *URL, "--header", f"@{file}")
    assert done.returncode == 78 and "others may read it" in done.stderr
    assert "hunter2" not in done.stderr


def test_without_a_daemon(tmp_path):
    words = ("--api", f"ipc://{tmp_path}/none", "--timeout", "0.2")
    done = run_cli(None, *words, "lambda", "webhook", "l", *URL)
    assert done.returncode == 69 and "is rentbusd running?" in done.stderr


def test_a_paused_lambda_sends_nothing(daemon, client, tmp_path):
    endpoint = Endpoint()
    host = start(daemon, tmp_path, "l", endpoint)
    until(client, "l", workers=1)
    client.ok("consumer.pause", id="l")
    publish(client, 1)
    client.ok("consumer.resume", id="l")
    until(client, "l", acked=1)
    assert len(endpoint.requests) == 1 and status(client, "l")["failed"] == 0
    assert host.stop() == 0
