#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Adds up the steps of a test run: totals.py FOLDER.

FOLDER holds NAME.status with the exit code of each step, and NAME.xml with its JUnit report where
the step has one. A step that went wrong without naming a failed test counts as one. The last line
is `N passed, N failed`; the exit code is 0 when something passed and nothing failed.
"""
import sys
import xml.etree.ElementTree
from pathlib import Path


def count(report):
    """(passed, failed, skipped) of a JUnit report."""
    root = xml.etree.ElementTree.parse(report).getroot()
    passed = failed = skipped = 0
    for suite in root.iter("testsuite"):
        wrong = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left_out = int(suite.get("skipped", 0)) + int(suite.get("disabled", 0))
        failed += wrong
        skipped += left_out
        passed += int(suite.get("tests", 0)) - wrong - left_out
    return passed, failed, skipped


def count_step(status):
    report = status.with_suffix(".xml")
    passed = failed = skipped = 0
    if report.exists():
        passed, failed, skipped = count(report)
    if status.read_text().strip() != "0" and failed == 0:
        failed = 1
    return passed, failed, skipped


def main(folder):
    totals = [0, 0]
    print("== totals")
    for status in sorted(Path(folder).glob("*.status")):
        passed, failed, skipped = count_step(status)
        totals[0] += passed
        totals[1] += failed
        extra = f", {skipped} skipped" if skipped else ""
        print(f"{status.stem:18} {passed:5} passed, {failed:3} failed{extra}")
    print(f"{totals[0]} passed, {totals[1]} failed")
    return 0 if totals[0] > 0 and totals[1] == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
