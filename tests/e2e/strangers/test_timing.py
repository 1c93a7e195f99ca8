"""How long a refusal takes tells nothing: a private repository and a missing one take the same time."""

import statistics
import time

import pytest

from harness.rawssh import RawClient

SAMPLES = 200
PER_CONNECTION = 10
BOUND = 0.010  # seconds between the medians


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize("service", ["git-upload-pack", "git-receive-pack"])
def test_forbidden_and_missing_take_the_same_time(site, door, stranger, secret, service):
    commands = [
        f"{service} '{secret.path}.git'",
        f"{service} '{secret.owner}/missing.git'",
        f"{service} 'nobody/missing.git'",
    ]
    times = [[] for _ in commands]
    while len(times[0]) < SAMPLES:
        with RawClient(door) as client:
            client.log_in(stranger.key)
            client.open_session().exec(
                commands[0]
            )  # the first on a connection pays for what the others share
            for _ in range(PER_CONNECTION):
                for command, taken in zip(commands, times):
                    channel = client.open_session()
                    started = time.perf_counter()
                    channel.exec(command)
                    taken.append(time.perf_counter() - started)
    medians = [statistics.median(taken) for taken in times]
    late = [statistics.quantiles(taken, n=10)[-1] for taken in times]
    print("medians", [f"{1000 * value:.2f} ms" for value in medians])
    assert max(medians) - min(medians) < BOUND
    assert max(late) - min(late) < 2 * BOUND
