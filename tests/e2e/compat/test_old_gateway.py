"""While the tables of a database server are migrated, gateways of 0.1.0 go on serving from them: a gateway does not look
at the version of the tables, and its statements answer as before. Its commands refuse newer tables."""

import lzma
import tempfile
from pathlib import Path

import pytest

from harness.compat import RELEASES
from harness.database import Database
from harness.keys import make_key
from harness.site import Site

RELEASE = next(one for one in RELEASES if one.name == "0.1.0")

# What a gateway of 0.1.0 asks for each login and operation, and of live sessions every two seconds.
KEY = ("SELECT k.id, k.key_blob, k.expires_at, k.revoked_at, k.can_write, a.id, a.login, a.suspended_at, k.repo_id"
       " FROM public_keys k LEFT JOIN accounts a ON a.id = k.account_id WHERE k.fingerprint = ?")
KEY_REPOSITORY = ("SELECT o.login, r.name FROM repositories r JOIN accounts o ON o.id = r.owner_id WHERE r.id = ?")
REPOSITORY = ("SELECT r.id, o.id, o.login, r.name, r.is_public, r.archived_at, r.disabled_at"
              " FROM accounts o JOIN repositories r ON r.owner_id = o.id WHERE o.login_folded = ? AND r.name_folded = ?")
REDIRECT = ("SELECT r.id, o.id, o.login, r.name, r.is_public, r.archived_at, r.disabled_at"
            " FROM accounts was JOIN repo_redirects d ON d.owner_id = was.id"
            " JOIN repositories r ON r.id = d.repo_id JOIN accounts o ON o.id = r.owner_id"
            " WHERE was.login_folded = ? AND d.name_folded = ?")
PERMISSION = ("SELECT (SELECT c.level FROM collaborators c WHERE c.repo_id = ? AND c.account_id = ?),"
              " (SELECT MAX(tr.level) FROM team_repos tr JOIN team_members tm"
              " ON tm.team_id = tr.team_id AND tm.account_id = ? WHERE tr.repo_id = ?),"
              " (SELECT m.role FROM org_members m WHERE m.org_id = ? AND m.account_id = ?)")
ROUTE = ("SELECT s.name, e.address, (SELECT MIN(id) FROM servers) FROM (SELECT 1 AS one) always"
         " LEFT JOIN accounts o ON o.login_folded = ? LEFT JOIN routes t ON t.owner_id = o.id"
         " LEFT JOIN servers s ON s.id = t.server_id LEFT JOIN endpoints e ON e.server_id = s.id ORDER BY e.position")
SERVER = ("SELECT s.name, e.address FROM servers s JOIN endpoints e ON e.server_id = s.id"
          " WHERE s.name = ? ORDER BY e.position")
OWN_KEYS = ("SELECT k.fingerprint, k.title, k.created_at, k.expires_at, k.revoked_at, u.used_at"
            " FROM public_keys k LEFT JOIN key_last_used u ON u.key_id = k.id WHERE k.account_id = ? ORDER BY k.id DESC LIMIT ?")
# What it writes, and all that it writes.
EVENT = ("INSERT INTO audit_events (chain, seq, happened_at, gateway, kind, denied, fingerprint, account, repository,"
         " address, body) VALUES (UNHEX(MD5('old')), {seq}, 1, 'old', 'session', 0, NULL, 'alice-1', NULL, NULL, '{{}}')")
LAST_USED = ("INSERT INTO key_last_used (key_id, used_at, address) VALUES ({key}, {now}, '192.0.2.1')"
             " ON DUPLICATE KEY UPDATE address = IF(VALUES(used_at) > used_at, VALUES(address), address),"
             " used_at = GREATEST(used_at, VALUES(used_at))")


def filled(sql: str, *values) -> str:
    for value in values:
        sql = sql.replace("?", str(value), 1)
    assert "?" not in sql, sql
    return sql


def quoted(text: str) -> str:
    return f"'{text}'"


class OldGateway:
    """The statements of a gateway of 0.1.0, about all that is in its directory now."""

    def __init__(self, database):
        self.database = database
        self.seq = 0
        keys = self.rows("SELECT HEX(fingerprint) FROM public_keys")
        accounts = self.rows("SELECT id, login_folded FROM accounts")
        repositories = self.rows("SELECT r.id, o.id, o.login_folded, r.name_folded FROM repositories r"
                                 " JOIN accounts o ON o.id = r.owner_id")
        moved = self.rows("SELECT o.login_folded, d.name_folded FROM repo_redirects d JOIN accounts o ON o.id = d.owner_id")
        asked = [filled(KEY, f"UNHEX('{key}')") for key, in keys]
        for repository, owner, login, name in repositories:
            asked += [filled(KEY_REPOSITORY, repository), filled(REPOSITORY, quoted(login), quoted(name))]
            asked += [filled(PERMISSION, repository, one, one, repository, owner, one) for one, _ in accounts]
        asked += [filled(REDIRECT, quoted(login), quoted(name)) for login, name in moved]
        for account, login in accounts:
            asked += [filled(ROUTE, quoted(login)), filled(OWN_KEYS, account, 100)]
        self.asked = [*asked, filled(SERVER, quoted("fs1"))]

    def rows(self, sql: str) -> list[list[str]]:
        return [line.split("\t") for line in self.database.ask(sql).splitlines()]

    def answers(self) -> dict[str, str]:
        return {sql: self.database.ask(sql) for sql in self.asked}

    def write(self) -> None:
        self.seq += 1
        self.database.ask(EVENT.format(seq=self.seq))
        for key, in self.rows("SELECT id FROM public_keys"):
            self.database.ask(LAST_USED.format(key=key, now=10**13 + self.seq))


@pytest.fixture
def directory(workspace) -> Path:
    return Path(tempfile.mkdtemp(prefix="old-gateway-", dir=workspace))


@pytest.fixture
def database(directory):
    made = Database(directory)
    dump = lzma.decompress((RELEASE / "mysql.sql.xz").read_bytes()).decode()
    made.run(f"USE gerve;\n{dump}")
    yield made
    made.stop()


def test_its_statements_answer_alike_before_and_after(directory, database):
    old = OldGateway(database)
    old.write()
    before = old.answers()
    assert sum(bool(answer) for answer in before.values()) > 20, "there is something to ask about"
    site = Site(directory, database.config(database.server.port))
    database.make_accounts("gerve")
    site.gerve("schema", "migrate")
    assert old.answers() == before
    # What only the newer version knows hides nothing from the older one, and changes none of its answers.
    site.gerve("ca", "add", "corp", make_key(directory / "ca").public, "--instance")
    site.gerve("user", "add", "newcomer")
    site.gerve("user", "rename", "newcomer", "renamed")
    assert old.answers() == before
    old.write()
