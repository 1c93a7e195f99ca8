"""A disk that hangs: its own clients wait within a deadline, all others are served, and it recovers by itself."""

import os
from contextlib import ExitStack

import grv1
import pytest
from conftest import wait_until
from harness.hanging import hanging
from test_limits import _serves
from test_streams import ticks

IMPATIENT = 'threads = 1\nstorage_timeout = "1s"\n'


def serves(site, path="mojombo/bert.git", **fields) -> bool:
    with site.open(path=path, **fields) as session:
        session.write(b"0000")
        return session.finish().status == 0


def code_of(site, path, service=grv1.UPLOAD_PACK, **fields) -> tuple[int, bool]:
    with site.open(service, path=path, **fields) as session, pytest.raises(grv1.Failed) as failed:
        session.finish()
    return failed.value.code, failed.value.retryable


def test_one_repository_that_hangs_holds_up_nobody_else(site):
    slow = site.make_repository("mojombo/slow.git")
    site.make_repository("mojombo/bert.git")
    site.make_repository("defunkt/ace.git")
    agent = site.start(IMPATIENT)
    running = site.open().until(lambda session: session.stdout.endswith(b"0000"))
    with hanging(slow / "HEAD"):
        waiting = [site.open(path="mojombo/slow.git") for _ in range(40)]
        wait_until(lambda: threads_of(agent.pid) >= 3, what="threads that wait for the disk")
        for _ in range(5):
            assert serves(site), "another repository of the same owner"
            assert serves(site, "defunkt/ace.git")
        with grv1.Session(site.tcp, grv1.frame(grv1.PING, b"up?")) as session:
            session.step()
            assert session.pongs == [b"up?"]
        running.write(b"0000")
        assert running.finish().status == 0, "what runs goes on"
        assert threads_of(agent.pid) < 10, "it takes no more than its share"
        assert not agent.children(), "no git was started in it"
        for session in waiting:
            with session, pytest.raises(grv1.Failed) as failed:
                session.finish()
            assert (failed.value.code, failed.value.retryable) == (grv1.STORAGE, True)
        assert agent.log_lines("refused", "code=11", f"{slow}: the disk does not answer")
        before = ticks(agent.pid)
        assert code_of(site, "mojombo/slow.git", grv1.RECEIVE_PACK) == (grv1.STORAGE, False)
        assert ticks(agent.pid) - before < 20, "to wait costs nothing"
    wait_until(lambda: serves(site, "mojombo/slow.git"), what="recovery")


def threads_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def test_many_repositories_of_one_owner_that_hang_leave_others_served(site):
    names = [f"mojombo/r{number}.git" for number in range(12)]
    heads = [site.make_repository(name) / "HEAD" for name in names]
    site.make_repository("defunkt/ace.git")
    agent = site.start(IMPATIENT.replace("1s", "3s"))
    with ExitStack() as hang:
        for head in heads[:6]:
            hang.enter_context(hanging(head))
        waiting = [site.open(path=name) for name in names[:6] for _ in range(3)]
        wait_until(lambda: threads_of(agent.pid) >= 9, what="threads that wait for the disk")
        assert serves(site, "defunkt/ace.git")
        assert threads_of(agent.pid) < 15
        for session in waiting:
            session.close()
    wait_until(lambda: serves(site, names[0]), what="recovery")


def test_an_order_on_a_disk_that_hangs_is_refused_and_not_done_later(site):
    slow = site.make_repository("mojombo/slow.git")
    site.start(IMPATIENT)
    with hanging(slow / "HEAD"):
        assert code_of(site, "mojombo/slow.git", grv1.ADMIN, admin=b"fsck") == (grv1.STORAGE, False)
    assert serves(site, "mojombo/slow.git")


def test_an_agent_ends_although_a_disk_hangs(site):
    slow = site.make_repository("mojombo/slow.git")
    agent = site.start(IMPATIENT)
    with hanging(slow / "HEAD"):
        assert code_of(site, "mojombo/slow.git") == (grv1.STORAGE, True)
        assert agent.stop(timeout=10) == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_an_agent_that_cannot_see_its_standby_file_serves_nothing(site):
    site.make_repository()
    closed = site.directory / "closed"
    closed.mkdir()
    agent = site.start(f'standby_file = "{closed}/standby"\n')
    assert _serves(site)
    closed.chmod(0)
    try:
        assert code_of(site, "mojombo/bert.git") == (grv1.STANDBY, True)
        assert agent.log_lines("refused", "cannot look for", "Permission denied")
    finally:
        closed.chmod(0o755)
    assert _serves(site)


def test_a_standby_file_behind_a_loop_of_links_counts_as_one(site):
    """As root, too: neither there nor missing."""
    site.make_repository()
    loop = site.directory / "loop"
    agent = site.start(f'standby_file = "{loop}/standby"\n')
    assert _serves(site)
    loop.symlink_to(loop)
    assert code_of(site, "mojombo/bert.git") == (grv1.STANDBY, True)
    assert agent.log_lines("refused", "cannot look for", "symbolic links")
    loop.unlink()
    assert _serves(site)
