import pytest

from libssh_archive import Archive, Machine


@pytest.fixture
def archive(tmp_path):
    made = Archive(tmp_path)
    yield made
    made.close()


@pytest.fixture
def machine(tmp_path, archive):
    return Machine(tmp_path, archive)


@pytest.fixture
def no_network(archive):
    return archive.go_away
