"""`listen.metrics`: what the gateway and authz count, read as Prometheus would."""

import os
import signal
import socket
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import processes
from harness.counted import with_metrics

CONFIG = """\
state = "{{state}}"

[listen]
ssh = ["127.0.0.1:{{port}}"]
metrics = "127.0.0.1:{metrics}"
"""

@pytest.fixture
def counted(private_sites):
    """A site with metrics."""
    site = with_metrics(private_sites, CONFIG)
    processes.wait_until(lambda: site.metrics.get("/readyz")[0] == 200, "authz has made its tables")
    return site


def queries(site) -> dict[str, float]:
    return {query: site.metrics.value("gerve_directory_queries_total", query=query)
            for query in ("key", "repository", "permission", "route")}


def cost(site, clone) -> dict[str, float]:
    before = queries(site)
    clone()
    after = queries(site)
    return {query: after[query] - before[query] for query in after}


def test_what_a_clone_costs_the_directory(counted):
    alice, bob = counted.person("alice"), counted.person("bob")
    repository = counted.repository(alice, private=True)
    counted.grant(repository, bob, "read")
    assert cost(counted, lambda: alice.git("ls-remote", repository.url)) == {
        "key": 1, "repository": 1, "permission": 0, "route": 1}
    assert cost(counted, lambda: bob.git("ls-remote", repository.url)) == {
        "key": 1, "repository": 1, "permission": 1, "route": 1}


def test_the_gateway_counts_connections_logins_and_operations(counted):
    alice = counted.person("alice")
    repository = counted.repository(alice)
    value = counted.metrics.value
    alice.git("ls-remote", repository.url)
    assert value("gerve_connections_accepted_total") >= 1
    assert value("gerve_logins_total", result="accepted") == 1
    assert value("gerve_key_exchanges_total") == 1
    processes.wait_until(lambda: value("gerve_git_operations_total", service="git-upload-pack", end="exit") == 1,
                         "the operation is counted")
    assert value("gerve_git_bytes_total", direction="out") > 0
    assert value("gerve_upstream_connects_total", server="local", result="reached") == 1
    assert value("gerve_git_operation_seconds_count", service="git-upload-pack") == 1
    processes.wait_until(lambda: value("gerve_connections") == 0, "no connection is left")
    assert value("gerve_workers") == len(counted.gateway.workers())


def test_counters_outlive_a_worker_and_a_reload(counted):
    alice = counted.person("alice")
    repository = counted.repository(alice)
    alice.git("ls-remote", repository.url)
    for pid in counted.gateway.workers():
        processes.os.kill(pid, 9)
    processes.wait_until(lambda: counted.metrics.value("gerve_workers") == len(counted.gateway.workers()) > 0,
                         "the workers are back")
    assert counted.metrics.value("gerve_logins_total", result="accepted") == 1
    alice.git("ls-remote", repository.url)
    assert counted.metrics.value("gerve_logins_total", result="accepted") == 2


def test_counters_go_on_over_a_reload(counted):
    alice = counted.person("alice")
    repository = counted.repository(alice)
    alice.git("ls-remote", repository.url)
    before = counted.gateway.workers()
    counted.gateway.hang_up()
    processes.wait_until(lambda: not set(before) & set(counted.gateway.workers()), "other workers")
    alice.git("ls-remote", repository.url)
    assert counted.metrics.value("gerve_logins_total", result="accepted") == 2
    assert counted.metrics.value("gerve_directory_queries_total", query="key", result="found") == 2
    processes.wait_until(lambda: counted.metrics.value("gerve_workers") == len(counted.gateway.workers()) > 0,
                         "the new metrics process sees the new workers, and them alone")


def test_refusals_are_counted_by_their_reason(counted):
    alice, bob = counted.person("alice"), counted.person("bob")
    secret = counted.repository(alice, private=True)
    public = counted.repository(alice, "public")
    counted.gerve("repo", "archive", public.path)
    bob.git("ls-remote", secret.url, exit=128)
    alice.git("ls-remote", "gerve:alice/nothing.git", exit=128)
    alice.ssh(f"git-receive-pack '{public.path}'", exit=1)
    value = counted.metrics.value
    stranger = counted.stranger()
    processes.wait_until(lambda: value("gerve_connections") == 0, "those who looked for host keys have gone")
    abandoned = value("gerve_logins_total", result="abandoned")
    stranger.ssh(exit=255)
    assert value("gerve_denials_total", rule="no-read-access") == 1
    assert value("gerve_denials_total", rule="no-such-repository") == 1
    assert value("gerve_denials_total", rule="archived") == 1
    assert value("gerve_denials_total") == 3
    assert value("gerve_keys_refused_total") == 1
    processes.wait_until(lambda: value("gerve_logins_total", result="abandoned") == abandoned + 1, "the login ended")
    processes.wait_until(lambda: value("gerve_git_operations_total", end="refused") == 3, "the ends are counted")


def test_pushes_are_counted_by_what_became_of_them(counted):
    alice = counted.person("alice")
    project = counted.repository(alice)
    alice.publish(project)
    work = alice.clone(project, into="work")
    value = counted.metrics.value
    count = lambda outcome: value("gerve_pushes_total", outcome=outcome)
    processes.wait_until(lambda: count("taken") == 1, "the first push is counted")
    work.commit("more")
    project.hook("update", '[ "$1" != refs/heads/no ]')
    work.git("push", "origin", "main:no", exit=1)
    work.git("push", "origin", "main", "main:no", exit=1)
    work.git("push", "origin", "main:yes")
    processes.wait_until(lambda: [count(one) for one in ("taken", "refused", "partly")] == [2, 1, 1],
                         "each is counted once")
    assert value("gerve_pushes_total") == 4


def test_what_is_so_now(counted):
    alice = counted.person("alice")
    repository = counted.repository(alice)
    value = counted.metrics.value
    session = alice.start_ssh(f"git-upload-pack '{repository.path}'", stdin=subprocess.PIPE)
    processes.wait_until(lambda: value("gerve_sessions") == 1, "a session runs")
    assert value("gerve_authz_threads") == max(2, os.cpu_count()), "one for each core beside SQLite"
    assert value("gerve_connections") == 1
    assert value("gerve_connections_unauthenticated") == 0
    with socket.create_connection((counted.gateway.host, counted.gateway.port)):
        processes.wait_until(lambda: value("gerve_connections_unauthenticated") == 1, "somebody who has not logged in")
    session.kill()
    processes.wait_until(lambda: value("gerve_sessions") == value("gerve_connections") == 0, "it is over")


# ---- the HTTP side


def test_health_and_what_is_not_there(counted):
    assert counted.metrics.get("/healthz") == (200, "alive\n")
    assert counted.metrics.get("/readyz") == (200, "ready\n")
    assert counted.metrics.get("/other")[0] == 404
    assert counted.metrics.say(b"POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx").startswith(b"HTTP/1.1 405 ")
    assert counted.metrics.say(b"DELETE / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 405 ")
    head = counted.metrics.say(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and head.endswith(b"\r\n\r\n") and b"Content-Length: 6\r\n" in head


@pytest.mark.parametrize("request_line", [b"GARBAGE", b"GET /metrics", b"SSH-2.0-OpenSSH_9.2", b"\x16\x03\x01\x02\x00"])
def test_what_is_no_request(counted, request_line):
    assert counted.metrics.say(request_line + b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_request_without_end_is_cut(counted):
    assert counted.metrics.say(b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 20_000) == b""
    assert counted.metrics.get("/healthz")[0] == 200


def test_slow_and_silent_clients_hold_up_nobody_and_are_cut(counted):
    """As many as are taken on at a time: they go after five seconds, and the next are served."""
    silent = [socket.create_connection(("127.0.0.1", counted.metrics.port)) for _ in range(60)]
    for number, connection in enumerate(silent):
        connection.settimeout(15)
        if number % 2:
            connection.send(b"GET /metrics HT")
    started = time.monotonic()
    assert counted.metrics.get("/healthz")[0] == 200
    assert time.monotonic() - started < 2
    for connection in silent:
        assert connection.recv(100) == b""
        connection.close()
    assert time.monotonic() - started < 12


def test_ready_follows_the_directory(counted):
    with sqlite3.connect(counted.state / "gerve.db") as tables:
        tables.execute("ALTER TABLE public_keys RENAME TO away")
    processes.wait_until(lambda: counted.metrics.get("/readyz")[0] == 503, "not ready")
    assert "directory" in counted.metrics.get("/readyz")[1]
    assert counted.metrics.get("/healthz")[0] == 200
    with sqlite3.connect(counted.state / "gerve.db") as tables:
        tables.execute("ALTER TABLE away RENAME TO public_keys")
    processes.wait_until(lambda: counted.metrics.get("/readyz")[0] == 200, "ready again")


def numbers_come_while_readiness_is_asked(metrics) -> bool:
    """/readyz waits 0.8 seconds for authz, which hangs; on a busy machine the rest may take that long, too."""
    time.sleep(0.3)  # an answer of authz serves for a quarter of a second
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(metrics.get, "/readyz")
        time.sleep(0.3)
        assert metrics.get("/metrics")[0] == 200
        still_asking = not asked.done()
        assert asked.result() == (503, "authz does not answer\n")
    return still_asking


def test_ready_follows_authz_and_numbers_are_told_meanwhile(counted):
    authz = counted.gateway.authz()
    os.kill(authz, signal.SIGSTOP)
    try:
        assert any([numbers_come_while_readiness_is_asked(counted.metrics) for _ in range(3)])
    finally:
        os.kill(authz, signal.SIGCONT)
    processes.wait_until(lambda: counted.metrics.get("/readyz")[0] == 200, "ready again")


def test_a_gateway_that_drains_is_not_ready_and_still_tells_its_numbers(counted):
    alice = counted.person("alice")
    repository = counted.repository(alice)
    session = alice.start_ssh(f"git-upload-pack '{repository.path}'", stdin=subprocess.PIPE)
    processes.wait_until(lambda: counted.metrics.value("gerve_sessions") == 1, "a session runs")
    counted.gateway.process.terminate()
    processes.wait_until(lambda: counted.metrics.get("/readyz")[0] == 503, "not ready")
    assert "draining" in counted.metrics.get("/readyz")[1]
    assert counted.metrics.value("gerve_sessions") == 1
    session.kill()


def test_slow_connections_hold_up_neither_readiness_nor_health(counted):
    """A monitoring system and a balancer are answered beside 1,500 connections that say little or nothing."""
    slow = []
    try:
        for number in range(1500):
            slow.append(socket.create_connection(("127.0.0.1", counted.metrics.port), timeout=10))
            slow[-1].sendall((b"", b"GET /readyz HT", b"GET /metrics HTTP/1.1\r\n\r\n")[number % 3])
            if number % 50 == 0:
                assert counted.metrics.get("/readyz")[0] == 200, f"after {number} slow ones"
                assert counted.metrics.get("/healthz")[0] == 200, f"after {number} slow ones"
        assert counted.metrics.get("/metrics")[0] == 200
        (pid,) = (pid for pid in counted.gateway.family() if "metrics" in processes.command_line(pid)[1:])
        processes.wait_until(lambda: processes.open_files(pid) < 300, "no more are held than there are places")
    finally:
        for connection in slow:
            connection.close()
