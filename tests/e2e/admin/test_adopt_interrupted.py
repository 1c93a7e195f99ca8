"""gerve repo adopt, gerve import repositories: cut short at each step, and taken up again."""

import signal
import subprocess
import time

from harness.processes import wait_until
from harness.programs import program
from harness.adoption import in_front, is_served, real, tree_of


def test_the_command_is_killed_between_entry_and_move(either):
    alice = either.owner()
    place = either.lost(alice)
    front = in_front(either, lambda front: time.sleep(20))
    try:
        argv = [str(program("gerve")), *map(str, either.gateway.options), "repo", "adopt", f"{alice.login}/site", str(place)]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as command:
            assert front.asked.wait(20)
            command.send_signal(signal.SIGKILL)
    finally:
        real(either)
    assert place.is_dir() and either.entry_of(f"{alice.login}/site")
    either.gerve("repo", "adopt", f"{alice.login}/site", place, "--dry-run", says="can be adopted")
    either.gerve("repo", "adopt", f"{alice.login}/site", place, says=f"adopted {alice.login}/site (private)")
    assert not place.exists() and is_served(alice, f"{alice.login}/site")


def test_the_agent_is_killed_before_it_moves(either):
    alice = either.owner()
    place = either.lost(alice)

    def kill(front):
        either.files.kill()

    in_front(either, kill)
    try:
        told = either.gerve("repo", "adopt", f"{alice.login}/site", place, exit=1).stderr
        assert f"whether {place} was moved is unknown, and the entry of {alice.login}/site remains, disabled" in told
    finally:
        either.files.start()
        real(either)
    assert place.is_dir()
    told = either.gerve("repo", "adopt", f"{alice.login}/site", place)
    assert f"adopted {alice.login}/site (private, disabled)" in told.stdout
    either.gerve("repo", "enable", f"{alice.login}/site")
    assert is_served(alice, f"{alice.login}/site")


def test_the_answer_is_lost_behind_the_move(either):
    alice = either.owner()
    place = either.lost(alice)
    front = in_front(either, lambda front: True)
    front.answers = False
    try:
        either.gerve("repo", "adopt", f"{alice.login}/site", place, exit=1, says="was moved is unknown")
    finally:
        real(either)
    assert not place.exists()
    told = either.gerve("repo", "adopt", f"{alice.login}/site", place).stderr
    assert f"already exists (disabled: inspect it, then run `gerve repo enable {alice.login}/site`)" in told
    either.gerve("repo", "enable", f"{alice.login}/site")
    assert is_served(alice, f"{alice.login}/site")


def test_what_the_agent_refuses_late_leaves_no_entry(house):
    """Between the check and the move the place is taken."""
    alice = house.owner()
    place = house.lost(alice)

    def take(front):
        house.lies_in(house.files.root / alice.login / "site.git")
        return True

    in_front(house, take)
    try:
        house.gerve("repo", "adopt", f"{alice.login}/site", place, exit=1, says="there is a repository in the place of")
    finally:
        real(house)
    assert place.is_dir() and house.entry_of(f"{alice.login}/site") is None


def test_one_that_fails_stops_no_other_and_the_rest_is_taken_up(house):
    alice = house.owner()
    tree = tree_of(house, f"some-{alice.login}")
    for number in range(6):
        house.lies_in(tree / alice.login / f"r{number}.git")
    calls = []

    def second_is_lost(front):
        calls.append(1)
        return len(calls) != 2

    in_front(house, second_is_lost)
    try:
        told = house.gerve("import", "repositories", tree, "--yes", exit=1)
    finally:
        real(house)
    assert told.stdout.splitlines()[-1] == "5 adopted, 1 failed"
    assert f"{alice.login}/r1: " in told.stderr and "is unknown" in told.stderr
    assert (tree / alice.login / "r1.git").is_dir()
    house.gerve("import", "repositories", tree, "--yes", says="1 adopted")
    assert not list((tree / alice.login).iterdir())


def test_an_import_that_is_killed_is_taken_up(house):
    alice = house.owner()
    tree = tree_of(house, f"kill-{alice.login}")
    for number in range(40):
        house.lies_in(tree / alice.login / f"r{number}.git")
    argv = [str(program("gerve")), *map(str, house.gateway.options), "import", "repositories", str(tree), "--yes"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as command:
        wait_until(lambda: len(list((tree / alice.login).iterdir())) < 35, "some are moved", timeout=30)
        command.send_signal(signal.SIGKILL)
    left = len(list((tree / alice.login).iterdir()))
    assert 0 < left < 35
    house.gerve("import", "repositories", tree, "--yes", says="adopted")
    assert not list((tree / alice.login).iterdir())
    entries = [one for one in house.gerve_json("repo", "list") if one["repository"].startswith(f"{alice.login}/")]
    assert len(entries) == 40 and not any(one["disabled"] for one in entries)
    on_disk = {path.stem for path in (house.files.root / alice.login).iterdir()}
    assert {one["repository"].split("/")[1] for one in entries} == on_disk


