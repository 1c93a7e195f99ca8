"""`gerve export` and `gerve apply`: the directory as a file, and a directory that is made what a file says."""

import json
import re
import subprocess
import tomllib

import pytest

from harness.audit import events
from harness.client import Client
from harness.declared import apply, changes, declared, entry, exported, make_company
from harness.keys import make_key
from harness.processes import wait_until
from harness.programs import program


def explained(site, who: str, command: str) -> tuple:
    answer = json.loads(site.gerve("explain", who, command, "--json", exit=range(3)).stdout)
    return answer["allowed"], answer["rule"], answer["exit"]


@pytest.fixture
def company(private_sites):
    return make_company(private_sites())


def test_a_directory_that_is_exported_and_applied_elsewhere_serves_the_same(company, private_sites):
    text = exported(company)
    assert exported(company) == text and tomllib.loads(text)["format"] == 1
    other = private_sites()
    outcome = apply(other, text, says="changes made")
    assert f"+ grant {company.project.path} {company.team_path} (write)" in changes(outcome)
    assert exported(other) == text
    for who in (company.alice.login, company.bob.login, company.bob.key.fingerprint, company.machine.key.fingerprint):
        for service in ("git-upload-pack", "git-receive-pack"):
            command = f"{service} '{company.project.path}'"
            assert explained(other, who, command) == explained(company, who, command)
    # The same key pushes there, into a repository that apply made.
    bob = Client(other.directory / "bob", company.bob.login, other.door(), company.bob.key)
    bob.git("init", "--quiet", "work")
    work = bob.at("work")
    work.commit()
    work.git("push", "--quiet", company.project.url, "main")
    apply(other, text, stdout="nothing to change\n")


def test_a_file_is_written_whole_and_applied_by_its_name(company, private_sites):
    file = company.directory / "directory.toml"
    file.write_text("something older")
    company.gerve("export", file, stdout="")
    assert file.read_text() == exported(company)
    other = private_sites(start=False)
    other.gerve("apply", file, says=["made a new state directory", "+ user alice-1"])
    other.gerve("apply", file, stdout="nothing to change\n")
    assert exported(other) == file.read_text()


def test_a_dry_run_shows_and_changes_nothing(company):
    before = exported(company)
    text = before + entry("users", login="carol") + entry("repositories", path="carol/notes")
    lines = ["+ user carol", "+ repository carol/notes (private)"]
    outcome = apply(company, text, "--dry-run", says="2 changes to make; nothing was changed")
    assert changes(outcome) == lines
    assert exported(company) == before
    assert not [one for one in events(company, "--event", "admin") if one["command"] == "apply"]
    answer = json.loads(apply(company, text, "--dry-run", "--json").stdout)
    assert answer == {
        "made": False,
        "changes": [
            {"change": "add", "kind": "user", "user": "carol", "before": None, "after": None},
            {"change": "add", "kind": "repository", "repo": "carol/notes", "before": None, "after": "private"},
        ],
        "not_in_the_file": {},
    }
    # What would be refused is refused by a dry run.
    apply(company, text + entry("repositories", path="nobody/x"), "--dry-run", exit=1,
          says="there is no account 'nobody'")
    assert changes(apply(company, text)) == lines


def test_what_is_not_in_the_file_stays_unless_it_is_pruned(company):
    text = declared(entry("users", login=company.alice.login))
    apply(company, text, stdout="nothing to change\nnot in the file, kept: 1 user, 1 organisation, 2 members, 1 team, "
          "1 team member, 1 repository, 2 keys, 1 deploy key, 1 grant\n")
    company.bob.git("ls-remote", company.project.url)
    wait_until(lambda: company.gerve_json("key", "show", company.bob.key.fingerprint)["last_used"], "its use is known")
    disk = company.project.disk
    outcome = apply(company, text, "--prune")
    assert f"~ repository {company.project.path}: enabled -> disabled" in changes(outcome)
    assert f"- grant {company.project.path} {company.team_path} (write)" in changes(outcome)
    # bob logged in: whose key that was stays known.
    assert f"~ user {company.bob.login}: active -> suspended" in changes(outcome)
    assert disk.is_dir()
    company.bob.git("ls-remote", company.project.url, exit=range(1, 256))
    apply(company, text, "--prune", says="nothing to change")


def test_who_gave_whom_access_is_on_record(company):
    text = exported(company).replace('visibility = "private"\n', f'visibility = "private"\nread = ["{company.bob.login}"]\n')
    apply(company, text, says=f"+ grant {company.project.path} {company.bob.login} (read)")
    apply(company, text.replace("read = ", "admin = "))
    found = [one for one in events(company, "--user", company.bob.login, "--event", "admin") if one["command"] == "apply"]
    assert [one["details"] for one in found] == [
        {"change": sign, "kind": "grant", "repo": company.project.path, "user": company.bob.login, "before": before,
         "after": after}
        for sign, before, after in (("add", "none", "read"), ("change", "read", "admin"))
    ]
    assert all(one["done"] and one["operator"] for one in found)
    whole = [one for one in events(company, "--event", "admin") if "sha256" in one.get("details", {})]
    assert [one["details"]["changes"] for one in whole] == [1, 1]
    apply(company, "format = 1\nx = 1", exit=1)
    last = events(company, "--event", "admin")[-1]
    assert not last["done"] and "unknown key" in last["why"]


def test_what_is_wrong_in_a_file_is_told_with_its_place(company):
    before = exported(company)
    file = company.admin.write("d.toml", declared(
        entry("users", login="dave", shell="/bin/sh"), entry("repositories", path="dave/x", write=["a b"])))
    company.gerve("apply", "d.toml", exit=1, stdout="", stderr=(
        "gerve: nothing was changed\n"
        'd.toml:4:1: unknown key "shell" in [users]\n'
        '    shell = "/bin/sh"\n'
        "    ^\n"
        "d.toml:8:10: repositories.write is invalid: 'a b' is not a login: 1 to 64 letters, digits, '.', '_' or '-', "
        "starting with a letter, digit or '_', not ending in .git or .lock\n"
        '    write = ["a b"]\n'
        "             ^\n"))
    file.write_text(declared(entry("users", login="dave"), entry("repositories", path="dave/x", read=["erin", "frank"])))
    company.gerve("apply", "d.toml", exit=1, stdout="", stderr=(
        "gerve: nothing was changed\n"
        "d.toml:7:9: '+ grant dave/x erin (read)': there is no account 'erin': add it with `gerve user add LOGIN`\n"
        '    read = ["erin", "frank"]\n'
        "            ^\n"
        "d.toml:7:17: '+ grant dave/x frank (read)': there is no account 'frank': add it with `gerve user add LOGIN`\n"
        '    read = ["erin", "frank"]\n'
        "                    ^\n"))
    file.write_text("format = 1\n[[users]\n")
    company.gerve("apply", "d.toml", exit=1, says="d.toml:2:")
    company.gerve("apply", "away.toml", exit=1, says="away.toml")
    assert exported(company) == before


def test_what_no_command_does_is_refused(company):
    text = exported(company)
    company.gerve("key", "revoke", company.machine.key.fingerprint)
    apply(company, text, says=f"+ deploy key {company.project.path}")  # it was never used
    company.machine.git("ls-remote", company.project.url)
    company.gerve("key", "revoke", company.machine.key.fingerprint)
    wait_until(lambda: company.gerve_json("key", "show", company.machine.key.fingerprint)["last_used"], "its use is known")
    apply(company, text, exit=1, says="it was used to log in, so it cannot be added again; create a new key")
    assert exported(company) != text


def test_titles_come_back_as_they_were(private_sites):
    site, other = private_sites(start=False), private_sites(start=False)
    site.gerve("user", "add", "alice")
    for number, title in enumerate(('say "hi" \\ there', "Zoë 鍵 🔑", "a\u202eb", "''' # = [[users]]")):
        site.add_key("alice", make_key(site.directory / f"k{number}"), "--title", title)
    with_control = site.directory / "k9.pub"
    key = make_key(site.directory / "k9").public.read_text().split()
    with_control.write_bytes(f"{key[0]} {key[1]} bell\x07 and \x1b[31m red".encode())
    site.gerve("key", "add", "alice", with_control)
    apply(other, exported(site))
    assert exported(other) == exported(site)
    titles = {one["title"] for one in other.gerve_json("key", "list")}
    assert titles == {one["title"] for one in site.gerve_json("key", "list")} and len(titles) == 5


def test_a_repository_that_nobody_knows_is_not_taken_over(company):
    disk = company.project.disk.parent.parent / "carol" / "notes.git"
    subprocess.run(["git", "init", "--quiet", "--bare", disk], check=True)
    before = exported(company)
    text = before + entry("users", login="carol") + entry("repositories", path="carol/notes")
    apply(company, text, exit=1, says=["carol/notes that does not belong to any entry here", "nothing was changed"])
    assert exported(company) == before


def test_what_was_killed_in_the_middle_is_finished_by_applying_again(private_sites):
    site = private_sites()
    names = [f"alice/r{number}" for number in range(40)]
    text = declared(entry("users", login="alice"), *(entry("repositories", path=name) for name in names))
    file = site.admin.write("d.toml", text)
    running = site.admin.start(program("gerve"), *site.gateway.options, "apply", file)
    made = site.state / "repositories" / "alice"
    wait_until(lambda: made.is_dir() and len(list(made.iterdir())) > 5, "some are made", every=0.001)
    running.kill()
    told = [one for one in events(site, "--event", "admin") if one["details"].get("kind") == "repository"]
    assert {one["details"]["repo"] for one in told} == set(names), "what was made is on record"
    states = [one["state"] for one in site.gerve_json("repo", "list")]
    assert len(states) == len(names) and "disabled" in states, "it was too late to kill it"
    on_disk = {f"alice/{one.name.removesuffix('.git')}" for one in made.iterdir()}
    enabled = {one["repository"] for one in site.gerve_json("repo", "list") if one["state"] == "active"}
    assert enabled <= on_disk
    outcome = site.gerve("apply", file)
    assert set(changes(outcome)) == {f"~ repository {name}: disabled -> enabled" for name in names if name not in enabled}
    assert all(one["state"] == "active" for one in site.gerve_json("repo", "list"))
    assert len(list(made.iterdir())) == len(names)
    site.gerve("apply", file, stdout="nothing to change\n")


def test_a_repository_whose_file_server_is_away_holds_up_nothing_else(private_site):
    site = private_site
    site.gerve("server", "add", "fs1", "127.0.0.1:1", "--yes")
    text = declared(entry("users", login="alice"), entry("users", login="bob"),
                    entry("repositories", path="alice/x", read=["bob"]))
    without = "these repositories are not served; apply again when this is corrected:\nalice/x: "
    told = apply(site, text, exit=1, says=without + "alice has no route: `gerve route set alice SERVER`")
    assert changes(told) == ["+ user alice", "+ user bob"] and site.gerve_json("repo", "list") == []
    site.gerve("route", "set", "alice", "fs1")
    assert changes(apply(site, text, exit=1, says=[without, "127.0.0.1:1"])) == []
    site.gerve("server", "add", "local", f"unix:{site.state}/agent.sock", "--yes")
    site.gerve("route", "set", "alice", "local")
    assert changes(apply(site, text)) == ["+ repository alice/x (private)", "+ grant alice/x bob (read)"]
    assert site.gerve_json("repo", "size", "alice/x")
    # an entry that is disabled, and to be served again
    site.gerve("repo", "disable", "alice/x")
    site.gerve("route", "set", "alice", "fs1")
    more = text.replace(entry("users", login="bob"), entry("users", login="bob", suspended=True))
    assert changes(apply(site, more, exit=1, says=[without, "127.0.0.1:1"])) == ["~ user bob: active -> suspended"]


def test_what_lies_on_a_file_server_is_nobody_s_by_a_route(private_site):
    """A repository that was there before its entry is not taken, not even where the route comes later."""
    site = private_site
    site.gerve("server", "add", "local", f"unix:{site.state}/agent.sock", "--yes")
    text = declared(entry("users", login="alice"), entry("repositories", path="alice/x"))
    apply(site, text, exit=1, says="alice has no route")
    left = site.state / "repositories/alice/x.git"
    site.admin.run("git", "init", "--quiet", "--bare", left)
    site.gerve("route", "set", "alice", "local")
    apply(site, text, exit=1, says=["alice/x that does not belong to any entry here", "nothing was changed"])
    assert site.gerve_json("repo", "list") == []


def test_a_former_name_of_a_repository_is_refused(private_site):
    site = private_site
    text = declared(entry("users", login="alice"), entry("repositories", path="alice/site"))
    apply(site, text)
    site.gerve("repo", "rename", "alice/site", "www")
    apply(site, text, "--prune", exit=1, says=["alice/site is now called alice/www", "nothing was changed"])


def commands(site, *words) -> list[tuple]:
    """Every command below `words` that the help lists, with its purpose."""
    told = site.admin.run(program("gerve"), *words, "--help").stdout
    section = re.search(r"^Commands:\n((?:  \S.*\n| {10}.*\n)+)", told, re.MULTILINE)
    found = []
    for name, purpose in re.findall(r"^  (\S+) +(\S.*)$", section[1] if section else "", re.MULTILINE):
        found.append(((*words, name), purpose))
        found += [] if name == "help" else commands(site, *words, name)
    return found


def test_every_list_is_printed_as_json(site):
    lists = [words for words, purpose in commands(site) if re.match(r"List\b", purpose)]
    assert {("user", "list"), ("key", "list"), ("repo", "list"), ("route", "list"), ("sessions",)} <= set(lists)
    without = [words for words in lists if "--json" not in site.admin.run(program("gerve"), *words, "--help").stdout]
    assert without == []
    for words in (("user", "list"), ("key", "list"), ("repo", "list"), ("route", "list"), ("server", "list"),
                  ("host-key", "list"), ("sessions",)):
        assert isinstance(site.gerve_json(*words), list)
