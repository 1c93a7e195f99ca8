"""A `gerve authz` by itself, asked over its socket: the decisions of the real thing, many of them in little time."""

import base64
import json
import os
import socket
import subprocess
import time
from pathlib import Path

from .processes import wait_until
from .programs import program

AT_ONCE = 24  # requests that are under way; authz has a queue of bounded length


class AuthzProcess:
    """Runs from its making until stop(). `config`: gerve.toml, but for what a test need not care for. `audit`: with a
    trail, in its file alone."""

    def __init__(self, directory: Path, config: str, audit: bool = False):
        directory.mkdir(parents=True, exist_ok=True)
        self.file = directory / "gerve.toml"
        self.directory = directory
        self.log = directory / "authz.log"
        # A signing key of its own, and no agent: nothing is served here.
        trail = "table = false" if audit else "enabled = false"
        self.file.write_text(f'state = "{directory}/state"\n[authz]\ndeadline = "30s"\n[audit]\n{trail}\n{config}')
        (directory / "state").mkdir(mode=0o700, exist_ok=True)
        self.path = directory / "state" / "authz.sock"
        subprocess.run([program("gerve"), "ticket-key", "new", str(directory / "state" / "ticket.key")], check=True,
                       capture_output=True)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([program("gerve"), "-c", str(self.file), "authz"], stdout=log, stderr=log)
        wait_until(self._answers, "authz listens", timeout=30)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(str(self.path))
        self.socket.settimeout(60)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "ready" in self.log.read_text() and self.path.exists()

    def stop(self) -> None:
        self.socket.close()
        self.process.terminate()
        assert self.process.wait(20) == 0, self.log.read_text()[-4000:]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def ask(self, requests: list[dict]) -> list[dict]:
        """The replies, in the order of the requests. What a busy machine kept from being answered is asked again."""
        replies = self._ask(requests)
        for _ in range(4):
            again = [i for i, reply in enumerate(replies) if reply.get("error") == "unavailable"]
            if not again:
                break
            for i, reply in zip(again, self._ask([requests[i] for i in again])):
                replies[i] = reply
        return replies

    def _ask(self, requests: list[dict]) -> list[dict]:
        replies: list = [None] * len(requests)
        sent = received = 0
        while received < len(requests):
            while sent < len(requests) and sent - received < AT_ONCE:
                head = {"id": sent + 1, "deadline": int(time.monotonic() * 1000) + 30000}
                self.socket.send(json.dumps({**head, **requests[sent]}).encode())
                sent += 1
            reply = json.loads(self.socket.recv(1 << 20))
            replies[reply["id"] - 1] = reply
            received += 1
        return replies

    def handles(self, blobs: list[bytes]) -> list[str]:
        """Of keys that were proven."""
        replies = self.ask([{"ask": "key", "blob": base64.b64encode(blob).decode(), "login": "git", "proven": True,
                             "client": CLIENT} for blob in blobs])
        return [reply.get("handle", "") for reply in replies]

    def decisions(self, questions: list[tuple[str, str, str]]) -> list[dict]:
        """Of handle, service and repository: "is", "because", "told"."""
        replies = self.ask([{"ask": "authorize", "handle": handle, "service": service, "repo": repo,
                             "request": os.urandom(16).hex(), "client": CLIENT}
                            for handle, service, repo in questions])
        return [reply.get("authorization", reply) for reply in replies]


CLIENT = {"address": "192.0.2.7", "version": "SSH-2.0-test", "connection": "1", "door": "gateway"}
