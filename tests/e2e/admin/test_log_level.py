"""[log] level: what each process writes, and that a reload changes it."""

import pytest

from harness.messages import greeting
from harness.processes import wait_until

CONFIG = """\
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[ssh]
workers = 1
[log]
"""


def lines(site, level: str, role: str = "") -> list[str]:
    return [line for line in site.gateway.log().splitlines() if f" {level} [" in line and f"] {role}" in line]


@pytest.fixture
def site(private_sites):
    return private_sites(CONFIG + 'level = "debug"\n')


def test_every_process_follows_the_level_and_a_reload_changes_it(site):
    alice = site.person("alice")
    repository = site.repository(alice)
    alice.publish(repository)
    assert lines(site, "debug", "master:") and lines(site, "debug", "worker:") and lines(site, "debug", "authz:")
    assert lines(site, "info", "agent:")
    before = site.gateway.workers()
    relieved = {*before, site.gateway.authz(), *site.gateway.children("agent")}  # they keep the level that they had
    site.gateway.configure(CONFIG + 'level = "error"\n')
    site.gateway.hang_up()
    wait_until(
        lambda: len(site.gateway.workers()) == 1 and site.gateway.workers() != before, "others serve", timeout=20
    )
    wait_until(lambda: len(site.gateway.children("agent")) == 1, "one agent serves", timeout=20)
    quiet_from = len(site.gateway.log())
    alice.git("ls-remote", repository.url)
    alice.ssh(exit=1, stderr=greeting(alice.login))
    said = site.gateway.log()[quiet_from:]
    others = [line for line in said.splitlines() if not any(f"[{pid}]" in line for pid in relieved)]
    assert not [line for line in others if " info [" in line], said


def test_an_unknown_level_is_refused_with_its_place(site):
    site.gateway.configure(CONFIG + 'level = "loud"\n')
    site.gateway.hang_up()
    wait_until(lambda: "log.level must be" in site.gateway.log(), "the reload is refused", timeout=20)
    assert f"file={site.gateway.config_file} line=7 column=9" in site.gateway.log()
