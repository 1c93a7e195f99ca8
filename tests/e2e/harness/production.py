"""A site as production has it: routes in Redis, repositories on a file server, perhaps the directory in MySQL."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from . import processes
from .fileserver import FileServer
from .sql_server import ADMIN_PASSWORD, SERVE_PASSWORD, SqlServer
from .metrics import Metrics
from .redis import Redis
from .site import Repository, Site

CONFIG = """\
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
metrics = "127.0.0.1:{metrics}"
{listen}
[routes.redis]
{redis}
[authz]
ticket_keys = ["{key}"]
{directory}
{more}
"""

MYSQL = """\
[directory]
backend = "mysql"
[directory.mysql]
uri = "unix://{socket}?schema={schema}"
user = "gerve"
password_file = "{serve}"
admin_user = "gerve_admin"
admin_password_file = "{admin}"
"""


class Production(Site):
    """metrics: what it shows. redis, files: its backends. listen: more lines of that table. more: further tables.
    prefix: before the gateway's command line."""

    def __init__(self, directory: Path, database: SqlServer | None = None, listen: str = "", redis: str = "",
                 more: str = "", prefix: list[str] | None = None):
        directory.mkdir(parents=True, exist_ok=True)
        self.redis = Redis(directory / "redis")
        self.files = FileServer(directory / "files")
        self.database = database
        self.schema = f"gerve_{processes.free_port()}"
        self._routed: set[str] = set()
        port = processes.free_port()
        self.metrics = Metrics(port)
        key = self.files.key.write(directory / "ticket.key")
        where = f'address = "unix:{self.redis.socket}"\n'
        super().__init__(directory, CONFIG.format(metrics=port, listen=listen, redis=redis or where, key=key, more=more,
                                                  directory=self._directory(directory)), prefix)

    def _directory(self, directory: Path) -> str:
        if self.database is None:
            return ""
        words = {}
        for name, password in (("serve", SERVE_PASSWORD), ("admin", ADMIN_PASSWORD)):
            words[name] = directory / f"{name}.password"
            words[name].write_text(password + "\n")
            words[name].chmod(0o600)
        return MYSQL.format(socket=self.database.socket, schema=self.schema, **words)

    def start(self) -> "Production":
        self.redis.start()
        self.files.start()
        if self.database is not None:
            self.database.run(f"CREATE DATABASE {self.schema}")
            self._make_accounts()
        super().start()
        self.gerve("server", "add", self.files.name, f"127.0.0.1:{self.files.address[1]}")
        return self

    def _make_accounts(self) -> None:
        try:
            self.database.make_accounts(self.schema)
        except AssertionError as error:
            assert "doesn't exist" in str(error), error  # the tables: not yet
        self.gerve("schema", "migrate")
        self.database.make_accounts(self.schema)

    def stop(self) -> None:
        """Ends the gateway, which must end well, and the backends."""
        try:
            self.gateway.stop()
            self.files.stop()
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends gateway, file server and Redis, in whatever state they are."""
        self.gateway.kill()
        self.files.kill()
        self.redis.kill()

    def repository(self, owner, name: str = "project", private: bool = False) -> Repository:
        login = owner if isinstance(owner, str) else owner.login
        if login not in self._routed:
            self.gerve("route", "set", login, self.files.name)
            self._routed.add(login)
        made = super().repository(owner, name, private)
        return Repository(made.owner, made.name, self.files.root)


@contextmanager
def running_production(workspace: Path, start: bool = True, **settings):
    """A Production in a directory of its own, started unless the test does that, and in the end stopped."""
    site = Production(Path(tempfile.mkdtemp(prefix="production-", dir=workspace)), **settings)
    try:
        if start:
            site.start()
        yield site
        site.stop()
    finally:
        site.kill()
