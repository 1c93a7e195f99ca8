"""A MariaDB or MySQL as the directory of a gateway, and ways to hurt it."""

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from .sql_server import ADMIN_PASSWORD, SERVE_PASSWORD, SqlServer
from .processes import free_port

SCHEMA = "gerve"
# By the side door, which is on TCP: a new MySQL knows no root but the one of the socket.
LET_ROOT_IN = "CREATE USER IF NOT EXISTS root@127.0.0.1; GRANT ALL ON *.* TO root@127.0.0.1 WITH GRANT OPTION"
CONFIG = """\
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
[ssh]
workers = 2
[directory]
backend = "mysql"
[directory.mysql]
uri = "tcp://127.0.0.1:{port}/{schema}"
user = "gerve"
password_file = "{passwords}/serve.password"
admin_user = "gerve_admin"
admin_password_file = "{passwords}/admin.password"
"""


class Database(SqlServer):
    """With an empty schema, and the accounts on it once make_accounts was called."""

    def __init__(self, directory: Path):
        # A port that lets root in when all connections are taken.
        self._side_door = free_port()
        doors = {"mariadb": [f"--extra-port={self._side_door}", "--extra-max-connections=4"],
                 "mysql": [f"--admin-port={self._side_door}", "--admin-address=127.0.0.1"]}
        super().__init__([*doors[self.engine], "--connect-timeout=60"])
        self.passwords = directory
        for name, password in (("serve", SERVE_PASSWORD), ("admin", ADMIN_PASSWORD)):
            file = directory / f"{name}.password"
            file.write_text(password + "\n")
            file.chmod(0o600)
        try:
            self.run(f"CREATE DATABASE {SCHEMA}; {LET_ROOT_IN}")
        except BaseException:
            self.stop()  # nobody else could: there is no Database yet
            raise

    @property
    def pid(self) -> int:
        return self.server.process.pid

    def config(self, port: int) -> str:
        """Of a gateway that finds the server at this port."""
        return CONFIG.format(port=port, schema=SCHEMA, passwords=self.passwords)

    def ask(self, sql: str, force: bool = False) -> str:
        """As run(), by the side door. force: errors are left alone."""
        ran = subprocess.run([*self._by_side_door(), *(["--force"] if force else [])], input=sql, capture_output=True,
                             text=True, errors="backslashreplace", timeout=60)
        assert force or ran.returncode == 0, f"{sql}: {ran.stderr}"
        return ran.stdout

    def _by_side_door(self) -> list[str]:
        return ["mariadb", "--no-defaults", "--user=root", "--protocol=tcp", "--host=127.0.0.1",
                f"--port={self._side_door}", "--batch", "--skip-column-names", SCHEMA]

    def kill_connections(self) -> int:
        """KILL for every connection of Gerve's; how many there were."""
        ids = self._connections_of("gerve")
        self.ask("".join(f"KILL {number};\n" for number in ids), force=True)
        return len(ids)

    def _connections_of(self, user: str) -> list[str]:
        lines = [line.split("\t") for line in self.ask("SHOW PROCESSLIST").splitlines()]
        return [number for number, name, *_ in lines if name == user]

    # ---- troubles

    @contextmanager
    def stopped(self):
        """It hangs meanwhile."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def killed(self):
        """It is dead meanwhile, and started again at the end."""
        self.server.kill()
        try:
            yield
        finally:
            self.server.start()

    @contextmanager
    def locked(self, table: str):
        """One table is locked for all others, as by an ALTER TABLE or a backup."""
        holder = subprocess.Popen([*self._by_side_door(), "--unbuffered"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)
        try:
            holder.stdin.write(f"LOCK TABLES {table} WRITE;\nSELECT 'locked';\n")
            holder.stdin.flush()
            assert holder.stdout.readline().strip() == "locked"
            yield
        finally:
            holder.communicate(timeout=10)  # the lock goes with the connection

    @contextmanager
    def crowded(self, limit: int = 12):
        """Others have taken all connections that there may be; those of Gerve are killed."""
        before = self.ask("SELECT @@global.max_connections").strip()
        self.ask(f"SET GLOBAL max_connections = {limit}")
        crowd: list[socket.socket] = []
        try:
            deadline = time.monotonic() + 10
            while self._add_to(crowd) or self.kill_connections() or not self._is_full_of(crowd, limit):
                assert time.monotonic() < deadline, "the crowd never was a crowd"
            yield
        finally:
            for one in crowd:
                one.close()
            self.ask(f"SET GLOBAL max_connections = {before}")

    def _is_full_of(self, crowd: list, limit: int) -> bool:
        """The server lets one more than `limit` begin to log in, for an administrator; without it, the crowd has left
        Gerve a place. A connection of Gerve's that is still logging in has no user yet, and has one a moment later:
        both are counted in one answer.
        """
        if len(crowd) <= limit:
            return False
        users = [line.split("\t")[1] for line in self.ask("SHOW PROCESSLIST").splitlines()]
        return users.count("unauthenticated user") == len(crowd) and "gerve" not in users

    def _add_to(self, crowd: list) -> bool:
        """Adds one that never says who it is; False once the server has no room for more."""
        one = socket.create_connection(("127.0.0.1", self.server.port), timeout=2)
        if b"Too many connections" in one.recv(512):
            one.close()
            return False
        crowd.append(one)
        return True
