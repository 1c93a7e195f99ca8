#!/usr/bin/python3
"""Adds up the results of meson and pytest: `tally.py testlog.json junit.xml…`.

Names what failed and ends with the line "N passed, N failed". Exit status 1 if anything failed, or if one
of the files is missing or tells of no test at all.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

DOCTEST_CASES = re.compile(r"\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed: list[str] = []
        self.skipped = 0

    def add(self, other: "Tally") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    @property
    def ran(self) -> int:
        return self.passed + len(self.failed)


def meson_tally(log: Path) -> Tally:
    """Counts the cases of each doctest program, and a program without cases as one."""
    tally = Tally()
    for line in log.read_text().splitlines():
        test = json.loads(line)
        cases = DOCTEST_CASES.search(test.get("stdout", ""))
        good = test["result"] in ("OK", "EXPECTEDFAIL")
        if test["result"] == "SKIP":
            tally.skipped += 1
        elif cases is None:
            tally.passed += good
            tally.failed += [] if good else [test["name"]]
        else:
            tally.passed += int(cases[1])
            failed = max(int(cases[2]), 0 if good else 1)
            tally.failed += [test["name"]] * failed
    return tally


def pytest_tally(report: Path) -> Tally:
    tally = Tally()
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            tally.failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif "skipped" in outcomes:
            tally.skipped += 1
        else:
            tally.passed += 1
    return tally


def main(paths: list[str]) -> int:
    total = Tally()
    for path in map(Path, paths):
        if not path.exists():
            total.failed.append(f"{path.name}: no result at all")
            continue
        part = meson_tally(path) if path.suffix == ".json" else pytest_tally(path)
        print(f"{path.name}: {part.passed} passed, {len(part.failed)} failed, {part.skipped} skipped")
        if part.ran == 0 and part.skipped == 0:
            total.failed.append(f"{path.name}: no test ran")
        total.add(part)
    for name in total.failed:
        print(f"failed: {name}")
    print(f"{total.passed} passed, {len(total.failed)} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
