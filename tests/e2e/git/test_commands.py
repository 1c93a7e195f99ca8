"""The administrator's commands: what they print, what they refuse, and their exit status 0, 1 or 2."""

import json
import os
import re
import shutil

import pytest

from harness.keys import make_key
from harness.messages import NOT_FOUND
from harness.programs import program


# ---- accounts


def test_users_are_added_listed_suspended(site):
    login = site.fresh("carol")
    site.gerve("user", "add", login)
    assert login in site.gerve("user", "list").stdout
    before = site.entry(login, "user", "list")
    site.gerve("user", "suspend", login)
    assert site.entry(login, "user", "list") != before
    site.gerve("user", "unsuspend", login)
    assert site.entry(login, "user", "list") == before


def test_organisations_are_told_from_users(site):
    login, organisation = site.fresh("carol"), site.organisation()
    site.gerve("user", "add", login)
    kinds = [site.entry(name, "user", "list")["kind"] for name in (login, organisation)]
    assert kinds == ["user", "org"]


def test_a_login_is_taken_whatever_its_case(site):
    login = site.fresh("Carol")
    site.gerve("user", "add", login)
    for taken in (login, login.upper(), login.lower()):
        site.gerve("user", "add", taken, "--org", exit=1, says=login)


@pytest.mark.parametrize(
    "command",
    [
        "user suspend nobody",
        "key add nobody {key}",
        "repo create nobody/x",
        "repo archive nobody/x",
        "access grant nobody/x nobody read",
        "access revoke nobody/x nobody",
        "team add nobody/x",
        "team member add nobody/x nobody",
        "route set nobody local",
        "repo rename nobody/x y",
        "repo delete nobody/x",
        "key revoke SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "key show SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "deploy-key add nobody/x {key}",
    ],
)
def test_what_is_not_there_is_refused_with_exit_1(site, tmp_path, command):
    key = make_key(tmp_path / "id").public if "{key}" in command else ""
    outcome = site.gerve(*command.replace("{key}", str(key)).split(), exit=1)
    assert "nobody" in outcome.stderr or "SHA256:AAAA" in outcome.stderr
    assert outcome.stdout == ""


# ---- repositories and access


def test_repositories_are_listed_with_their_visibility(site, alice):
    public, private = site.repository(alice, "open"), site.repository(alice, "closed", private=True)
    shown = [site.entry(repository.path, "repo", "list") for repository in (public, private)]
    assert shown[0]["visibility"] == "public" and shown[1]["visibility"] == "private"


@pytest.mark.parametrize("public, private", [("make-public", "make-private"), ("publish", "hide")])
def test_a_repository_is_made_public_and_private(site, alice, public, private):
    """By today's names and by the former ones, which the help does not list."""
    repository = site.repository(alice, f"{public}-{private}")
    for command, visibility in ((private, "private"), (public, "public"), (private, "private")):
        site.gerve("repo", command, repository.path)
        assert site.entry(repository.path, "repo", "list")["visibility"] == visibility
    helped = site.gerve("repo", "--help").stdout
    assert "make-public" in helped and "make-private" in helped
    assert "publish" not in helped and "hide" not in helped


def test_a_repository_that_is_there_is_not_created_again(site, alice, project):
    head = project.rev("main")
    for path in (project.path, project.path.upper()):
        site.gerve("repo", "create", path, stdout="", says=["already", ": nothing was changed"])
        site.gerve("repo", "create", path, "--private", exit=1, says=f"`gerve repo make-private {project.path}`")
    assert project.rev("main") == head


def test_a_new_repository_is_private_unless_told(site, alice, bob):
    name = f"{alice.login}/new"
    assert site.gerve("repo", "create", name).stdout == f"created {name} (private)\n"
    bob.git("ls-remote", f"gerve:{name}", exit=128, says="Repository not found")
    site.gerve("repo", "create", name, "--public", exit=1, says=f"private: `gerve repo make-public {name}`")
    site.gerve("repo", "create", name, says="already")
    other = f"{alice.login}/other"
    assert site.gerve("repo", "create", other, "--public").stdout == f"created {other} (public)\n"
    bob.git("ls-remote", f"gerve:{other}")
    site.gerve("repo", "create", f"{name}er", "--public", "--private", exit=2, says="cannot be combined")


def test_the_configuration_says_what_a_new_repository_is(private_sites):
    config = 'state = "{state}"\n[listen]\nssh = ["127.0.0.1:{port}"]\n[repositories]\ndefault_visibility = "%s"\n'
    site = private_sites(config % "public")
    alice = site.person("alice")
    assert site.gerve("repo", "create", f"{alice.login}/a").stdout == f"created {alice.login}/a (public)\n"
    assert site.gerve("repo", "create", f"{alice.login}/b", "--private").stdout == f"created {alice.login}/b (private)\n"
    site.gateway.configure(config % "internal")
    site.gerve("repo", "list", exit=2, says='repositories.default_visibility must be "private" or "public"')


def test_an_entry_whose_repository_is_missing_is_not_taken_for_a_repository(site, alice):
    repository = site.repository(alice, "gone")
    shutil.rmtree(repository.disk)
    site.gerve("repo", "create", repository.path, exit=1, says=f"`gerve repo delete {repository.path}`")


def test_what_a_script_adds_twice_is_added_once(site, alice, bob, secret):
    """The second run of a provisioning script changes nothing and says so."""
    organisation = site.organisation()
    key = make_key(alice.home / "ci").public

    def listed() -> list:
        commands = (("user", "list"), ("key", "list"), ("access", "list", secret.path))
        # When other tests' keys were used is written a while after.
        return [[{**entry, "last_used": None, "last_address": None} for entry in site.gerve_json(*words)]
                for words in commands]

    site.gerve("deploy-key", "add", secret.path, key, "--write")
    site.gerve("team", "add", f"{organisation}/devs")
    site.gerve("team", "member", "add", f"{organisation}/devs", bob.login)
    site.gerve("org", "member", "add", organisation, alice.login, "--role", "owner")
    site.gerve("access", "grant", secret.path, bob.login, "write")
    before = listed()
    for words in (
        ("user", "add", bob.login),
        ("user", "add", organisation, "--org"),
        ("key", "add", bob.login, bob.key.public),
        ("deploy-key", "add", secret.path, key, "--write"),
        ("team", "add", f"{organisation}/devs"),
        ("team", "member", "add", f"{organisation}/devs", bob.login),
        ("org", "member", "add", organisation, alice.login, "--role", "owner"),
        ("access", "grant", secret.path, bob.login, "write"),
        ("repo", "create", secret.path, "--private"),
    ):
        site.gerve(*words, says=["already", ": nothing was changed"])
    assert listed() == before


def test_servers_and_routes_are_set_twice_without_harm(private_site):
    private_site.gerve("server", "add", "fs1", "127.0.0.1:9419", "-y")
    private_site.gerve("server", "add", "fs1", "127.0.0.1:9419", says="already")
    private_site.gerve("server", "add", "fs1", "127.0.0.1:9420", exit=1, says="gerve server set")
    private_site.gerve("user", "add", "alice")
    private_site.gerve("route", "set", "alice", "fs1")
    private_site.gerve("route", "set", "alice", "fs1", says="already")


def test_a_deleted_repository_is_gone_and_its_name_is_free(site, alice, project):
    disk = project.disk
    site.gerve("repo", "delete", project.path, "--yes")
    alice.ssh(f"git-upload-pack '{project.path}'", exit=1, stderr=NOT_FOUND)
    assert not disk.exists()
    site.repository(alice, project.name)
    alice.git("ls-remote", project.url, stdout="", stderr="")


def test_access_is_granted_raised_and_withdrawn(site, bob, secret):
    attempt = f"git-receive-pack '{secret.path}'"
    for level, exit in (("read", 1), ("write", 0), ("admin", 0), ("read", 1)):
        site.grant(secret, bob, level)
        bob.ssh(attempt, input=b"0000", exit=exit)
        bob.git("ls-remote", secret.url)
    site.gerve("access", "revoke", secret.path, bob.login)
    bob.ssh(attempt, exit=1, stderr=NOT_FOUND)


def test_access_by_team(site, door, bob, stranger):
    organisation = site.organisation()
    team = site.team(organisation, bob)
    repository = site.repository(organisation, "shared", private=True)
    site.grant(repository, team, "write")
    bob.ssh(f"git-receive-pack '{repository.path}'", input=b"0000", exit=0)
    stranger.ssh(f"git-receive-pack '{repository.path}'", exit=1, stderr=NOT_FOUND)
    site.gerve("access", "revoke", repository.path, team)
    bob.ssh(f"git-receive-pack '{repository.path}'", exit=1, stderr=NOT_FOUND)


def test_the_owner_needs_no_grant(site, alice, secret):
    site.gerve("access", "grant", secret.path, alice.login, "read", exit=1, says=alice.login)


# ---- servers, routes, keys of tickets, schema


def test_the_embedded_server_holds_every_owner(site, alice):
    assert "local" in site.gerve("route", "get", alice.login).stdout


def test_a_server_and_a_route_to_it(private_site):
    private_site.gerve("server", "add", "fs1", "127.0.0.1:9419")
    alice = private_site.person("alice")
    private_site.gerve("route", "set", alice.login, "fs1")
    assert "fs1" in private_site.gerve("route", "get", alice.login).stdout
    assert private_site.entry("fs1", "route", "list")


def test_a_route_to_a_server_that_is_not_there_is_refused(site, alice):
    site.gerve("route", "set", alice.login, "no-such-server", exit=1, says="no-such-server")


def test_a_ticket_key_is_new_each_time_secret_and_never_overwritten(site, tmp_path):
    files = [tmp_path / "one.key", tmp_path / "two.key"]
    for file in files:
        outcome = site.gerve("ticket-key", "new", file)
        assert re.fullmatch(r"gerve-ticket-key-v1 [0-9a-f]{16} [0-9a-f]{64}\n", file.read_text())
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text().split()[2] not in outcome.stdout + outcome.stderr
    content = files[0].read_text()
    assert content != files[1].read_text()
    site.gerve("ticket-key", "new", files[0], exit=1, says=str(files[0]))
    assert files[0].read_text() == content


def test_the_schema_is_printed_and_migrated_twice(site):
    assert "CREATE TABLE public_keys" in site.gerve("schema", "print").stdout
    site.gerve("schema", "migrate")
    site.gerve("schema", "migrate")


def test_the_administrator_works_while_nothing_serves(private_sites):
    """Accounts can be made before the first start, and everything is there at the start."""
    site = private_sites(start=False)
    login = site.fresh("early")
    site.gerve("schema", "migrate")
    site.gerve("user", "add", login)
    site.start()
    assert site.entry(login, "user", "list")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_makes_nothing_that_the_user_who_serves_cannot_open(private_sites):
    """As with gerve.service, which runs as a user of its own."""
    site = private_sites(start=False)
    site.state.mkdir(exist_ok=True)
    os.chown(site.state, 65534, 65534)
    login = site.fresh("early")
    site.gerve("user", "add", login)
    site.gerve("repo", "create", f"{login}/site", exit=1, says="the repositories belong to nobody: start `gerve serve`")
    made = list(site.state.rglob("*"))
    assert site.state / "gerve.db" in made
    assert [path for path in made if path.stat().st_uid != 65534] == []


def test_the_state_directory_is_closed_to_others(private_site):
    loose = [
        path
        for path in (private_site.state, private_site.state / "gerve.db", private_site.state / "ticket.key")
        if path.exists() and path.stat().st_mode & 0o077
    ]
    assert loose == []


def test_another_user_of_the_machine_cannot_ask_authz(private_site):
    """By mode of the directory or by the check of the peer: either way there is no answer."""
    os.chmod(private_site.directory.parent, 0o755)
    os.chmod(private_site.directory, 0o755)
    argv = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        program("gerve"),
        *private_site.gateway.options,
        "user",
        "list",
    ]
    private_site.admin.run(*argv, exit=range(1, 3), stdout="")


def test_what_is_listed_with_json_is_one_document(site, alice, project):
    for command in ("user list", "key list", "repo list", "route list", "server list"):
        json.loads(site.gerve(*command.split(), "--json").stdout)


def test_an_environment_variable_names_the_configuration(private_sites):
    site = private_sites('state = "{state}"\n[listen]\nssh = ["127.0.0.1:{port}"]\n')
    person = site.person("alice")
    listed = site.admin.with_env(GERVE_CONFIG=str(site.gateway.config_file)).run(
        program("gerve"), "user", "list"
    )
    assert person.login in listed.stdout
