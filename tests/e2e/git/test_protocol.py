"""The three versions of git's protocol, looked at on the wire."""

import pytest

from harness.packets import PacketTrace

pytestmark = pytest.mark.both_doors


@pytest.mark.parametrize("version", [0, 1, 2])
def test_clone_speaks_the_version_the_client_asks_for(bob, project, version):
    trace = PacketTrace(bob)
    trace.terminal.git("-c", f"protocol.version={version}", "clone", "--quiet", project.url, "copy")
    assert bob.at("copy").rev("HEAD") == project.rev("main")
    first = trace.received[0]
    if version == 0:
        assert first.startswith(project.rev("main") + " HEAD\\0"), first
    else:
        assert first == f"version {version}"


def test_version_2_lists_refs_only_when_asked(bob, project):
    trace = PacketTrace(bob)
    trace.terminal.git("-c", "protocol.version=2", "ls-remote", "--heads", project.url, "main")
    assert "command=ls-refs" in trace.sent
    assert "ref-prefix refs/heads/main" in trace.sent or "ref-prefix refs/heads/" in trace.sent


@pytest.mark.parametrize("version", [0, 1, 2])
def test_push_with_each_version(alice, project, version):
    work = alice.clone(project)
    head = work.commit("pushed", f"with version {version}\n")
    work.git("-c", f"protocol.version={version}", "push", "--quiet")
    assert project.rev("main") == head


def test_the_server_names_its_git_and_no_more(bob, project):
    trace = PacketTrace(bob)
    trace.terminal.git("-c", "protocol.version=2", "ls-remote", project.url)
    agents = [line for line in trace.received if line.startswith("agent=")]
    assert len(agents) == 1 and agents[0].startswith("agent=git/"), trace.received
