"""Somebody removes the socket files of a gateway that serves: they are made again, without a restart."""

import pytest

from harness.processes import wait_until


@pytest.mark.parametrize("name", ["agent.sock", "authz.sock"])
def test_a_removed_socket_file_is_made_again(private_site, name):
    alice = private_site.person("alice")
    repository = private_site.repository(alice)
    file = private_site.state / name
    before = set(private_site.gateway.workers())
    file.unlink()
    wait_until(file.is_socket, "it is there again")
    wait_until(lambda: not before & set(private_site.gateway.workers()), "new workers serve")
    alice.git("ls-remote", repository.url)
    private_site.gerve("sessions")
    assert "a socket file was removed: creating it again" in private_site.gateway.log()
