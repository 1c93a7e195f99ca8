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


def functions(program: Path) -> list[str]:
    """The functions that are in a program, unless it was stripped."""
    told = subprocess.run(["readelf", "--symbols", "--wide", program], check=True, capture_output=True, text=True)
    return re.findall(r"FUNC .* (?!UND)\S+ (\S+)$", told.stdout, re.MULTILINE)


def findings(program: str, linked: list[str], contained: list[str]) -> list[str]:
    libraries_found = [name for name in linked if re.match(rules.NEVER_LINKED[program], name)]
    forbidden = rules.NEVER_CONTAINED.get(program)
    functions_found = [name for name in contained if forbidden and re.match(forbidden, name)]
    return [*(f"{program} is linked with {name}" for name in libraries_found),
            *(f"{program} has {name}() in it" for name in functions_found)]


def main(programs: list[str]) -> int:
    found = []
    for program in map(Path, programs):
        linked = libraries(program)
        print(f"{program.name}: {' '.join(linked) or 'linked statically'}")
        found += findings(program.name, linked, functions(program))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
