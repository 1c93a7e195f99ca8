"""The benchmark's own arithmetic: CPU time is neither lost nor invented, roles are told apart, medians are medians."""

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from benchlib import cpu, git_alone, processes, report, strangers  # noqa: E402

# Burns the given CPU seconds by its own count, in a child of a child, so that the parent only reaps.
BURN = """
import resource, subprocess, sys
if sys.argv[2] != "0":
    sys.exit(subprocess.call([sys.executable, "-S", "-c", sys.argv[3], sys.argv[1], "0", ""]))
def used(): return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
begin = used()
while used() - begin < float(sys.argv[1]): pass
"""


def burner(seconds, nested=True):
    return [sys.executable, "-S", "-c", BURN, str(seconds), "1" if nested else "0", BURN]


def own_accounts():
    accounts = [("tree", lambda: cpu.TreeAccount())]
    for place, kind in cpu._control_group_places():
        accounts.append((kind.__name__, lambda place=place, kind=kind: kind(f"{place}/gerve-bench-{os.getpid()}-test")))
    return accounts


@pytest.fixture(params=own_accounts(), ids=lambda entry: entry[0])
def account(request):
    try:
        made = request.param[1]()
    except OSError as error:
        pytest.skip(f"not on this machine: {error}")
    yield made
    made.close()


def test_counts_children_that_came_and_went(account):
    shell = subprocess.Popen(["sh", "-c", 'for i in 1 2 3; do "$@"; done; sleep 30', "sh", *burner(0.2)],
                             preexec_fn=account.join)
    account.started(shell.pid)
    begin = account.total_ns()
    try:
        while not any(processes.executable(pid) == "sleep" for pid in account.pids()):
            assert shell.poll() is None
        counted = (account.total_ns() - begin) / 1e9
    finally:
        shell.kill()
        shell.wait()
    # Three times 0.2 s, and what six starts of an interpreter cost.
    assert 0.6 <= counted < 1.2


def test_an_interval_tells_lasting_roles_from_passing_processes(account):
    shell = subprocess.Popen(["sh", "-c", 'read line; "$@"; read line', "sh", *burner(0.3, nested=False)],
                             stdin=subprocess.PIPE, preexec_fn=account.join)
    account.started(shell.pid)
    try:
        while processes.executable(shell.pid) not in ("dash", "sh", "bash", "busybox"):
            assert shell.poll() is None
        interval = cpu.Interval(account, lambda pid: processes.executable(pid) and "shell")
        shell.stdin.write(b"go\n")
        shell.stdin.flush()
        while len(account.pids()) < 2:
            pass
        while len(account.pids()) > 1:
            pass
        total, roles = interval.close()
    finally:
        shell.kill()
        shell.wait()
    assert 0.28 <= total < 0.6
    assert roles["shell"] < 0.1


def test_the_sampler_follows_a_process_to_its_end(account):
    with subprocess.Popen(["sh", "-c", 'read line; "$@"; read line', "sh", *burner(0.5, nested=False)],
                          stdin=subprocess.PIPE, preexec_fn=account.join) as shell:
        account.started(shell.pid)
        with cpu.Sampler(account, processes.executable) as sampler:
            shell.stdin.write(b"go\n")
            shell.stdin.flush()
            while len(account.pids()) < 2:
                pass
            while len(account.pids()) > 1:
                pass
        shell.kill()
    burnt = sum(seconds for role, seconds in sampler.roles.items() if role.startswith("python"))
    assert 0.45 <= burnt < 0.7
    assert abs(sampler.unseen_s) < 0.1


def test_git_programs_are_git():
    assert processes.is_git("git") and processes.is_git("git-shell") and processes.is_git("git-upload-pack")
    assert not processes.is_git("gitk") and not processes.is_git("gerve") and not processes.is_git(None)


def test_the_request_is_made_of_pkt_lines():
    request = git_alone.ls_refs_request()
    assert request.startswith(b"0014command=ls-refs\n") and request.endswith(b"0009peel\n000csymrefs\n0000")


def test_medians_of_figures_and_sums_of_counts():
    rounds = [{"light/50/cpu_ms": 1.0, "light/50/failed": 1}, {"light/50/cpu_ms": 5.0, "light/50/failed": 2},
              {"light/50/cpu_ms": 2.0, "light/50/failed": 0}]
    assert report.summarize(rounds) == {"light/50/cpu_ms": 2.0, "light/50/failed": 3}


def test_the_table_sets_ratios_against_the_first_column():
    table = report.table({"sshd": "sshd", "gerve": "Gerve"},
                         {"sshd": {"idle/pss_kb": 1800.0, "idle/role/sshd_kb": 1800.0},
                          "gerve": {"idle/pss_kb": 90.0, "idle/role/worker_kb": 90.0}})
    rows = {line.split("  ")[1].strip(): line.split() for line in table.splitlines() if "KB" in line}
    assert rows["PSS per session, KB"][-3:] == ["1,800", "90.0", "0.05"]
    assert any(line.split()[:1] == ["worker,"] and line.split()[2:] == ["-", "90.0"] for line in table.splitlines())


def test_a_crowd_makes_its_connections_and_ends():
    with socket.create_server(("127.0.0.1", 0)) as server:
        seen = []

        def serve():
            for _ in range(6):
                connection, (source, _) = server.accept()
                with connection:
                    seen.append((source, connection.recv(4096)))

        threading.Thread(target=serve, daemon=True).start()
        target = strangers.Target(port=server.getsockname()[1], git_port=0, public="", keys=())
        with strangers.Crowd(target, ["junk_banner", "wrong_kexinit"], 2, min(os.sched_getaffinity(0)), 60, 6) as crowd:
            deadline = time.monotonic() + 60
            while not crowd.is_over() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert crowd.is_over() and crowd.made == 6
    assert len(seen) == 6 and {source for source, _ in seen} == {target.source}
    assert sum(content.startswith(strangers.VERSION) for _, content in seen) == 3


def test_a_packet_is_padded_to_whole_blocks():
    for size in range(1, 40):
        made = strangers.packet(bytes(size))
        assert len(made) % 8 == 0 and made[4] >= 4
        assert int.from_bytes(made[:4]) == len(made) - 4 == 1 + size + made[4]
