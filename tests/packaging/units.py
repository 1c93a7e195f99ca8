#!/usr/bin/python3
"""Checks the units that are shipped: `units.py UNIT… DROP-IN`. They parse, leave a service little to do harm with,
and name the files that the documentation names. The drop-in is the example for workers as a user of their own.

Exit status 77, skipped, where there is no systemd to ask.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MOST = 1.5  # of 10: what `systemd-analyze security` calls exposure
MOST_WITH_DROP_IN = 2.0  # docs/deployment.md says so
DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"

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
    wrong = [] if setting(unit, "KillMode") == ["process"] else ["KillMode is not `process`"]
    (start,) = setting(unit, "ExecStart")
    (configuration,) = re.findall(r"-c (/\S+)", start)
    deployment = (DOCUMENTS / "deployment.md").read_text()
    if f"`{configuration}`" not in deployment:
        wrong.append(f"{configuration} is not what docs/deployment.md calls it")
    if "ConfigurationDirectory" in unit.read_text():
        wrong.append("systemd would give /etc/gerve to the service, which then could change its own configuration")
    if unit.name == "gerve-agent.service":
        if setting(unit, "LimitNOFILE") != ["1024:262144"]:
            wrong.append("git would start with more open files than select(2) knows")
        standby = f"/var/lib/{setting(unit, 'StateDirectory')[0]}/standby"
        for document in (deployment, (DOCUMENTS / "man/gerve-agent.toml.5").read_text()):
            if set(re.findall(r"/\S+/standby\b", document)) != {standby}:
                wrong.append(f"the standby file is not {standby} everywhere")
    return wrong


def with_drop_in(unit: Path, drop_in: Path, directory: Path) -> Path:
    copy = Path(shutil.copy(unit, directory))
    (directory / f"{unit.name}.d").mkdir()
    shutil.copy(drop_in, directory / f"{unit.name}.d")
    return copy


def main(*units: str, drop_in: str) -> int:
    if shutil.which("systemd-analyze") is None:
        print("skipped: systemd-analyze is not installed")
        return 77
    failed = False
    for unit in map(Path, units):
        wrong = complaints(unit) + wrong_settings(unit)
        exposed = exposure(unit)
        print(f"{unit.name}: exposure {exposed}", *wrong, sep="\n  ")
        failed = failed or bool(wrong) or exposed > MOST
    with tempfile.TemporaryDirectory() as directory:
        (gateway,) = [unit for unit in map(Path, units) if unit.name == "gerve.service"]
        apart = with_drop_in(gateway, Path(drop_in), Path(directory))
        wrong = complaints(apart)
        if setting(gateway, "StateDirectoryMode") != ["0751"] or setting(Path(drop_in), "StateDirectoryMode"):
            wrong.append("workers cannot reach authz, whose socket is in the state directory")
        if setting(Path(drop_in), "User"):
            wrong.append("git would run as another user than the repositories' owner, or as root")
        exposed = exposure(apart)
        print(f"{apart.name} with {Path(drop_in).name}: exposure {exposed}", *wrong, sep="\n  ")
        failed = failed or bool(wrong) or not MOST < exposed <= MOST_WITH_DROP_IN
        bare = Path(directory) / "bare.service"
        bare.write_text("[Service]\nExecStart=/bin/true\nNoSuchKey=yes\n")
        assert complaints(bare) and exposure(bare) > MOST, "a unit that is wrong, and open, must not pass"
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:-1], drop_in=sys.argv[-1]))
