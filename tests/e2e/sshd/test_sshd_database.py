"""A stock sshd over a directory in a database server: nobody is let in while it is away, and the logs say why."""

import os
import re

import pytest
from harness.over_database import site_over_database
from harness.processes import wait_until
from harness.sshd import Sshd

pytestmark = pytest.mark.slow

BOUND = 2.5  # seconds that the question of one key may take


@pytest.fixture(scope="module")
def house(workspace):
    with site_over_database(workspace / "over-database") as site:
        yield site


@pytest.fixture(scope="module")
def sshd(house, workspace):
    (workspace / "database-sshd").mkdir()
    server = Sshd(workspace / "database-sshd", str(house.state / "authz.sock")).start()
    yield server
    server.stop()


@pytest.mark.parametrize("fault", ["stopped", "killed"])
def test_nobody_is_let_in_and_the_log_says_why(house, sshd, fault):
    alice = house.person("alice", sshd.door())
    project = house.repository(alice)
    alice.publish(project)
    before, told_before = len(sshd.log()), len(sshd.syslog.messages)
    with getattr(house.database, fault)():
        outcome = alice.git("ls-remote", project.url, exit=128, stdout="", says="Permission denied (publickey)")
    assert outcome.seconds < BOUND + 5
    assert re.search(r"AuthorizedKeysCommand .* failed, status 1", sshd.log()[before:])
    assert "Accepted" not in sshd.log()[before:]
    assert "authz cannot reach its directory" in sshd.syslog.text(told_before)
    wait_until(lambda: alice.git("ls-remote", project.url, exit=range(256)).exit == 0, "it is served again")


def test_logins_open_no_connection_to_the_database(house, sshd):
    """authz has its own, and keeps them."""
    alice = house.person("alice", sshd.door())
    project = house.repository(alice)
    alice.publish(project)

    def connections() -> int:
        return int(house.database.ask("SHOW GLOBAL STATUS LIKE 'Connections'").split()[1])

    before = connections()
    for _ in range(20 + 2 * os.cpu_count()):
        alice.ssh("-T", exit=1)
    own = 1  # of the question for the number
    assert connections() - before <= max(2, os.cpu_count()) + own, "authz has a thread per core"
