"""Who may do what in a forge's repositories: random worlds, asked of the real authz over a real database, against a
model that knows nothing of authz."""

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.authz_process import AuthzProcess
from harness.forge_model import CODE, READ, WIKI, Family, Rules, Settings, World
from harness.forge_site import ForgeTables
from harness.forge_worlds import QUESTIONS, Rows, path_of, public_line, random_blob, random_world
from harness.keys import fingerprint_of

SETTINGS = [Settings(), Settings(require_signin=True), Settings(force_private=True),
            Settings(disabled_units=frozenset({WIKI})), Settings(disabled_units=frozenset({CODE}))]

# Each cell of the table of rules, by its column; every one of them has to decide in some world.
_ALL = {"VIS open", "VIS member", "VIS none", "ACC row", "ACC public", "ACC none", "not HAS", "not VIS", "administrator",
        "owner", "admin team", "TEAMS of another organisation"}
_OLD = {"person, not PUB", "person, default 0", "organisation, team unit", "organisation, collaborator",
        "organisation, default 0", "organisation, nothing"}
CELLS = {
    Family.FORGEJO: _ALL | _OLD | {"person, default 3", "person, default other", "organisation, default 3",
                                   "organisation, default other"},
    Family.GITEA_1_21: _ALL | _OLD,
    Family.GITEA_1_22: _ALL | {"person", "organisation, ACC 3", "organisation, team unit", "organisation, collaborator",
                               "organisation, public", "organisation, nothing"},
    Family.GITEA_1_24: _ALL | {"person", "organisation, no team", "organisation, A 3", "organisation, teams",
                               "EV forced", "AN forced"},
}
CELLS[Family.GITEA_1_25] = CELLS[Family.GITEA_1_24] | {"VIS restricted", "ACC restricted"}


@dataclass
class Answer:
    """One decision of authz."""
    settings: Settings
    readers_push: bool
    world: World
    unit: int
    wanted: int
    allowed: bool
    told: str


def _ask(tables: ForgeTables, directory: Path, worlds: list[World], blobs: list[bytes], settings: Settings,
         readers_push: bool) -> list[Answer]:
    further = "readers_push = true\n" if readers_push else ""
    authz = AuthzProcess(directory, tables.config(settings, further=further))
    try:
        answers = []
        for start in range(0, len(worlds), 2000):  # a handle is looked up again after ten seconds
            part = worlds[start:start + 2000]
            handles = authz.handles(blobs[start:start + 2000])
            assert all(handles), f"{handles.count('')} keys are not known"
            asked = [(handle, service, path_of(start + i, world) + (".wiki" if unit == WIKI else ""))
                     for i, (world, handle) in enumerate(zip(part, handles)) for unit, _, service in QUESTIONS]
            decisions = iter(authz.decisions(asked))
            for world in part:
                for unit, wanted, _ in QUESTIONS:
                    decision = next(decisions)
                    assert decision.get("is") in ("granted", "refused"), decision
                    answers.append(Answer(settings, readers_push, world, unit, wanted, decision["is"] == "granted",
                                          decision.get("told", "")))
        authz.stop()
        return answers
    finally:
        authz.kill()


@pytest.fixture(scope="module")
def answered(database, workspace, pytestconfig):
    """Asks once for each family; the seed is printed with what fails."""
    number = 20_000 if pytestconfig.getoption("soak") else 400
    kept: dict[Family, list[Answer]] = {}

    def ask(family: Family) -> list[Answer]:
        if family in kept:
            return kept[family]
        dice = random.Random(f"{family.value} {number}")
        worlds = [random_world(dice) for _ in range(number)]
        blobs = [random_blob(dice) for _ in worlds]
        rows = Rows()
        for i, (world, blob) in enumerate(zip(worlds, blobs)):
            rows.add_world(i, world, family, public_line(blob), fingerprint_of(blob))
        tables = ForgeTables(database, family)
        tables.run(f"BEGIN; {rows.sql()} COMMIT")
        # Each world under each of the settings.
        answers = []
        for settings, readers_push in [(settings, False) for settings in SETTINGS] + [(Settings(), True)]:
            directory = Path(tempfile.mkdtemp(prefix="authz-", dir=workspace))
            answers += _ask(tables, directory, worlds, blobs, settings, readers_push)
        kept[family] = answers
        return answers

    return ask


def _differences(family: Family, answers: list[Answer], bent: str = "", seen: set[str] | None = None) -> list[Answer]:
    differ = []
    for answer in answers:
        rules = Rules(family, answer.settings, bent)
        if rules.allows(answer.world, answer.unit, answer.wanted, readers_push=answer.readers_push) != answer.allowed:
            differ.append(answer)
            if bent:
                return differ
        if seen is not None:
            seen |= rules.seen
    return differ


@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_authz_decides_as_the_model_does(answered, family):
    seen: set[str] = set()
    answers = answered(family)
    differ = _differences(family, answers, seen=seen)
    assert not differ, f"{len(differ)} of {len(answers)} decisions; the first: {differ[0]}"
    assert seen == CELLS[family]
    share = sum(answer.allowed for answer in answers) / len(answers)
    assert 0.2 < share < 0.8, "what is nearly always one answer proves little"


@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_a_false_cell_of_the_model_is_noticed(answered, family):
    answers = answered(family)
    unnoticed = [cell for cell in sorted(CELLS[family]) if not _differences(family, answers, bent=cell)]
    assert not unnoticed


@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_what_may_not_be_read_is_told_as_missing(answered, family):
    for answer in answered(family):
        if answer.allowed or answer.wanted != READ:
            continue
        suspended = not answer.world.is_active or answer.world.prohibit_login
        public = not Rules(family, answer.settings).asks_mode(answer.world, READ)
        readable = public or Rules(family, answer.settings).mode(answer.world, answer.unit) >= READ
        hidden = answer.told == "ERROR: Repository not found.\n"
        assert hidden != (suspended or readable), answer
