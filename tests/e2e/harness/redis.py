"""A Redis of a test's own, without persistence, on a unix socket and a port of the loopback."""

import signal
import subprocess
from pathlib import Path

from .processes import free_port, wait_until


class Redis:
    def __init__(self, directory: Path, *options: str):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.socket = str(directory / "redis.sock")
        self._options = options
        self.process: subprocess.Popen | None = None

    def start(self) -> "Redis":
        argv = ["setpriv", "--pdeathsig", "KILL", "redis-server", "--bind", "127.0.0.1", "--port", str(self.port),
                "--unixsocket", self.socket, "--save", "", "--appendonly", "no", "--dir", str(self.directory),
                *self._options]
        with (self.directory / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: self.process.poll() is not None or self.answers(), "redis-server answers")
        assert self.process.poll() is None, (self.directory / "redis.log").read_text()
        return self

    def _cli(self, *words: str) -> subprocess.CompletedProcess:
        argv = ["redis-cli", "-s", self.socket, "--no-auth-warning", *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=10)

    def answers(self) -> bool:
        return self._cli("PING").stdout in ("PONG\n", "NOAUTH Authentication required.\n\n")

    def ask(self, *words: str) -> str:
        """What redis-cli prints; an error reply fails the test."""
        told = self._cli(*words)
        assert told.returncode == 0 and not told.stdout.startswith("ERR"), f"{words}: {told.stdout}{told.stderr}"
        return told.stdout.strip()

    def routes(self) -> dict[str, str]:
        """owner → server."""
        keys = self.ask("KEYS", "route:*").splitlines()
        return {key.removeprefix("route:"): self.ask("GET", key) for key in keys if key}

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, whatever state it is in."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
