"""Two gateways with one directory: what may run no more ends at both, and what cannot be asked about goes on."""

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from harness.certificates import Authority, bearer
from harness.sql_server import SqlServer
from harness.messages import KILLED, WITHDRAWN
from harness.processes import free_port, session_members, wait_until
from harness.production import Production
from harness.site import Site
from harness.slow_clone import SIZE, SlowClone, live_of

pytestmark = [pytest.mark.alone, pytest.mark.slow]


@pytest.fixture(scope="module")
def gateways(workspace):
    """Two that share a database, Redis and a file server."""
    directory = Path(tempfile.mkdtemp(prefix="twins-", dir=workspace))
    database = SqlServer()
    first = Production(directory / "first", database)
    try:
        first.start()
        config = first.gateway.config_file.read_text()
        for own, other in ((str(first.metrics.port), str(free_port())), (str(first.gateway.port), "{port}"),
                           (str(first.state), "{state}")):
            config = config.replace(own, other)
        (directory / "second").mkdir()
        second = Site(directory / "second", config).start()
        yield first, second
        second.gateway.stop()
        agent = first.files.process.pid
        wait_until(lambda: session_members(agent) == [agent], "no git runs any more")
        first.stop()
    finally:
        first.gateway.kill()
        first.files.kill()
        first.redis.kill()
        database.stop()


@pytest.fixture(scope="module")
def bulky(gateways):
    first, _ = gateways
    owner = first.person("alice")
    repository = first.repository(owner, private=True)
    work = owner.publish(repository)
    work.git("config", "core.compression", "0")
    work.commit("noise", os.urandom(SIZE))
    work.git("push", "--quiet")
    return repository


def test_a_revoked_key_ends_its_clones_at_both_gateways(gateways, bulky):
    first, second = gateways
    reader = first.person("reader")
    first.grant(bulky, reader, "read")
    clones = [SlowClone(first, reader, bulky), SlowClone(second, reader.through(second.door()), bulky)]
    assert [len(live_of(site, reader)) for site in gateways] == [1, 1]
    began = time.monotonic()
    first.gerve("key", "revoke", reader.key.fingerprint)
    for clone in clones:
        clone.ends(WITHDRAWN, began)


@pytest.mark.parametrize("how", ["serial", "key", "all"])
def test_a_revoked_certificate_ends_its_clones_at_both_gateways(gateways, bulky, how):
    first, second = gateways
    reader = first.person("reader")
    first.grant(bulky, reader, "read")
    authority = Authority(first.directory / first.fresh("authority"))
    name = first.fresh("ca")
    first.gerve("ca", "add", name, authority.key.public, "--instance", "--identity", "principal")
    client = bearer(first, reader.login)
    authority.certify(client.key, principals=reader.login, serial=42)
    clones = [SlowClone(first, client, bulky), SlowClone(second, client.through(second.door()), bulky)]
    assert [len(live_of(site, reader)) for site in gateways] == [1, 1]
    words = {"serial": ["--serial", "40-50"], "key": ["--key", client.key.fingerprint], "all": ["--all"]}[how]
    began = time.monotonic()
    second.gerve("ca", "revoke", name, *words)
    for clone in clones:
        clone.ends(WITHDRAWN, began)
    for site in gateways:
        client.through(site.door()).ssh("whoami", exit=255, says="Permission denied")


def test_while_the_database_is_away_what_runs_goes_on(gateways, bulky):
    first, _ = gateways
    reader = first.person("reader")
    first.grant(bulky, reader, "read")
    clone = SlowClone(first, reader, bulky)
    database = first.database.server.process.pid
    os.kill(database, signal.SIGSTOP)
    try:
        time.sleep(5)  # two looks at least
        assert clone.running.process.poll() is None, "the clone has ended"
        assert len(live_of(first, reader)) == 1
    finally:
        os.kill(database, signal.SIGCONT)
    wait_until(lambda: "live sessions cannot be rechecked: they continue" in first.gateway.log(), "the log says so")
    first.gerve("kill", clone.session["session"][:8])
    clone.running.finish(exit=128, says=KILLED)
