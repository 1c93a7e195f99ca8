"""Mercurial and the file server: one that does not serve it, one without hg, one whose hg does not find what it is
configured with, and one whose agent is killed."""

import pytest

from harness.mercurial import Hg, hg_repository, on_disk
from harness.outcome import NONZERO
from harness.processes import wait_until
from harness.production import running_production


@pytest.fixture
def house(workspace):
    with running_production(workspace, start=False) as site:
        yield site


def begin(house):
    house.start()
    owner = house.person("alice")
    house.repository(owner, "gits")  # routes the owner
    return owner


def test_a_file_server_that_does_not_serve_it(house):
    house.files.more = 'services = ["upload-pack", "receive-pack", "admin"]\n'
    owner = begin(house)
    project = hg_repository(house, owner)
    answer = owner.ssh(f"hg -R {project.path} serve --stdio", exit=128)
    assert answer.stdout == ""
    assert answer.stderr.startswith(f"ERROR: The file server of {project.path} does not serve Mercurial.")


def test_a_file_server_without_hg(house):
    owner = begin(house)
    project = hg_repository(house, owner)
    house.files.stop()
    gone = house.directory / "hg"
    gone.write_text("#!/bin/sh\n")
    gone.chmod(0o755)
    house.files.more = f'hg = "{gone}"\n'
    house.files.start()
    gone.unlink()
    answer = owner.ssh(f"hg -R {project.path} serve --stdio", exit=128)
    assert answer.stdout == "" and "package mercurial" in answer.stderr
    house.gerve("repo", "create", f"{owner.login}/other", "--hg", exit=1, says="package mercurial")
    house.gerve("repo", "fsck", project.path, exit=NONZERO, says="package mercurial")


def test_an_hg_that_does_not_find_its_hooks_serves_nobody(house):
    """It says nothing about settings that it cannot read, and would let readers write."""
    wrapper = house.directory / "hg"
    wrapper.write_text('#!/bin/sh\nexec 3<&-\nexec /usr/bin/hg "$@"\n')
    wrapper.chmod(0o755)
    house.files.more = f'hg = "{wrapper}"\n'
    owner = begin(house)
    project = hg_repository(house, owner)
    request = b"hello\npushkey\nnamespace 9\nbookmarkskey 1\nxold 0\nnew 40\n" + b"0" * 40
    for client in (house.person("bob"), owner):
        answer = client.run(*client.ssh_argv(f"hg -R {project.path} serve --stdio"), input=request, exit=(0, 1, 255))
        assert answer.stdout == ""
    assert on_disk(house, project).bookmarks() == {}


def test_an_agent_that_is_killed_during_a_push(house):
    owner = begin(house)
    project = hg_repository(house, owner)
    work = Hg(owner).clone(project)
    work.commit("a.txt")
    work("push")
    work.commit("big.bin", bytes(range(256)) * 64 * 1024)
    (project.disk / ".hg/hgrc").write_text("[hooks]\npretxnchangegroup.slow = touch .hg/begun; sleep 1\n")
    push = work.terminal.start("/usr/bin/hg", "push")
    wait_until(lambda: (project.disk / ".hg/begun").exists(), "the transaction is open")
    house.files.kill()
    push.finish(exit=NONZERO, timeout=60)
    house.files.start()
    on_disk(house, project)("recover", exit=(0, 1))
    work("push", exit=(0, 1), timeout=60)
    on_disk(house, project)("verify", "--quiet")
    assert on_disk(house, project).tip("tip") == work.tip()
