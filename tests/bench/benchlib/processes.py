"""Facts about single processes, read from /proc: what they are, CPU used, memory held, children."""

import os


def executable(pid):
    """Base name of the program a process runs, or None when it has ended."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
    except OSError:
        return None


def arguments(pid):
    """The argument vector as a list of strings, empty when the process has ended."""
    raw = _read(f"/proc/{pid}/cmdline")
    return raw.decode(errors="replace").split("\0")[:-1] if raw else []


def is_git(name):
    return name is not None and (name == "git" or name.startswith("git-"))


def run_time_ns(pid):
    """CPU nanoseconds of all living threads, or None when the process has ended.

    schedstat is the scheduler's own nanosecond count; utime and stime of /proc/PID/stat come in 10 ms ticks.
    """
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return None
    counts = [_read(f"/proc/{pid}/task/{thread}/schedstat") for thread in threads]
    return sum(int(count.split()[0]) for count in counts if count)


def ticks_ns(pid):
    """CPU nanoseconds of a process and of the children it has reaped, in steps of a clock tick."""
    raw = _read(f"/proc/{pid}/stat")
    if not raw:
        return 0
    fields = raw.rsplit(b") ", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def pss_kb(pid):
    """Proportional set size in KB: private pages, and each shared page divided by its sharers."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1])
    return 0


def descendants(root):
    """The process and everything below it by parent id; an orphan that init adopted is missed."""
    children = {}
    for entry in os.listdir("/proc"):
        raw = _read(f"/proc/{entry}/stat") if entry.isdigit() else b""
        if raw:
            children.setdefault(int(raw.rsplit(b") ", 1)[1].split()[1]), []).append(int(entry))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(children.get(pid, []))
    return found


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
