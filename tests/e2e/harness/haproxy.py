"""HAProxy with the configuration that packaging ships, in front of gateways of a test."""

import re
import socket
import subprocess
from pathlib import Path

from .client import Door
from .processes import free_port, wait_until
from .programs import SOURCE_ROOT


class Haproxy:
    """servers: for each gateway its port and its metrics' port. send: "send-proxy" or "send-proxy-v2"."""

    def __init__(self, directory: Path, servers: list[tuple[int, int]], send: str = "send-proxy-v2"):
        self.port = free_port()
        self._socket = directory / "haproxy.sock"
        self._log = directory / "haproxy.log"
        text = (SOURCE_ROOT / "packaging/haproxy/gerve.cfg").read_text()
        text = re.sub(r"^    server .*\n", "", text, flags=re.MULTILINE)
        text = text.replace("bind :22", f"bind 127.0.0.1:{self.port}").replace("inter 2s", "inter 100ms")
        assert "send-proxy-v2" in text and "/readyz" in text
        text = text.replace("send-proxy-v2", send)
        text = text.replace("maxconn 20000", "maxconn 500")  # as many files as a test run may open
        text = text.replace("global\n", f"global\n    stats socket {self._socket} mode 600 level admin\n")
        for number, (port, metrics) in enumerate(servers, 1):
            text += f"    server gateway{number} 127.0.0.1:{port} check port {metrics}\n"
        self._config = directory / "haproxy.cfg"
        self._config.write_text(text)
        self.process: subprocess.Popen | None = None

    def start(self) -> "Haproxy":
        argv = ["setpriv", "--pdeathsig", "KILL", "haproxy", "-db", "-f", str(self._config)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: self.process.poll() is not None or self._socket.exists(), "haproxy listens")
        assert self.process.poll() is None, self._log.read_text()
        wait_until(lambda: "UP" in self.states().values(), "a gateway is up")
        return self

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def door(self) -> Door:
        return Door.scan("127.0.0.1", self.port)

    def states(self) -> dict[str, str]:
        """server → "UP", "DOWN" and so on, as HAProxy has it now."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self._socket))
            connection.sendall(b"show stat\n")
            text = b""
            while more := connection.recv(65536):
                text += more
        rows = [line.split(",") for line in text.decode().splitlines() if line.startswith("gateways,gateway")]
        return {row[1]: row[17].split()[0] for row in rows}
