# SPDX-License-Identifier: MPL-2.0
"""A trimmed ledger with everything in it, exported and imported into a new one."""
import json

from harness import Client, Daemon, run_cli
from ledgers import at, read_list, verify
from trims import two_snapshots

LISTS = ("asset_type.list", "location.list", "user.list", "asset.list", "device.list", "rental.list")
FUTURE = "2100-01-01T00:00:00Z"


class Desk:
    def __init__(self, client):
        self.client = client
        self.fill()

    def take(self, user, asset, **more):
        args = {"user_id": user, "asset_id": asset, "location_id": "desk", "expires_at": FUTURE, **more}
        return self.client.ok("rental.checkout", **args)["rental"]["id"]

    def bring(self, asset, **more):
        args = {"asset_id": asset, "location_id": "bin", "timestamp": at(minutes=5), **more}
        return self.client.ok("rental.return", **args)

    def fill(self):
        ok = self.client.ok
        ok("policy.put", return_match="soonest_expiry", user_limit=9, late_return="flag")
        ok("asset_type.put", id="mug", loan_period="P30D", renewals_max=3, renewal_period="P9D",
           eligible_asset_types=["mug", "bowl"], user_limit=7, due_soon_lead="PT1H")
        ok("asset_type.put", id="bowl", eligible_asset_types=["bowl"])
        ok("location.put", id="desk", name="Theke \u00fc \"1\"")
        ok("location.put", id="bin")
        for number in range(4):
            ok("user.put", id=f"u{number}", name=f"User {number}", user_limit=5 + number)
        for number in range(14):
            ok("asset.put", id=f"a{number:02}", asset_type="mug" if number % 3 else "bowl")
        ok("user.block", id="u3", reason="lost two\n")
        ok("user.block", id="u2", reason="for a day")
        ok("user.unblock", id="u2")
        renewed = self.take("u0", "a01")
        ok("rental.renew", rental_id=renewed, period="P9D")
        ok("rental.renew", rental_id=renewed, period="P9D")
        self.take("u0", "a02")
        self.bring("a01", user_id="u0")  # closes one of the two, and may swap
        ok("rental.forgive", rental_id=self.take("u1", "a03"), reason="broken")
        ok("rental.flag", rental_id=self.take("u1", "a04"), reason="look at it")
        again = self.take("u1", "a05")
        ok("rental.flag", rental_id=again, reason="where is it")
        ok("rental.unflag", rental_id=again)
        self.take("u2", "a06")
        self.take("u0", "a06")  # the other one has missed a scan
        late = {"timestamp": at(minutes=1), "expires_at": at(minutes=2)}
        self.take("u2", "a07", **late)
        self.bring("a07", timestamp=at(minutes=9))  # is flagged
        self.bring("a08", user_id="u2")  # before its checkout comes
        self.take("u2", "a08", timestamp=at(minutes=1))
        for seq in (1, 2, 5, 9):
            self.take("u1", f"a{8 + seq // 2:02}", device_id="bin 1", device_seq=seq)
        ok("consumer.put", id="c", types=["t"])

    def read(self):
        """Whatever a client can ask for, without what tells of the journal."""
        ok = self.client.ok
        things = {op: read_list(self.client, op) for op in LISTS}
        for rental in things["rental.list"]:
            assert ok("rental.get", rental_id=rental["id"])["rental"] == rental
            del rental["created_seq"]
        things["devices"] = [ok("device.get", id=each["id"]) for each in things["device.list"]]
        things["policy"] = ok("policy.get")["policy"]
        del things["policy"]["version"]
        stats = ok("stats", since=at(days=-1), until=at(days=1))
        own = ("rentals", "open", "expired", "flagged", "users", "assets", "devices", "returns",
               "missed_scans", "returns_by_day", "returns_by_location", "returns_by_asset_type",
               "median_loan_period")
        things["stats"] = {name: stats.get(name) for name in own}
        return things


def export(daemon):
    done = run_cli(daemon, "export")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_is_missing(tmp_path):
    with Daemon(tmp_path / "first") as first, Client(first.api) as client:
        desk = Desk(client)
        (older, _) = two_snapshots(client)
        assert client.ok("admin.trim", before_seq=older)["first_seq"] > 50
        before = desk.read()
        first.restart()
        assert desk.read() == before
        text = export(first)
    rows = [json.loads(line) for line in text.splitlines()]
    kinds = {"policy", "asset_type", "location", "user", "block", "asset", "device", "rental"}
    assert {row["kind"] for row in rows} == kinds
    rentals = before["rental.list"]
    closed = {"return_scan", "missed_scan", "late_checkout", "forgive", "flag", None}
    assert {rental.get("closed_by") for rental in rentals} == closed
    assert any(rental["renewals"] == 2 for rental in rentals)
    with Daemon(tmp_path / "second") as second, Client(second.api) as client:
        done = run_cli(second, "--json", "import", "-", stdin=text)
        assert (done.returncode, done.stderr) == (0, "")
        after = Desk.read(type("Other", (), {"client": client}))
        for name, value in before.items():
            assert after[name] == value, name
        assert export(second) == text
        verify(client)
