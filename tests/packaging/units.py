#!/usr/bin/python3
"""Checks the units that are shipped: `units.py UNIT…`. They parse, and leave a service little to do harm with.

Exit status 77, skipped, where there is no systemd to ask.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MOST = 1.5  # of 10: what `systemd-analyze security` calls exposure

# Nothing is installed where this is built: neither programs, nor manuals, nor accounts.
NOT_INSTALLED = re.compile(r"is not executable: No such file|Command 'man .*' failed|^\s*$")


def complaints(unit: Path) -> list[str]:
    ran = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    own = [line for line in (ran.stdout + ran.stderr).splitlines() if unit.name in line]
    return [line for line in own if not NOT_INSTALLED.search(line)]


def exposure(unit: Path) -> float:
    argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(argv, capture_output=True, text=True).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    return float(found[1])


def setting(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


def wrong_settings(unit: Path) -> list[str]:
    """A main process that dies must take neither a push (decision 0004) nor a worker's sessions along."""
    return [] if setting(unit, "KillMode") == ["process"] else ["KillMode is not `process`"]


def main(units: list[str]) -> int:
    if shutil.which("systemd-analyze") is None:
        return 77
    failed = False
    for unit in map(Path, units):
        wrong = complaints(unit) + wrong_settings(unit)
        exposed = exposure(unit)
        print(f"{unit.name}: exposure {exposed}", *wrong, sep="\n  ")
        failed = failed or bool(wrong) or exposed > MOST
    with tempfile.TemporaryDirectory() as directory:
        bare = Path(directory) / "bare.service"
        bare.write_text("[Service]\nExecStart=/bin/true\nNoSuchKey=yes\n")
        assert complaints(bare) and exposure(bare) > MOST, "a unit that is wrong, and open, must not pass"
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
