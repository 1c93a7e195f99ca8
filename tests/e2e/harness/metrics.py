"""What a gateway shows at `listen.metrics`, read as Prometheus and a balancer would."""

import re
import socket
import urllib.error
import urllib.request

LINE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z_]+="[^"\\]*",?)*)\})? ([0-9.e+-]+|\+Inf)$')


class Metrics:
    """The HTTP side of one gateway."""

    def __init__(self, port: int):
        self.port = port

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def say(self, request: bytes) -> bytes:
        """All that comes back for these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            answer = b""
            try:
                connection.sendall(request)
                while more := connection.recv(65536):
                    answer += more
            except ConnectionError:
                pass
            return answer

    def numbers(self) -> dict[tuple[str, frozenset[str]], float]:
        """Every sample; a line that is none fails the test."""
        status, text = self.get("/metrics")
        assert status == 200
        found = {}
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            match = LINE.match(line)
            assert match, line
            labels = frozenset(re.findall(r'[a-z_]+="[^"]*"', match[2] or ""))
            assert (match[1], labels) not in found, line
            found[match[1], labels] = float(match[3])
        return found

    def value(self, name: str, **labels: str) -> float:
        wanted = frozenset(f'{label}="{value}"' for label, value in labels.items())
        return sum(value for (sample, has), value in self.numbers().items() if sample == name and wanted <= has)
