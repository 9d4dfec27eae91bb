# SPDX-License-Identifier: MPL-2.0
"""Help, manual and completions say the same as the code."""
import re
import subprocess

import pytest

import harness
from harness import run_cli

CLI = harness.TESTS.parent / "cli"
MANUAL = CLI / "man" / "rentbus.1.scd"
BASH = CLI / "completions" / "rentbus.bash"
ZSH = CLI / "completions" / "_rentbus"
WORDS = harness.TESTS.parent / "sdk" / "protocol" / "words.h"
SCHEMA = harness.TESTS.parent / "sdk" / "protocol" / "schema.h"

COMMON = {"--api", "--events", "--timeout", "--json", "--no-color", "--help", "--version"}


def help_of(*words):
    done = run_cli(None, "help", *words)
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout


def listed(text):
    """The names that a list of help begins its lines with."""
    return re.findall(r"^  ((?:--)?[a-z][a-z-]*)(?: [A-Z]\S*)?  ", text, re.M)


def verbs():
    return listed(help_of().split("\nOptions")[0])


def options(verb):
    text = help_of(verb)
    return set(listed(text.split("\nOptions:")[1])) if "\nOptions:" in text else set()


def complete(*words):
    """What bash offers for the last of the words."""
    script = (
        f'source "{BASH}"; compopt() {{ :; }}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rentbus;'
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    argv = ["bash", "-c", script, "bash", "rentbus", *words]
    done = subprocess.run(argv, capture_output=True, encoding="utf-8")
    assert done.stderr == ""
    return done.stdout.split()


def table(name):
    """The wire names or types of a table of the schema."""
    text = re.search(rf"#define {name}\(.*?\n\n", SCHEMA.read_text(), re.S).group()
    pattern = r'OP\(\w+, "([^"]+)"' if name == "RENTBUS_OPS" else r"EVENT\((\w+), "
    return re.findall(pattern, text)


def word_set(name):
    text = re.search(rf"#define {name}\(.*?\n\n", WORDS.read_text(), re.S).group()
    return re.findall(r"WORD\(P, (\w+)\)", text)


def section(verb):
    """The part of the manual about a verb."""
    pattern = rf"^## rentbus {verb}\b(?!-).*?(?=^#)"
    return re.search(pattern, MANUAL.read_text("utf-8"), re.M | re.S).group()


def test_help_is_what_rentbus_alone_prints():
    assert run_cli(None).stdout == help_of() == run_cli(None, "--help").stdout
    assert run_cli(None, "-h").returncode == 0
    assert run_cli(None, "--version").stdout.startswith("rentbus ")
    assert "hello" in verbs() and len(verbs()) == 34
    for verb in verbs():
        assert run_cli(None, verb, "--help").stdout == help_of(verb)
        assert help_of(verb).startswith(f"Usage: rentbus {verb}")


def test_every_option_of_the_usage_is_an_option():
    for verb in verbs():
        usage = help_of(verb).split("\n\n")[0]
        assert set(re.findall(r"--[a-z-]+", usage)) <= options(verb), verb


def test_manual():
    for verb in verbs():
        assert set(re.findall(r"\*(--[a-z-]+)\*", section(verb))) - options(verb) <= (
            {"--count", "--timeout"} if verb == "watch"
            else {"--timeout"} if verb in ("verify", "snapshot", "trim") else set()
        ), verb
        assert options(verb) <= set(re.findall(r"--[a-z-]+", section(verb))), verb
    head = MANUAL.read_text("utf-8").split("# VERBS")[0]
    assert set(re.findall(r"^\*(--[a-z-]+)\*", head, re.M)) == COMMON
    assert set(re.findall(r"^  (--[a-z-]+)", help_of(), re.M)) == COMMON
    codes = re.findall(r"^\*(\d+)\*$", MANUAL.read_text("utf-8"), re.M)
    assert codes == re.findall(r"[:,]\s(\d+) ", help_of().split("Exit codes")[1].replace("\n", " "))


def test_bash_completion():
    assert complete("") == verbs()
    assert complete("--json", "--api", "x", "wa") == ["watch"]
    for verb in verbs():
        assert set(complete(verb, "--")) == options(verb) | COMMON, verb
    assert complete("help", "") == verbs()
    assert complete("user", "") == ["put", "block", "unblock", "get", "list"]
    assert complete("location", "") == ["put", "get", "list"]
    assert complete("policy", "") == ["get", "put"]
    assert complete("policy", "put", "--return-match", "") == word_set("RENTBUS_RETURN_MATCH_WORDS")
    assert complete("call", "") == table("RENTBUS_OPS")
    assert complete("watch", "--type", "") == table("RENTBUS_EVENTS")
    assert complete("list", "--status", "IN") == ["IN_PROGRESS"]
    assert complete("--api", "") == []


def zsh_options(verb):
    body = re.search(r"^case \$words\[at\] in\n(.*?)^esac", ZSH.read_text("utf-8"), re.M | re.S)
    for names, text in re.findall(r"^([a-z| -]+)\)(.*?);;", body.group(1), re.M | re.S):
        if verb in re.split(r"[ |]+", names):
            found = set(re.findall(r"['\"]\*?(--[a-z-]+)\[", text))
            shared = {"$id": "--id", "$limit": "--limit", "$dry": "--dry-run", "$past": "--at"}
            found |= {option for name, option in shared.items() if name in text}
            if "$scan" in text:
                found |= {"--override", "--device", "--device-seq", "--clock-offset"}
            return found | ({"--timeout"} if "timeout=" in text else set())
    return set()


def test_zsh_completion():
    text = ZSH.read_text("utf-8")
    summaries = re.findall(r"^    '([a-z-]+):(.*)'$", text, re.M)
    assert [name for name, _ in summaries] == verbs()
    for name, summary in summaries:
        assert f"{summary}." in help_of(name)
    for verb in verbs():
        assert zsh_options(verb) == options(verb), verb
    assert re.search(r"types=\((.*?)\)", text, re.S).group(1).split() == table("RENTBUS_EVENTS")
    assert re.search(r"operation:\((.*?)\)", text, re.S).group(1).split() == table("RENTBUS_OPS")


def test_the_manual_can_be_built():
    try:
        done = subprocess.run(["scdoc"], stdin=MANUAL.open("rb"), capture_output=True)
    except FileNotFoundError:
        pytest.skip("scdoc is not installed")
    assert done.returncode == 0, done.stderr
    assert b'.TH "rentbus" "1"' in done.stdout
