"""What a release left behind (tests/compat), and what its commands said of it."""

import json
from pathlib import Path

from .site import Site

RELEASES = sorted(file.parent for file in (Path(__file__).resolve().parents[2] / "compat").glob("*/told.json"))

CHANGES_BY_USE = {"last_used", "last_address"}


def told_of(site: Site) -> dict:
    """What lists print, by the command: of everything, and of each owner and repository."""
    told = {command: site.gerve_json(*command.split()) for command in ("user list", "key list", "repo list", "route list")}
    for account in told["user list"]:
        if account["kind"] == "org":
            command = f"team list {account['login']}"
            told[command] = site.gerve_json(*command.split())
    for repository in told["repo list"]:
        for command in ("access list", "deploy-key list"):
            told[f"{command} {repository['repository']}"] = site.gerve_json(*command.split(), repository["repository"])
    return told


def check_still_told(then, now, where: str = "") -> None:
    """Everything that was told then is told now, alike; there may be more of it."""
    if isinstance(then, dict):
        for name in then.keys() - CHANGES_BY_USE:
            assert name in now, f"{where}: {name} is not told any more"
            check_still_told(then[name], now[name], f"{where} {name}")
    elif isinstance(then, list):
        assert len(then) == len(now), f"{where}: {len(then)} entries then, {len(now)} now"
        for number, pair in enumerate(zip(then, now)):
            check_still_told(*pair, f"{where} [{number}]")
    else:
        assert then == now, f"{where}: {then!r} then, {now!r} now"


def read_told(release: Path) -> dict:
    return json.loads((release / "told.json").read_text())
