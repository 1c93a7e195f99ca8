"""Where the programs under test are: the build directory, from GERVE_BUILD or `build` at the root."""

import functools
import os
from pathlib import Path

SOURCE_ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("GERVE_BUILD", SOURCE_ROOT / "build")).resolve()


@functools.cache
def program(name: str) -> Path:
    """The built program of that name; FileNotFoundError tells what to do when there is none."""
    for path in sorted(BUILD.rglob(name)):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"{name} is not below {BUILD}: build first (tests/run does), or set GERVE_BUILD")


def sanitized() -> bool:
    """Whether the programs carry AddressSanitizer, which makes them several times slower."""
    return b"__asan_init" in program("gerve").read_bytes()
