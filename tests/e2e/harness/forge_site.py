"""The tables of a Forgejo or Gitea in a MariaDB or MySQL of the tests' own, and what gerve.toml says of them."""

from .forge_model import Family, Settings
from .processes import free_port
from .programs import SOURCE_ROOT
from .sql_server import SqlServer

TABLES = SOURCE_ROOT / "tests/e2e/harness/forge_tables"
# Users, repositories and permissions, as the tests of the profile have them.
PROFILE_ROWS = SOURCE_ROOT / "tests/unit/authz/store/forgejo.sql"
ROOT_URL = "https://forge.example.org/"

# A release of each family that the model knows.
VERSIONS = {Family.FORGEJO: ("forgejo", "12.0.4", "forgejo"), Family.GITEA_1_21: ("gitea", "1.21.11", "gitea-1.21"),
            Family.GITEA_1_22: ("gitea", "1.22.6", "gitea-1.22"), Family.GITEA_1_24: ("gitea", "1.24.7", "gitea-1.24"),
            Family.GITEA_1_25: ("gitea", "1.25.3", "gitea-1.24")}
UNIT_NAMES = {1: "repo.code", 5: "repo.wiki"}


class ForgeTables:
    """A schema of one family."""

    def __init__(self, database: SqlServer, family: Family):
        self.database, self.family = database, family
        self.schema = f"forge_{free_port()}"
        self.run(f"CREATE DATABASE {self.schema}", schema="")
        self.run((TABLES / "common.sql").read_text() + (TABLES / f"{VERSIONS[family][2]}.sql").read_text())

    def run(self, sql: str, schema: str | None = None) -> str:
        schema = self.schema if schema is None else schema
        return self.database.run((f"USE {schema};\n" if schema else "") + sql)

    def config(self, settings: Settings = Settings(), *, version: str = "", further: str = "") -> str:
        """The tables [directory] and [forge]. `further`: lines of the latter."""
        kind, usual, _ = VERSIONS[self.family]
        units = ", ".join(f'"{UNIT_NAMES[unit]}"' for unit in sorted(settings.disabled_units))
        return (f'[directory]\nbackend = "mysql"\n[directory.mysql]\n'
                f'uri = "unix://{self.database.socket}?schema={self.schema}"\nuser = "root"\n'
                f'[forge]\nkind = "{kind}"\nversion = "{version or usual}"\nroot_url = "{ROOT_URL}"\n'
                f"require_signin_view = {str(settings.require_signin).lower()}\n"
                f"force_private = {str(settings.force_private).lower()}\n"
                f"disabled_repo_units = [{units}]\n{further}")
