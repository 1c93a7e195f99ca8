"""A database server for the forges of a file of tests."""

import pytest

from harness.sql_server import SqlServer


@pytest.fixture(scope="module")
def database():
    server = SqlServer()
    yield server
    server.stop()
