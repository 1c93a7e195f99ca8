"""The manuals say what the program knows: every command, every key, and an example that is understood.

usage: manual.py SOURCE_ROOT GERVE
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

READS = re.compile(
    r"\b(?:text|texts|path|paths|duration|number|flag|choice|small_number|existing_file|user_name|algorithms)"
    r"\((?:table|\w+_table)?,?\s*\"(\w+)\""
)


def commands(gerve: str, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command that has no commands below it, by the help texts."""
    if path == ("help",):
        return [path]  # whose help is that of the program
    text = subprocess.run([gerve, *path, "--help"], capture_output=True, text=True, check=True).stdout
    section = re.search(r"^Commands:\n((?:  \S.*\n)+)", text, re.MULTILINE)
    if not section:
        return [path]
    names = [line.split()[0] for line in section[1].splitlines()]
    return [command for name in names for command in commands(gerve, (*path, name))]


def undescribed_commands(root: Path, gerve: str) -> list[str]:
    manual = (root / "docs/man/gerve.1").read_text()
    found = commands(gerve)
    assert len(found) > 30, f"only {found}"
    return [f"gerve.1: no `.Cm {' '.join(one)}`" for one in found if not re.search(rf"Cm {' '.join(one)}\b", manual)]


def undescribed_keys(root: Path) -> list[str]:
    manual = (root / "docs/man/gerve.toml.5").read_text()
    keys = {key for reader in (root / "authz").glob("*config.cc") for key in READS.findall(reader.read_text())}
    assert len(keys) > 30, f"only {keys}"
    return [f"gerve.toml.5: no `.It Va {key}`" for key in sorted(keys) if not re.search(rf"^\.It Va {key}\b", manual, re.M)]


def misunderstood_example(root: Path, gerve: str) -> list[str]:
    """Every key of the example, those that are commented out as well, but for files that are not here."""
    text = re.sub(r"^# (?=\[\w|\w+ = )", "", (root / "packaging/gerve.toml").read_text(), flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "gerve.toml"
        file.write_text(text)
        told = subprocess.run([gerve, "-c", file, "check"], capture_output=True, text=True).stderr
    problems = [line for line in told.splitlines() if line.startswith(f"{file}:")]
    assert problems, f"no key of the example was read: {told}"
    return [f"packaging/{line.rpartition('/')[2]}" for line in problems if "which does not exist" not in line]


def main(root: Path, gerve: str) -> int:
    findings = undescribed_commands(root, gerve) + undescribed_keys(root) + misunderstood_example(root, gerve)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
