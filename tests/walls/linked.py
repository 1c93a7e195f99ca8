#!/usr/bin/python3
"""Checks what programs are linked with: `linked.py PROGRAM…`. What a program must not have in it, its process
cannot be made to use. Exit status 1 when a library is found that rules.py keeps out."""

import re
import subprocess
import sys
from pathlib import Path

import rules


def libraries(program: Path) -> list[str]:
    """The shared libraries that a program names itself."""
    told = subprocess.run(["readelf", "--dynamic", program], check=True, capture_output=True, text=True)
    return re.findall(r"\(NEEDED\).*\[(.+)\]", told.stdout)


def findings(program: str, linked: list[str]) -> list[str]:
    forbidden = rules.NEVER_LINKED[program]
    return [f"{program} is linked with {library}" for library in linked if re.match(forbidden, library)]


def main(programs: list[str]) -> int:
    found = []
    for program in map(Path, programs):
        linked = libraries(program)
        print(f"{program.name}: {' '.join(linked) or 'linked statically'}")
        found += findings(program.name, linked)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
