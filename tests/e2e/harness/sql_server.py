"""A MariaDB or MySQL of the tests' own, and the two accounts that packaging makes in it.

Which of both it is, is said once for a run: pytest --engine mysql.
"""

import importlib.util
import subprocess

from .programs import SOURCE_ROOT

ADMIN_PASSWORD = "admin-of-a-test"
SERVE_PASSWORD = "gerve-of-a-test"
ENGINES = ("mariadb", "mysql")


def _with_server():
    file = SOURCE_ROOT / "tests/unit/authz/store/with_server.py"
    spec = importlib.util.spec_from_file_location("with_server", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class SqlServer:
    """Runs from its making until stop()."""

    engine = ENGINES[0]  # of all that are made; conftest.py sets it

    def __init__(self, options=()):
        module = _with_server()
        program = module.find_server(self.engine)
        assert program, f"no server of {self.engine}: CONTRIBUTING.md says where one comes from"
        self.server = module.Server(self.engine, program, tls=False, options=options)

    @property
    def socket(self) -> str:
        return self.server.socket

    def run(self, sql: str) -> str:
        """SQL as root; what the client prints, without the names of columns."""
        argv = ["mariadb", "--no-defaults", "--user=root", f"--socket={self.socket}", "--skip-column-names"]
        told = subprocess.run(argv, input=sql, capture_output=True, text=True, timeout=60)
        assert told.returncode == 0, told.stderr
        return told.stdout

    def make_accounts(self, schema: str) -> None:
        """The script of packaging, as an operator runs it; its last grants want tables that migrate makes."""
        script = (SOURCE_ROOT / "packaging/schema/mysql-accounts.sql").read_text()
        for name, value in (("SCHEMA", schema), ("ADMIN_PASSWORD", ADMIN_PASSWORD), ("SERVE_PASSWORD", SERVE_PASSWORD)):
            script = script.replace(f"@{name}@", value)
        self.run(script)

    def stop(self) -> None:
        self.server.remove()
