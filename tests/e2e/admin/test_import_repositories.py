"""gerve import repositories: a tree of repositories on a file server, listed and taken over."""

import json
import time
from pathlib import Path

from harness.audit import events
from harness.adoption import is_served, tree_of


def looked(house, tree: Path, *options, exit=0) -> dict:
    told = house.gerve("import", "repositories", tree, *options, "--json", exit=exit).stdout
    return {Path(one["directory"]).relative_to(tree).as_posix(): one for one in json.loads(told)}


def test_a_tree_is_listed_and_taken_over(either):
    alice, bob = either.owner(), either.owner("bob")
    tree = tree_of(either, f"tree-{alice.login}")
    for name in (f"{alice.login}/one.git", f"{bob.login}/two.git", "stranger/three.git", f"{alice.login}/a b.git",
                 f"{alice.login}/deep/four.git", "five.git", f"{alice.login}/Case.git", f"{alice.login}/case.git",
                 f"{alice.login}/plain"):
        either.lies_in(tree / name)
    (tree / alice.login / "broken.git").mkdir()
    (tree / alice.login / "link.git").symlink_to(tree / "five.git")
    before = either.listing()
    found = looked(either, tree, exit=1)
    assert either.listing() == before
    verdicts = {name: one["verdict"] for name, one in found.items()}
    ready = {f"{alice.login}/one.git", f"{bob.login}/two.git", f"{alice.login}/plain"}
    assert {name for name, verdict in verdicts.items() if verdict == "ready"} == ready
    for name, why in {
        "stranger/three.git": "stranger has no account: `gerve user add stranger`",
        f"{alice.login}/deep/four.git": "`gerve repo adopt OWNER/NAME",
        "five.git": "give one with --owner",
        f"{alice.login}/Case.git": "has the same name",
        f"{alice.login}/case.git": "has the same name",
        f"{alice.login}/broken.git": "it is not a bare repository",
        f"{alice.login}/link.git": "symbolic link, which is not followed",
        f"{alice.login}/a b.git": "",
    }.items():
        assert verdicts[name] == "refused" and why in "; ".join(found[name]["refusals"]), found[name]
    assert found[f"{alice.login}/one.git"]["repository"] == f"{alice.login}/one"
    told = either.gerve("import", "repositories", tree, "--yes", exit=1).stdout
    assert told.splitlines()[-1] == "3 adopted, 8 refused"
    for person, path in ((alice, f"{alice.login}/one"), (bob, f"{bob.login}/two"), (alice, f"{alice.login}/plain")):
        assert is_served(person, path)
        change = events(either, "--event", "admin", "--repo", path)[-1]
        assert change["command"] == "repo adopt" and change["details"]["from"].startswith(str(tree))
    assert either.gerve("import", "repositories", tree, "--yes", exit=1).stdout.splitlines()[-1] == "8 refused"


def test_a_tree_without_owners_goes_to_one(house):
    house.owner()
    org = house.organisation("acme")
    house.gerve("route", "set", org, "fs1")
    tree = tree_of(house, f"gitolite-{org}")
    for name in ("testing.git", "gitolite-admin.git"):
        house.lies_in(tree / name)
    house.gerve("import", "repositories", tree, "--owner", org, "--yes", "--public", says="2 adopted")
    assert house.entry_of(f"{org}/testing")["visibility"] == "public"
    assert (house.files.root / org / "gitolite-admin.git/HEAD").exists()


def test_the_root_itself_is_a_tree(house):
    alice = house.owner()
    house.repository(alice, "known")
    house.lies_in(house.files.root / alice.login / "unknown.git")
    told = json.loads(house.gerve("import", "repositories", house.files.root, "--yes", "--json", exit=(0, 1)).stdout)
    verdicts = {one["repository"]: one["verdict"] for one in told}
    assert verdicts[f"{alice.login}/known"] == "there already" and verdicts[f"{alice.login}/unknown"] == "adopted"
    assert is_served(alice, f"{alice.login}/unknown")


def test_owners_on_another_file_server_are_refused(house):
    carol = house.person("carol")
    tree = tree_of(house, f"far-{carol.login}")
    house.lies_in(tree / carol.login / "site.git")
    assert "has no route" in looked(house, tree, exit=1)[f"{carol.login}/site.git"]["refusals"][0]
    house.gerve("server", "add", "fs9", "127.0.0.1:9")
    try:
        house.gerve("route", "set", carol.login, "fs9")
        house.gerve("import", "repositories", tree, exit=2, says="with --server")
        found = looked(house, tree, "--server", "fs1", exit=1)
        assert f"{carol.login}'s repositories are on fs9, and not on fs1" in found[f"{carol.login}/site.git"]["refusals"][0]
    finally:
        house.gerve("route", "set", carol.login, "fs1")
        house.gerve("server", "remove", "fs9")
    assert (tree / carol.login / "site.git").is_dir()


def test_a_thousand_repositories(house):
    alice = house.owner()
    tree = tree_of(house, f"many-{alice.login}")
    for number in range(1000):
        house.lies_in(tree / alice.login / f"r{number:04}.git")
    began = time.monotonic()
    found = looked(house, tree)
    took = time.monotonic() - began
    assert len(found) == 1000 and {one["verdict"] for one in found.values()} == {"ready"}
    began = time.monotonic()
    told = house.gerve("import", "repositories", tree, "--yes", timeout=300).stdout
    print(f"listed in {took:.1f} s, adopted in {time.monotonic() - began:.1f} s")
    assert told.splitlines()[-1] == "1000 adopted"
    assert took < 60
