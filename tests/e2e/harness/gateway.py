"""One running `gerve serve`, from its start to a clean end."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

from . import processes
from .processes import wait_until
from .programs import program

SANITIZER_REPORT = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer")


class Gateway:
    """A `gerve serve` over one state directory on a free loopback port.

    config: the text of a configuration file with {port} and {state} to be filled in; without it the
    embedded default runs. prefix: words in front of its command line, which must end by becoming it.
    """

    def __init__(self, directory: Path, config: str | None = None, prefix: list[str] | None = None):
        self.prefix = prefix or []
        self.state = directory / "state"
        self.config_file = directory / "gerve.toml"
        self.log_file = directory / "serve.log"
        self.host = "127.0.0.1"
        self.port = processes.free_port()
        self.process: subprocess.Popen | None = None
        self._config = config
        if config is not None:
            self.configure(config)

    @property
    def options(self) -> list[str]:
        """The global options with which any `gerve` command finds this installation."""
        if self._config is None:
            return ["--state", str(self.state)]
        return ["-c", str(self.config_file)]

    @property
    def pid(self) -> int:
        return self.process.pid

    def configure(self, config: str) -> None:
        """Writes the configuration file; a running gateway reads it on SIGHUP."""
        filled = config.replace("{port}", str(self.port)).replace("{state}", str(self.state))
        self.config_file.write_text(filled)

    def start(self) -> "Gateway":
        self._spawn()
        wait_until(self._answers_or_ended, "gerve serve listens", timeout=30)
        assert self.process.poll() is None, f"gerve serve ended at once:\n{self.log()}"
        return self

    def fails_to_start(self, says: str, exit: int = 2, timeout: float = 20) -> None:
        """Starts it and expects that it ends by itself with that status, having said why."""
        self._spawn()
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"gerve serve runs, and should not:\n{self.log()}") from None
        finally:
            self.kill()
        assert status == exit, f"gerve serve ended with {status}, expected {exit}:\n{self.log()}"
        assert says in self.log(), f"nowhere {says!r}:\n{self.log()}"

    def _spawn(self) -> None:
        listen = ["--listen", f"{self.host}:{self.port}"] if self._config is None else []
        # The kernel ends the gateway if the test run is killed: no run leaves a server behind.
        argv = [*self.prefix, "setpriv", "--pdeathsig", "TERM", str(program("gerve")), *self.options, "serve", *listen]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_server_environment(),
                cwd=self.log_file.parent,
            )

    def _answers_or_ended(self) -> bool:
        return self.process.poll() is not None or self.answers()

    def answers(self) -> bool:
        """Whether a connection gets an SSH version line within two seconds."""
        try:
            with socket.create_connection((self.host, self.port), timeout=2) as probe:
                return probe.recv(4) == b"SSH-"
        except OSError:
            return False

    def stop(self, timeout: float = 20) -> None:
        """SIGTERM; then everything must be over: exit 0, no process left, no sanitizer report."""
        if self.process is None:
            return
        family = self.family()
        self.process.terminate()
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"gerve serve is not over {timeout} s after SIGTERM:\n{self.log()}"
            ) from None
        left = [pid for pid in {*family, *self.family()} if processes.is_alive(pid)]
        told = {pid: processes.command_line(pid) for pid in left}
        self.kill()
        assert status == 0, f"gerve serve ended with {status} after SIGTERM:\n{self.log()}"
        assert not told, f"gerve serve left processes behind: {told}\n{self.log()}"
        self.check_log()

    def kill(self) -> None:
        """SIGKILL to the master and to whatever belongs to it."""
        if self.process is None:
            return
        session = self.process.pid
        _send(session, signal.SIGKILL)  # the first: it would start another child in place of one that is gone
        self.process.wait()
        self.process = None

        def nobody_is_left():
            left = [pid for pid in processes.session_members(session) if processes.is_alive(pid)]
            for pid in left:
                _send(pid, signal.SIGKILL)
            return left == []

        wait_until(nobody_is_left, "the last of the gateway's processes is gone", timeout=30)

    def check_log(self) -> None:
        report = SANITIZER_REPORT.search(self.log())
        assert not report, f"a sanitizer found something:\n{self.log()[report.start():][:8000]}"

    def hang_up(self) -> None:
        """SIGHUP: read the configuration again."""
        _send(self.pid, signal.SIGHUP)

    def log(self) -> str:
        return self.log_file.read_text(errors="backslashreplace") if self.log_file.exists() else ""

    # ---- its processes

    def family(self) -> list[int]:
        """The master, all that it started and all that those started, git included."""
        if self.process is None:
            return []
        return processes.session_members(self.process.pid)

    def children(self, role: str) -> list[int]:
        """Process ids of the master's children with a role: worker, authz, agent or metrics."""
        own = [
            pid for pid in self.family() if processes.parent_of(pid) == self.pid and processes.is_alive(pid)
        ]
        return sorted(pid for pid in own if _role(pid) == role)

    def workers(self) -> list[int]:
        return self.children("worker")

    def authz(self) -> int:
        (pid,) = self.children("authz")
        return pid

    def agent(self) -> int:
        (pid,) = self.children("agent")
        return pid

    def git_processes(self) -> list[int]:
        """The git processes that the agent runs now."""
        return [pid for pid in self.family() if processes.is_git(processes.command_line(pid))]

    def worker_of(self, local_port: int) -> int:
        """The worker that holds the connection whose client end has this port."""
        (inode,) = [
            inode
            for here, there, inode in processes.tcp_connections()
            if (here, there) == (self.port, local_port)
        ]
        (pid,) = [pid for pid in self.workers() if inode in processes.socket_inodes(pid)]
        return pid


def _server_environment() -> dict[str, str]:
    """What a service manager would give, and the options of sanitizers."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


def _role(pid: int) -> str:
    words = processes.command_line(pid)
    if words and Path(words[0]).name == "gerve-agent":
        return "agent"
    return next((word for word in words[1:] if word in ("worker", "authz", "agent", "metrics")), "")


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
