"""Exec strings as a stranger writes them."""

from contextlib import contextmanager

from .client import Client
from .rawssh import RawClient
from .site import Repository


@contextmanager
def exec_strings(door, client: Client, repository: Repository, stdin: bytes):
    """Gives a function that runs an exec string on a channel of one connection; {o} and {r} stand for OWNER and
    OWNER/NAME of the repository. stdin: what it is sent unless the call says otherwise."""
    with RawClient(door) as raw:
        raw.log_in(client.key)

        def run(command: str | bytes, stdin: bytes = stdin):
            text = command if isinstance(command, bytes) else command.encode()
            text = text.replace(b"{o}", repository.owner.encode()).replace(b"{r}", repository.path.encode())
            return raw.open_session().exec(text, stdin)

        yield run
