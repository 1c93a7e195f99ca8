#!/usr/bin/python3
"""Checks packaging/debian against the build: `debian.py SOURCE BUILD`. Every installed file is in exactly one
package, nothing is listed that is not installed, and what the packages are built with is what
packaging/debian-packages.txt says. No package is built.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

# Debian's build essentials, what only runs, what a package is never built with, and what only building packages wants.
NOT_ASKED_FOR = {"g++", "dpkg-dev", "git", "openssh-client", "libssh-dev"}
FOR_PACKAGING = {"debhelper-compat", "systemd-dev"}
UNITS = "$(UNITS)/"  # where rules has them from systemd.pc


def installed(build: Path) -> dict[str, str]:
    """Paths as a package has them, with prefix /usr, and where each file comes from."""
    def ask(what: str):
        told = subprocess.run(["meson", "introspect", what, str(build)], capture_output=True, text=True, check=True)
        return json.loads(told.stdout)

    (prefix,) = [option["value"] for option in ask("--buildoptions") if option["name"] == "prefix"]
    files = {}
    for source, target in ask("--installed").items():
        below = target.removeprefix(prefix.rstrip("/"))
        files[UNITS + Path(target).name if target.endswith(".service") else "usr" + below] = source
    return files


def packages(debian: Path) -> dict[str, list[str]]:
    """What each package takes: by its list, or by a line of rules, where the place differs between releases."""
    listed = {file.stem: file.read_text().split() for file in sorted(debian.glob("*.install"))}
    for package, words in re.findall(r"^\tdh_install -p(\S+) (.*)$", (debian / "rules").read_text(), re.MULTILINE):
        *paths, place = words.split()  # with several words, dh_install(1) takes the last one for a directory
        if paths and place != UNITS.rstrip("/"):
            raise SystemExit(f"rules: dh_install -p{package}: the last word has to be {UNITS.rstrip('/')}, not {place}")
        listed[package] += paths or [place]
    return listed


def paragraphs(control: str) -> list[dict[str, str]]:
    found = []
    for block in control.strip().split("\n\n"):
        fields = re.findall(r"^([A-Za-z-]+):((?:.*)(?:\n .*)*)", block, re.MULTILINE)
        found.append({name: value.strip() for name, value in fields})
    return found


def names(relations: str) -> set[str]:
    return {re.match(r"[a-z0-9.+-]+", one.strip())[0] for one in relations.split(",") if one.strip()}


def findings(source: Path, build: Path) -> list[str]:
    debian = source / "packaging/debian"
    found = []
    files, listed = installed(build), packages(debian)
    for path in files:
        owners = [package for package, paths in listed.items() if path in paths]
        if len(owners) != 1:
            found.append(f"/{path} is installed, and in {len(owners)} packages: {' '.join(owners) or 'none'}")
    for package, paths in listed.items():
        found += [f"{package}.install lists /{path}, which nothing installs" for path in paths if path not in files]
    about, *binaries = paragraphs((debian / "control").read_text())
    if {one["Package"] for one in binaries} != set(listed):
        found.append("control and the lists of files name different packages")
    wanted = set(re.findall(r"^build +(\S+)", (source / "packaging/debian-packages.txt").read_text(), re.MULTILINE))
    differ = (wanted - NOT_ASKED_FOR) ^ (names(about["Build-Depends"]) - FOR_PACKAGING)
    if differ:
        found.append(f"Build-Depends and debian-packages.txt differ in {' '.join(sorted(differ))}")
    version = re.search(r"version: '(.+)'", (source / "meson.build").read_text())[1]
    if not (debian / "changelog").read_text().startswith(f"gerve ({version})"):
        found.append(f"the first entry of changelog is not of {version}")
    agent = next(one for one in binaries if one["Package"] == "gerve-agent")
    if names(agent["Depends"].replace("${misc:Depends}", "").replace("${shlibs:Depends}", "")) != {"git"}:
        found.append("a file server's package needs something besides git")
    return found


def self_test(source: Path, build: Path) -> list[str]:
    """A file that no package lists is found: so this test can fail."""
    listed = packages(source / "packaging/debian")
    listed["gerve"].remove("usr/bin/gerve")
    missing = [path for path in installed(build) if not any(path in paths for paths in listed.values())]
    return [] if missing == ["usr/bin/gerve"] else [f"taking /usr/bin/gerve out goes unnoticed: {missing}"]


if __name__ == "__main__":
    where = Path(sys.argv[1]), Path(sys.argv[2])
    all_findings = self_test(*where) + findings(*where)
    print("\n".join(all_findings) or "every installed file is in one package")
    sys.exit(1 if all_findings else 0)
