# SPDX-License-Identifier: MPL-2.0
import os
import signal
import sys
from functools import cache
from pathlib import Path

import pytest

import harness


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: goes on for minutes in `./run soak`")
    # A test run that is told to end still reaps what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def pytest_unconfigure(config):
    harness.reap()


@cache
def _ours(module):
    """Whether this run takes the module, of several that share the work: who comes to it first
    leaves a file named after it in RENTBUS_CLAIMS."""
    claims = os.environ.get("RENTBUS_CLAIMS")
    if claims:
        try:
            Path(claims, module).touch(exist_ok=False)
        except FileExistsError:
            return False
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    return None if _ours(item.path.stem) else True


def _reap(since):
    reports = harness.reap(since)
    if reports:
        pytest.fail("a sanitizer reported:\n" + "\n".join(reports), pytrace=False)


# What fixtures of a wider scope start outlives a test, so there is one reaper for each scope.
@pytest.fixture(autouse=True, scope="module")
def reap_after_module():
    since = harness.mark()
    yield
    _reap(since)


@pytest.fixture(autouse=True)
def reap_after_test(reap_after_module):
    since = harness.mark()
    yield
    _reap(since)


@pytest.fixture(scope="session")
def bin_dir():
    return harness.bin_dir()


@pytest.fixture
def daemon(tmp_path):
    """A running rentbusd, over ipc, with a fresh ledger; must stop cleanly if the test leaves it
    running."""
    running = harness.Daemon(tmp_path).start()
    yield running
    if running.running:
        code = running.stop()
        assert code == 0, f"rentbusd stopped with {code}:\n{running.log()}"


@pytest.fixture
def client(daemon):
    """A DEALER client of the daemon."""
    return harness.Client(daemon.api)


@pytest.fixture
def bridge(daemon):
    """A running rentbus-http in front of the daemon."""
    running = harness.Bridge(daemon).start()
    yield running
    if running.running:
        code = running.stop()
        assert code == 0, f"rentbus-http stopped with {code}:\n{running.log()}"


@pytest.fixture
def reusables(tmp_path):
    return harness.Reusables(tmp_path)
