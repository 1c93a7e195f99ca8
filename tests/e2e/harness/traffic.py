"""People who clone all the time while something breaks, and what each of them was told."""

import threading
import time
from dataclasses import dataclass

from .messages import CANNOT_CHECK
from .rawssh import USERAUTH_SUCCESS, RawClient

SERVED, UNAVAILABLE = "served", "unavailable"


@dataclass(frozen=True)
class Errand:
    """What somebody asks for again and again, and what he is told when all is well: SERVED, or the text of a
    refusal. let_in: whether his key is known."""

    key: object
    command: str
    expected: str
    let_in: bool = True


@dataclass(frozen=True)
class Told:
    errand: Errand
    what: str  # SERVED, UNAVAILABLE, or the text that was told, with the status
    at: float  # time.monotonic() of the answer
    seconds: float  # from the question to its answer: of the login, or of the command

    @property
    def right(self) -> bool:
        return self.what in (self.errand.expected, UNAVAILABLE)


class Traffic:
    """Use it in `with`. Each of `people` is a list of errands that one thread does in turn."""

    def __init__(self, door, people: list[list[Errand]]):
        self._door = door
        self._people = people
        self._ends = threading.Event()
        self._threads: list[threading.Thread] = []
        self.told: list[Told] = []
        self.accidents: list[str] = []

    def __enter__(self):
        for number, errands in enumerate(self._people):
            # From addresses of their own: one address has a bound on connections.
            source = f"127.0.1.{number + 1}"
            thread = threading.Thread(target=self._go, args=(errands, source), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        for thread in self._threads:
            thread.join(40)

    def is_well(self, seconds: float) -> bool:
        """Whether in the last so many seconds people were answered, and none was refused for an outage."""
        lately = [one for one in self.told if one.at >= time.monotonic() - seconds]
        return len(lately) >= len(self._people) and all(one.what != UNAVAILABLE for one in lately)

    def _go(self, errands, source):
        while not self._ends.is_set():
            for errand in errands:
                try:
                    self.told.append(self._do(errand, source))
                except Exception as error:  # pylint: disable=broad-except
                    # Told by the test, at its end: a client is never left without an answer.
                    self.accidents.append(f"{errand.command}: {type(error).__name__}: {error}")

    def _do(self, errand: Errand, source: str) -> Told:
        with RawClient(self._door, source) as client:
            client.request_authentication()
            start = time.monotonic()
            if client.prove(errand.key) != USERAUTH_SUCCESS:
                now = time.monotonic()
                return Told(errand, "not let in", now, now - start)
            asked = time.monotonic()
            answer = client.open_session().exec(errand.command, b"0000")
            now = time.monotonic()
            return Told(errand, _kind(answer), now, max(now - asked, asked - start))


def _kind(answer) -> str:
    stderr = answer.stderr.decode(errors="backslashreplace")
    if answer.exit == 75 and not answer.stdout and CANNOT_CHECK.fullmatch(stderr):
        return UNAVAILABLE
    if answer.exit == 0 and answer.stdout and not stderr:
        return SERVED
    return f"{stderr}[{answer.exit}]"
