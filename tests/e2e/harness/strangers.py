"""Connections of strangers, each hostile or wrong in its own way, on sockets that say where they come from."""

import socket
import sqlite3
from contextlib import closing

import paramiko

from .processes import wait_until

BALANCER = "127.0.0.2"  # whose PROXY header is believed


def connect(port: int, source: str) -> socket.socket:
    """A connection that comes from `source`, by the word of a balancer."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(BALANCER, 0))
    version, own = ("TCP6", "::1") if ":" in source else ("TCP4", "127.0.0.1")
    connection.sendall(f"PROXY {version} {source} {own} 40000 22\r\n".encode())
    return connection


def _read_to_the_end(connection: socket.socket) -> bytes:
    said = b""
    try:
        while more := connection.recv(65536):
            said += more
    except ConnectionError:
        pass
    return said


def speak_junk(port: int, source: str) -> None:
    with connect(port, source) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 4)
        connection.shutdown(socket.SHUT_WR)
        _read_to_the_end(connection)


def say_no_header(port: int, _source: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(BALANCER, 0)) as connection:
        connection.sendall(b"SSH-2.0-no_header\r\n")
        _read_to_the_end(connection)


def log_in(port: int, source: str, login: str, key=None, password: str | None = None, version: str = "stranger") -> None:
    """An attempt to log in, as libraries make it. It has to fail."""
    transport = paramiko.Transport(connect(port, source))
    transport.local_version = f"SSH-2.0-{version}"
    try:
        transport.start_client(timeout=20)
        if password is not None:
            transport.auth_password(login, password)
        elif key is not None:
            transport.auth_publickey(login, key)
        else:
            transport.auth_none(login)
    except (paramiko.SSHException, EOFError, ConnectionError):
        return
    finally:
        transport.close()
    raise AssertionError("a stranger was let in")


def fetch(port: int, source: str, path: str) -> bytes:
    """A fetch by git://; what is answered."""
    with connect(port, source) as connection:
        request = f"git-upload-pack /{path}\0host=localhost\0".encode()
        connection.sendall(f"{len(request) + 4:04x}".encode() + request)
        connection.shutdown(socket.SHUT_WR)
        return _read_to_the_end(connection)


class Written:
    """What a site has written since this was made: log, trail and database, in bytes."""

    def __init__(self, site):
        self._site = site
        # The tables, and what the start has left in the write-ahead log, are not theirs.
        wait_until(lambda: site.metrics.get("/readyz")[0] == 200, "authz has made its tables")
        wait_until(self._checkpoint, "the write-ahead log is in the database")
        self._before = self._sizes()

    def _checkpoint(self) -> bool:
        with closing(sqlite3.connect(self._site.state / "gerve.db")) as database:
            busy, written, moved = database.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        return not busy and written == moved >= 0  # -1: it has no write-ahead log

    def _sizes(self) -> dict[str, int]:
        state = self._site.state
        files = {
            "log": self._site.gateway.log_file,
            "trail": state / "audit.jsonl",
            "database": state / "gerve.db",
            "database's log": state / "gerve.db-wal",
        }
        return {name: file.stat().st_size if file.exists() else 0 for name, file in files.items()}

    def parts(self) -> dict[str, int]:
        return {name: size - self._before[name] for name, size in self._sizes().items()}

    def bytes(self) -> int:
        return sum(max(size, 0) for size in self.parts().values())


def wait_for_line(site, *words: str) -> None:
    def is_there() -> bool:
        return any(all(word in line for word in words) for line in site.gateway.log().splitlines())

    wait_until(is_there, f"a line of the log with {words}", timeout=20)
