"""A second policy beside the one that serves: two versions of a Gitea over the same tables, asked of the real authz."""

import json
import random
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.audit import misfits, schema
from harness.authz_process import AuthzProcess
from harness.forge_model import WIKI, Family
from harness.forge_site import ForgeTables
from harness.forge_worlds import QUESTIONS, Rows, path_of, public_line, random_blob, random_world
from harness.keys import fingerprint_of
from harness.messages import NOT_FOUND
from harness.processes import wait_until
from harness.programs import program

SERVED, SHADOW = Family.GITEA_1_25, "1.24.7"  # restricted users see more in the first
AT_ONCE = 2000  # authz keeps no more than 4,096 for the second policy


class Worlds:
    """Random worlds in the tables of a forge, a key in each, and what every key is asked."""

    def __init__(self, database, number: int):
        dice = random.Random(f"shadow {number}")
        worlds = [random_world(dice) for _ in range(number)]
        self.blobs = [random_blob(dice) for _ in worlds]
        rows = Rows()
        for i, (world, blob) in enumerate(zip(worlds, self.blobs)):
            rows.add_world(i, world, SERVED, public_line(blob), fingerprint_of(blob))
        self.tables = ForgeTables(database, SERVED)
        self.tables.run(f"BEGIN; {rows.sql()} COMMIT")
        self.questions = [(i, service, path_of(i, world) + (".wiki" if unit == WIKI else ""))
                          for i, world in enumerate(worlds) for unit, _, service in QUESTIONS]

    def ask(self, authz: AuthzProcess, questions: list) -> list[tuple[bool, bool]]:
        """Whether each is allowed, and whether it is told as missing."""
        numbers = sorted({number for number, *_ in questions})
        handles = dict(zip(numbers, authz.handles([self.blobs[number] for number in numbers])))
        replies = authz.decisions([(handles[number], service, path) for number, service, path in questions])
        assert all(reply.get("is") in ("granted", "refused") for reply in replies)
        return [(reply["is"] == "granted", reply.get("told") == NOT_FOUND) for reply in replies]

    def ask_all(self, authz: AuthzProcess) -> dict:
        answers = {}
        for start in range(0, len(self.questions), AT_ONCE):
            part = self.questions[start:start + AT_ONCE]
            answers |= dict(zip(part, self.ask(authz, part)))
        return answers

    def ask_with_shadow(self, authz: AuthzProcess, differ: set) -> dict:
        """The same; each part ends with a question that differs, and waits until that is recorded."""
        answers: dict = {}
        parts = -(-len(self.questions) // AT_ONCE)
        same = [question for question in self.questions if question not in differ]
        for i in range(parts):
            part = same[i::parts] + sorted(differ)[i::parts]
            answers |= dict(zip(part, self.ask(authz, part)))
            seen = len(answers.keys() & differ)
            wait_until(lambda: len(events(authz, "differed")) >= seen, f"{seen} differences", timeout=60, every=0.2)
        return answers

    def checksums(self) -> str:
        names = self.tables.run("SHOW TABLES").split()
        return self.tables.run("CHECKSUM TABLE " + ", ".join(f"`{name}`" for name in names))


@pytest.fixture(scope="module")
def worlds(database, pytestconfig):
    return Worlds(database, 5_000 if pytestconfig.getoption("soak") else 400)


@contextmanager
def running(workspace, config: str, shadow: str = ""):
    directory = Path(tempfile.mkdtemp(prefix="shadow-", dir=workspace))
    if shadow:
        (directory / "next.toml").write_text(shadow)
        config += '[shadow]\nconfig = "next.toml"\n'
    authz = AuthzProcess(directory, config, audit=True)
    try:
        yield authz
        authz.stop()
    finally:
        authz.kill()


def events(authz: AuthzProcess, kind: str) -> list[dict]:
    lines = (authz.directory / "state/audit.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def report(authz: AuthzProcess, *options) -> str:
    return subprocess.run([program("gerve"), "-c", str(authz.file), "shadow", "report", *options], check=True,
                          capture_output=True, text=True).stdout


def test_the_report_names_exactly_what_differs(worlds, workspace):
    served, bent = worlds.tables.config(), worlds.tables.config(version=SHADOW)
    answers = {}
    for config in (served, bent):
        with running(workspace, config) as authz:
            answers[config] = worlds.ask_all(authz)
    differ = {question for question in worlds.questions if answers[served][question] != answers[bent][question]}
    before = worlds.checksums()
    with running(workspace, served, bent) as authz:
        assert worlds.ask_with_shadow(authz, differ) == answers[served]
    assert len(differ) > len(worlds.questions) / 200, "bent versions that agree prove nothing"
    told = json.loads(report(authz, "--json"))
    named = {(event["fingerprint"], event["service"], event["repo"])
             for group in told["groups"] for event in group["events"]}
    wanted = {(fingerprint_of(worlds.blobs[number]), service, path) for number, service, path in differ}
    assert named == wanted
    assert (told["same"], told["differed"]) == (len(worlds.questions) - len(differ), len(differ))
    assert (told["unanswered"], told["dropped"]) == (0, 0)
    for group in told["groups"]:
        assert group["in"] in ("decision", "told")
        for event in group["events"]:
            assert event["served"]["facts"] and event["shadow"]["facts"]
    for event in events(authz, "differed") + events(authz, "compared"):
        assert not misfits(event, schema())
    assert f"{len(differ)} different." in report(authz)
    each = report(authz, "--each")
    assert each.count(": different in ") == len(differ) and "  shadow: deny: " in each
    assert worlds.checksums() == before


@contextmanager
def mute_server():
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def accept():
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for one in held:
            one.close()


def test_a_second_policy_that_hangs_costs_clients_nothing(worlds, workspace):
    config = worlds.tables.config()
    questions = worlds.questions[:1000]
    with running(workspace, config) as authz:
        began = time.monotonic()
        alone = worlds.ask(authz, questions)
        usual = time.monotonic() - began
    with mute_server() as port:
        away = config.replace(f"unix://{worlds.tables.database.socket}?schema=", f"tcp://127.0.0.1:{port}/")
        assert away != config
        with running(workspace, config, away) as authz:
            began = time.monotonic()
            assert worlds.ask(authz, questions) == alone
            took = time.monotonic() - began
            wait_until(lambda: "a decision could not be compared" in authz.log.read_text(), "the log tells why", timeout=20)
    assert took < 5 * usual + 2, "clients waited for the second policy"
    sums = events(authz, "compared")
    assert sum(one["unanswered"] + one["dropped"] for one in sums) == len(questions)
    assert not events(authz, "differed")


def test_check_tries_the_second_policy(worlds, workspace):
    config = worlds.tables.config()
    for shadow, is_well in ((config, True), (worlds.tables.config(version="1.23.0"), False)):
        with running(workspace, config, shadow) as authz:
            checked = subprocess.run([program("gerve"), "-c", str(authz.file), "check", "--json"], capture_output=True,
                                     text=True)
        told = [one for one in json.loads(checked.stdout) if one["what"] == "shadow"]
        assert told and all(one["result"] == "OK" for one in told) == is_well, told
        assert is_well or any("if the forge was upgraded" in one["found"] for one in told), told


def test_without_its_file_the_gateway_serves(worlds, workspace):
    with running(workspace, worlds.tables.config() + '[shadow]\nconfig = "gone.toml"\n') as authz:
        assert len(worlds.ask(authz, worlds.questions[:8])) == 8
        assert "decisions are not compared" in authz.log.read_text()


def test_a_file_that_is_wrong_is_told_and_serves_all_the_same(worlds, workspace):
    config = worlds.tables.config()
    with running(workspace, config, '[directory]\nbackend = "oracle"\n') as authz:
        assert len(worlds.ask(authz, worlds.questions[:8])) == 8
        assert "decisions are not compared" in authz.log.read_text()
        assert "next.toml:2:" in authz.log.read_text()
    checked = subprocess.run([program("gerve"), "-c", str(authz.file), "check"], capture_output=True, text=True)
    assert checked.returncode == 2 and "shadow.config" in checked.stdout + checked.stderr
