# SPDX-License-Identifier: MPL-2.0
"""Daemon, workers, hosts and handlers are killed at random while events are published: every event
is handled at least once, in order per subject; each parked one is accounted for; and what fails
delays no other subject. In a soak for RENTBUS_SOAK_SECONDS."""
import bisect
import random
import signal
import threading

import pytest

import harness
from harness import Client, Daemon, Process, Refused, uuid7, wait_until
from lambdas import handler, kill_one, running, start
from ledgers import verify

DEADLINE = 150
SUBJECTS = 40
BATCH = 32
# So many events of a type may be published beyond the newest that was handled.
BACKLOG = {"quick": 2000, "slow": 100}
# One event in so many fails, always.
POISON = 100
SLOW_POISON = 20

PROCESS = (
    f"[ $((RENTBUS_EVENT_SEQ % {SLOW_POISON})) = 0 ] && exit 1\n"
    'echo "$RENTBUS_EVENT_SEQ $RENTBUS_EVENT_SUBJECT" >>{log}\n'
)
STREAM = f"""import json, sys
log = open("{{log}}", "a", buffering=1)
for line in sys.stdin:
    event = json.loads(line)
    if event["seq"] % {POISON} == 0:
        print("fail", event["seq"], "as ever", flush=True)
        continue
    log.write(f"{{event['seq']}} {{event['subject']}}\\n")
    print("ack", event["seq"], flush=True)
"""
# A killed host leaves leases behind, which the next one of its name takes over.
WORDS = ("--from", "first", "--worker", "w", "--lease", "20", "--max-attempts", "8")
QUICK = ("--backoff", "0.01", "--backoff-max", "0.2")


class Notes:
    """The whole lines of files that grow. `first`: seq → subject, in the order in which they were
    handled at first; `count`: how often anything was; `newest`: the highest seq."""

    def __init__(self):
        self.offsets = {}
        self.first = {}
        self.count = 0
        self.newest = 0

    def read(self, path):
        if not path.exists():
            return
        with open(path, "rb") as file:
            file.seek(self.offsets.get(path, 0))
            text = file.read()
        text = text[: text.rfind(b"\n") + 1]
        self.offsets[path] = self.offsets.get(path, 0) + len(text)
        for line in text.decode().splitlines():
            words = line.split()
            if words and words[0] != "end":
                self.count += 1
                seq = int(words[0])
                self.first.setdefault(seq, words[2 if len(words) == 4 else 1])
                self.newest = max(self.newest, seq)


class Publisher(threading.Thread):
    """Publishes and publishes, whatever becomes of the daemon, each event once. `made`: type → seq →
    subject."""

    def __init__(self, api, rng, room):
        super().__init__(daemon=True)
        self.api = api
        self.rng = random.Random(rng.randrange(2**32))
        self.room = room
        self.made = {"quick": {}, "slow": {}}
        self.over = threading.Event()
        self.problem = None

    def events(self):
        kinds = [self.rng.random() for _ in range(BATCH)]
        return [
            {
                "type": "slow" if kind < 0.04 else "quick",
                "subject": "bad" if kind > 0.99 else f"s{self.rng.randrange(SUBJECTS)}",
                "data": {},
            }
            for kind in kinds
        ]

    def publish(self, events):
        command = uuid7()
        while True:
            try:
                with Client(self.api) as client:
                    reply = client.call("publish", {"events": events}, id=command, timeout=2)
            except TimeoutError:
                continue
            if reply["ok"]:
                first = reply["result"]["seq"] - len(events) + 1
                for seq, event in enumerate(events, first):
                    self.made[event["type"]][seq] = event["subject"]
                return
            if reply["error"]["code"] not in ("UNAVAILABLE", "BUSY"):
                raise Refused("publish", reply["error"])

    def run(self):
        try:
            while not self.over.is_set():
                self.room.wait(0.1)
                if self.room.is_set():
                    self.publish(self.events())
        except Exception as problem:  # told by the test
            self.problem = problem


class Scene:
    """The daemon and those who handle: `p` a process for each event, `s` processes that live long,
    `w` a worker of the library, whose subject "bad" fails and then waits for an hour."""

    def __init__(self, directory, rng):
        self.directory = directory
        self.rng = rng
        self.daemon = Daemon(directory).start()
        self.notes = {name: Notes() for name in "psw"}
        self.kills = dict.fromkeys(("daemon", "host p", "host s", "worker", "handler"), 0)
        self.scripts = {
            "p": handler(directory, PROCESS, "p"),
            "s": handler(directory, STREAM, "s", "/usr/bin/python3"),
        }
        with Client(self.daemon.api) as client:
            client.ok("consumer.put", id="w", start="first", types=["quick"], lease_ms=600000,
                      backoff_ms=3600000, backoff_max_ms=3600000, max_attempts=1000)  # fmt: skip
        self.room = threading.Event()
        self.publisher = Publisher(self.daemon.api, rng, self.room)
        self.runs = {name: self.launch(name) for name in "psw"}
        self.ended = []

    def launch(self, name):
        if name == "w":
            argv = [harness.bin_dir() / "sdk_work", self.daemon.api, "w", "w", 4, 16, 0, "bad"]
            return Process(argv, self.directory, f"work-{harness.mark()}").launch()
        way = ("--stream", "--concurrency", "2", "--on", "quick")
        if name == "p":
            way = ("--concurrency", "3", "--on", "slow")
        return start(self.daemon, self.directory, name, *WORDS, *QUICK, *way, "--", self.scripts[name])

    def room_for(self, kind, name):
        made = list(self.publisher.made[kind])
        return len(made) - bisect.bisect(made, self.notes[name].newest) < BACKLOG[kind]

    def look(self):
        """Reads what was handled, and says whether there is room for more."""
        for name, script in self.scripts.items():
            self.notes[name].read(script.with_name(script.name + ".notes"))
        for run in [*self.ended, self.runs["w"]]:
            self.notes["w"].read(run.output_path)
        room = self.room_for("quick", "w") and self.room_for("slow", "p")
        (self.room.set if room else self.room.clear)()
        assert not self.publisher.problem, self.publisher.problem
        for name, run in self.runs.items():
            assert run.running, f"{name} has ended: {run.log()} {run.output()[-300:]}"

    def again(self, name):
        self.runs[name].kill()
        if name == "w":
            self.ended.append(self.runs["w"])
        self.runs[name] = self.launch(name)

    def kill(self):
        what = self.rng.choice(list(self.kills))
        self.kills[what] += 1
        if what == "daemon":
            self.daemon.kill()
            self.daemon.start()
        elif what == "worker":
            self.again("w")
        elif what == "handler":
            hosts = {run.pid for run in self.runs.values()}
            found = running(str(self.scripts[self.rng.choice("ps")]))
            kill_one([pid for pid in found if pid not in hosts])
        else:
            self.again(what[-1])

    def progress(self):
        """Waits until all three have handled some more."""
        wanted = {name: notes.count + self.rng.randrange(limit)
                  for (name, notes), limit in zip(self.notes.items(), (4, 150, 300))}  # fmt: skip

        def reached():
            self.look()
            return all(self.notes[name].count >= count for name, count in wanted.items())

        wait_until(reached, DEADLINE, f"{wanted}, but {self.told()}")

    def told(self):
        return {name: (len(notes.first), notes.count) for name, notes in self.notes.items()}

    def finish(self):
        self.room.clear()
        self.publisher.over.set()
        self.publisher.join(60)
        assert not self.publisher.is_alive()
        with Client(self.daemon.api) as client:
            wait_until(lambda: self.quiet(client), DEADLINE, "the end of the work")
        # What was handled between the last look and the answer that nothing is in flight.
        self.look()
        for run in self.runs.values():
            assert run.stop() == 0, run.log()
        self.ended.append(self.runs["w"])
        for run in self.ended:
            self.notes["w"].read(run.output_path)

    def quiet(self, client):
        """Nobody has anything to do but `w`, what waits for its hour."""
        self.look()
        rows = {r["consumer"]["id"]: r for r in client.ok("stats")["consumer_status"]}
        bad = "bad" in self.publisher.made["quick"].values()
        for name, row in rows.items():
            if row["in_flight"] or row["delayed"] != (bad and name == "w"):
                return False
            if name != "w" and "oldest_at" in row:
                return False
        good = [s for s, subject in self.publisher.made["quick"].items() if subject != "bad"]
        return all(seq in self.notes["w"].first for seq in good)


def parked_of(client, name):
    found, cursor = set(), {}
    while True:
        page = client.ok("consumer.parked", id=name, limit=1000, **cursor)
        found |= {parked["event"]["seq"] for parked in page["parked"]}
        if "cursor" not in page:
            return found
        cursor = {"cursor": page["cursor"]}


def check_order(first, made):
    """Those of a subject were handled for the first time one behind the other."""
    last = {}
    for seq in first:
        assert last.get(made[seq], 0) < seq, f"{seq} of {made[seq]} behind {last[made[seq]]}"
        last[made[seq]] = seq


def check(scene, client, name, made, poison):
    """Handled or parked, all of it; what fails always is parked and was not handled. What is parked
    beside that was in the hands of those who were killed."""
    first, parked = scene.notes[name].first, parked_of(client, name)
    assert set(first) | parked == set(made)
    never = {seq for seq in made if seq % poison == 0}
    assert never <= parked and not never & set(first)
    check_order(first, made)
    print(f"{name}: {len(made)} events, {len(first)} handled in {scene.notes[name].count} times, "
          f"{len(parked)} parked, of which {len(never)} fail always")  # fmt: skip


@pytest.mark.soak
def test_everything_is_killed_under_load(tmp_path):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    scene = Scene(tmp_path, random.Random(seed))
    scene.publisher.start()
    for _ in harness.rounds(6):
        scene.progress()
        scene.kill()
    scene.progress()
    scene.finish()
    made = scene.publisher.made
    print(f"kills {scene.kills}")
    with Client(scene.daemon.api) as client:
        check(scene, client, "s", made["quick"], POISON)
        check(scene, client, "p", made["slow"], SLOW_POISON)
        good = {seq: subject for seq, subject in made["quick"].items() if subject != "bad"}
        done = {seq: s for seq, s in scene.notes["w"].first.items() if s != "bad"}
        assert set(done) == set(good) and parked_of(client, "w") == set()
        check_order(done, good)
        print(f"w: {len(good)} events handled in {scene.notes['w'].count} times, and "
              f"{len(made['quick']) - len(good)} wait for an hour")  # fmt: skip
        verify(client)
    assert scene.daemon.stop() in (0, -signal.SIGTERM)
