# SPDX-License-Identifier: MPL-2.0
"""rental.list by every field: what is picked, page by page, wherever the rentals are kept."""
import itertools
import random
from datetime import datetime, timezone

import pytest

import cddl
import harness
from harness import Client, uuid7, wait_until
from ledgers import at, read_list, stock, verify

NOW = datetime.now(timezone.utc)
PLAIN = {"at", "at_seq", "limit", "cursor"}
BULK = 1000


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def matches(rental, args):
    """What the description of the arguments says, once more."""
    for field, value in args.items():
        name, _, end = field.rpartition("_")
        if end in ("from", "until"):
            found = rental.get(f"{name}_at")
            if found is None or (moment(found) >= moment(value)) != (end == "from"):
                return False
        elif field == "expired":
            if rental["status"] != "IN_PROGRESS" or (NOW > moment(rental["expires_at"])) != value:
                return False
        elif field == "eligible_asset_type":
            if value not in rental["eligible_asset_types"]:
                return False
        elif rental.get(field) != value:
            return False
    return True


def fill(client):
    """Rentals of every kind: lent, renewed, returned, late, forgiven, flagged, missed, imported."""
    types = [
        {"id": "mug", "loan_period": "P2D", "eligible_asset_types": ["mug", "bowl"]},
        {"id": "bowl", "loan_period": "P4000D"},
    ]
    assets = [(f"m{n}", "mug") for n in range(8)] + [(f"b{n}", "bowl") for n in range(8)]
    stock(client, ["ada", "bob", "cyd"], assets, types)
    taken = []
    for number, (asset, _) in enumerate(assets):
        user = ("ada", "bob", "cyd")[number % 3]
        scan = {"user_id": user, "asset_id": asset, "location_id": f"desk{number % 2}"}
        result = client.ok("rental.checkout", **scan, timestamp=at(hours=number))
        taken.append(result["rental"]["id"])
    client.ok("rental.renew", rental_id=taken[9], period="P1D")
    client.ok("rental.renew", rental_id=taken[9], period="P1D")
    client.ok("rental.renew", rental_id=taken[10], period="P1D")
    for number in (0, 3, 8, 11):
        scan = {"asset_id": assets[number][0], "location_id": f"bin{number % 2}"}
        client.ok("rental.return", **scan, timestamp=at(days=1, hours=number))
    client.ok("rental.return", timestamp=at(days=1), rental_id=taken[12])
    client.ok("rental.forgive", rental_id=taken[1], reason="lost")
    client.ok("rental.flag", rental_id=taken[2], reason="broken")
    client.ok("rental.flag", rental_id=taken[13], reason="late")
    client.ok("policy.put", late_return="flag")
    client.ok("rental.return", timestamp=at(days=9), asset_id="m4", location_id="bin0")
    scan = {"user_id": "cyd", "asset_id": "m5", "location_id": "desk1"}
    client.ok("rental.checkout", **scan, timestamp=at(days=1))
    imported = {"user_id": "ada", "asset_id": "b8", "created_at_location_id": "old"}
    client.ok("asset.put", id="b8", asset_type="bowl")
    for status in ("COMPLETED", "FORGIVEN", "FLAGGED"):
        times = {"created_at": at(days=-9), "expires_at": at(days=-2), "returned_at": at(days=-1)}
        client.ok("admin.import", id=f"old-{status}", status=status, **imported, **times)


@pytest.fixture(scope="module", params=["hot and cold", "cold"])
def daemon(request, tmp_path_factory, reap_after_module):
    running = harness.Daemon(tmp_path_factory.mktemp("list")).start()
    with Client(running.api) as client:
        fill(client)
        if request.param == "cold":
            wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"])
            running.restart()
    yield running
    assert running.stop() == 0


def values(field, rentals):
    """Some to ask for: what is there, and what is not."""
    name, _, end = field.rpartition("_")
    if field == "expired":
        return [True, False]
    if field == "status":
        return ["IN_PROGRESS", "COMPLETED", "FORGIVEN", "FLAGGED"]
    if field == "closed_by":
        return ["return_scan", "missed_scan", "forgive", "flag", "late_checkout"]
    if field == "renewals":
        return [0, 1, 2, 3]
    if field == "eligible_asset_type":
        return ["mug", "bowl", "spoon"]
    if end in ("from", "until"):
        found = sorted({rental[f"{name}_at"] for rental in rentals if rental.get(f"{name}_at")})
        return [found[0], found[len(found) // 2], found[-1], "9999-12-31T23:59:59Z"]
    found = sorted({rental[field] for rental in rentals if rental.get(field) is not None})
    return [*found, "nothing"]


def filters(rentals):
    fields = [field.name for field in cddl.load().structs["rental_list_args"]]
    for field in fields:
        if field not in PLAIN:
            yield field, values(field, rentals)


def test_by_every_field(client):
    rentals = read_list(client, "rental.list")
    assert {rental["status"] for rental in rentals} == {
        "IN_PROGRESS", "COMPLETED", "FORGIVEN", "FLAGGED"
    }
    for field, asked in filters(rentals):
        hits = 0
        for value in asked:
            wanted = [rental for rental in rentals if matches(rental, {field: value})]
            for limit in (1, 3, 1000):
                assert read_list(client, "rental.list", limit, **{field: value}) == wanted, field
            hits += 0 < len(wanted) < len(rentals)
        assert hits, f"{field}: nothing tells one rental from another"


def test_by_two_and_three_fields(client):
    rentals = read_list(client, "rental.list")
    choice = random.Random(3)
    hits = 0
    asked = dict(filters(rentals))
    sets = [*itertools.combinations(asked, 2)]
    sets += choice.sample([*itertools.combinations(asked, 3)], 150)
    for fields in sets:
        args = {field: choice.choice(asked[field]) for field in fields}
        wanted = [rental for rental in rentals if matches(rental, args)]
        assert read_list(client, "rental.list", 4, **args) == wanted, args
        hits += bool(wanted)
    assert hits > 50


def import_many(client, count, first, **more):
    commands = []
    for number in range(first, first + count):
        args = {
            "id": f"r{number:05}",
            "user_id": "ada",
            "asset_id": "m0",
            "created_at": at(),
            "expires_at": at(days=1),
            "created_at_location_id": "old" if number % 5000 else "rare",
            **more,
        }
        commands.append({"id": uuid7(), "op": "admin.import", "args": args})
    for start in range(0, count, BULK):
        replies = client.ok("batch", commands=commands[start : start + BULK])["replies"]
        assert all(reply["ok"] for reply in replies), replies


def test_a_request_looks_at_20000_and_no_more(tmp_path):
    """Rentals in memory (flagged ones) and in the archive, one kind behind the other, and mixed."""
    daemon = harness.Daemon(tmp_path).start()
    client = Client(daemon.api)
    stock(client, ["ada"], [("m0", "mug")])
    hot = {"status": "FLAGGED"}
    cold = {"status": "COMPLETED", "returned_at": at(hours=1)}
    first = 0
    for kind, count in ((cold, 10500), (hot, 10500), (cold, 1000), (hot, 1000), (cold, 1000)):
        import_many(client, count, first, **kind)
        first += count
    wait_until(lambda: client.ok("stats")["archived_seq"] == client.ok("hello")["head"], 60)
    wanted = [f"r{number:05}" for number in range(0, 24000, 5000)]
    found, pages, args = [], 0, {"created_at_location_id": "rare", "limit": 1000}
    while True:
        page = client.ok("rental.list", **args)
        found += [rental["id"] for rental in page["rentals"]]
        pages += 1
        if "cursor" not in page:
            break
        assert args.get("cursor") != page["cursor"]
        args["cursor"] = page["cursor"]
    assert found == wanted
    assert 2 <= pages <= 4, "each of them looks at 20,000 at most"
    short = read_list(client, "rental.list", 2, short=True, created_at_location_id="rare")
    assert [rental["id"] for rental in short] == wanted
    assert len(read_list(client, "rental.list", created_at_location_id="old", short=True)) == 23995
    nothing = {"created_at_location_id": "rare", "status": "IN_PROGRESS"}
    assert client.ok("rental.list", **nothing) == {"rentals": []}
    verify(client)
    assert daemon.stop() == 0
