# SPDX-License-Identifier: MPL-2.0
"""A random day at a desk, exported and imported into a new ledger: both say the same."""
import json
import random

import pytest

import harness
from desk import ok, one
from harness import Daemon, run_cli

OK, BAD_DATA = 0, 65
USERS = [f"u{number}" for number in range(8)]
ASSETS = [f"a{number}" for number in range(16)]
TYPES = ["mug", "bowl", "lid"]
DEVICES = [f"bin {number}" for number in range(6)]
DAY = "2025-03-{:02}T{:02}:{:02}:{:02}Z"


class Day:
    """Random commands of a desk, as lines of a batch."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.clock = 0
        self.returns = []  # (when on the clock, scan)
        self.sent = dict.fromkeys(DEVICES, 0)

    def time(self, back=0):
        at = max(0, self.clock - back)
        return DAY.format(1 + at // 86400 % 28, at // 3600 % 24, at // 60 % 60, at % 60)

    def setup(self):
        pick = self.random
        for asset_type in TYPES[:2]:
            yield "asset_type.put", {
                "id": asset_type, "loan_period": pick.choice(["PT6H", "P1D", "P400D"]),
                "renewals_max": pick.randrange(4), "renewal_period": "P30D",
                "eligible_asset_types": pick.choice([[asset_type], TYPES]), "user_limit": 6,
            }
        yield "location.put", {"id": "L1", "name": "Theke ü \"1\""}
        yield "location.put", {"id": "L3"}
        for user in USERS:
            yield "user.put", {"id": user, "name": f"Name of {user}", "user_limit": pick.randrange(2, 8)}
        for asset in ASSETS:
            yield "asset.put", {"id": asset, "asset_type": pick.choice(TYPES)}

    def scan(self):
        user, asset = self.random.choice(USERS), self.random.choice(ASSETS)
        return {
            "user_id": user, "asset_id": asset,
            "location_id": self.random.choice(["L1", "L2"]), "timestamp": self.time(), **self.place(),
        }

    def place(self):
        """In the sequence of a device, which leaves some out, and brings some late or again."""
        if self.random.random() < 0.4:
            return {}
        device = self.random.choice(DEVICES)
        self.sent[device] = last = self.sent[device] + self.random.choice([0, 1, 1, 1, 2, 4])
        return {"device_id": device, "device_seq": self.random.randrange(max(1, last - 9), last + 2)}

    def command(self, rentals):
        pick = self.random
        self.clock += pick.randrange(1, 4000)
        kind = pick.randrange(100)
        if kind < 40:
            return "rental.checkout", self.scan()
        if kind < 66:
            scan = self.scan()
            if rentals and pick.random() < 0.8:
                rental = pick.choice(rentals)
                scan.update(user_id=rental["user_id"], asset_id=rental["asset_id"])
            if pick.random() < 0.3:
                del scan["user_id"]
            self.returns.append((self.clock, scan))
            return "rental.return", scan
        if kind < 72 and self.returns:  # a checkout that comes after its return
            at, scan = pick.choice(self.returns[-30:])
            early = {"timestamp": self.time(back=self.clock - at + 100)}
            what = {name: scan[name] for name in ("user_id", "asset_id", "location_id") if name in scan}
            return "rental.checkout", {**self.scan(), **what, **early}
        if kind < 76:
            name = pick.choice(["user.block", "user.unblock"])
            args = {"id": pick.choice(USERS)}
            return name, {**args, "reason": "lost two"} if name == "user.block" else args
        if kind < 79:
            return "policy.put", {
                "late_return": pick.choice(["reject", "flag", "forgive_within:P1D"]),
                "return_match": pick.choice(["oldest", "exact_asset_first", "soonest_expiry"]),
                "user_limit": pick.choice([0, 5]), "renewal_grace": "P3000D",
            }
        if not rentals:
            return "user.put", {"id": "u0"}
        rental_id = pick.choice(rentals)["id"]
        if kind < 88:
            return "rental.renew", {"rental_id": rental_id, "period": "P900D"}
        if kind < 92:
            return "rental.forgive", {"rental_id": rental_id, "reason": "broken \u00fc"}
        if kind < 96:
            return "rental.flag", {"rental_id": rental_id, "reason": "look at it\n"}
        return "rental.unflag", {"rental_id": rental_id}


def send(daemon, commands):
    text = "".join(json.dumps({"op": op, "args": args}) + "\n" for op, args in commands)
    done = run_cli(daemon, "--json", "batch", "-", stdin=text)
    assert done.returncode in (0, 1, 4), done.stderr


def spend(daemon, seed, rounds=12, commands=60):
    day = Day(seed)
    send(daemon, day.setup())
    for _ in range(rounds):
        rentals = ok(daemon, "list")
        send(daemon, [day.command(rentals[-40:]) for _ in range(commands)])
    return daemon


def rental_shown(rental):
    return {name: value for name, value in rental.items() if name != "created_seq"}


def seen(daemon):
    """Every read of a ledger, without what tells about its journal."""
    policy = one(daemon, "policy", "get")
    del policy["version"]
    stats = one(daemon, "stats")
    rentals = [rental_shown(rental) for rental in ok(daemon, "list")]
    return {
        "rentals": rentals,
        "each": [rental_shown(one(daemon, "get", rental["id"])) for rental in rentals[:: 1 + len(rentals) // 20]],
        "expired": [rental["id"] for rental in ok(daemon, "list", "--expired")],
        "policy": policy,
        **{verb: ok(daemon, verb, "list") for verb in ("user", "asset", "asset-type", "location", "device")},
        "each device": [one(daemon, "device", "get", each["id"]) for each in ok(daemon, "device", "list")],
        "of users": [[r["id"] for r in ok(daemon, "list", "--user", user)] for user in USERS],
        "stats": {
            name: stats[name]
            for name in ("users", "assets", "asset_types", "locations", "devices", "rentals", "open", "expired",
                         "flagged")
        },
    }


@pytest.mark.soak
def test_a_day_is_the_same_behind_export_and_import(tmp_path):
    statuses = set()
    for number in harness.rounds(2):
        seed = random.SystemRandom().randrange(1 << 32)
        first = spend(Daemon(tmp_path / f"first-{number}").start(), seed)
        second = Daemon(tmp_path / f"second-{number}").start()
        exported = tmp_path / f"{number}.ndjson"
        assert run_cli(first, "export", "--output", exported).returncode == OK
        done = run_cli(second, "--json", "import", exported)
        assert (done.returncode, done.stderr) == (OK, ""), f"seed {seed}"
        statuses |= {(rental["status"], rental.get("closed_by")) for rental in ok(first, "list")}
        before, after = seen(first), seen(second)
        for name, value in before.items():
            assert after[name] == value, f"seed {seed}: {name}"
        assert run_cli(second, "export").stdout == exported.read_text("utf-8"), f"seed {seed}"
        assert "agree" in run_cli(second, "verify").stdout
        assert first.stop() == 0 and second.stop() == 0
    # A day by itself may be dull.
    assert len(statuses) >= 5, statuses


def test_what_an_export_tells_of_a_rental(daemon, tmp_path):
    row = {
        "kind": "rental", "id": "r1", "rev": 7, "status": "FLAGGED", "user_id": "u1", "asset_id": "a1",
        "renewals": 3, "closed_by": "return_scan", "created_at": "2025-01-01T00:00:00Z",
        "expires_at": "2025-01-08T00:00:00Z", "flag_reason": "late", "returned_at": "2025-01-09T00:00:00Z",
        "returned_asset_id": "a2", "eligible_asset_types": ["mug"], "created_at_location_id": "L1",
        "returned_at_location_id": "L2",
    }
    things = [{"kind": "user", "id": "u1"}] + [
        {"kind": "asset", "id": asset, "asset_type": "mug"} for asset in ("a1", "a2")
    ]
    text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in (*things, row))
    assert run_cli(daemon, "import", "-", stdin=text).returncode == OK
    assert run_cli(daemon, "export").stdout == text
    rental = one(daemon, "get", "r1")
    assert {name: value for name, value in rental.items() if name != "created_seq"} == {
        name: value for name, value in row.items() if name != "kind"
    }
    for name, value in (("rev", 0), ("renewals", "many"), ("closed_by", "nobody"), ("returned_asset_id", "a9")):
        done = run_cli(daemon, "--json", "import", "-", stdin=json.dumps({**row, "id": "r2", name: value}))
        assert done.returncode == BAD_DATA and json.loads(done.stderr)["error"]["field"] == name


def test_killed_half_way(tmp_path):
    """An import that is killed at any moment, and its daemon with it, is complete after another."""
    pick = random.Random(seed := random.SystemRandom().randrange(1 << 32))
    users = [{"kind": "user", "id": f"u{number}"} for number in range(3000)]
    assets = [{"kind": "asset", "id": f"a{number}", "asset_type": "mug"} for number in range(3000)]
    rows = tmp_path / "rows.ndjson"
    rows.write_text("".join(json.dumps(row) + "\n" for row in users + assets), "utf-8")
    daemon = Daemon(tmp_path / "desk").start()
    for number in range(4):
        before = one(daemon, "hello")["head"]
        run = harness.spawn_cli(daemon, "--json", "import", rows, directory=tmp_path)
        wanted = before + pick.randrange(0, 1500)
        harness.wait_until(
            lambda: not run.running or one(daemon, "hello", "--timeout", 30)["head"] >= wanted, 30, f"seed {seed}"
        )
        if number % 2:
            daemon.kill()
        if run.running:
            run.kill()
        if not daemon.running:
            daemon.start()
    done = run_cli(daemon, "--json", "import", rows)
    assert done.returncode == OK, f"seed {seed}: {done.stderr}"
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["bad"]) == (6000, 0)
    for verb, rows in (("user", users), ("asset", assets)):
        assert [each["id"] for each in ok(daemon, verb, "list")] == [row["id"] for row in rows], f"seed {seed}"
    created = ok(daemon, "events", "--type", "USER_CREATED_EVENT,ASSET_CREATED_EVENT")
    assert len(created) == 6000, f"seed {seed}: doubled"
    assert daemon.stop() == 0
