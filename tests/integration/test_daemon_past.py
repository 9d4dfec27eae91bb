# SPDX-License-Identifier: MPL-2.0
"""Any read as of then: behind an event, or at a time. What the daemon says of the past is what it
said when that was the present."""
import random
from datetime import datetime, timedelta, timezone

import pytest

import harness
from harness import Client, uuid7, wait_until
from ledgers import at, read_events, read_list, stock, verify

USERS = [f"u{number}" for number in range(5)]
ASSETS = [f"a{number}" for number in range(10)]
TYPES = ["mug", "bowl", "box"]
LOCATIONS = ["counter", "bin"]
DEVICES = ["d1", "d2"]
COMMANDS = 300
STATUSES = ["IN_PROGRESS", "COMPLETED", "FORGIVEN", "FLAGGED"]
COUNTS = ["open", "users", "assets", "devices", "expired", "flagged", "rentals", "locations"]
COUNTS += ["asset_types", "head"]
RETURNS = ["returns", "missed_scans", "returns_by_day", "median_loan_period"]
RETURNS += ["returns_by_location", "returns_by_asset_type"]
# What happens lies months before or after the day of the test: nothing expires while it is asked.
PERIOD = {"since": at(days=-10), "until": at(days=200)}
UNKNOWN = {"code": "NOT_FOUND"}


def new_rng():
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


class Chance:
    """Commands that happen to come."""

    def __init__(self, rng):
        self.rng = rng
        self.minutes = 0
        self.sequence = dict.fromkeys(DEVICES, 0)
        self.rentals = ["r0"]
        self.imported = 0

    def time(self):
        self.minutes += self.rng.randrange(0, 600)
        late = self.rng.choice([0, 0, 0, self.rng.randrange(0, 3000)])
        return at(minutes=self.minutes - late)

    def device(self):
        """Of some scans: which it is of which device; some come twice, some never."""
        if self.rng.random() < 0.7:
            return {}
        device = self.rng.choice(DEVICES)
        self.sequence[device] = max(1, self.sequence[device] + self.rng.choice([-1, 0, 1, 1, 1, 3]))
        return {"device_id": device, "device_seq": self.sequence[device]}

    def checkout(self):
        args = {"user_id": self.rng.choice(USERS), "asset_id": self.rng.choice(ASSETS)}
        args |= {"location_id": self.rng.choice(LOCATIONS), "timestamp": self.time()}
        if self.rng.random() < 0.3:
            args["loan_period"] = self.rng.choice(["PT1H", "P40D", "P9000D"])
        return "rental.checkout", args | self.device()

    def bring(self):
        args = {"timestamp": self.time(), "location_id": self.rng.choice(LOCATIONS)}
        if self.rng.random() < 0.15:
            return "rental.return", {**args, "rental_id": self.rng.choice(self.rentals)}
        args["asset_id"] = self.rng.choice(ASSETS)
        if self.rng.random() < 0.7:
            args["user_id"] = self.rng.choice(USERS)
        return "rental.return", args | self.device()

    def judge(self):
        op = self.rng.choice(["forgive", "flag", "flag", "unflag", "unflag", "renew"])
        args = {"rental_id": self.rng.choice(self.rentals[-8:])}
        if op in ("forgive", "flag"):
            args["reason"] = self.rng.choice(["lost", "broken"])
        return f"rental.{op}", args

    def put(self):
        rng = self.rng
        user, kind = rng.choice(USERS), rng.choice(TYPES)
        return rng.choice(
            [
                ("user.put", {"id": user, "name": f"name {rng.random()}"}),
                ("user.block", {"id": user, "reason": "late"}),
                ("user.unblock", {"id": user}),
                ("asset.put", {"id": rng.choice(ASSETS), "asset_type": kind}),
                ("asset_type.put", {"id": kind, "loan_period": rng.choice(["P1D", "P9D"])}),
                ("location.put", {"id": rng.choice(LOCATIONS), "name": f"{rng.random()}"}),
                ("policy.put", {"return_match": rng.choice(["oldest", "soonest_expiry"])}),
                ("policy.put", {"late_return": rng.choice(["reject", "flag"])}),
                ("policy.put", {"user_limit": rng.choice([0, 2, 6])}),
            ]
        )

    def bring_in(self):
        """An import of a rental that is over."""
        self.imported += 1
        args = {"id": f"i{self.imported}", "status": self.rng.choice(STATUSES[1:])}
        args |= {"user_id": self.rng.choice(USERS), "asset_id": self.rng.choice(ASSETS)}
        args |= {"created_at_location_id": "counter", "created_at": at(), "expires_at": at(days=2)}
        if args["status"] == "COMPLETED":
            args |= {"returned_at": self.time(), "returned_at_location_id": "bin"}
        return "admin.import", args

    def command(self):
        kinds = [self.checkout, self.bring, self.judge, self.put, self.bring_in]
        return self.rng.choices(kinds, [6, 6, 3, 2, 1])[0]()


def past_or_now(client, op, when, **args):
    """The result, or the error without its words."""
    reply = client.call(op, {**args, **when}, timeout=60)
    if reply["ok"]:
        return reply["result"]
    return {"code": reply["error"]["code"]}


def look(client, rentals, **when):
    """All that reads show, now or `when`."""
    lists = ["user", "asset", "asset_type", "location", "device", "rental"]
    seen = {f"{noun}.list": read_list(client, f"{noun}.list", **when) for noun in lists}
    for name, args in {
        "expired": {"expired": True},
        "not expired": {"expired": False},
        "of a user": {"user_id": "u1"},
        "of an asset": {"asset_id": "a1"},
        **{status: {"status": status} for status in STATUSES},
    }.items():
        seen[name] = read_list(client, "rental.list", **args, **when)
    for op, name, ids in (
        ("rental.get", "rental_id", rentals),
        ("user.get", "id", [*USERS, "nobody"]),
        ("asset.get", "id", ASSETS),
        ("asset_type.get", "id", TYPES),
        ("location.get", "id", LOCATIONS),
        ("device.get", "id", DEVICES),
    ):
        for thing in ids:
            seen[op, thing] = past_or_now(client, op, when, **{name: thing})
    seen["policy"] = client.ok("policy.get", **when)
    stats = client.ok("stats", **PERIOD, **when)
    seen["counts"] = {name: stats[name] for name in COUNTS}
    seen["returns"] = {name: stats.get(name) for name in RETURNS}
    return seen


class History:
    """A daemon that has seen a lot, and what it showed behind each command."""

    def __init__(self, daemon, rng, commands):
        self.daemon = daemon
        self.rng = rng
        self.chance = Chance(rng)
        self.seen = {}
        self.rentals = []
        with Client(daemon.api) as client:
            self.keep(client)
            stock(client, USERS, [(asset, TYPES[n % 3]) for n, asset in enumerate(ASSETS)])
            for _ in range(commands):
                self.run(client)
                self.keep(client)
            self.events = read_events(client)

    def run(self, client):
        op, args = self.chance.command()
        reply = client.call(op, args)
        rental = reply.get("result", {}).get("rental", {}).get("id")
        if rental and rental not in self.rentals:
            self.rentals.append(rental)
            self.chance.rentals.append(rental)

    def keep(self, client):
        """Looks at everything, until nothing has happened meanwhile: timers may."""
        while True:
            head = client.ok("hello")["head"]
            seen = look(client, self.rentals[-10:])
            if client.ok("hello")["head"] == head:
                break
        self.seen[head] = seen

    def check(self, client, seq, **when):
        then = self.seen[seq]
        rentals = [name[1] for name in then if name[:1] == ("rental.get",)]
        unborn = [rental for rental in self.rentals if rental not in self.known(seq)][:3]
        now = look(client, rentals + unborn, **(when or {"at_seq": seq}))
        then = then | {("rental.get", rental): UNKNOWN for rental in unborn}
        for name, value in now.items():
            assert value == then[name], f"{name} of seq {seq} ({when})"

    def known(self, seq):
        return {rental["id"] for rental in self.seen[seq]["rental.list"]}


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    directory = tmp_path_factory.mktemp("past")
    daemon = harness.Daemon(directory).start()
    return History(daemon, new_rng(), COMMANDS)


@pytest.fixture
def reader(history):
    if not history.daemon.running:
        history.daemon.start()
    with Client(history.daemon.api) as client:
        yield client


def moment(event):
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00"))


def on_wire(time):
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


# ---- what was then is what is said to have been ----


def test_behind_every_event(history, reader):
    seqs = sorted(history.seen)
    assert len(seqs) > COMMANDS * 0.6
    for seq in seqs:
        history.check(reader, seq)


def test_in_any_order(history, reader):
    for seq in history.rng.sample(sorted(history.seen), 25):
        history.check(reader, seq)


def test_within_commands(history, reader):
    """Behind an event that is not the last one of its command, the ledger is that of the journal up
    to there: what one more event changes shows."""
    opened = [e for e in history.events if e["type"] == "RENTAL_CREATED_EVENT"]
    assert opened
    for event in history.rng.sample(opened, 10):
        rental = {"rental_id": event["data"]["rental"]["id"]}
        before = reader.error("rental.get", at_seq=event["seq"] - 1, **rental)
        assert before["code"] == "NOT_FOUND"
        then = reader.ok("rental.get", at_seq=event["seq"], **rental)["rental"]
        assert then == event["data"]["rental"]


def test_at_every_time(history, reader):
    """Of events of one time the last counts; between two events, the first."""
    last = {}
    for event in history.events:
        last[moment(event)] = event["seq"]
    step = timedelta(microseconds=1)
    for time, seq in history.rng.sample(sorted(last.items()), 40):
        if seq in history.seen:
            history.check(reader, seq, at=on_wire(time))
        head = {"at": on_wire(time - step)}
        before = max((s for t, s in last.items() if t < time), default=0)
        assert reader.ok("stats", **head)["head"] == before
        after = min((t for t in last if t > time), default=time + step)
        between = time + (after - time) / 2
        assert reader.ok("stats", at=on_wire(between))["head"] == seq


def test_zones_and_fractions(history, reader):
    event = history.rng.choice(history.events)
    east = timezone(timedelta(hours=5, minutes=30))
    text = moment(event).astimezone(east).isoformat()
    seqs = [e["seq"] for e in history.events if e["time"] == event["time"]]
    assert reader.ok("stats", at=text)["head"] == max(seqs)


def test_before_the_first_event(history, reader):
    for when in ({"at_seq": 0}, {"at": "1999-12-31T23:59:59Z"}):
        stats = reader.ok("stats", **when)
        assert all(stats[name] == 0 for name in COUNTS)
        assert reader.ok("rental.list", **when) == {"rentals": []}
        assert reader.ok("user.list", **when) == {"users": []}
        assert reader.error("user.get", id="u1", **when)["code"] == "NOT_FOUND"
        assert reader.ok("policy.get", **when)["policy"]["version"] == 0


def take_for_a_moment(client):
    """A rental that has expired, though it had not when it began: its event, and its end."""
    for number in range(20):
        client.ok("asset.put", id=f"m{number}", asset_type="mug")
        end = datetime.now(timezone.utc) + timedelta(milliseconds=300)
        args = {"user_id": "ada", "asset_id": f"m{number}", "location_id": "counter"}
        rental = client.ok("rental.checkout", expires_at=on_wire(end), **args)["rental"]
        created = read_events(client, rental["created_seq"])[0]
        if moment(created) < end:
            wait_until(lambda: datetime.now(timezone.utc) > end + timedelta(milliseconds=5))
            return created, end
        client.ok("rental.forgive", rental_id=rental["id"], reason="the machine is busy")
    raise AssertionError("a checkout takes too long")


def test_expired_is_measured_against_then(client):
    """What was out then, and was not late yet, is not said to have been."""
    client.ok("user.put", id="ada")
    created, end = take_for_a_moment(client)
    for when, expired in (
        ({"at": created["time"]}, 0),
        ({"at_seq": created["seq"]}, 0),
        ({"at": on_wire(end)}, 0),
        ({"at": on_wire(end + timedelta(microseconds=1))}, 1),
    ):
        assert client.ok("stats", **when)["expired"] == expired, when
        listed = client.ok("rental.list", expired=True, **when)["rentals"]
        assert len(listed) == expired
        listed = client.ok("rental.list", expired=False, **when)["rentals"]
        assert len(listed) == 1 - expired


# ---- what cannot be asked ----


@pytest.mark.parametrize("op", ["stats", "rental.list", "user.list", "policy.get", "device.list"])
def test_what_makes_no_sense(history, reader, op):
    head = reader.ok("hello")["head"]
    for args, field in (
        ({"at_seq": head + 1}, "at_seq"),
        ({"at_seq": 2**63}, "at_seq"),
        ({"at_seq": -1}, "at_seq"),
        ({"at": "2999-01-01T00:00:00Z"}, "at"),
        ({"at": "yesterday"}, "at"),
        ({"at": at(), "at_seq": 3}, "at_seq"),
    ):
        error = reader.error(op, **args)
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", field), args
    # A query that is no read has no past.
    for op in ("hello", "events.read", "command.get"):
        assert reader.error(op, at_seq=3)["code"] == "INVALID_ARGUMENT"


def test_the_rest_of_the_arguments_counts_too(history, reader):
    for args, field in (({"limit": 0}, "limit"), ({"cursor": "u3x"}, "cursor")):
        error = reader.error("user.list", at_seq=5, **args)
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", field)


# ---- pages, restarts, load ----


def test_pages_do_not_move(history, reader):
    seqs = sorted(history.seen)
    for seq in history.rng.sample(seqs[len(seqs) // 2 :], 6):
        for limit in (1, 3):
            for op in ("rental.list", "user.list", "asset.list"):
                items, args = [], {"at_seq": seq, "limit": limit}
                while True:
                    page = reader.ok(op, **args)
                    cursor = page.pop("cursor", None)
                    items += next(iter(page.values()))
                    history.run(reader)
                    if cursor is None:
                        break
                    args["cursor"] = cursor
                assert items == history.seen[seq][op]


def without_archive(daemon):
    assert daemon.stop() == 0
    for path in daemon.data.glob("archive.db*"):
        path.unlink()


@pytest.mark.parametrize("archive", [True, False])
def test_after_a_restart(history, archive):
    if not archive:
        without_archive(history.daemon)
        history.daemon.start()
    else:
        history.daemon.restart()
    with Client(history.daemon.api) as client:
        for seq in history.rng.sample(sorted(history.seen), 12):
            history.check(client, seq)


def test_what_the_archive_has_not_taken(daemon, client):
    """Closed rentals are with the past ledger until they are with the archive."""
    stock(client, ["ada"], [("m1", "mug"), ("m2", "mug")])
    args = {"user_id": "ada", "location_id": "counter"}
    ids = []
    for number, asset in enumerate(("m1", "m2")):
        if number == 1:
            wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"])
            for path in daemon.data.glob("archive.db*"):
                path.unlink()
            (daemon.data / "archive.db").mkdir()
        rental = client.ok("rental.checkout", timestamp=at(), asset_id=asset, **args)["rental"]
        ids.append(rental["id"])
        scan = {"timestamp": at(hours=1), "rental_id": rental["id"]}
        assert client.ok("rental.return", **scan)["outcome"] == "COMPLETED"
    head = client.ok("hello")["head"]
    rental = client.ok("rental.get", rental_id=ids[1], at_seq=head)["rental"]
    assert rental["status"] == "COMPLETED"
    assert client.error("rental.get", rental_id=ids[0], at_seq=head)["code"] != "NOT_FOUND"
    (daemon.data / "archive.db").rmdir()
    wait_until(lambda: client.call("rental.get", {"rental_id": ids[0], "at_seq": head})["ok"])
    assert client.ok("rental.list", at_seq=head, status="COMPLETED")["rentals"][1] == rental


def test_while_load_goes_on(history, reader):
    """Reads of the past and of the present and commands, all at once."""
    seqs = sorted(history.seen)
    with Client(history.daemon.api) as load:
        for number in range(40):
            asked = {}
            for _ in range(3):
                seq = history.rng.choice(seqs)
                asked[reader.send("rental.list", {"at_seq": seq, "limit": 1000})] = seq
            for n in range(20):
                load.send("user.put", {"id": f"load{n}", "name": f"{number}"})
            for _ in range(20):
                assert load.receive()["ok"]
            while asked:
                reply = reader.receive(60)
                assert reply["ok"], reply
                seq = asked.pop(reply["id"])
                assert reply["result"]["rentals"] == history.seen[seq]["rental.list"]
        verify(load)


def test_nobody_waits_for_a_replay(tmp_path):
    """While the journal is replayed, the daemon serves everybody else."""
    daemon = harness.Daemon(tmp_path).start()
    with Client(daemon.api) as client, Client(daemon.api) as past:
        for number in range(20):
            commands = [
                {"id": uuid7(), "op": "user.put", "args": {"id": f"u{number}-{n}"}}
                for n in range(1000)
            ]
            client.ok("batch", commands=commands)
        head = client.ok("hello")["head"]
        assert head > 20000
        served = 0
        for number in range(5):
            past.send("stats", {"at_seq": head - number})
            while not past.readable(0):
                client.ok("user.get", id="u0-0")
                served += 1
            stats = past.receive(60)["result"]
            assert stats["users"] == head - number - 1
        assert served > 5
    assert daemon.stop() == 0


def test_too_many_wait(tmp_path):
    daemon = harness.Daemon(tmp_path).start()
    with Client(daemon.api) as client:
        stock(client, [f"u{number}" for number in range(300)])
        sent = {client.send("stats", {"at_seq": seq}): seq for seq in range(300, 100, -1)}
        busy = 0
        for _ in range(len(sent)):
            reply = client.receive(60)
            seq = sent.pop(reply["id"])
            if reply["ok"]:
                assert reply["result"]["users"] == seq - 1
            else:
                assert reply["error"]["code"] == "BUSY" and reply["error"]["retry_after_ms"] > 0
                busy += 1
        assert busy < 200 - 63
    assert daemon.stop() == 0


def test_a_stop_does_not_wait_for_a_replay(history):
    history.daemon.restart()
    with Client(history.daemon.api) as client:
        sent = {client.send("stats", {"at_seq": seq}) for seq in range(60, 0, -1)}
        arrived = client.send("hello")
        while arrived:
            reply = client.receive()
            sent.discard(reply["id"])
            arrived = arrived if reply["id"] != arrived else None
        history.daemon.signal(15)
        while sent:
            reply = client.receive()
            sent.remove(reply["id"])
            assert reply["ok"] or reply["error"]["code"] == "UNAVAILABLE", reply
    assert history.daemon.wait() == 0
    history.daemon.start()
