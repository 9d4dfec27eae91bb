# SPDX-License-Identifier: MPL-2.0
"""`rentbus lambda drill`: which handlers hold, and which are found out."""
import json
import os
from pathlib import Path

import pytest

from harness import run_cli, spawn_cli, wait_until
from lambdas import DEADLINE, handler, notes, publish, running, status

HELD, USAGE, NOT_HELD, NOT_FOUND, TRY_AGAIN, CONFIGURATION = 0, 2, 3, 4, 75, 78
PHASES = ["baseline", "duplicates", "crashes", "delays", "stops"]
SET = "echo $RENTBUS_EVENT_SEQ >$RENTBUS_STATE_DIR/$RENTBUS_EVENT_SEQ\n"


@pytest.fixture
def scratch(tmp_path):
    """Where drills have their directories."""
    path = tmp_path / "scratch"
    path.mkdir()
    return path


@pytest.fixture
def drill(daemon, client, scratch):
    """Drills a handler with the events of type "mine" in three subjects; the journal must stay as
    it is, and no consumer comes of it."""
    publish(client, 4, subjects=3)
    head = client.ok("hello")["head"]

    def run(*words, on=("--on", "mine")):
        argv = ("lambda", "drill", "l", *on, *words)
        done = run_cli(daemon, *argv, env={"TMPDIR": str(scratch)}, timeout=120)
        assert client.ok("hello")["head"] == head and status(client, "l") is None
        return done

    return run


def table(done):
    """The row of each phase: its numbers and its verdict."""
    rows = {}
    for line in done.stdout.splitlines():
        word, *rest = line.split(maxsplit=8)
        if word in PHASES:
            names = ("runs", "faults", "handled", "failed", "hung", "left", "differ")
            rows[word] = {**dict(zip(names, map(int, rest))), "verdict": rest[-1]}
    return rows


def told(done):
    """With --json: the runs, the results by phase, and the verdict."""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    runs = [line for line in lines if "fault" in line]
    return runs, {line["phase"]: line for line in lines if "runs" in line}, lines[-1]


def test_one_that_holds(drill, scratch, tmp_path):
    script = handler(
        tmp_path,
        'echo "$RENTBUS_DRILL $RENTBUS_DRILL_PHASE $RENTBUS_STATE_DIR" >>{log}\n' + SET,
    )
    done = drill("--", script)
    assert (done.returncode, done.stderr) == (HELD, ""), done.stdout
    rows = table(done)
    assert list(rows) == PHASES and all(row["verdict"] == "held" for row in rows.values())
    assert [rows[p]["failed"] + rows[p]["hung"] + rows[p]["left"] for p in PHASES] == [0] * 5
    assert rows["baseline"]["runs"] == rows["baseline"]["handled"] == 4
    assert rows["duplicates"]["handled"] == rows["duplicates"]["runs"] >= 8
    assert rows["crashes"]["runs"] >= 8 <= rows["stops"]["runs"] and rows["crashes"]["handled"] >= 4
    assert done.stdout.splitlines()[-1] == "l held"
    seen = {tuple(note.split()) for note in notes(script)}
    assert {(flag, phase) for flag, phase, _ in seen} == {("1", phase) for phase in PHASES}
    assert len({directory for _, _, directory in seen}) == 5
    assert list(scratch.iterdir()) == []


def test_one_that_counts_lines(drill, scratch):
    done = drill("--", "sh", "-c", "echo x >>$RENTBUS_STATE_DIR/count")
    rows = table(done)
    assert done.returncode == NOT_HELD and rows["baseline"]["verdict"] == "held"
    reason = "NOT held: the result depends on how often an event came: count differs"
    assert rows["duplicates"]["verdict"] == reason
    (kept,) = scratch.iterdir()
    assert done.stdout.splitlines()[-2:] == [
        "l did NOT hold",
        f"What it left in each phase is kept in {kept}",
    ]
    assert (kept / "baseline" / "count").read_text() == "x\n" * 4
    assert len((kept / "duplicates" / "count").read_text()) > 8


def test_one_that_hangs(drill):
    mark = f"84{os.getpid()}"
    done = drill("--timeout", "0.3", "--", "sh", "-c", f"sleep {mark}; :")
    assert done.returncode == NOT_HELD and list(table(done)) == ["baseline"]
    assert "it hung over event 2: took too long" in table(done)["baseline"]["verdict"]
    assert not running(mark)


def test_one_that_hangs_when_an_event_comes_again(drill):
    script = (
        "done=$RENTBUS_STATE_DIR/$RENTBUS_EVENT_SEQ\n"
        '[ "$RENTBUS_DRILL_PHASE" = duplicates ] && [ -e "$done" ] && exec sleep 1000\n'
        'touch "$done"'
    )
    done = drill("--timeout", "4", "--last", "2", "--", "sh", "-c", script)
    rows = table(done)
    assert done.returncode == NOT_HELD and rows["duplicates"]["hung"] == 1
    assert "NOT held: it hung over event" in rows["duplicates"]["verdict"]
    assert [rows[p]["verdict"] for p in PHASES if p != "duplicates"] == ["held"] * 4


def test_one_that_leaves_processes_behind(drill):
    mark = f"85{os.getpid()}"
    done = drill("--last", "2", "--", "sh", "-c", f"setsid -f sleep {mark}; sleep {mark} &")
    rows = table(done)
    assert done.returncode == NOT_HELD and rows["baseline"]["left"] == 2
    assert "it left processes behind" in rows["stops"]["verdict"]
    assert "event 5 (mine), plain: handled, left processes behind" in done.stderr
    wait_until(lambda: not running(mark), DEADLINE, "nothing left of it")


def test_one_that_fails_when_an_event_comes_again(drill):
    script = "mkdir $RENTBUS_STATE_DIR/$RENTBUS_EVENT_SEQ"
    done = drill("--json", "--", "sh", "-c", script)
    runs, results, verdict = told(done)
    assert done.returncode == NOT_HELD and verdict["verdict"] == "NOT_HELD"
    assert results["baseline"]["verdict"] == "HELD"
    assert results["duplicates"]["handled"] == 4
    again = [run for run in runs if run["phase"] == "duplicates" and run["fault"] == "again"]
    assert len(again) == results["duplicates"]["failed"] == results["duplicates"]["faults"]
    assert all(run["outcome"] == "FAILED" and "File exists" in run["error"] for run in again)
    assert "was not handled again: exit 1: mkdir" in results["duplicates"]["why"]


def test_one_that_fails_without_faults(drill, tmp_path):
    script = handler(tmp_path, "echo $RENTBUS_EVENT_SEQ >>{log}; echo no >&2; exit 3\n")
    done = drill("--", script)
    assert done.returncode == NOT_HELD and list(table(done)) == ["baseline"]
    assert table(done)["baseline"]["verdict"] == "NOT held: event 2: exit 3: no"
    assert notes(script) == ["2"]


def test_one_that_says_not_now(drill):
    once = (
        "tries=$RENTBUS_STATE_DIR/$RENTBUS_EVENT_SEQ\n"
        '[ -e "$tries" ] || { touch "$tries"; exit 75; }'
    )
    assert drill("--last", "2", "--", "sh", "-c", once).returncode == HELD
    done = drill("--", "sh", "-c", "exit 75")
    assert done.returncode == NOT_HELD and table(done)["baseline"]["runs"] == 4
    assert "event 2: exit 75" in table(done)["baseline"]["verdict"]


def test_one_that_waits_for_a_lock(drill):
    """It stands still with the lock, and goes on before the other one has waited too long."""
    script = f"exec 9>$RENTBUS_STATE_DIR/lock; flock 9; sleep 0.05; {SET}"
    done = drill("--seed", "4", "--json", "--timeout", "20", "--", "sh", "-c", script)
    assert done.returncode == HELD, done.stdout + done.stderr
    assert "overlap" in {run["fault"] for run in told(done)[0]}


@pytest.mark.parametrize(
    "line, code",
    [
        # What is published counts, not how it is written.
        ("if [ $(($$ % 2)) = 0 ]; then echo '{\"type\":\"x\",\"data\":{\"a\":1,\"b\":2}}';"
         " else echo '{\"data\": {\"b\": 2, \"a\": 1}, \"type\": \"x\"}'; fi", HELD),
        ("echo '{\"type\":\"x\",\"data\":{\"n\":'$$'}}'", NOT_HELD),
    ],
)
def test_what_is_published(drill, line, code):
    done = drill("--publish", "--last", "2", "--", "sh", "-c", line)
    assert done.returncode == code, done.stdout + done.stderr
    if code == NOT_HELD:
        assert "publishes something else" in table(done)["duplicates"]["verdict"]


def test_what_is_printed_and_not_published(drill):
    """It may be a sign, no more: a log may say when."""
    done = drill("--last", "2", "--", "sh", "-c", "echo $$")
    rows = table(done)
    assert done.returncode == HELD and rows["duplicates"]["differ"] == rows["duplicates"]["runs"]
    assert "printed something else than without faults" in done.stderr


def test_a_seed_repeats_a_drill(drill):
    def faults(seed):
        done = drill("--seed", seed, "--last", "2", "--json", "--", "sh", "-c", SET)
        runs, _, verdict = told(done)
        assert done.returncode == HELD and verdict == {
            "lambda": "l", "seed": int(seed), "verdict": "HELD"
        }
        return [(run["phase"], run["seq"], run["fault"], run["attempt"]) for run in runs]

    assert faults("11") == faults("11") != faults("12")


def test_a_check_of_ones_own(drill):
    check = 'test ! -e "$RENTBUS_STATE_DIR/4" || { echo $RENTBUS_DRILL_PHASE is bad >&2; exit 9; }'
    done = drill("--last", "2", "--check", check, "--", "sh", "-c", SET)
    verdicts = [row["verdict"] for row in table(done).values()]
    assert done.returncode == NOT_HELD
    assert verdicts == [f"NOT held: the check failed: exit 9: {phase} is bad" for phase in PHASES]
    assert drill("--last", "1", "--check", check, "--", "sh", "-c", SET).returncode == HELD


def test_files_that_may_differ(drill):
    words = ("--last", "2", "--ignore", "*.log", "--ignore", "tmp/*")
    script = 'd=$RENTBUS_STATE_DIR; mkdir -p $d/tmp; echo >>$d/tmp/x; echo >>$d/a.log'
    assert drill(*words, "--", "sh", "-c", script).returncode == HELD
    assert drill(*words[:4], "--", "sh", "-c", script).returncode == NOT_HELD


STREAM = """
import json, os, pathlib, sys
state = pathlib.Path(os.environ["RENTBUS_STATE_DIR"])
for line in sys.stdin:
    seq = json.loads(line)["seq"]
    with (state / {file}).open("{mode}") as file:
        file.write("x")
    print("ack", seq, flush=True)
"""


@pytest.mark.parametrize("file, mode, code", [("str(seq)", "w", HELD), ("'all'", "a", NOT_HELD)])
def test_one_that_lives_long(drill, tmp_path, file, mode, code):
    text = STREAM.format(file=file, mode=mode)
    script = handler(tmp_path, text, interpreter="/usr/bin/python3")
    done = drill("--stream", "--", script)
    assert done.returncode == code, done.stdout + done.stderr
    assert table(done)["duplicates"]["handled"] >= 8


def test_one_that_lives_long_and_does_not_answer(drill):
    done = drill("--stream", "--", "sh", "-c", "read -r event; exit 4")
    assert table(done)["baseline"]["verdict"] == "NOT held: event 2: exit 4"
    done = drill("--stream", "--", "sh", "-c", "read -r event; echo nonsense; sleep 1000")
    assert "its answer is none of ack SEQ" in table(done)["baseline"]["verdict"]
    ends = 'read -r event; seq=${event##*\\"seq\\":}; echo "ack ${seq%%[,\\}]*}"'
    done = drill("--stream", "--last", "2", "--", "sh", "-c", ends)
    assert done.returncode == HELD, done.stdout + done.stderr


def test_which_events(drill, tmp_path):
    script = handler(tmp_path, '[ $RENTBUS_DRILL_PHASE = baseline ] && echo $RENTBUS_EVENT_SEQ >>{log}; :\n')
    for words, seqs in [
        (("--last", "2"), "45"),
        (("--last", "100", "--until", "3"), "23"),
        (("--since", "4"), "45"),
        (("--since", "1", "--limit", "1"), "2"),
    ]:
        script.with_name("handler.notes").write_text("")
        assert drill(*words, "--", script).returncode == HELD
        assert "".join(notes(script)) == seqs, words


def test_the_filter_of_a_lambda(daemon, client, scratch, tmp_path):
    publish(client, 2)
    publish(client, 1, type="other")
    client.ok("consumer.put", id="l", types=["other"])
    before = status(client, "l")
    script = handler(tmp_path, "echo $RENTBUS_EVENT_TYPE >>{log}\n")
    done = run_cli(daemon, "lambda", "drill", "l", "--", script, env={"TMPDIR": str(scratch)})
    assert done.returncode == HELD and set(notes(script)) == {"other"}
    assert status(client, "l") == {**before, "lag": before["lag"]}


def test_a_drill_that_is_stopped(daemon, client, scratch, tmp_path):
    mark = f"86{os.getpid()}"
    publish(client, 1)
    words = ("lambda", "drill", "l", "--on", "mine", "--", "sh", "-c", f"sleep {mark}; :")
    drilling = spawn_cli(daemon, *words, directory=tmp_path, env={"TMPDIR": str(scratch)})
    wait_until(lambda: running(mark), DEADLINE, "a handler")
    assert drilling.stop() == TRY_AGAIN and "the drill was stopped" in drilling.log()
    assert not running(mark) and list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "words, code, message",
    [
        (("--last", "0", "--", "true"), USAGE, "--last: must be 1 to 10000"),
        (("--last", "2", "--since", "1", "--", "true"), USAGE, "--last or --since"),
        (("--limit", "2", "--", "true"), USAGE, "--limit goes with --since"),
        (("--since", "noon", "--", "true"), USAGE, "--since"),
        (("--seed", "x", "--", "true"), USAGE, "--seed"),
        (("--stream", "--publish", "--", "true"), USAGE, "not both"),
        (("--concurrency", "2", "--", "true"), USAGE, "does not go"),
        (("--since", "9999", "--", "true"), NOT_FOUND, "there are no such events"),
        (("--last", "1"), USAGE, "the command is missing"),
        (("--", "/none"), CONFIGURATION, "no such program"),
    ],
)
def test_refused(drill, words, code, message):
    done = drill(*words)
    assert done.returncode == code and message in done.stderr, done.stderr


def test_no_place_for_the_state(drill, scratch):
    Path(scratch).rmdir()
    done = drill("--", "true")
    assert done.returncode == 70 and "no directory can be made" in done.stderr
