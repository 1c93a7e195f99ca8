"""A gateway over a forge's tables, by the profile that packaging ships: who is served, and what the commands say."""

import os
import re
import tempfile
from pathlib import Path

import pytest

from harness.client import Client
from harness.forge_model import Family
from harness.forge_site import PROFILE_ROWS, ForgeTables
from harness.messages import NOT_FOUND, write_denied
from harness.metrics import Metrics
from harness.processes import wait_until
from harness.programs import SOURCE_ROOT
from harness.rawssh import RawClient
from harness.site import Site
from harness.sql_server import SqlServer

BOB, RITA, PAT = 2, 4, 5  # of PROFILE_ROWS: reads alice/secret; restricted; may not log in
ALICE = 1

OWN = """\
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
metrics = "127.0.0.1:0"
"""


class Forge(Site):
    """Its tables are a Forgejo's, with PROFILE_ROWS; its agent is the gateway's own."""

    def __init__(self, directory: Path):
        directory.mkdir(parents=True, exist_ok=True)
        self.database = SqlServer()
        tables = ForgeTables(self.database, Family.FORGEJO)
        tables.run(PROFILE_ROWS.read_text())
        self.schema = tables.schema
        profile = (SOURCE_ROOT / "packaging/profiles/forgejo.toml").read_text()
        profile = re.sub(r'^uri = .*', f'uri = "unix://{self.database.socket}?schema={self.schema}"', profile, flags=re.M)
        profile = re.sub(r'^user = .*', 'user = "root"', profile, flags=re.M)
        super().__init__(directory, OWN + profile)

    def holder(self, account: int) -> Client:
        """Somebody with a key that the forge's tables give to this account."""
        client = self.stranger("holder")
        self.database.run(
            f"INSERT INTO {self.schema}.public_key (owner_id, name, fingerprint, content) VALUES "
            f"({account}, 'k', '{client.key.fingerprint}', '{client.key.public.read_text().strip()}')")
        return client

    @property
    def metrics(self) -> Metrics:
        """Where the log says they are: the port was the kernel's choice."""
        return Metrics(int(re.search(r"listening for metrics at=http://127\.0\.0\.1:(\d+)/metrics", self.gateway.log())[1]))

    def close(self) -> None:
        self.gateway.kill()
        self.database.stop()


@pytest.fixture(scope="module")
def forge(workspace):
    site = Forge(Path(tempfile.mkdtemp(prefix="forge-", dir=workspace)))
    try:
        site.start()
        yield site
        site.gateway.stop()
    finally:
        site.close()


@pytest.mark.parametrize("account, command, told", [
    (ALICE, "git-receive-pack 'alice/nothing'", NOT_FOUND),
    (BOB, "git-receive-pack 'alice/secret'", write_denied("alice/secret", "bob")),
    (RITA, "git-upload-pack 'alice/open'", NOT_FOUND),
    (PAT, "git-upload-pack 'alice/open'", "ERROR: Your account is suspended.\n"),
])
def test_explain_says_of_a_key_what_the_wire_says(forge, account, command, told):
    client = forge.holder(account)
    with RawClient(client.door) as connection:
        connection.log_in(client.key)
        answer = connection.open_session().exec(command, b"0000")
    assert (answer.stderr.decode(), answer.exit) == (told, 1)
    explained = forge.gerve("explain", client.key.fingerprint, command, "--json", exit=1)
    assert f'"told": "{told.strip()}\\n"' in explained.stdout


def test_explain_of_what_is_allowed_names_facts_and_route(forge):
    forge.gerve("explain", forge.holder(ALICE).key.fingerprint, "git-receive-pack 'alice/secret'",
                says=["ALLOWED: rule owner", "of alice", "repository 1, alice/secret, private", "server local at unix:"])
    forge.gerve("explain", forge.stranger().key.fingerprint, "git-upload-pack 'alice/open'", exit=1,
                says=["missing", "DENIED: rule unknown-key"])


def test_a_login_is_told_to_come_as_a_key(forge):
    forge.gerve("explain", "alice", "git-upload-pack 'alice/open'", exit=1, says="instead of 'alice' give a key")


@pytest.mark.parametrize("command", ["user list", "repo list", "key show SHA256:" + "A" * 43, "route get alice",
                                     "user add carol"])
def test_commands_that_look_or_change_name_the_place_and_what_works(forge, command):
    forge.gerve(*command.split(), exit=1, says=["view and change it there", "gerve explain SHA256:"])


def test_a_database_that_goes_opens_the_breaker_and_commands_name_the_check(workspace):
    site = Forge(Path(tempfile.mkdtemp(prefix="forge-", dir=workspace)))
    try:
        site.start()
        wait_until(lambda: site.metrics.value("gerve_database_up") == 1, "the database is asked")
        threads = site.metrics.value("gerve_authz_threads")
        assert threads == max(2, 2 * os.cpu_count()), "own statements take one key each"
        site.database.run("SHUTDOWN")
        holder = site.stranger()

        def breaker_opens() -> bool:
            """A thread learns that its connection is gone when it is asked something."""
            holder.ssh("git-upload-pack 'alice/open'", exit=75, says="cannot check your access")
            return site.metrics.value("gerve_database_up") == 0

        wait_until(breaker_opens, "nothing is asked any more", timeout=30)
        assert site.metrics.get("/readyz")[0] == 503
        for command in (["schema", "migrate"], ["explain", holder.key.fingerprint, "git-upload-pack 'a/b'"]):
            site.gerve(*command, exit=1, says="`gerve check` reports what is wrong and how to fix it")
    finally:
        site.close()
