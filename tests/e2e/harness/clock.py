"""A wall clock of a test's own, which the test sets."""

import struct
import subprocess
from pathlib import Path

# Lays a layer of the test's own over /etc, in a mount namespace: what is named in ld.so.preload there is loaded into
# each process, whatever its environment.
ENTER = """set -e
mount -t tmpfs tmpfs "$1/layer"
mkdir "$1/layer/upper" "$1/layer/work"
echo "$1/odd_clock.so" >"$1/layer/upper/ld.so.preload"
: >"$1/layer/upper/gerve-test-clock"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/layer/upper,workdir=$1/layer/work" /etc
mount --bind "$1/offset" /etc/gerve-test-clock
shift
exec "$@"
"""


class Clock:
    def __init__(self, directory: Path):
        self._directory = directory
        (directory / "layer").mkdir(parents=True)
        self._offset = directory / "offset"
        self._offset.write_bytes(bytes(8))
        source = Path(__file__).with_name("odd_clock.cc")
        subprocess.run(["c++", "-std=c++20", "-O1", "-shared", "-fPIC", "-o", directory / "odd_clock.so", source, "-ldl"],
                       check=True)

    @property
    def prefix(self) -> list[str]:
        """The beginning of the command line of a process that goes by this clock."""
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", str(self._directory)]

    def why_not(self) -> str | None:
        """Why no process can go by it here."""
        tried = subprocess.run([*self.prefix, "true"], capture_output=True, text=True)
        return f"no mount namespace with an overlay can be made here: {tried.stderr}" if tried.returncode else None

    def jump(self, seconds: int) -> None:
        """To so many seconds beside the true time, in all processes at once."""
        with self._offset.open("r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds))
