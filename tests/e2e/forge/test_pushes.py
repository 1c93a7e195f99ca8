"""Pushes through the gateway to a file server with a forge's hooks: what the hooks are told, by whom, and by nobody else.

The directory is the forge's tables in a database, read by [forge] or by configured statements with columns for hooks;
the agent runs as the forge's user. What the forge answers is imitated by harness/forge_hooks.py."""

import re

import pytest

from harness.client import Client
from harness.fileserver import FileServer
from harness.forge_hooks import ForgeMachine, as_run_user, run_user
from harness.forge_model import Family
from harness.forge_site import PROFILE_ROWS, ROOT_URL, ForgeTables
from harness.messages import NOT_FOUND, write_denied
from harness.processes import wait_until
from harness.programs import SOURCE_ROOT
from harness.rawssh import RawClient
from harness.site import Site
from harness.sql_server import SqlServer

ALICE, BOB, ACME = 1, 2, 10  # of PROFILE_ROWS
SECRET, OPEN, ENGINE = 1, 2, 5  # repositories: alice/secret, alice/open, acme/engine

OWN = """\
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
[authz]
ticket_keys = ["{key}"]
"""

OF_REPOSITORY = """\
       o.name AS hook_GITEA_REPO_USER_NAME, r.name AS hook_GITEA_REPO_NAME, r.id AS hook_GITEA_REPO_ID,
       'false' AS hook_GITEA_REPO_IS_WIKI,
       0 AS is_public,
"""
OF_PERMISSION = """\
  u.id AS hook_GITEA_PUSHER_ID, u.name AS hook_GITEA_PUSHER_NAME, '' AS hook_GITEA_PUSHER_EMAIL,
  :key_id AS hook_GITEA_KEY_ID,
  COALESCE((SELECT d.id FROM deploy_key d WHERE d.key_id = :key_id AND d.repo_id = r.id), 0)
    AS hook_GITEA_DEPLOY_KEY_ID,
  0 AS organization_owner
"""


def statements(socket: str, schema: str, endpoint: str) -> str:
    """The shipped profile, with columns for hooks. A deploy key pushes for the repository's owner."""
    text = (SOURCE_ROOT / "packaging/profiles/forgejo.toml").read_text()
    for old, new in (("       0 AS is_public,\n", OF_REPOSITORY), ("  0 AS organization_owner\n", OF_PERMISSION),
                     ("NULL AS server, NULL AS endpoint", f"'fs1' AS server, '{endpoint}' AS endpoint")):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    text = text.replace(":account_id", "COALESCE(:account_id, :owner_id)")
    text = re.sub(r"^uri = .*", f'uri = "unix://{socket}?schema={schema}"', text, flags=re.M)
    return re.sub(r"^user = .*", 'user = "root"', text, flags=re.M)


class ForgeSite(Site):
    """`by`: "forge", the tables of a Forgejo 12 read by [forge], or "statements"."""

    def __init__(self, directory, by: str):
        self.by = by
        directory.mkdir(parents=True, exist_ok=True)
        self.machine = ForgeMachine()
        self.files = FileServer(self.machine.directory / "files", root=self.machine.root)
        self.files.more = self.machine.settings()
        hand_over = f'chown -R {run_user()} {self.files.directory} && exec "$@"'
        if as_run_user():
            self.files.prefix = ["sh", "-c", hand_over, "sh", *as_run_user()]
        self.database = SqlServer()
        key = self.files.key.write(directory / "ticket.key")
        endpoint = f"unix:{self.files.socket}"
        tables = ForgeTables(self.database, Family.FORGEJO)
        self.sql = tables.run
        self.sql(PROFILE_ROWS.read_text())
        if by == "forge":
            self.sql("""
                INSERT INTO repo_unit (repo_id, type) SELECT id, 1 FROM repository;
                UPDATE `user` SET email = CONCAT(lower_name, '@example.org'), keep_email_private = (id = 2);""")
            directory_text = tables.config(further=f'server = "fs1"\nendpoints = ["{endpoint}"]\n')
        else:
            directory_text = statements(self.database.socket, tables.schema, endpoint)
        self.sql("INSERT INTO access (user_id, repo_id, mode) VALUES (2, 2, 2)")  # bob writes to alice/open
        super().__init__(directory, OWN.format(key=key) + directory_text)

    def names(self, asked: str, stored: str) -> list[str]:
        """Owner and name that hooks get: a forge gives them those that were asked for."""
        return (asked if self.by == "forge" else stored).split("/")

    def told(self, *names: str) -> list[str]:
        """As the client reads them: the profile's statements give names in lower case."""
        return [name if self.by == "forge" else name.lower() for name in names]

    def start(self):
        self.files.start()
        return super().start()

    def holder(self, account: int, kind: int = 1) -> Client:
        """Somebody with a key of this account; of kind 2, a deploy key of no repository yet. `key_id` is its row."""
        client = self.stranger("holder")
        client.key_id = int(self.sql(
            f"INSERT INTO public_key (owner_id, name, fingerprint, content, type) VALUES ({account}, 'k', "
            f"'{client.key.fingerprint}', '{client.key.public.read_text().strip()}', {kind}); SELECT LAST_INSERT_ID();"))
        return client

    def deploy_key(self, repository: int, mode: int) -> Client:
        client = self.holder(0, kind=2)
        client.deploy_id = int(self.sql(f"INSERT INTO deploy_key (key_id, repo_id, mode) VALUES ({client.key_id}, "
                                        f"{repository}, {mode}); SELECT LAST_INSERT_ID();"))
        return client

    def close(self):
        self.gateway.kill()
        self.files.kill()
        self.database.stop()
        self.machine.close()


@pytest.fixture(scope="module", params=["forge", "statements"])
def forge(request, workspace):
    site = ForgeSite(workspace / f"hooks-by-{request.param}", request.param)
    try:
        site.start()
        for path in ("alice/open", "alice/secret", "alice/old", "alice/copy", "acme/engine"):
            site.machine.repository(path)
        yield site
        site.gateway.stop()
        site.files.stop()
    finally:
        site.close()


@pytest.fixture(autouse=True)
def forget(forge):
    forge.machine.forget()


def work_tree(client: Client) -> Client:
    client.git("init", "--quiet", "work")
    work = client.at("work")
    work.commit("file", client.login)
    return work


def hook_environment(forge, work: Client, url: str, branch: str, *options) -> dict:
    work.git("push", *options, url, f"HEAD:{branch}")
    return forge.machine.records("pre-receive")[-1]["environment"]


def told(environment: dict, *names) -> tuple:
    return tuple(environment[f"GITEA_{name}"] for name in names)


def test_hooks_learn_who_pushes_from_the_forges_tables(forge):
    """An owner, whose decision asks no permission; a collaborator; a deploy key."""
    who = ("PUSHER_ID", "PUSHER_NAME", "KEY_ID", "DEPLOY_KEY_ID")
    alice, bob = forge.holder(ALICE), forge.holder(BOB)
    seen = hook_environment(forge, work_tree(alice), "gerve:Alice/OPEN.git", "main")
    assert told(seen, *who) == ("1", "Alice", str(alice.key_id), "0")
    root_url = ROOT_URL if forge.by == "forge" else "http://forge.example/"
    assert told(seen, "REPO_USER_NAME", "REPO_NAME", "REPO_ID", "REPO_IS_WIKI", "ROOT_URL", "PR_ID") == (
        *forge.names("Alice/OPEN", "Alice/Open"), "2", "false", root_url, "0")
    assert seen["GITEA_PUSHER_EMAIL"] == ("alice@example.org" if forge.by == "forge" else "")
    assert seen["SSH_ORIGINAL_COMMAND"] == "git-receive-pack 'Alice/OPEN.git'"
    assert seen["SSH_CONNECTION"].split()[0] == "127.0.0.1" and seen["HOME"] == str(forge.machine.home)
    assert len(forge.machine.api.of("pre-receive")) == len(forge.machine.api.of("post-receive")) == 1

    seen = hook_environment(forge, work_tree(bob), "gerve:alice/open", "bobs")
    assert told(seen, *who) == ("2", "Bob", str(bob.key_id), "0")
    assert seen["GITEA_PUSHER_EMAIL"] == ""  # bob keeps it to himself
    machine = forge.deploy_key(ENGINE, 2)
    seen = hook_environment(forge, work_tree(machine), "gerve:acme/engine", "main")
    owner = forge.names("acme/engine", "Acme/Engine")[0]
    assert told(seen, *who) == (str(ACME), owner, str(machine.key_id), str(machine.deploy_id))
    assert (seen["GERVE_USER"], seen["GERVE_USER_ID"]) == ("deploy-key", "")


def test_a_push_that_is_denied_reaches_no_hook(forge):
    reader = forge.deploy_key(ENGINE, 1)
    for client, path, text in (
            (forge.holder(BOB), "alice/secret", write_denied(*forge.told("Alice/Secret", "Bob"))),
            (forge.holder(4), "alice/secret", NOT_FOUND),
            (reader, "acme/engine", write_denied(*forge.told("Acme/Engine", "deploy key"))),
            (forge.holder(ALICE), "alice/old", "archived"),
            (forge.holder(ALICE), "alice/copy", "mirror" if forge.by == "forge" else "archived")):
        work = work_tree(client)
        work.git("push", f"gerve:{path}", "HEAD:main", exit=128, says=text.strip())
    reader.git("ls-remote", "gerve:acme/engine")
    assert not forge.machine.records() and not forge.machine.api.calls


SWITCHES = {"GITEA_INTERNAL_PUSH": "true", "GITEA_PUSH_TRIGGER": "pr-merge-to-base", "GITEA_ACTION_PERM": "2",
            "GITEA_ACTIONS_TASK_ID": "1", "GITEA_PR_INDEX": "1"}
FORGED = {**SWITCHES, "GITEA_REPO_USER_NAME": "acme", "GITEA_REPO_NAME": "engine", "GITEA_REPO_IS_WIKI": "true",
          "GITEA_PUSHER_ID": "3", "GITEA_PUSHER_NAME": "root", "GITEA_PUSHER_EMAIL": "root@example.org",
          "GITEA_REPO_ID": "5", "GITEA_KEY_ID": "1", "GITEA_DEPLOY_KEY_ID": "1", "GITEA_PR_ID": "1",
          "GITEA_ROOT_URL": "http://evil/", "GITEA_WORK_DIR": "/tmp", "GITEA_CUSTOM": "/tmp", "HOME": "/tmp",
          "SSH_ORIGINAL_COMMAND": "evil", "SSH_CONNECTION": "10.0.0.1 1 1 1", "GNUPGHOME": "/tmp", "USER": "root",
          "GIT_NO_REPLACE_OBJECTS": "0", "GIT_CONFIG_NOSYSTEM": "0", "GERVE_USER_ID": "3",
          "GIT_PROTOCOL": "version=2\nGITEA_PR_ID=1"}


def test_what_a_client_sends_sets_no_variable(forge):
    """SendEnv, push options, names and commands. Only four variables depend on what the client says."""
    bob = forge.holder(BOB)
    work = work_tree(bob)
    honest = hook_environment(forge, work, "gerve:alice/open", "honest")
    assert not set(SWITCHES) & set(honest)

    hostile = work.with_env(**{name: value for name, value in FORGED.items() if name not in ("HOME", "GIT_PROTOCOL")})
    sends = " ".join(f"-o SendEnv={name}" for name in FORGED)
    hostile = hostile.with_env(GIT_SSH_COMMAND=f"{hostile.env['GIT_SSH_COMMAND']} {sends}")
    options = [word for name, value in FORGED.items() if "\n" not in value for word in ("-o", f"{name}={value}")]
    seen = hook_environment(forge, hostile, "gerve:ALICE/open.git", "hostile", *options)
    by_client = {"SSH_ORIGINAL_COMMAND", "GITEA_REPO_USER_NAME", "GITEA_REPO_NAME", "GIT_PROTOCOL"}
    by_git = {"GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH", "GERVE_REQUEST_ID", "GIT_PUSH_OPTION_COUNT"}
    by_git |= {name for name in seen if re.fullmatch(r"GIT_PUSH_OPTION_\d+|GIT_CONFIG_VALUE_\d+|_", name)}
    differ = {name for name in {*honest, *seen} if honest.get(name) != seen.get(name)}
    assert differ <= by_client | by_git, differ - by_client - by_git
    assert seen["SSH_ORIGINAL_COMMAND"] == "git-receive-pack 'ALICE/open.git'"
    calls = forge.machine.api.of("pre-receive")
    asked = calls[-1]
    assert (asked["body"]["UserID"], asked["body"]["PullRequestID"], asked["address"]) == (BOB, 0, "127.0.0.1")
    assert asked["path"].endswith("/".join(["", *forge.names("ALICE/open", "Alice/Open")])) and len(calls) == 2

    forge.machine.forget()
    with RawClient(bob.door) as raw:
        raw.log_in(bob.key)
        for command in ("GITEA_INTERNAL_PUSH=true git-receive-pack 'alice/open'",
                        "git-receive-pack 'alice/open' GITEA_PR_ID=1", "git-receive-pack 'alice/open\nGITEA_PR_ID=1'",
                        "git-receive-pack 'alice/open;id'", "env GITEA_INTERNAL_PUSH=true git-receive-pack 'alice/open'",
                        "git-receive-pack 'alice/$(id)'", "git-receive-pack '../alice/open'"):
            assert raw.open_session().exec(command, b"0000").exit != 0, command
        channel = raw.open_session()
        assert [channel.env(name, value) for name, value in FORGED.items()] == [False] * len(FORGED)
    assert not forge.machine.records()


def test_what_the_forge_refuses_and_what_cannot_run_reads_so_at_the_client(forge):
    """The trail has what the forge refuses as a push that was declined."""
    alice = forge.holder(ALICE)
    work = work_tree(alice)
    place = forge.machine.root / "alice/secret.git"
    before = forge.machine.files_in(place)
    forge.machine.api.decide = lambda call, body: (403, {"user_msg": "Not allowed to push to protected branch main"})
    work.git("push", "gerve:alice/secret", "HEAD:main", exit=1, says="remote: Forgejo: Not allowed to push to protected")
    assert forge.machine.files_in(place) == before
    wait_until(lambda: "ended=declined" in forge.gateway.log(), "the session is told")
    gitea = place / "hooks/pre-receive.d/gitea"
    gitea.chmod(0o644)
    try:
        work.git("push", "gerve:alice/secret", "HEAD:main", exit=128,
                 says=["ERROR: The hooks of alice/secret would not check this push", "hooks/pre-receive.d/gitea"])
    finally:
        gitea.chmod(0o755)
    forge.machine.api.stop()
    try:
        work.git("push", "gerve:alice/secret", "HEAD:main", exit=1, says="Internal Server Connection Error")
    finally:
        forge.machine.api.start()
    assert forge.machine.files_in(place) == before


def test_explain_prints_the_variables_and_a_value_that_is_missing_stops_pushes_alone(forge):
    alice = forge.holder(ALICE)
    forge.gerve("explain", alice.key.fingerprint, "git-receive-pack 'alice/open'",
                says=["variable of hooks GITEA_PUSHER_ID", "variable of hooks GITEA_REPO_NAME"])
    if forge.by == "forge":
        return  # a name that is no name spoils the whole row there
    forge.sql("UPDATE repository SET name = CONCAT('Se', CHAR(7), 'cret') WHERE id = 1")
    try:
        alice.ssh("git-receive-pack 'alice/secret'", exit=75, says="cannot check your access")
        alice.git("ls-remote", "gerve:alice/secret")
    finally:
        forge.sql("UPDATE repository SET name = 'Secret' WHERE id = 1")
