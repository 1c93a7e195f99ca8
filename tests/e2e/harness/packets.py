"""What git sent and received, read from GIT_TRACE_PACKET."""

import re
from pathlib import Path

LINE = re.compile(r"packet:\s+(\S+)([<>]) (.*)")


class PacketTrace:
    """The pkt-lines of one git command. Run the command in `terminal`, then look at `received` and `sent`."""

    def __init__(self, terminal, name: str = "trace"):
        self.file: Path = terminal.home / f"packets-{name}"
        self.terminal = terminal.with_env(GIT_TRACE_PACKET=str(self.file))

    def _lines(self, direction: str) -> list[str]:
        found = [LINE.search(line) for line in self.file.read_text(errors="backslashreplace").splitlines()]
        return [match[3] for match in found if match and match[2] == direction]

    @property
    def received(self) -> list[str]:
        return self._lines("<")

    @property
    def sent(self) -> list[str]:
        return self._lines(">")
