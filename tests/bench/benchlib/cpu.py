"""Which CPU time a front door used: every process it started, dead or alive, and each role's share.

The total. A stock sshd forks two or three processes per connection and they live for some 20 ms, so
/proc/PID/stat, whose ticks are 10 ms, sees next to nothing of them. A control group of one's own counts every
process born in it, also after its death, in nanoseconds (version 1, cpuacct.usage) or microseconds (version 2,
cpu.stat). Where neither is writable, the fallback adds up utime, stime, cutime and cstime over the tree of
processes; the kernel keeps those exactly and only shows them in ticks, so that over some hundred connections
the rounding is lost in the noise, but an orphan's time is missed.

The roles. Processes that outlive a measurement (Gerve's, sshd's listener) are read from schedstat before and
after. Processes that end with their session are followed by a sampler, which is fit for transfers that last
seconds; what they used after the last look is reported as "unseen".
"""

import os
import signal
import threading
import time

from benchlib import processes

SAMPLE_INTERVAL_S = 0.02


def open_account(name):
    """The best account this machine offers; join() it before the first process starts."""
    for directory, kind in _control_group_places():
        try:
            return kind(os.path.join(directory, name))
        except OSError:
            continue
    return TreeAccount()


class CgroupAccount:
    """Common part of both control group versions."""

    def __init__(self, path):
        self._path = path
        os.mkdir(path)
        try:
            self.total_ns()
        except (OSError, ValueError):
            os.rmdir(path)
            raise OSError(f"{path} does not count CPU time") from None

    def join(self):
        """For preexec_fn: moves the calling process in."""
        with open(os.path.join(self._path, "cgroup.procs"), "w") as file:
            file.write(str(os.getpid()))

    def started(self, pid):
        """Nothing to remember: the group knows its members."""

    def pids(self):
        with open(os.path.join(self._path, "cgroup.procs")) as file:
            return sorted({int(line) for line in file})

    def close(self):
        """Ends whatever is still in the group, all of it the server's by construction, and removes the group."""
        for _ in range(50):
            kill_all(self.pids())
            try:
                os.rmdir(self._path)
                return
            except OSError:
                time.sleep(0.1)


class CpuacctAccount(CgroupAccount):
    precision = "cgroup v1 cpuacct.usage (ns)"

    def total_ns(self):
        with open(os.path.join(self._path, "cpuacct.usage")) as file:
            return int(file.read())


class UnifiedAccount(CgroupAccount):
    precision = "cgroup v2 cpu.stat (us)"

    def total_ns(self):
        with open(os.path.join(self._path, "cpu.stat")) as file:
            values = dict(line.split() for line in file)
        return int(values.get("usage_usec", "")) * 1000


class TreeAccount:
    precision = "/proc/PID/stat of the process tree (10 ms ticks)"

    def __init__(self):
        self._root = None
        self._known = []

    def join(self):
        pass

    def started(self, pid):
        self._root = pid

    def pids(self):
        self._known = processes.descendants(self._root)
        return self._known

    def total_ns(self):
        return sum(processes.ticks_ns(pid) for pid in self.pids())

    def close(self):
        """The tree falls apart when its root ends: ends those that were seen in it last."""
        kill_all(pid for pid in self._known if pid != self._root)


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _control_group_places():
    """Directories to try, with the class that reads what is made in them; version 1 first, it is finer."""
    mounts = []
    with open("/proc/self/mountinfo") as file:
        for line in file:
            before, after = line.split(" - ")
            kind, _, options = after.split()[:3]
            point = before.split()[4]
            if kind == "cgroup" and "cpuacct" in options.split(","):
                mounts.insert(0, (point, CpuacctAccount))
            elif kind == "cgroup2":
                mounts.append((point, UnifiedAccount))
    return mounts


class Interval:
    """CPU used between opening and close(), as a total and for each role that lives through it."""

    def __init__(self, account, role_of):
        self._account = account
        self._role_of = role_of
        self._before = self._residents()
        self._begin_ns = account.total_ns()

    def close(self):
        """-> (total seconds, {role: seconds}); time in processes that came and went is in the total only."""
        total = (self._account.total_ns() - self._begin_ns) / 1e9
        roles = {}
        for pid, (role, used) in self._residents().items():
            if pid in self._before:
                roles[role] = roles.get(role, 0) + (used - self._before[pid][1]) / 1e9
        return total, roles

    def _residents(self):
        found = {pid: (self._role_of(pid), processes.run_time_ns(pid)) for pid in self._account.pids()}
        return {pid: entry for pid, entry in found.items() if None not in entry}


class Sampler:
    """Follows every process of an account to its end. Use as a context; then total_s and roles are set."""

    def __init__(self, account, role_of):
        self._account = account
        self._role_of = role_of
        self._first = {}
        self._last = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    def __enter__(self):
        self._look()
        self._first = {pid: used for pid, (_, used) in self._last.items()}
        self._begin_ns = self._account.total_ns()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._look()
        self.total_s = (self._account.total_ns() - self._begin_ns) / 1e9
        self.roles = {}
        for pid, (role, used) in self._last.items():
            seconds = (used - self._first.get(pid, 0)) / 1e9
            self.roles[role] = self.roles.get(role, 0) + seconds
        self.unseen_s = self.total_s - sum(self.roles.values())

    def _follow(self):
        while not self._stop.wait(SAMPLE_INTERVAL_S):
            self._look()

    def _look(self):
        # The role is asked for each time: sshd's child becomes git by exec, and its time then is git's.
        for pid in self._account.pids():
            role, used = self._role_of(pid), processes.run_time_ns(pid)
            if role is not None and used is not None:
                self._last[pid] = (role, used)
