"""Commands that change something, and their events: signals between the two, and an authz that goes or says nothing."""

import json
import os
import re
import signal
import socket
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from harness.audit import events
from harness.processes import wait_until
from harness.programs import program


def _start_adding(site, login: str):
    """A command that waits for the directory, which another holds until that is let go."""
    holder = sqlite3.connect(site.state / "gerve.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    running = site.admin.start(program("gerve"), *site.gateway.options, "user", "add", login)
    wait_until(lambda: _holds_signals(running.process.pid), "the command is about to make its change", timeout=30)
    time.sleep(0.3)
    assert running.process.poll() is None
    return running, holder


def _holds_signals(pid: int) -> bool:
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught.group(1), 16) & 1 << (signal.SIGINT - 1))


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_does_not_get_between_a_change_and_its_event(private_sites, second):
    site = private_sites(start=False)
    site.gerve("user", "add", "alice")
    running, holder = _start_adding(site, "bob")
    running.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    holder.rollback()
    assert running.process.wait(20) == -signal.SIGINT
    assert site.entry("bob", "user", "list")
    assert [one["arguments"] for one in events(site, "--event", "admin")] == [["alice"], ["bob"]]
    running, holder = _start_adding(site, "carol")
    running.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    running.process.send_signal(second)
    assert running.process.wait(2) == -second
    holder.close()


def _start_adding_by_authz(site):
    """One that authz is to record. A busy machine may keep authz from answering in time: then it does that itself."""
    for login in ("bob", "carol", "dave", "erin"):
        running, holder = _start_adding(site, login)
        opened = {os.readlink(file) for file in Path(f"/proc/{running.process.pid}/fd").iterdir()}
        if not any(name.startswith(str(site.state / "audit")) for name in opened):
            return running, holder
        holder.rollback()
        running.finish(exit=0)
    raise AssertionError("authz has not answered four commands")


def test_a_signal_does_not_keep_quiet_that_a_change_is_not_on_record(private_site):
    running, holder = _start_adding_by_authz(private_site)
    private_site.gateway.kill()  # at once: the command waits for the database for five seconds, no longer
    (private_site.state / "audit.key").chmod(0o644)
    running.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    holder.rollback()
    running.finish(exit=-signal.SIGINT, says="the change was made, but is not recorded: ")
    (private_site.state / "audit.key").chmod(0o600)


def test_a_change_is_on_record_though_authz_went_away_meanwhile(private_site):
    running, holder = _start_adding(private_site, "bob")
    private_site.gateway.kill()
    holder.rollback()
    assert running.process.wait(20) == 0
    assert [one["arguments"] for one in events(private_site, "--event", "admin")] == [["bob"]]
    private_site.gerve("audit", "verify")


class MuteAuthz:
    """Takes what it is asked before a change, and says nothing of what it is told behind it."""

    def __init__(self, site):
        self.told: list[dict] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(str(site.state / "authz.sock"))
        self.socket.listen()
        self.thread = threading.Thread(target=self._answer, daemon=True)
        self.thread.start()

    def _answer(self) -> None:
        kept = []
        while not self.told:
            kept.append(self.socket.accept()[0])
            asked = json.loads(kept[-1].recv(1 << 16))
            if asked["command"]:
                self.told.append(asked)
            else:
                kept[-1].send(json.dumps({"id": asked["id"], "done": True}, separators=(",", ":")).encode())
        for one in kept:
            one.close()

    def close(self) -> None:
        self.thread.join(10)
        self.socket.close()


def test_a_change_that_authz_may_have_recorded_is_not_recorded_twice(private_sites):
    site = private_sites(start=False)
    site.gerve("user", "add", "alice")
    (site.state / "authz.sock").unlink(missing_ok=True)
    mute = MuteAuthz(site)
    try:
        site.gerve("user", "add", "bob", exit=1, says="the change was made, but is perhaps not recorded")
    finally:
        mute.close()
    assert [one["command"] for one in mute.told] == ["user add"]
    assert [one["arguments"] for one in events(site, "--event", "admin")] == [["alice"]]
    site.gerve("user", "add", "carol")  # nobody listens any more
    assert [one["arguments"] for one in events(site, "--event", "admin")] == [["alice"], ["carol"]]
