# SPDX-License-Identifier: MPL-2.0
"""`rentbus lambda webhook`: a request for each event, and what its status leads to."""
import json
import threading
import time
from email.utils import formatdate

import pytest

import harness
from endpoints import OTHER_SECRET, SECRET, Endpoint, secret_file, signature, start
from harness import Process, run_cli
from lambdas import DEADLINE, publish, status, until

EXAMPLES = harness.TESTS.parent / "cli" / "examples"
QUICK = ("--backoff", "0.01", "--backoff-max", "0.05")
CERTIFICATE = harness.DATA / "endpoint.pem"


def failures(client):
    """The errors of each parked event, by its number."""
    return {
        parked["event"]["data"]["n"]: [failure["error"] for failure in parked["failures"]]
        for parked in client.ok("consumer.parked", id="l")["parked"]
    }


def test_an_event_is_posted(daemon, client, tmp_path):
    client.ok("publish", events=[{"type": "mine", "subject": "s", "data": {"n": 0, "ä": [1, "\n"]}}])
    endpoint = Endpoint()
    words = ("--secret-file", secret_file(tmp_path), "--header", "X-One: 1", "--header", "x-two:2;")
    before = int(time.time())
    host = start(daemon, tmp_path, "l", endpoint, *words)
    (request,) = endpoint.until(1)
    until(client, "l", acked=1, lag=0)
    assert host.stop() == 0 and host.log() == "" and host.output() == ""
    shown = run_cli(daemon, "events", "--type", "mine", "--json").stdout
    assert request.body.decode() == shown.rstrip("\n") and request.event["data"]["ä"] == [1, "\n"]
    assert request.path == "/hook"
    assert request.headers["Content-Type"] == "application/cloudevents+json"
    assert request.headers["User-Agent"].startswith("rentbus/")
    assert (request.headers["X-One"], request.headers["X-Two"]) == ("1", "2;")
    assert request.headers["webhook-id"] == request.event["id"]
    assert before <= int(request.headers["webhook-timestamp"]) <= time.time()
    assert request.headers["webhook-signature"] == signature(SECRET, request)


def test_several_secrets_while_they_change(daemon, client, tmp_path):
    publish(client, 1)
    endpoint = Endpoint()
    file = secret_file(tmp_path, f"{SECRET}\n\n{OTHER_SECRET} {SECRET}\n", 0o640)
    host = start(daemon, tmp_path, "l", endpoint, "--secret-file", file)
    (request,) = endpoint.until(1)
    assert request.headers["webhook-signature"].split(" ") == [
        signature(secret, request) for secret in (SECRET, OTHER_SECRET, SECRET)
    ]
    assert host.stop() == 0


def test_without_a_secret_nothing_is_signed(daemon, client, tmp_path):
    publish(client, 1)
    endpoint = Endpoint()
    host = start(daemon, tmp_path, "l", endpoint)
    (request,) = endpoint.until(1)
    assert request.headers["webhook-id"] == request.event["id"]
    assert request.headers["webhook-signature"] is None
    assert host.stop() == 0


def test_headers_from_a_file(daemon, client, tmp_path):
    publish(client, 1)
    endpoint = Endpoint()
    file = secret_file(tmp_path, "Authorization: Bearer of news\r\n\nX-Two: 2", name="headers")
    host = start(daemon, tmp_path, "l", endpoint, "--header", f"@{file}", "--header", "X-Three: 3")
    (request,) = endpoint.until(1)
    assert request.headers["Authorization"] == "Bearer of news"
    assert (request.headers["X-Two"], request.headers["X-Three"]) == ("2", "3")
    assert host.stop() == 0


def test_a_connection_is_used_again_and_it_goes_on_where_it_was(daemon, client, tmp_path):
    seqs = publish(client, 20, subjects=3)
    endpoint = Endpoint()
    host = start(daemon, tmp_path, "l", endpoint)
    until(client, "l", acked=20)
    assert host.stop() == 0
    assert [request.event["seq"] for request in endpoint.requests] == seqs
    assert len({request.peer for request in endpoint.requests}) == 1
    seqs += publish(client, 3)
    host = start(daemon, tmp_path, "l", endpoint)
    until(client, "l", acked=23, lag=0)
    assert host.stop() == 0
    assert [request.event["seq"] for request in endpoint.requests] == seqs
    rows = run_cli(daemon, "lambda", "list").stdout.splitlines()
    assert rows[1].split()[:2] == ["l", "idle"]


def test_connections_are_as_many_as_are_used_at_a_time(daemon, client, tmp_path):
    publish(client, 300, subjects=50)
    endpoint = Endpoint()
    host = start(daemon, tmp_path, "l", endpoint, "--concurrency", "8")
    until(client, "l", acked=300)
    assert len({request.peer for request in endpoint.requests}) <= 8
    assert host.stop() == 0


def test_statuses(daemon, client, tmp_path):
    """Each event has its own: what is not now comes again, with the same id and a signature of its
    own; what fails always is parked with what the endpoint said."""
    answers = [
        [200], [201], [204], [503, 200], [500, 200], [408, 200], [425, 200], [429, 200],
        [(404, {}, b"no\x00 such \xff thing"), (400, {}, b"x" * 5000)],
        [(302, {"Location": "/elsewhere"}, b"")] * 2,
        [401, 599],
    ]
    publish(client, len(answers), subjects=len(answers))
    seen = {}

    def answer(request):
        seen.setdefault(request.n, []).append(request)
        return answers[request.n][len(seen[request.n]) - 1]

    endpoint = Endpoint(answer)
    words = (*QUICK, "--max-attempts", "2", "--secret-file", secret_file(tmp_path))
    host = start(daemon, tmp_path, "l", endpoint, *words)
    found = until(client, "l", acked=8, parked=3, in_flight=0)
    assert found["failed"] == 5 + 3 * 2
    assert {n: len(requests) for n, requests in seen.items()} == {
        n: len(wanted) for n, wanted in enumerate(answers)
    }
    for requests in seen.values():
        assert len({request.headers["webhook-id"] for request in requests}) == 1
        assert len({request.body for request in requests}) == 1
        for request in requests:
            assert request.headers["webhook-signature"] == signature(SECRET, request)
    assert {request.path for request in endpoint.requests} == {"/hook"}
    told = failures(client)
    assert told[8][0] == "HTTP 404: no? such ? thing"
    assert told[8][1].startswith("HTTP 400: xxxx") and 800 < len(told[8][1]) <= 1024
    assert told[9] == ["HTTP 302: redirects are not followed"] * 2
    assert told[10] == ["HTTP 401", "HTTP 599"]
    assert host.stop() == 0
    assert "event 5 (mine), attempt 1: not now: HTTP 503" in host.log()
    assert "event 10 (mine), attempt 1: failed: HTTP 404: no? such ? thing" in host.log()
    assert SECRET[6:] not in host.log()


def test_retry_after_comes_before_the_backoff(daemon, client, tmp_path):
    publish(client, 1)
    endpoint = Endpoint(
        lambda request: 200 if request.number else (503, {"Retry-After": "1"}, b"")
    )
    host = start(daemon, tmp_path, "l", endpoint, "--backoff", "1000", "--backoff-max", "1000")
    until(client, "l", acked=1)
    first, second = endpoint.requests
    assert second.at - first.at > 0.95
    assert host.stop() == 0


def test_retry_after_may_be_long(daemon, client, tmp_path):
    """In seconds or as a date. Nobody waits here: another event is tried again and again."""
    waits = ["7200", formatdate(time.time() + 7200, usegmt=True)]
    seen = [0, 0, 0]

    def answer(request):
        seen[request.n] += 1
        if request.n < 2:
            return (429, {"retry-AFTER": f" {waits[request.n]} "}, b"")
        return 503 if seen[2] < 20 else 200

    publish(client, 3, subjects=3)
    endpoint = Endpoint(answer)
    host = start(daemon, tmp_path, "l", endpoint, *QUICK, "--max-attempts", "100")
    until(client, "l", acked=1, delayed=2)
    assert seen == [1, 1, 20]
    assert host.stop() == 0


@pytest.mark.parametrize("asked", [None, "0", "-1", "soon", "Sun, 06 Nov 1994 08:49:37 GMT"])
def test_a_retry_after_that_says_nothing(daemon, client, tmp_path, asked):
    publish(client, 1)
    endpoint = Endpoint(lambda request: (503, {"Retry-After": asked} if asked else {}, b""))
    host = start(daemon, tmp_path, "l", endpoint, *QUICK, "--max-attempts", "3")
    until(client, "l", parked=1)
    slow = start(daemon, tmp_path, "slow", endpoint, "--backoff", "1000", "--backoff-max", "1000")
    until(client, "slow", failed=1, delayed=1)
    assert len(endpoint.requests) == 4
    assert host.stop() == 0 and slow.stop() == 0


def test_gone(daemon, client, tmp_path):
    """The endpoint wants no more: nothing is sent any more, and nothing is lost."""
    seqs = publish(client, 5, subjects=5)
    gone = [True]
    endpoint = Endpoint(lambda request: 410 if gone[0] and request.n == 1 else 200)
    host = start(daemon, tmp_path, "l", endpoint, "--max-attempts", "1")
    assert host.wait() == 5
    assert "event 3 (mine), attempt 1: failed: HTTP 410" in host.log()
    assert "the endpoint wants no more events (HTTP 410): l is paused" in host.log()
    found = status(client, "l")
    assert found["paused"] and found["parked"] == found["failed"] == 0 and found["acked"] == 1
    assert len(endpoint.requests) == 2
    gone[0] = False
    assert run_cli(daemon, "lambda", "resume", "l").returncode == 0
    host = start(daemon, tmp_path, "l", endpoint, *QUICK)
    until(client, "l", acked=5, lag=0)
    assert sorted(request.event["seq"] for request in endpoint.requests[2:]) == seqs[1:]
    assert host.stop() == 0


def test_gone_as_json(daemon, client, tmp_path):
    publish(client, 1)
    host = start(daemon, tmp_path, "l", Endpoint(lambda request: 410), "--json")
    assert host.wait() == 5
    assert json.loads(host.log())["error"]["code"] == "GONE"


def test_json(daemon, client, tmp_path):
    publish(client, 1)
    endpoint = Endpoint(lambda request: (503, {}, b"closed for lunch"))
    host = start(daemon, tmp_path, "l", endpoint, "--json", "--backoff", "1000")
    told = json.loads(host.next_line(DEADLINE))
    assert told.pop("ms") >= 0
    assert told == {
        "lambda": "l",
        "seq": 2,
        "type": "mine",
        "attempt": 1,
        "outcome": "LATER",
        "error": "HTTP 503: closed for lunch",
    }
    assert host.stop() == 0 and host.log() == ""


def test_concurrency_and_order(daemon, client, tmp_path):
    """So many at a time and no more; of one subject, one behind the other."""
    four = threading.Barrier(4)
    lock = threading.Lock()
    open_subjects, last, most, wrong = set(), {}, [0], []

    def answer(request):
        subject, seq = request.event["subject"], request.event["seq"]
        with lock:
            if subject in open_subjects or seq <= last.get(subject, 0):
                wrong.append(seq)
            open_subjects.add(subject)
            last[subject] = seq
            most[0] = max(most[0], len(open_subjects))
        four.wait(DEADLINE)
        with lock:
            open_subjects.discard(subject)
        return 200

    publish(client, 24, subjects=4)
    endpoint = Endpoint(answer)
    host = start(daemon, tmp_path, "l", endpoint, "--concurrency", "4")
    until(client, "l", acked=24, lag=0)
    assert not wrong and most[0] == 4 and len(endpoint.requests) == 24
    assert len({request.peer for request in endpoint.requests}) <= 4
    assert host.stop() == 0


def test_one_that_waits_holds_up_no_other_subject(daemon, client, tmp_path):
    publish(client, 40, subjects=8)
    endpoint = Endpoint(lambda request: 503 if request.event["subject"] == "s3" else 200)
    host = start(daemon, tmp_path, "l", endpoint, "--concurrency", "4", "--backoff", "1000")
    until(client, "l", acked=35, failed=1, delayed=1)
    assert host.stop() == 0


def test_tls(daemon, client, tmp_path):
    """A certificate that nobody vouches for is none."""
    publish(client, 1)
    endpoint = Endpoint(certificate=CERTIFICATE)
    host = start(daemon, tmp_path, "l", endpoint, "--max-attempts", "1")
    until(client, "l", parked=1)
    assert "certificate" in failures(client)[0][0] and not endpoint.requests
    assert host.stop() == 0
    host = start(daemon, tmp_path, "other", endpoint, "--cacert", CERTIFICATE)
    until(client, "other", acked=1)
    assert endpoint.requests[0].headers["webhook-id"] == endpoint.requests[0].event["id"]
    assert host.stop() == 0


def test_a_plain_server_where_tls_is_wanted(daemon, client, tmp_path):
    publish(client, 1)
    endpoint = Endpoint()
    endpoint.scheme = "https"
    host = start(daemon, tmp_path, "l", endpoint, "--max-attempts", "1")
    until(client, "l", parked=1)
    assert failures(client)[0][0].startswith("no answer: ")
    assert host.stop() == 0 and not endpoint.requests


def test_the_example_of_a_receiver(daemon, client, tmp_path):
    """It believes each event once, and nothing that is signed by others."""
    publish(client, 3)
    argv = [EXAMPLES / "webhook_receiver.py", "0", secret_file(tmp_path, f"{OTHER_SECRET}\n{SECRET}")]
    receiver = Process(["/usr/bin/python3", "-u", *argv], tmp_path, "receiver").launch()
    port = receiver.next_line(DEADLINE).removeprefix("listening on ")
    words = ("--url", f"http://127.0.0.1:{port}/")
    good = ("--secret-file", secret_file(tmp_path, name="good"))
    bad = ("--secret-file", secret_file(tmp_path, "whsec_" + "A" * 32, name="bad"))
    for name, secrets in (("l", bad), ("once", good), ("twice", good)):
        host = start(daemon, tmp_path, name, Endpoint(), *secrets, *words, "--max-attempts", "1")
        until(client, name, lag=0, parked=3 if name == "l" else 0)
        assert host.stop() == 0
    assert failures(client) == {n: ["HTTP 401"] for n in range(3)}
    for n in range(3):
        assert receiver.next_line(DEADLINE).startswith("mine main-")
    assert len(receiver.output().splitlines()) == 4
    receiver.kill()
