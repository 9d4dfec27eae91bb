# SPDX-License-Identifier: MPL-2.0
"""Who may do what, by rentbusd.conf. A connection over ipc is the user who runs the tests, whose role
is another with each start of the daemon; over tcp it is nobody in particular."""
import os

import pytest

import cddl
from harness import Client, Daemon, Process, bin_dir, free_port, uuid7
from ledgers import at, read_events, stock, verify

ME = f"uid:{os.getuid()}"
OPERATIONS = cddl.load().rows["operations"]

SCANS = {"rental.return", "rental.checkout"}
READS = {
    op
    for op, (_, _, mode) in OPERATIONS.items()
    if mode in ("query", "read") and not op.startswith("admin.")
}
DESK = {op for op in OPERATIONS if op.startswith("rental.")} | {"user.put", "user.block"}
DESK |= {"user.unblock", "asset.put", "batch"}
MAY = {
    "reader": READS,
    "lambda": READS | {"publish"} | {op for op in OPERATIONS if op.startswith("consumer.")},
    "kiosk": READS | SCANS,
    "clerk": READS | DESK,
    "admin": set(OPERATIONS),
}


def principal(role, *own, name=ME):
    """A section; `own` are the locations of a kiosk, or the consumers of a lambda."""
    things = ", ".join(f'"{thing}"' for thing in own)
    what = "consumers" if role == "lambda" else "locations"
    more = f"{what} = {{{things}}}" if own else ""
    return f'principal "{name}" {{ role = {role} {more} }}\n'


@pytest.fixture
def desk(tmp_path):
    """Starts the daemon on a stocked ledger with this configuration: a client of it. What ran before
    is stopped."""
    running = []

    def start(config, **more):
        stop()
        daemon = Daemon(tmp_path, config=config, **more).start()
        running.append((daemon, Client(daemon.api)))
        return running[-1][1]

    def stop():
        while running:
            daemon, client = running.pop()
            client.close()
            assert daemon.stop() == 0

    admin = start("")
    stock(admin, ["ada", "bob"], [("m1", "mug"), ("m2", "mug")])
    admin.ok("rental.checkout", user_id="ada", asset_id="m1", location_id="north", timestamp=at())
    yield start
    verify(start(""))


def denied(client, op, **args):
    """The fault of a request that must be refused for who asks it: (field, message)."""
    error = client.error(op, **args)
    assert error["code"] == "PERMISSION_DENIED", error
    return error.get("field"), error["message"]


def bring(client, **args):
    return client.ok("rental.return", **{"asset_id": "m1", "timestamp": at(hours=1), **args})


@pytest.mark.parametrize("role", MAY)
def test_every_operation(desk, role):
    """What is refused is refused before its arguments are looked at; the rest gets further."""
    client = desk(principal(role))
    hello = client.ok("hello")
    assert (hello["role"], hello["actor"]) == (role, ME)
    for op in OPERATIONS:
        if op not in MAY[role]:
            message = f"{op} is not for the role {role}"
            assert denied(client, op, nonsense=1) == (None, message)
            continue
        error = client.error(op, nonsense=1)
        assert error["code"] == "INVALID_ARGUMENT" and "nonsense" in error["field"], op
    assert client.ok("hello")["head"] == hello["head"]


@pytest.mark.parametrize("role", MAY)
def test_the_role_of_others(desk, role):
    client = desk(f"default_role = {role}\n" + principal("admin", name="uid:4294967294"))
    assert client.ok("hello")["role"] == role
    assert ("policy.put" in MAY[role]) == client.call("policy.put", {"user_limit": 3})["ok"]


def test_a_principal_goes_before_the_rest(desk):
    client = desk("default_role = reader\n" + principal("clerk") + principal("admin", name="anonymous"))
    assert client.ok("hello")["role"] == "clerk"


def test_whoever_comes_over_tcp(desk):
    config = principal("admin") + principal("kiosk", "south", name="anonymous")
    visitor = desk(config, api=f"tcp://127.0.0.1:{free_port()}")
    hello = visitor.ok("hello")
    assert (hello["role"], hello["actor"]) == ("kiosk", "anonymous")
    denied(visitor, "user.put", id="eve")
    assert bring(visitor, location_id="south")["outcome"] == "COMPLETED"


def test_a_refusal_leaves_no_trace(desk):
    client = desk(principal("reader"))
    head, command = client.ok("hello")["head"], uuid7()
    args = {"id": "eve", "name": "Eve"}
    for dry_run in (False, True):
        reply = client.call("user.put", {**args, "dry_run": dry_run}, id=command)
        assert reply["error"]["code"] == "PERMISSION_DENIED"
    assert client.error("command.get", command_id=command)["code"] == "NOT_FOUND"
    assert client.ok("hello")["head"] == head
    admin = desk("")
    assert admin.call("user.put", args, id=command)["result"]["outcome"] == "CREATED"
    # Nobody is told by asking for it again, but a reader reads.
    reader = desk(principal("reader"))
    assert not reader.call("user.put", args, id=command)["ok"]
    assert reader.ok("command.get", command_id=command)["outcome"] == "CREATED"


def test_a_kiosk_scans_at_its_own_locations(desk):
    kiosk = desk(principal("kiosk", "south", "west"))
    elsewhere = "at the location of another is not for the role kiosk"
    for op in SCANS:
        args = {"user_id": "ada", "asset_id": "m1", "timestamp": at(hours=1)}
        assert denied(kiosk, op, location_id="north", **args) == ("location_id", f"{op} {elsewhere}")
        assert denied(kiosk, op, location_id="south ", **args)[0] == "location_id"
        assert denied(kiosk, op, location_id="north", dry_run=True, **args)[0] == "location_id"
    assert denied(kiosk, "rental.return", asset_id="m1", timestamp=at(hours=1))[0] == "location_id"
    assert bring(kiosk, location_id="south")["outcome"] == "COMPLETED"
    args = {"user_id": "ada", "asset_id": "m2", "location_id": "west", "timestamp": at(hours=2)}
    assert kiosk.ok("rental.checkout", **args)["outcome"] == "CREATED"
    (created,) = read_events(kiosk, types=["RENTAL_CREATED_EVENT"])[-1:]
    assert created["actor"] == ME


def test_a_kiosk_without_locations_scans_anywhere(desk):
    kiosk = desk(principal("kiosk"))
    args = {"user_id": "ada", "asset_id": "m2", "location_id": "anywhere", "timestamp": at()}
    rental = kiosk.ok("rental.checkout", **args)["rental"]["id"]
    assert bring(kiosk, location_id="elsewhere")["outcome"] == "COMPLETED"
    done = kiosk.ok("rental.return", rental_id=rental, timestamp=at(hours=1))
    assert done["outcome"] == "COMPLETED"


def test_a_kiosk_overrides_nothing(desk):
    kiosk = desk(principal("kiosk", "south"))
    args = {"asset_id": "m1", "user_id": "ada", "timestamp": at(hours=1), "location_id": "south"}
    for op in SCANS:
        message = f"{op} with an override is not for the role kiosk"
        assert denied(kiosk, op, override="she asked", **args) == ("override", message)
        assert denied(kiosk, op, override="", **args)[0] == "override"


FOREIGN = "of a consumer that is not its own is not for the role lambda"


def test_a_lambda_serves_its_own_consumers(desk):
    desk("").ok("consumer.put", id="books", types=["order.placed"])
    client = desk(principal("lambda", "thanks", "mail-*"))
    for op in [op for op in OPERATIONS if op.startswith("consumer.")]:
        if op in READS:
            assert client.call(op, {} if op == "consumer.list" else {"id": "books"})["ok"], op
    worker = {"id": "books", "worker": "w", "incarnation": uuid7()}
    assert denied(client, "consumer.fetch", credit=1, **worker) == ("id", f"consumer.fetch {FOREIGN}")
    lease = [{"seq": 1, "lease": 1}]
    assert denied(client, "consumer.ack", acks=lease, **worker) == ("id", f"consumer.ack {FOREIGN}")
    for op in ("put", "delete", "pause", "resume", "drop"):
        more = {"all": True} if op == "drop" else {}
        assert denied(client, f"consumer.{op}", id="books", **more)[0] == "id", op
    assert denied(client, "consumer.put", id="books2", dry_run=True)[0] == "id"
    assert [row["consumer"]["id"] for row in client.ok("consumer.list")["consumers"]] == ["books"]
    for own in ("thanks", "mail-1"):
        client.ok("consumer.put", id=own, types=["order.placed"])
        fetched = client.ok("consumer.fetch", credit=1, **{**worker, "id": own})
        assert fetched["deliveries"] == []
        client.ok("consumer.delete", id=own)


def test_a_lambda_that_lists_none_serves_none(desk):
    for config in (principal("lambda"), "default_role = lambda\n"):
        client = desk(config)
        assert denied(client, "consumer.put", id="thanks") == ("id", f"consumer.put {FOREIGN}")
        event = {"type": "order.placed", "data": {}}
        assert client.ok("publish", events=[event])["outcome"] == "CREATED"


@pytest.mark.parametrize("role", ["clerk", "admin"])
def test_clerk_and_admin_override(desk, role):
    client = desk(principal(role))
    client.ok("user.block", id="bob", reason="owes two bowls")
    args = {"user_id": "bob", "asset_id": "m2", "location_id": "north", "timestamp": at()}
    assert client.ok("rental.checkout", **args)["reasons"] == ["USER_BLOCKED"]
    assert client.ok("rental.checkout", override="paid", **args)["outcome"] == "CREATED"


def commands():
    wanted = [
        ("user.put", {"id": "eve"}),
        ("policy.put", {"user_limit": 3}),
        ("rental.checkout", {"user_id": "eve", "asset_id": "m2", "location_id": "north"}),
    ]
    return [{"id": uuid7(), "op": op, "args": args} for op, args in wanted]


def test_each_command_of_a_batch_is_looked_at(desk):
    clerk = desk(principal("clerk"))
    batch = commands()
    result = clerk.ok("batch", commands=batch)
    assert [reply["ok"] for reply in result["replies"]] == [True, False, True]
    error = result["replies"][1]["error"]
    assert (error["code"], error["message"]) == (
        "PERMISSION_DENIED",
        "policy.put is not for the role clerk",
    )
    assert "user_limit" not in clerk.ok("policy.get")["policy"]
    # Sent again by somebody who may do all of it: what was done is not done again.
    result = desk("").ok("batch", commands=batch)
    assert [reply["result"]["outcome"] for reply in result["replies"]] == ["CREATED", "UPDATED", "CREATED"]


def test_an_atomic_batch_with_a_refusal_comes_to_nothing(desk):
    clerk = desk(principal("clerk"))
    head = clerk.ok("hello")["head"]
    result = clerk.ok("batch", commands=commands(), atomic=True)
    assert result["applied"] is False and result["replies"][1]["error"]["code"] == "PERMISSION_DENIED"
    assert clerk.ok("hello")["head"] == head
    assert clerk.error("user.get", id="eve")["code"] == "NOT_FOUND"


# ---- what the file says ----


def check(tmp_path, text, code):
    """What --check-config says of a file: its output, or its errors."""
    file = tmp_path / "roles.conf"
    file.write_text(text)
    name = f"check{len(list(tmp_path.glob('check*.log')))}"
    argv = [bin_dir() / "rentbusd", "-c", file, "--check-config"]
    process = Process(argv, tmp_path, name).launch()
    assert process.wait() == code
    return process.log() if code else process.output()


def test_the_settings_are_told_as_a_file_has_them(tmp_path):
    config = "default_role = clerk\n" + principal("kiosk", "a b", "c'd")
    config += principal("lambda", "thanks", "mail-*", name="anonymous")
    told = check(tmp_path, config, 0)
    assert 'default_role = "clerk"\n' in told and "{'a b', 'c\\'d'}" in told
    assert "    consumers = {'thanks', 'mail-*'}\n" in told
    assert check(tmp_path, told, 0) == told


@pytest.mark.parametrize(
    "text, line, words",
    [
        ("default_role = boss\n", 1, 'default_role: "boss" is not one of reader, kiosk, clerk, lambda, admin'),
        ('\nprincipal "bob" { role = clerk }\n', 2, 'principal: "bob" is neither'),
        ('principal "uid:1" {\n role = boss\n}\n', 2, 'role: "boss" is not one of'),
        ('principal "uid:1" {\n}\n', 2, 'principal: "uid:1" has no role'),
        ('# one\nprincipal "uid:1" {\n role = kiosk\n locations = {"a", ""}\n}\n', 4, 'locations: "" is not an id'),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, text, line, words):
    assert check(tmp_path, text, 78).startswith(f"rentbusd: {tmp_path}/roles.conf:{line}: {words}")


def test_a_bad_role_keeps_the_daemon_from_starting(tmp_path):
    daemon = Daemon(tmp_path, config="default_role = boss\n").launch()
    assert daemon.wait() == 78 and not daemon.data.exists()
