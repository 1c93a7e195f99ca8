"""The audit trail of a site: its lines, its rows, and the form that docs/audit-event.schema.json gives them."""

import json
import re
import sqlite3
from functools import lru_cache
from pathlib import Path

from .programs import SOURCE_ROOT
from .site import Site

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


@lru_cache
def schema() -> dict:
    return json.loads((SOURCE_ROOT / "docs/audit-event.schema.json").read_text())


def misfits(value, form: dict, where: str = "event") -> list[str]:
    """What of a value does not fit its form; the part of JSON Schema that the shipped one uses."""
    if "$ref" in form:
        form = schema()["$defs"][form["$ref"].rpartition("/")[2]]
    if "const" in form and value != form["const"]:
        return [f"{where}: {value!r} is not {form['const']!r}"]
    if "enum" in form and value not in form["enum"]:
        return [f"{where}: {value!r} is none of {form['enum']}"]
    wanted = TYPES.get(form.get("type"))
    if wanted and (not isinstance(value, wanted) or (wanted is int and isinstance(value, bool))):
        return [f"{where}: {value!r} is no {form['type']}"]
    if "pattern" in form and not re.search(form["pattern"], value):
        return [f"{where}: {value!r} does not match {form['pattern']}"]
    if "minimum" in form and value < form["minimum"] or len(value if isinstance(value, list) else "") > form.get("maxItems", 99):
        return [f"{where}: {value!r} is out of bounds"]
    found = []
    if isinstance(value, list):
        for item in value:
            found += misfits(item, form.get("items", {}), where)
    if isinstance(value, dict):
        found += [f"{where}: no {name}" for name in form.get("required", []) if name not in value]
        if form.get("additionalProperties") is False:
            found += [f"{where}: {name} is not described" for name in value if name not in form["properties"]]
        for name, inner in form.get("properties", {}).items():
            if name in value:
                found += misfits(value[name], inner, f"{where}.{name}")
    if "oneOf" in form:
        by_kind = [one for one in form["oneOf"] if one["properties"]["event"]["const"] == value.get("event")]
        found += misfits(value, by_kind[0], where) if len(by_kind) == 1 else [f"{where}: no such kind"]
    return found


def events_in(*files: Path) -> list[dict]:
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def events(site: Site, *filters: str) -> list[dict]:
    """What `gerve audit` shows."""
    return [json.loads(line) for line in site.gerve("audit", *filters, "--json").stdout.splitlines()]


def rows(site: Site) -> list[tuple[int, str]]:
    """The events in the table of an embedded site: number and body."""
    with sqlite3.connect(f"file:{site.state / 'gerve.db'}?mode=ro", uri=True) as database:
        return list(database.execute("SELECT seq, body FROM audit_events ORDER BY chain, seq"))


def check_trail(site: Site) -> None:
    """It verifies, and every event fits its form."""
    if not (site.state / "audit.jsonl").exists():
        return
    site.gerve("audit", "verify")
    for event in events(site):
        assert not misfits(event, schema()), (event, misfits(event, schema()))
