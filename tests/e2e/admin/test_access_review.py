"""Who reaches a repository, and what an account reaches: the lists that an auditor asks for."""

import csv
import datetime
import io
import json

import pytest

from harness.keys import make_key
from harness.processes import wait_until
from harness.programs import program


def review(site, repository, *options) -> dict:
    """The entries of `access review`, by who they are about."""
    listed = site.gerve_json("access", "review", repository.path, *options)["reached_by"]
    return {entry["who"]: entry for entry in listed}


def reach(site, person, *options) -> dict:
    """The entries of `access of`, by repository."""
    listed = site.gerve_json("access", "of", person.login, *options)["repositories"]
    return {entry["repository"]: entry for entry in listed}


def rows(outcome) -> list[dict]:
    """A CSV as a spreadsheet reads it; lines end in CRLF."""
    lines = outcome.stdout.split("\r\n")
    assert lines[-1] == "" and "\n" not in "".join(lines)
    return list(csv.DictReader(io.StringIO(outcome.stdout, newline="")))


def explained(site, who, repository, service) -> tuple[bool, str]:
    """What would be decided, and by which rule."""
    outcome = site.gerve("explain", who, f"{service} '{repository.path}'", "--json", exit=range(2))
    answer = json.loads(outcome.stdout)
    return answer["allowed"], answer["rule"]


@pytest.fixture
def company(site):
    """A private repository of an organisation; who reaches it by which way is in the names."""

    class Company:
        org = site.organisation()
        boss, coder, reader, double, banned, outsider = (
            site.person(name) for name in ("boss", "coder", "reader", "double", "banned", "outsider")
        )
        team = site.team(org, coder, double, banned)
        repository = site.repository(org, "website", private=True)

    site.gerve("org", "member", "add", Company.org, Company.boss.login, "--role", "owner")
    site.grant(Company.repository, Company.team, "write")
    site.grant(Company.repository, Company.reader, "read")
    site.grant(Company.repository, Company.double, "read")
    site.gerve("user", "suspend", Company.banned.login)
    return Company


def test_a_review_lists_who_reaches_a_repository_and_how(site, company):
    machine = site.deploy_client(company.repository)
    by_whom = review(site, company.repository)
    told = {who: (entry["access"], entry["because"], entry["via"]) for who, entry in by_whom.items()}
    assert told == {
        company.boss.login: ("admin", "organization", company.org),
        company.coder.login: ("write", "team", company.team),
        company.double.login: ("write", "team", company.team),
        company.reader.login: ("read", "collaborator", None),
        machine.key.fingerprint: ("read", "deploy-key", None),
    }
    assert by_whom[company.double.login]["also"] == [{"access": "read", "because": "collaborator", "via": None}]
    table = site.gerve("access", "review", company.repository.path).stdout
    assert all(who in table for who in told) and f"team {company.team}" in table
    assert company.banned.login not in table and "Not listed: 1 blocked" in table
    for entry in by_whom.values():
        assert explained(site, entry["who"], company.repository, "git-upload-pack") == (True, entry["because"])
        writes, _ = explained(site, entry["who"], company.repository, "git-receive-pack")
        assert writes == (entry["access"] in ("write", "admin"))


def test_who_is_kept_out_is_listed_with_all(site, company):
    revoked, expired = (site.deploy_client(company.repository, write=True) for _ in range(2))
    site.gerve("key", "revoke", revoked.key.fingerprint)
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    site.gerve("key", "extend", expired.key.fingerprint, "--expires", soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    wait_until(lambda: expired.key.fingerprint not in review(site, company.repository), "it expires")
    assert not {company.banned.login, revoked.key.fingerprint} & review(site, company.repository).keys()
    everyone = review(site, company.repository, "--all")
    for who, rule in (
        (company.banned.login, "suspended"),
        (revoked.key.fingerprint, "revoked-key"),
        (expired.key.fingerprint, "expired-key"),
    ):
        entry = everyone[who]
        assert (entry["access"], entry["because"], entry["granted"]) == ("none", rule, "write")
        assert entry["since"] is not None
        assert explained(site, who, company.repository, "git-upload-pack") == (False, rule)


def test_an_account_of_which_every_key_is_revoked_is_told(site, company):
    assert review(site, company.repository)[company.coder.login]["keys"] == 1
    site.gerve("key", "revoke", company.coder.key.fingerprint)
    assert review(site, company.repository)[company.coder.login]["keys"] == 0
    site.gerve("access", "of", company.coder.login, says="has no valid key and cannot log in")


def test_an_archived_repository_can_be_read_and_a_disabled_one_cannot(site, company):
    path = company.repository.path
    site.gerve("repo", "archive", path)
    entry = review(site, company.repository)[company.boss.login]
    assert (entry["access"], entry["granted"]) == ("read", "admin")
    assert explained(site, company.boss.login, company.repository, "git-receive-pack") == (False, "archived")
    site.gerve("access", "review", path, says=["is archived: nobody can push to it", "admin once unarchived"])
    assert reach(site, company.boss)[path]["state"] == "archived"
    site.gerve("repo", "disable", path)
    assert review(site, company.repository) == {}
    site.gerve("access", "review", path, says=["nobody\n", "is disabled: nobody can reach it"])
    entry = review(site, company.repository, "--all")[company.boss.login]
    assert (entry["access"], entry["because"]) == ("none", "disabled")
    assert path not in reach(site, company.boss) and path in reach(site, company.boss, "--all")


def test_a_public_repository_is_reached_by_everybody(site, alice, bob):
    repository = site.repository(alice, site.fresh("open"))
    by_whom = review(site, repository)
    assert by_whom["everybody"]["access"] == "read" and by_whom["everybody"]["because"] == "public-read"
    assert by_whom[alice.login]["because"] == "owner" and bob.login not in by_whom
    answer = site.gerve_json("access", "of", bob.login)
    assert answer["every_public_repository"] == "read" and answer["repositories"] == []
    site.gerve("access", "of", bob.login, says="every public repository  read")
    assert reach(site, bob, "--public")[repository.path]["because"] == "public-read"
    assert "every public repository" not in site.gerve("access", "of", bob.login, "--public").stdout


def test_what_an_account_reaches_is_listed_with_the_rules(site, company):
    own = site.repository(company.double, "own", private=True)
    told = {path: (one["access"], one["because"]) for path, one in reach(site, company.double).items()}
    assert told == {own.path: ("admin", "owner"), company.repository.path: ("write", "team")}
    assert reach(site, company.outsider) == {}
    suspended = site.gerve_json("access", "of", company.banned.login)
    assert (suspended["repositories"], suspended["every_public_repository"]) == ([], "none")
    assert suspended["left_out"] == 1
    site.gerve("access", "of", company.banned.login, says="is suspended: the account can reach nothing")


def test_a_review_tells_the_last_use(site, company):
    machine = site.deploy_client(company.repository)
    assert review(site, company.repository)[machine.key.fingerprint]["last_used"] is None
    for client in (machine, company.reader):
        client.ssh(exit=1)
    wait_until(
        lambda: all(
            review(site, company.repository)[who]["last_used"]
            for who in (machine.key.fingerprint, company.reader.login)
        ),
        "last uses",
        timeout=15,
    )
    assert review(site, company.repository)[company.coder.login]["last_used"] is None


def test_csv_is_read_as_it_was_meant_and_holds_no_formula(site, company):
    machine = make_key(company.reader.home / "machine")
    title = '=HYPERLINK("http://x","y"), a'
    site.gerve("deploy-key", "add", company.repository.path, machine.public, "--title", title)
    printed = site.gerve("access", "review", company.repository.path, "--csv")
    by_whom = {row["who"]: row for row in rows(printed)}
    assert by_whom[machine.fingerprint]["title"] == f"'{title}"
    assert (by_whom[company.coder.login]["access"], by_whom[company.coder.login]["via"]) == ("write", company.team)
    assert by_whom[company.coder.login]["since"] == ""
    assert by_whom.keys() == review(site, company.repository).keys()
    (row,) = [one for one in rows(site.gerve("access", "of", company.coder.login, "--csv")) if "/" in one["repository"]]
    assert (row["repository"], row["access"], row["because"]) == (company.repository.path, "write", "team")


def test_what_is_not_there_is_told_with_the_remedy(site, alice, company):
    site.gerve("access", "review", f"{alice.login}/nothing", exit=1, stdout="", says="`gerve repo create OWNER/NAME`")
    site.gerve("access", "of", "no-such-login", exit=1, stdout="", says="`gerve user add LOGIN`")
    site.gerve("access", "of", company.org, exit=1, says="is an organisation, not a user")
    site.gerve("access", "review", "no-path", exit=2, stdout="", says="OWNER/NAME")
    site.gerve("access", "review", exit=2, stdout="")
    site.gerve("access", "of", exit=2, stdout="")
    for command in (("review", company.repository.path), ("of", alice.login)):
        site.gerve("access", *command, "--json", "--csv", exit=2, says="--json cannot be combined with --csv")


def test_a_renamed_repository_is_reviewed_by_its_name_now(site, alice):
    old = site.repository(alice, site.fresh("old"), private=True)
    site.gerve("repo", "rename", old.path, site.fresh("new"))
    site.gerve("access", "review", old.path, exit=1, says="is now called")


def test_another_programs_tables_are_not_reviewed(site, tmp_path):
    """The statements of [directory.mysql.queries] answer for one key and one repository, and list nothing."""
    config = tmp_path / "gerve.toml"
    config.write_text(
        f"""state = "{tmp_path}"
[directory]
backend = "mysql"
[directory.mysql]
uri = "unix:///nowhere.sock?schema=forgejo"
user = "gerve"
[directory.mysql.queries]
route = "SELECT 'fs1' AS server, 'unix:/run/agent.sock' AS endpoint"
"""
    )
    for command in (("review", "alice/site"), ("of", "alice")):
        site.admin.run(program("gerve"), "-c", config, "access", *command, exit=1, stdout="", says="another program's tables")
    site.admin.run(program("gerve"), "-c", config, "key", "list", exit=1, stdout="", says="another program's tables")
