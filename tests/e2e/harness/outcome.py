"""What a command did, and the comparison with what it should have done."""

import re
import shlex
from dataclasses import dataclass

# Any failure, by a status or by a signal.
NONZERO = (*range(-64, 0), *range(1, 256))


@dataclass(frozen=True)
class Outcome:
    """A finished command. Text is UTF-8 with undecodable bytes shown as \\xNN."""

    argv: tuple[str, ...]
    exit: int
    stdout_bytes: bytes
    stderr_bytes: bytes
    seconds: float

    @property
    def stdout(self) -> str:
        return self.stdout_bytes.decode(errors="backslashreplace")

    @property
    def stderr(self) -> str:
        return self.stderr_bytes.decode(errors="backslashreplace")

    def transcript(self) -> str:
        """The command as a terminal would show it, for the message of a failed test."""
        return (
            f"$ {shlex.join(self.argv)}\n"
            f"--- stdout\n{_shortened(self.stdout)}\n--- stderr\n{_shortened(self.stderr)}\n"
            f"--- exit {self.exit} after {self.seconds:.2f} s"
        )

    def check(self, *, exit=0, stdout=None, stderr=None, says=None, silent_about=None) -> "Outcome":
        """Compares with what was expected and returns itself.

        exit: the status (-N: ended by signal N), or several such as NONZERO. stdout, stderr: the whole text, exactly,
        or a compiled pattern for the whole text.
        says: a text, or several, found in stdout or stderr. silent_about: the opposite of says.
        """
        expected_exits = (exit,) if isinstance(exit, int) else exit
        both = self.stdout + self.stderr
        assert self.exit in expected_exits, f"exit {self.exit}, expected {exit}\n{self.transcript()}"
        for name, expected, found in (("stdout", stdout, self.stdout), ("stderr", stderr, self.stderr)):
            assert _is(found, expected), f"{name} is not {expected!r}\n{self.transcript()}"
        for text in _several(says):
            assert text in both, f"nowhere {text!r}\n{self.transcript()}"
        for text in _several(silent_about):
            assert text not in both, f"there is {text!r}\n{self.transcript()}"
        return self


def _is(found: str, expected: str | re.Pattern | None) -> bool:
    if expected is None:
        return True
    return bool(expected.fullmatch(found)) if isinstance(expected, re.Pattern) else found == expected


def _several(texts) -> tuple[str, ...]:
    if texts is None:
        return ()
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _shortened(text: str, limit: int = 4000) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit // 2]}\n[… {len(text) - limit} characters left out …]\n{text[-limit // 2:]}"
