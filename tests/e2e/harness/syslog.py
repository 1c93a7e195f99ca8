"""A system log of a test's own: what programs that sshd starts say with syslog(3)."""

import os
import socket
import threading
from pathlib import Path


class Syslog:
    """Listens on a socket that stands in for /dev/log, and keeps each message."""

    def __init__(self, path: Path):
        self.path = path
        self.messages: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        os.chmod(path, 0o666)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while (message := self._socket.recv(8192)) != b"end":
            self.messages.append(message.decode(errors="backslashreplace"))

    def text(self, since: int = 0) -> str:
        return "\n".join(self.messages[since:])

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", str(self.path))
        self._thread.join(5)
        self._socket.close()
        self.path.unlink(missing_ok=True)
