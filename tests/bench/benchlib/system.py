"""A front door under measurement, and how it is started, filled and stopped. The seam for further columns."""

import os
import socket
import subprocess
import time

from benchlib import cpu, processes

START_LIMIT_S = 60
STOP_LIMIT_S = 15


class BenchError(Exception):
    """Something that makes a figure impossible; the text says what."""


class System:
    """One column of the table. A further front door derives from this, and is added to SYSTEMS in `run`.

    To be given: name, title, command(), install(), create_repository(), delete_repository(); role_of() where
    its processes are not told apart by their program's name. A front door that is not SSH sets
    speaks_ssh = False and overrides url(); one that takes no push sets takes_push = False and overrides fill().
    The measures pass over what a front door cannot do.
    """

    name = ""
    title = ""
    speaks_ssh = True
    takes_push = True
    login = "git"
    owner = "bench"

    def __init__(self, workspace, build):
        self.workspace = workspace
        self.build = build
        self.directory = workspace.subdirectory(self.name)
        self.port = free_port()
        self.account = None
        self._main = None
        self._log = os.path.join(self.directory, "server.log")
        self._residents = []

    # --- what a front door says of itself

    def unavailable(self):
        """Why it cannot be measured on this machine, or None."""
        return None

    def install(self):
        """Once, before the first start: keys, accounts, configuration."""
        raise NotImplementedError

    def command(self, stock_limits):
        """The argument vector that serves on 127.0.0.1:self.port in the foreground.

        stock_limits: with the product's default limits on connections instead of raised ones.
        """
        raise NotImplementedError

    def crowd_keys(self):
        """Paths of the private keys that the light client's sessions take in turn."""
        return [self.workspace.key]

    def create_repository(self, name):
        """An empty repository owner/name, while the server runs."""
        raise NotImplementedError

    def delete_repository(self, name):
        raise NotImplementedError

    def role_of(self, pid):
        """"git", or the server's part that a process plays; None when it has ended."""
        name = processes.executable(pid)
        return "git" if processes.is_git(name) else name

    def url(self, name):
        return f"ssh://{self.login}@127.0.0.1:{self.port}/{self.path_prefix()}{self.owner}/{name}"

    def path_prefix(self):
        """What precedes owner/name in a URL's path."""
        return ""

    def exec_path(self, name):
        """How a light client names a repository in its exec string."""
        return f"{self.owner}/{name}"

    # --- running it

    def prepare(self):
        """Installs it and fills it with the workspace's repositories."""
        self.install()
        self._write_ssh_config()
        self.start()
        try:
            for repository in self.workspace.repositories():
                self.create_repository(repository.name)
                self.fill(repository)
        finally:
            self.stop()

    def fill(self, repository):
        """Pushes through the front door itself, so that packs and references lie alike behind all of them."""
        self.git("push", "--quiet", "--mirror", self.url(repository.name), cwd=repository.path)

    def start(self, stock_limits=False):
        self.account = cpu.open_account(f"gerve-bench-{os.getpid()}-{self.name}")
        with open(self._log, "ab") as log:
            # If this run is killed, the kernel ends the server.
            command = ["setpriv", "--pdeathsig", "TERM", *self.command(stock_limits)]
            self._main = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, cwd=self.directory, env=self.environment(),
                                          preexec_fn=self.account.join)
        self.account.started(self._main.pid)
        try:
            self._wait_until_it_greets()
        except BenchError:
            self.stop()
            raise
        self._residents = self.account.pids()

    def stop(self):
        """Ends the server and whatever it left behind, by process id."""
        if self._main is None:
            return
        self.account.pids()
        self._main.terminate()
        try:
            self._main.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._main.kill()
            self._main.wait()
        self._main = None
        self.account.close()

    def settle(self, limit_s=20):
        """Waits until the processes of past sessions are gone, so that all their time has been counted."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            extra = set(self.account.pids()) - set(self._residents)
            if not extra:
                return True
            time.sleep(0.02)
        return False

    def environment(self):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.directory, "LC_ALL": "C"}

    def git(self, *arguments, cipher=None, cwd=None, limit_s=180):
        """A client's git, pointed at this front door; raises BenchError with its stderr when it fails."""
        result = subprocess.run(["git", *arguments], cwd=cwd or self.directory, capture_output=True,
                                stdin=subprocess.DEVNULL, timeout=limit_s, env=self.client_environment(cipher),
                                close_fds=False)
        if result.returncode != 0:
            raise BenchError(f"{self.name}: git {arguments[0]} exited {result.returncode}: "
                             f"{result.stderr.decode(errors='replace').strip()[-400:]}")
        return result.stdout

    def client_environment(self, cipher=None):
        choice = f" -c {cipher}" if cipher else ""
        return {**self.workspace.git_environment(),
                "GIT_SSH_COMMAND": f"ssh -F {self.directory}/ssh_config{choice}"}

    # --- parts of the above

    def _wait_until_it_greets(self):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self._main.poll() is not None:
                break
            if greets(self.port, expect_banner=self.speaks_ssh):
                return
            time.sleep(0.05)
        raise BenchError(f"{self.name} does not answer on port {self.port}; its log ends:\n{self._log_tail()}")

    def _log_tail(self):
        with open(self._log, errors="replace") as file:
            return "".join(file.readlines()[-15:])

    def _write_ssh_config(self):
        lines = [
            "Host *",
            f"IdentityFile {self.workspace.key}",
            "IdentitiesOnly yes",
            "IdentityAgent none",
            f"UserKnownHostsFile {self.directory}/known_hosts",
            "GlobalKnownHostsFile /dev/null",
            "StrictHostKeyChecking accept-new",
            "UpdateHostKeys no",
            "KexAlgorithms curve25519-sha256",
            "HostKeyAlgorithms ssh-ed25519",
            "Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com",
            "ControlPath none",
            "LogLevel ERROR",
        ]
        with open(os.path.join(self.directory, "ssh_config"), "w") as file:
            file.write("\n".join(lines) + "\n")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def greets(port, expect_banner):
    """Whether a server accepts on the port and, for SSH, sends its version."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return not expect_banner or connection.recv(4) == b"SSH-"
    except OSError:
        return False
