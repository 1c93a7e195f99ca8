"""People who push and clone with real git, one after the other and without a pause, while something happens."""

import shutil
import threading
import time
from dataclasses import dataclass

from .fleet import Owner
from .outcome import Outcome

ANY = range(-64, 256)  # exit statuses


@dataclass(frozen=True)
class Deed:
    """A command that ended, and what it was to bring about. ref and head: of a push."""

    owner: Owner
    outcome: Outcome
    ended: float  # time.monotonic()
    ref: str = ""
    head: str = ""

    @property
    def well(self) -> bool:
        return self.outcome.exit == 0

    def is_kept(self) -> bool:
        """What was promised by the exit status 0 of a push is on the disk."""
        told = self.owner.repository.git("for-each-ref", "--format=%(objectname)", self.ref)
        return told == self.head


class Busy:
    """Use it in `with`: each owner does one deed after the other, in a thread of his own, until its end.

    Deeds are "push", "clone" and "greet", which is a connection that asks for nothing.
    """

    def __init__(self, owners: list[Owner], deeds: tuple[str, ...] = ("push", "clone")):
        self._owners = owners
        self._deeds = deeds
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.done: list[Deed] = []
        self.accidents: list[str] = []

    def __enter__(self):
        for owner in self._owners:
            self._threads.append(threading.Thread(target=self._go, args=(owner,), daemon=True))
            self._threads[-1].start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(90)

    def has_done(self, number: int, since: float = 0.0) -> bool:
        """Whether each of them did so many deeds well since that time."""
        done = [deed.owner.login for deed in self.done if deed.well and deed.ended > since]
        return all(done.count(owner.login) >= number for owner in self._owners)

    @property
    def pushes(self) -> list[Deed]:
        return [deed for deed in self.done if deed.ref]

    @property
    def failed(self) -> list[Deed]:
        return [deed for deed in self.done if not deed.well]

    def told(self) -> str:
        """The failures, for the message of a test that wanted none."""
        return "\n\n".join(deed.outcome.transcript() for deed in self.failed[:3])

    def broken_promises(self) -> list[str]:
        """Pushes that ended with 0, and whose ref is not there."""
        return [f"{deed.owner.login}: {deed.ref}" for deed in self.pushes if deed.well and not deed.is_kept()]

    def check(self) -> None:
        """Nobody was left without an answer, and no push that was told done is not."""
        assert not self.accidents, self.accidents[:3]
        assert not self.broken_promises(), self.broken_promises()

    def _go(self, owner: Owner) -> None:
        turn = 0
        while not self._over.is_set():
            turn += 1
            for deed in self._deeds:
                try:
                    self.done.append(getattr(self, f"_{deed}")(owner, f"{deed}-{time.monotonic_ns()}"))
                except Exception as error:  # pylint: disable=broad-except
                    self.accidents.append(f"{owner.login}, {deed} {turn}: {type(error).__name__}: {error}")

    @staticmethod
    def _push(owner: Owner, name: str) -> Deed:
        head = owner.work.commit(name)
        ref = f"refs/heads/{name}"
        outcome = owner.work.git("push", "--quiet", "origin", f"HEAD:{ref}", exit=ANY)
        return Deed(owner, outcome, time.monotonic(), ref, head)

    @staticmethod
    def _clone(owner: Owner, name: str) -> Deed:
        outcome = owner.client.git("clone", "--quiet", "--bare", owner.repository.url, name, exit=ANY)
        shutil.rmtree(owner.client.home / name, ignore_errors=True)
        return Deed(owner, outcome, time.monotonic())

    @staticmethod
    def _greet(owner: Owner, _name: str) -> Deed:
        outcome = owner.client.ssh("-o", f"BindAddress={owner.address}", exit=ANY)
        right = outcome.exit == 1 and f"Hi {owner.login}!" in outcome.stderr
        return Deed(owner, Outcome(outcome.argv, 0 if right else 255, outcome.stdout_bytes, outcome.stderr_bytes,
                                   outcome.seconds), time.monotonic())
