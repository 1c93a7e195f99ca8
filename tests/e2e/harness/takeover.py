"""Takes a gitolite over as docs/taking-over.md says, and compares what both hosts give."""

import json

LEVELS = ("none", "read", "write", "admin")


def run_import(site, gitolite, *options, **expected):
    """The plan, or with --yes what was done."""
    outcome = site.gerve("import", "gitolite", gitolite.conf, gitolite.keydir, *options, "--json", **expected)
    return json.loads(outcome.stdout)


def take_over(site, gitolite, *options) -> dict:
    """In the order of docs/operations.md. Returns the findings that were left to be told."""
    planned = run_import(site, gitolite, *options)
    assert planned["changes"] and not planned["done"]
    first = run_import(site, gitolite, *options, "--yes")
    assert first["changes"] == planned["changes"] and first["done"]
    for repository in first["repositories"]:
        if not repository["in_gerve"]:
            site.gerve("repo", "create", repository["repository"], "--private")
    run_import(site, gitolite, *options, "--yes")
    last = run_import(site, gitolite, *options, "--yes")
    assert last["changes"] == [], "what was done is done again"
    assert all(repository["in_gerve"] for repository in last["repositories"])
    return last


def cases_in(report) -> dict[tuple[str, str], list[dict]]:
    """What the import said would differ, by (repository, user)."""
    cases = {}
    for finding in report["findings"]:
        for case in finding["cases"]:
            cases.setdefault((case["repository"], case["user"]), []).append({**case, "effect": finding["effect"]})
    return cases


def access_in_gerve(site, report, users) -> dict[tuple[str, str], str]:
    """By gitolite's names, from `access review`; what everybody reads, everyone does."""
    access = {}
    for repository in report["repositories"]:
        reached = site.gerve_json("access", "review", repository["repository"])["reached_by"]
        levels = {entry["who"]: entry["access"] for entry in reached}
        least = levels.get("everybody", "none")
        for user in users:
            access[repository["gitolite"], user] = max(levels.get(user, "none"), least, key=LEVELS.index)
    return access


def check_access(site, gitolite, report, users) -> dict[tuple[str, str], str]:
    """No difference but those listed, each as listed. Returns what Gerve gives."""
    pairs = [(one["gitolite"], user) for one in report["repositories"] for user in users]
    before, after = gitolite.access(pairs), access_in_gerve(site, report, users)
    listed = cases_in(report)
    for pair in pairs:
        expected = before[pair]
        for case in listed.get(pair, []):
            assert case["before"] == before[pair], (pair, case)
            expected = case["after"]
        assert after[pair] == expected, f"{pair}: {before[pair]} in gitolite, {after[pair]} in Gerve, {listed.get(pair)}"
    return after
