"""Git LFS at the agent: limits, the sessions of one client, and faults."""

import os
import random
import resource
import signal
import struct
import subprocess
import time

import grv1
import pytest
from conftest import wait_until
from harness.hanging import hanging
from lfs_client import (ALICE, BERT, DOWNLOAD, MB, NOWHERE, UPLOAD, LfsClient, check_objects, left_aside, line, oid_of,
                        packet, packets, stored)

# ---- limits


def with_limits(**numbers) -> dict:
    types = {"repository": 19, "owner": 20, "object": 21}
    return {"extra": [(types[name], struct.pack(">Q", number)) for name, number in numbers.items()]}


def test_an_object_that_is_too_large_is_refused_before_it_is_sent(site, bare):
    data = os.urandom(MB + 1)
    client = LfsClient(site, **with_limits(object=MB))
    for answer in (client.batch((oid_of(data), len(data))), client.put(data)):
        assert answer.status == 507 and "more than the 1.0 MiB that one object may have" in answer.text
        assert oid_of(data) in answer.text and "lfs.max_object" in answer.text
    assert client.put(data[:MB]).status == 200
    client.quit()
    assert check_objects(bare) == 1


@pytest.mark.parametrize("limit", ["repository", "owner"])
def test_what_does_not_fit_is_refused(site, bare, limit):
    site.make_repository("mojombo/other.git")
    client = LfsClient(site, **with_limits(**{limit: 8 * MB}))
    assert client.put(os.urandom(5 * MB)).status == 200
    data = os.urandom(4 * MB)
    for answer in (client.batch((oid_of(data), len(data))), client.put(data)):
        assert answer.status == 507 and "8.0 MiB" in answer.text and "does not fit" in answer.text
    assert client.put(os.urandom(MB)).status == 200
    client.quit()
    assert left_aside(bare) == []


def test_eight_sessions_do_not_take_the_same_room(site, bare):
    clients = [LfsClient(site, **with_limits(repository=12 * MB)) for _ in range(8)]
    datas = [os.urandom(3 * MB) for _ in clients]
    for client, data in zip(clients, datas):
        client.begin_put(oid_of(data), len(data), data)
        client.session.write(b"0000")
    statuses = sorted(client.answer().status for client in clients)
    assert statuses == [200] * 3 + [507] * 5
    for client in clients:
        client.quit()


def test_what_is_being_received_counts_when_the_room_is_measured(site, bare):
    limits = with_limits(repository=20 * MB)
    slow = LfsClient(site, **limits)
    slow.begin_put(NOWHERE, 12 * MB, b"x")
    wait_until(lambda: len(left_aside(bare)) == 2, what="the object to begin")
    (bare / "lfs/incoming/usage").write_bytes(b"")  # as if it were old
    client = LfsClient(site, **limits)
    assert client.put(os.urandom(9 * MB)).status == 507
    assert client.put(os.urandom(MB)).status == 200
    slow.session.close()
    client.quit()


def test_an_object_that_stands_twice_in_a_batch_counts_once(site, bare):
    client = LfsClient(site, **with_limits(repository=8 * MB))
    asked = client.batch(*[(NOWHERE, 5 * MB)] * 3)
    assert asked.status == 200 and asked.lines == [f"{NOWHERE} {5 * MB} upload"] * 3
    client.quit()


def test_sessions_count_apart_from_the_push_that_waits_for_them(site):
    site.make_repository()
    site.start('max_operations_per_owner = 1\nmax_operations_per_account = 1\nmax_operations_per_key = 1\n'
               'queue_timeout = "1s"\n')
    push = site.open(grv1.RECEIVE_PACK, env=BERT).until_opened()
    clients = [LfsClient(site) for _ in range(8)]
    with pytest.raises(grv1.Failed) as failed:
        site.open(UPLOAD, env=BERT).until_opened()
    assert failed.value.code in (grv1.BUSY, grv1.ACCOUNT_LIMIT)
    for client in clients:
        assert client.put(os.urandom(1000)).status == 200
        client.quit()
    push.write(b"0000")
    assert push.finish().status == 0


def test_an_agent_that_is_not_to_serve_it_says_so(site):
    site.make_repository()
    site.start('services = ["upload-pack", "receive-pack"]\n')
    for service in (UPLOAD, DOWNLOAD):
        with pytest.raises(grv1.Failed) as failed:
            site.open(service).until_opened()
        assert failed.value.code == grv1.SERVICE_DISABLED


# ---- siblings


def on_connection(name: bytes, service=UPLOAD, **env) -> dict:
    return {"service": service, "extra": [(22, name.ljust(16))], "env": env}


def test_siblings_end_when_one_of_their_connection_has_quit(site, bare):
    first, second, third = (LfsClient(site, **on_connection(b"one")) for _ in range(3))
    other = LfsClient(site, **on_connection(b"two"))
    stranger = LfsClient(site, **on_connection(b"one", **ALICE))
    began = time.monotonic()
    first.quit()
    for client in (second, third):
        client.session.finish()
        assert client.session.status == 1
    assert 1 <= time.monotonic() - began < 4
    time.sleep(1)
    for client in (other, stranger):
        assert client.batch().status == 200, "of another connection, or another client"
        client.quit()


def test_a_sibling_that_is_at_work_is_let_finish(site, bare):
    first, second = (LfsClient(site, **on_connection(b"one")) for _ in range(2))
    first.quit()
    data = os.urandom(20 * 32768)
    assert second.put_slowly(data).status == 200
    time.sleep(2.5)
    assert second.batch().status == 200, "it moved behind the other's end: another git-lfs has it"
    second.quit()
    assert check_objects(bare) == 1


def test_an_idle_session_next_to_one_at_work_is_not_left_behind(site, bare):
    """Another git-lfs has both, and sends the last of its objects."""
    first, second, third = (LfsClient(site, **on_connection(b"one")) for _ in range(3))
    first.quit()
    assert second.put_slowly(os.urandom(25 * 32768)).status == 200
    assert third.batch().status == 200
    for client in (second, third):
        client.quit()


def test_a_session_whose_request_is_open_is_not_left_behind(site, bare):
    first, second = (LfsClient(site, **on_connection(b"one")) for _ in range(2))
    second.begin_put(oid_of(b"x"), 1)
    time.sleep(0.5)
    first.quit()
    time.sleep(2.5)
    second.session.write(packet(b"x") + b"0000")
    assert second.answer().status == 200
    second.quit()


def test_a_session_that_comes_after_the_end_of_another_is_not_left_behind(site, bare):
    """A push keeps the connection, and its client's next git-lfs opens sessions on it."""
    push = site.open(grv1.RECEIVE_PACK, env=BERT, extra=[(22, b"one".ljust(16))]).until_opened()
    first = LfsClient(site, **on_connection(b"one"))
    first.quit()
    second = LfsClient(site, **on_connection(b"one"))
    time.sleep(2.5)
    assert second.put(b"data").status == 200
    second.quit()
    push.write(b"0000")
    assert push.finish().status == 0


def test_a_push_that_waits_for_its_large_files_shows_that_it_lives(site, bare):
    push = site.open(grv1.RECEIVE_PACK, env=BERT).until_opened()
    idle = site.open(grv1.RECEIVE_PACK, env=ALICE).until_opened()
    client = LfsClient(site)
    data = os.urandom(30 * 32768)
    assert client.put_slowly(data).status == 200
    client.quit()
    for session in (push, idle):
        session.write(b"0000")
        assert session.finish().status == 0
    assert 3 <= len(push.pongs) <= 10 and idle.pongs == []


# ---- faults


@pytest.mark.parametrize("who", ["client", "session", "agent"])
def test_killed_while_objects_come(site, bare, who):
    chance = random.Random(who)
    for moment in range(20):
        client = LfsClient(site)
        data = os.urandom(chance.randrange(1, 4 * MB))
        whole = line(f"put-object {oid_of(data)}") + line(f"size={len(data)}") + b"0001" + packets(data) + b"0000"
        cut = len(whole) if moment % 4 == 0 else chance.randrange(len(whole))
        client.session.write(whole[:cut])
        if moment % 2:
            time.sleep(chance.random() / 50)
        children = site.agent.children()
        if who == "client":
            client.session.close()
        elif who == "session":
            for pid in children:
                os.kill(pid, signal.SIGKILL)
        else:
            site.agent.process.kill()
            site.agent.process.wait()
            os.unlink(site.unix)
            wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), what="the sessions to end")
            site.agent = site.start()
        wait_until(lambda: not site.agent.children(), what="the session to end")
        check_objects(bare)
    client = LfsClient(site)
    data = os.urandom(MB)
    assert client.put(data).status == 200, "the next upload succeeds"
    client.quit()
    assert stored(bare, data).read_bytes() == data
    assert left_aside(bare) == [], "and nothing is left of those before"
    with site.open(grv1.ADMIN, admin=b"lfs-prune", argument=b"0 remove") as session:
        assert session.finish().status == 0
    assert check_objects(bare) == 0 and left_aside(bare) == [], "nor of what no push has named"


def test_an_error_of_the_disk_is_told(site, bare):
    client = LfsClient(site)
    for pid in site.agent.children():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (MB, MB))
    answer = client.put(os.urandom(2 * MB))
    assert answer.status == 500 and "File too large" in answer.text
    assert client.put(os.urandom(1000)).status == 200, "what has room still comes"
    client.quit()
    assert left_aside(bare) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")
def test_a_full_disk_is_told_and_nothing_of_the_object_stays(site, bare):
    (bare / "lfs").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", bare / "lfs"], check=True)
    try:
        client = LfsClient(site)
        answer = client.put(os.urandom(3 * MB))
        assert answer.status == 507 and "disk of the file server is full" in answer.text
        small = os.urandom(MB)
        assert client.put(small).status == 200
        assert client.put(os.urandom(MB + 65536)).status == 507
        client.quit()
        assert check_objects(bare) == 1 and left_aside(bare) == []
    finally:
        subprocess.run(["umount", bare / "lfs"], check=True)


def test_memory_does_not_grow_with_the_object(site, bare):
    client = LfsClient(site)
    size = 256 * MB
    piece = os.urandom(32768)
    client.begin_put(NOWHERE, size)
    block = packet(piece) * 8
    peak = 0
    for _ in range(size // len(piece) // 8):
        client.session.write(block)
    for pid in site.agent.children():
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            peak = max(peak, *(int(text.split()[1]) for text in file if text.startswith("RssAnon")))
    client.session.write(b"0000")
    assert client.answer().status == 422
    assert 0 < peak < 8 * 1024, f"{peak} KiB"
    client.quit()


def test_nothing_waits_for_a_session(site, bare):
    slow = [LfsClient(site) for _ in range(8)]
    for client in slow:
        client.begin_put(NOWHERE, 1_000_000, b"x" * 1000)
    began = time.monotonic()
    assert site.git("ls-remote", "fs:mojombo/bert.git").stdout
    assert time.monotonic() - began < 5
    for client in slow:
        client.session.close()


def test_an_object_that_hangs_holds_up_its_own_session_alone(site, bare):
    data, other = os.urandom(1000), os.urandom(1001)
    client = LfsClient(site)
    for one in (data, other):
        assert client.put(one).status == 200
    with hanging(stored(bare, data)):
        stuck = LfsClient(site, DOWNLOAD)
        stuck.send(f"get-object {oid_of(data)}")
        assert client.put(os.urandom(1000)).status == 200
        reader = LfsClient(site, DOWNLOAD)
        assert reader.get(oid_of(other)).data == other
        reader.quit()
        client.quit()
        assert site.git("ls-remote", "fs:mojombo/bert.git").stdout
    assert stuck.answer().data == data
    stuck.quit()
