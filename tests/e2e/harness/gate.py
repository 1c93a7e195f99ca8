"""An ssh ProxyCommand that stands still in the middle of a transfer, until it is told to go on:
`python3 gate.py HOST PORT sent|came BYTES FILE`."""

import sys
import time
from pathlib import Path

if __name__ == "__main__":
    from throttle import carry, connect
else:
    from .throttle import proxy

PORTION = 64 << 10


class Gate:
    """FILE is the gate: there and empty as long as it is shut, and made when the first byte waits in front of it."""

    def __init__(self, file: Path, way: str, after: int):
        """way: "sent" by ssh, or "came" to it. after: bytes that pass at once."""
        self.file = file
        self._words = way, after

    def options(self, door) -> tuple[str, str]:
        """For ssh, in front of that door."""
        return proxy(__file__, door.host, door.port, *self._words, self.file)

    def is_reached(self) -> bool:
        return self.file.exists()

    def open(self) -> None:
        self.file.write_text("open\n")


def main(host: str, port: str, way: str, after: str, file: str) -> None:
    gate, passed = Path(file), 0

    def watched(size: int) -> None:
        nonlocal passed
        passed += size
        if passed >= int(after) and not gate.exists():
            gate.touch()
            while not gate.read_text():
                time.sleep(0.02)

    def unwatched(_) -> None:
        pass

    ways = (watched, unwatched) if way == "sent" else (unwatched, watched)
    carry(connect(host, port), PORTION, *ways)


if __name__ == "__main__":
    main(*sys.argv[1:])
