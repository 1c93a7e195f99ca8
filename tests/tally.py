#!/usr/bin/python3
"""Adds up the results of meson and pytest: `tally.py testlog.json junit.xml…`.

Names what was skipped, with the reason, then what failed, and ends with the line "N passed, N failed". Exit status 1
if anything failed, if one of the files is missing or tells of no test at all, or if, with CI=true in the environment,
a test was skipped that allowed-skips.toml does not name.
"""

import json
import os
import re
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

DOCTEST_CASES = re.compile(r"\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")
DOCTEST_SKIP = re.compile(r"^\[skipped\] (.+): (.+)$", re.MULTILINE)  # tests/unit/main.cc prints it
ALLOWED = Path(__file__).with_name("allowed-skips.toml")
NAMED = 3  # so many tests of a group are named


@dataclass(frozen=True)
class Skip:
    """A test that did not run. `group` is its file or program."""

    group: str
    name: str
    reason: str


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed: list[str] = []
        self.skips: list[Skip] = []

    def add(self, other: "Tally") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skips += other.skips

    @property
    def ran(self) -> int:
        return self.passed + len(self.failed)


def meson_tally(log: Path) -> Tally:
    """Counts the cases of each doctest program, and a program without cases as one."""
    tally = Tally()
    for line in log.read_text().splitlines():
        test = json.loads(line)
        output = test.get("stdout", "")
        cases = DOCTEST_CASES.search(output)
        name = test["name"].split(" / ")[-1]
        tally.skips += [Skip(name, *found) for found in DOCTEST_SKIP.findall(output)]
        good = test["result"] in ("OK", "EXPECTEDFAIL")
        if test["result"] == "SKIP":
            tally.skips.append(Skip(name, name, _last_words(output, test.get("stderr", ""))))
        elif cases is None:
            tally.passed += good
            tally.failed += [] if good else [test["name"]]
        else:
            tally.passed += int(cases[1])
            failed = max(int(cases[2]), 0 if good else 1)
            tally.failed += [test["name"]] * failed
    return tally


def _last_words(*outputs: str) -> str:
    """Why a program ended with the status that means skipped: its last line."""
    lines = [line for output in outputs for line in output.splitlines() if line.strip()]
    return lines[-1].strip().removeprefix("skipped: ") if lines else "no reason given"


def pytest_tally(report: Path) -> Tally:
    tally = Tally()
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = {child.tag: child for child in case}
        if outcomes.keys() & {"failure", "error"}:
            tally.failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif "skipped" in outcomes:
            reason = outcomes["skipped"].get("message", "") or "no reason given"
            tally.skips.append(Skip(case.get("classname"), case.get("name"), " ".join(reason.split())))
        else:
            tally.passed += 1
    return tally


def skip_lines(skips: list[Skip]) -> list[str]:
    """One line for all tests of a group with the same reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for skip in skips:
        groups.setdefault((skip.group, skip.reason), []).append(skip.name)
    lines = []
    for (group, reason), names in groups.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        what = group if names == [group] else f"{group}: {', '.join(names[:NAMED])}{more}"
        lines.append(f"skipped: {what}: {reason}")
    return lines


def not_allowed(skips: list[Skip], allowed: list[dict[str, str]]) -> list[Skip]:
    """The skips that no entry allows: `tests` and `reason` of an entry are patterns of fnmatch for GROUP::NAME and the reason."""

    def is_allowed(skip: Skip) -> bool:
        name = f"{skip.group}::{skip.name}"
        return any(fnmatchcase(name, entry["tests"]) and fnmatchcase(skip.reason, entry["reason"]) for entry in allowed)

    return [skip for skip in skips if not is_allowed(skip)]


def main(paths: list[str]) -> int:
    total = Tally()
    for path in map(Path, paths):
        if not path.exists():
            total.failed.append(f"{path.name}: no result at all")
            continue
        part = meson_tally(path) if path.suffix == ".json" else pytest_tally(path)
        print(f"{path.name}: {part.passed} passed, {len(part.failed)} failed, {len(part.skips)} skipped")
        if part.ran == 0 and not part.skips:
            total.failed.append(f"{path.name}: no test ran")
        total.add(part)
    for line in skip_lines(total.skips):
        print(line)
    if os.environ.get("CI") == "true":
        allowed = tomllib.loads(ALLOWED.read_text())["allowed"]
        total.failed += [
            f"{skip.group}::{skip.name} was skipped, which {ALLOWED.name} does not allow: {skip.reason}"
            for skip in not_allowed(total.skips, allowed)
        ]
    for name in total.failed:
        print(f"failed: {name}")
    print(f"{total.passed} passed, {len(total.failed)} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
