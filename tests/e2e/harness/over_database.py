"""A site over a directory in a database server, which a stock sshd may serve beside the gateway."""

from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .database import SCHEMA, Database
from .site import Site
from .sshd import AUTHZ, Sshd, open_to_others, why_not


@contextmanager
def site_over_database(directory: Path):
    """The site, started; its `database` is the server. Skips the test where there can be no sshd."""
    if why_not():
        pytest.skip(why_not())
    directory.mkdir()
    database = Database(directory)
    try:
        passwd = Sshd.passwd(directory, "/usr/sbin/nologin")
        site = Site(directory, database.config(database.server.port) + AUTHZ, Sshd.inside(passwd))
        with suppress(AssertionError):  # the grants on tables want these made
            database.make_accounts(SCHEMA)
        site.gerve("schema", "migrate")
        database.make_accounts(SCHEMA)
        site.start()
        open_to_others(site)
        site.database = database
        yield site
        site.gateway.stop()
    finally:
        database.stop()
