# SPDX-License-Identifier: MPL-2.0
"""The source files of a tree, and how a check says what it found."""
import os
import re
import sys
from pathlib import Path

# Not sources: what is built, and what the fuzzers found.
_SKIPPED = {".git", ".venv", "__pycache__", ".pytest_cache", "build", "corpus", "node_modules"}
_SHEBANG = re.compile(rb"#!\s*/\S*/(?:env\s+)?(\w+)")


def walk(root):
    """Every file below the root, sorted, as paths relative to it."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        found += [Path(folder, name).relative_to(root) for name in files]
    return sorted(found)


def kind(root, path):
    """One of c, shell, python, other; None for what is no source."""
    if path.suffix in (".c", ".h"):
        return "c"
    if path.suffix in (".sh", ".bash", ".bats"):
        return "shell"
    if path.suffix == ".py":
        return "python"
    if path.name == "CMakeLists.txt" or path.suffix in _OTHER or path.name in _OTHER:
        return "other"
    return None if path.suffix else _kind_by_shebang(root / path)


_OTHER = {".cmake", ".cddl", ".in", ".map", ".scd", ".sql", ".sysusers", ".tmpfiles", ".js", ".css"}
_OTHER |= {".html", ".clang-format", ".clang-tidy"}


def _kind_by_shebang(path):
    with open(path, "rb") as file:
        match = _SHEBANG.match(file.readline(200))
    interpreter = match.group(1).decode() if match else ""
    if interpreter in ("bash", "sh"):
        return "shell"
    return "python" if interpreter.startswith("python") else None


def sources(root, *kinds):
    """The sources of these kinds, or of all."""
    for path in walk(root):
        found = kind(Path(root), path)
        if found and (not kinds or found in kinds):
            yield path


def read(root, path):
    return Path(root, path).read_text("utf-8", "replace")


_COMMENT_OR_STRING = re.compile(
    r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)


def code_of(text):
    """C without its comments and the insides of its strings; lines keep their numbers."""

    def blank(match):
        found = match.group(0)
        return found[0] + found[0] if found[0] in "\"'" else " " + "\n" * found.count("\n")

    return _COMMENT_OR_STRING.sub(blank, text)


def matches(pattern, text):
    """(line number, matched text) of each match."""
    for match in re.finditer(pattern, text, re.MULTILINE):
        yield text.count("\n", 0, match.start()) + 1, match.group(0).strip()


def main(check):
    """Runs check(root, *arguments), which yields violations, on the command line's root."""
    found = 0
    for violation in check(Path(sys.argv[1]), *sys.argv[2:]):
        print(violation)
        found += 1
    sys.exit(1 if found else 0)
