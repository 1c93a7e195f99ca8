"""The measurements. Each takes a system that is not running and returns {metric: number} of one round."""

import contextlib
import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import threading
import time

from benchlib import cpu, git_alone, processes
from benchlib.system import BenchError

CIPHERS = {"aes256-gcm": "aes256-gcm@openssh.com", "chacha20": "chacha20-poly1305@openssh.com"}
STORM_TIMEOUT_S = 30  # per session: what does not end within it counts as failed
STOCK_IN_FLIGHT = 200


@dataclasses.dataclass
class Plan:
    """How much of each is done in one round."""

    storms: dict  # sessions in flight -> sessions in total
    stock_total: int  # sessions of the storm against stock limits
    real_runs: int  # git ls-remote, one after the other
    alone_runs: int  # git upload-pack over a pipe
    idle_sessions: int


class Bench:
    """The tools all measures share: the workspace, the load generator, the plan."""

    def __init__(self, workspace, light_client, plan):
        self.workspace = workspace
        self.light_client = light_client
        self.plan = plan
        self._alone_copy = None

    def alone_ms(self, protocol):
        """Git's own CPU per session, measured anew in every round."""
        if self._alone_copy is None:
            self._alone_copy = self.workspace.copy_by_push(self.workspace.seed, "alone.git")
        return git_alone.session_cpu_ms(self.workspace, self._alone_copy, protocol, self.plan.alone_runs)

    def light_command(self, system, total, in_flight):
        keys = [word for key in system.crowd_keys() for word in ("--key", key)]
        return [self.light_client, "--port", str(system.port), *keys, "--login", system.login,
                "--command", f"git-upload-pack '{system.exec_path('seed')}'",
                "--total", str(total), "--in-flight", str(in_flight), "--timeout", str(STORM_TIMEOUT_S)]

    def warm_up(self, system):
        """A few sessions, so that no measure counts what only the first ones cost; BenchError if one fails."""
        report = self.storm(system, 8, 2)
        if report["failed"]:
            raise BenchError(f"{system.name} fails its first sessions: {report['failures']}")

    def storm(self, system, total, in_flight):
        """Runs the light client to its end and returns its report."""
        limit = 2 * STORM_TIMEOUT_S * max(1, total // in_flight)
        result = subprocess.run(self.light_command(system, total, in_flight), capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, timeout=limit)
        if result.returncode != 0:
            raise BenchError(f"light_client: {result.stderr.strip()}")
        return json.loads(result.stdout)


@contextlib.contextmanager
def running(system, stock_limits=False):
    system.start(stock_limits)
    try:
        yield system
    finally:
        system.stop()


def ls_remote(bench, system):
    """CPU per ls-remote of light clients and of a real git, connections per second, latency."""
    found = {}
    with running(system):
        if system.speaks_ssh:
            bench.warm_up(system)
            alone = bench.alone_ms(protocol=0)
            found["light/git_alone/cpu_ms"] = alone
            for in_flight, total in bench.plan.storms.items():
                found.update(_measured_storm(bench, system, total, in_flight, alone))
        found.update(_real_ls_remote(bench, system))
    if system.speaks_ssh:
        with running(system, stock_limits=True):
            report = bench.storm(system, bench.plan.stock_total, STOCK_IN_FLIGHT)
            found[f"stock/{STOCK_IN_FLIGHT}/failed"] = report["failed"]
            found[f"stock/{STOCK_IN_FLIGHT}/done"] = report["done"]
    return found


def _measured_storm(bench, system, total, in_flight, alone_ms):
    system.settle()
    interval = cpu.Interval(system.account, system.role_of)
    report = bench.storm(system, total, in_flight)
    system.settle()
    total_s, roles = interval.close()
    done = report["done"]
    if done == 0:
        raise BenchError(f"{system.name}: none of {total} light clients succeeded: {report['failures']}")
    prefix = f"light/{in_flight}/"
    found = {
        "per_second": done / report["elapsed_s"],
        "p50_ms": report["p50_ms"],
        "p99_ms": report["p99_ms"],
        "done": done,
        "failed": report["failed"],
        "cpu_ms": total_s / done * 1000,
        "beyond_git_ms": total_s / done * 1000 - alone_ms,
        "client_cpu_ms": report["own_cpu_s"] / done * 1000,
    }
    found.update({f"failed/{reason}": entry["count"] for reason, entry in report["failures"].items()})
    found.update(_role_shares(total_s, roles, done))
    return {prefix + key: value for key, value in found.items()}


def _role_shares(total_s, roles, sessions):
    """Milliseconds per session of each lasting process, and of all those that came and went."""
    shares = {f"role/{role}_ms": seconds / sessions * 1000 for role, seconds in roles.items()}
    shares["role/passing_ms"] = (total_s - sum(roles.values())) / sessions * 1000
    return shares


def _real_ls_remote(bench, system):
    system.git("ls-remote", system.url("seed"))
    system.settle()
    alone = bench.alone_ms(protocol=2)
    interval = cpu.Interval(system.account, system.role_of)
    walls = []
    for _ in range(bench.plan.real_runs):
        begin = time.perf_counter()
        system.git("ls-remote", system.url("seed"))
        walls.append((time.perf_counter() - begin) * 1000)
    system.settle()
    total_s, roles = interval.close()
    per_run = total_s / len(walls) * 1000
    found = {"git_alone/cpu_ms": alone, "wall_p50_ms": statistics.median(walls), "wall_min_ms": min(walls),
             "cpu_ms": per_run, "beyond_git_ms": per_run - alone, **_role_shares(total_s, roles, len(walls))}
    return {f"real/{key}": value for key, value in found.items()}


def bulk(bench, system):
    """CPU seconds per GB of clone and of push, by cipher and by the role of the process."""
    found = {}
    with running(system):
        for short, cipher in CIPHERS.items():
            found.update(_transfer(bench, system, f"clone/{short}/", lambda: _clone(system, cipher)))
            if not system.takes_push:
                continue
            name = f"push-{short}"
            system.create_repository(name)
            found.update(_transfer(bench, system, f"push/{short}/", lambda: _push(system, name, cipher)))
            system.delete_repository(name)
    return found


def _transfer(bench, system, prefix, transfer):
    system.settle()
    begin = time.perf_counter()
    with cpu.Sampler(system.account, system.role_of) as sampler:
        transfer()
        wall = time.perf_counter() - begin
        system.settle()
    shutil.rmtree(os.path.join(system.directory, "clone"), ignore_errors=True)
    size = bench.workspace.bulk_gb()
    # What the sampler did not see is mostly git's last moments; it is told, and counted against nobody.
    beyond = sum(seconds for role, seconds in sampler.roles.items() if role != "git")
    found = {"beyond_git_s": beyond / size}
    found.update({f"role/{role}_s": seconds / size for role, seconds in sampler.roles.items()})
    found["role/unseen_s"] = sampler.unseen_s / size
    found["mb_per_s"] = size * 1000 / wall
    return {prefix + key: value for key, value in found.items()}


def _clone(system, cipher):
    system.git("clone", "--quiet", "--bare", system.url("bulk"), os.path.join(system.directory, "clone"),
               cipher=cipher)


def _push(system, name, cipher):
    system.git("push", "--quiet", "--mirror", system.url(name), cipher=cipher,
               cwd=system.workspace.bulk.path)


def idle(bench, system):
    """Memory (PSS, git excluded) and processes per session that waits after the advertisement."""
    if not system.speaks_ssh:
        return {}
    with running(system):
        bench.warm_up(system)
        system.settle()
        before = _memory(system)
        with _held_sessions(bench, system) as report:
            time.sleep(1)
            return _per_session(before, _memory(system), report)


@contextlib.contextmanager
def _held_sessions(bench, system):
    """Yields the light client's report while its sessions stay open."""
    command = bench.light_command(system, bench.plan.idle_sessions, in_flight=20) + ["--hold"]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    guard = threading.Timer(STORM_TIMEOUT_S * 4, client.kill)
    guard.start()
    try:
        line = client.stdout.readline()
        if not line:
            raise BenchError("light_client --hold ended without a report")
        yield json.loads(line)
    finally:
        guard.cancel()
        client.stdin.close()
        client.wait(STORM_TIMEOUT_S)


def _memory(system):
    """{role: (KB, processes)} now; git is left out."""
    found = {}
    for pid in system.account.pids():
        role = system.role_of(pid)
        if role not in (None, "git"):
            kilobytes, count = found.get(role, (0, 0))
            found[role] = (kilobytes + processes.pss_kb(pid), count + 1)
    return found


def _per_session(before, after, report):
    held = report["held"]
    if held == 0:
        raise BenchError(f"no idle session could be opened: {report['failures']}")
    grown = {role: (after[role][0] - before.get(role, (0, 0))[0]) / held for role in after}
    more = sum(count for _, count in after.values()) - sum(count for _, count in before.values())
    found = {"sessions": held, "failed": report["failed"], "pss_kb": sum(grown.values()),
             "processes": more / held}
    found.update({f"role/{role}_kb": kilobytes for role, kilobytes in grown.items()})
    return {f"idle/{key}": value for key, value in found.items()}


MEASURES = {"lsremote": ls_remote, "bulk": bulk, "idle": idle}
