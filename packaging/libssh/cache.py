"""What Debian's suites have of libssh, by apt, and what of it has been fetched. `source` beside this file is the program.

Whoever can write the cache decides what Gerve contains: it is used only where nobody else can, and each source package in
it is compared with the checksum that apt found in the signed index.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
DAY = 24 * 3600
LOOK_AGAIN_AFTER = DAY  # seconds until apt is asked again whether there is a newer version
LONGEST_WAIT = 600  # seconds for another process that fetches


class Trouble(Exception):
    """What went wrong, and what to do about it."""


class Wanted:
    """What wanted.txt says."""

    def __init__(self, file: Path, mirror: str):
        lines = (line.split() for line in file.read_text().splitlines() if line and not line.startswith("#"))
        settings = {name: values for name, *values in lines}
        try:
            (self.first,), (self.below,), (self.mirror,) = settings["from"], settings["below"], settings["mirror"]
            (keyring,), self.suites = settings["keyring"], settings["suites"]
        except (KeyError, ValueError) as error:
            raise Trouble(f"{file} must have a line for each of from, below, suites, mirror and keyring: restore it from git") from error
        self.mirror = mirror or self.mirror
        self.keyring = Path(keyring)

    def in_range(self, version: str) -> bool:
        # "~" sorts before everything: 0.13~rc1 is not below 0.13, and a backport of 0.12.2 is one of 0.12.2.
        return not older(version, self.first + "~") and older(version, self.below + "~")

    def range(self) -> str:
        return f"from {self.first} to below {self.below}"

    def newest(self, versions: list[str]) -> str | None:
        newest = None
        for version in filter(self.in_range, versions):
            if newest is None or older(newest, version):
                newest = version
        return newest

    def absent(self, versions: list[str]) -> Trouble:
        """None of the versions that the suites have is in the range."""
        return Trouble(f"no libssh {self.range()} in {' or '.join(self.suites)} of {self.mirror}, which has "
                       f"{' and '.join(versions) or 'none'}. Name other suites in {HERE / 'wanted.txt'}, or "
                       "widen the range there and run the tests")


def started(command: list, **options) -> subprocess.CompletedProcess:
    try:
        return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False, **options)
    except FileNotFoundError as error:
        raise Trouble(f"no program {command[0]} here: install the packages of packaging/debian-packages.txt") from error


def older(one: str, other: str) -> bool:
    return started(["dpkg", "--compare-versions", one, "lt", other]).returncode == 0


def run(command: list, **options) -> str:
    """The output of a program. Trouble, with the end of what it printed, if it fails or is not there."""
    done = started(command, **options)
    if done.returncode != 0:
        raise Trouble(f"{command[0]} failed:\n" + "\n".join(done.stdout.splitlines()[-20:]))
    return done.stdout


def only_dsc(directory: Path) -> Path:
    found = sorted(directory.glob("libssh_*.dsc"))
    if len(found) != 1:
        raise Trouble(f"{directory} holds {len(found)} files libssh_*.dsc, where one source package is expected: "
                      f"packaging/libssh/source fetch --into DIR makes such a directory")
    return found[0]


class Cache:
    """CACHE/apt is apt's, CACHE/VERSION holds one source package. One process at a time."""

    def __init__(self, given: str, wanted: Wanted):
        """`given` is a directory; empty: gerve/libssh in $XDG_CACHE_HOME or ~/.cache."""
        base = Path(given or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")).absolute()
        self.directory, self.wanted = base if given else base / "gerve/libssh", wanted
        self.own = [self.directory] if given else [base / "gerve", self.directory]
        self.looked = self.directory / "looked.json"
        self.config = self.directory / "apt/apt.conf"

    @contextlib.contextmanager
    def locked(self, announce: bool):
        """For one process alone. With `announce`, prints that it waits for another."""
        self.prepare()
        lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self.wait_for(lock, announce)
            yield
        finally:
            os.close(lock)

    def prepare(self) -> None:
        """Makes the directory, and each missing one above it, for this user alone. Trouble if others can write it."""
        for directory in (*reversed(self.directory.parents), self.directory):
            if not directory.exists():
                with contextlib.suppress(FileExistsError):  # made by another process meanwhile
                    directory.mkdir(mode=0o700)
        for directory in self.own:
            for status in (directory.lstat(), directory.stat()):
                if status.st_uid not in (0, os.geteuid()):
                    raise Trouble(f"{directory} belongs to user {status.st_uid}, who could replace the source of libssh in it: "
                                  f"{self.another()}")
            if status.st_mode & 0o022:
                raise Trouble(f"{directory} can be written by other users, who could replace the source of libssh in it: run "
                              f"rm -r {self.directory}; chmod go-w {directory}, or {self.another()}")

    @staticmethod
    def another() -> str:
        return "name another directory by --cache DIR (meson: -Dlibssh_cache=DIR)"

    def wait_for(self, lock: int, announce: bool) -> None:
        until = time.monotonic() + LONGEST_WAIT
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Trouble(f"another process has held {self.directory / 'lock'} for {LONGEST_WAIT // 60} minutes: end it "
                                  f"(fuser shows which it is), or {self.another()}") from None
            if announce:
                print(f"waiting for another process, which holds {self.directory / 'lock'}", file=sys.stderr)
                announce = False
            time.sleep(0.2)

    def source(self, refresh: bool, look_within: int | None = None) -> Path:
        """The directory of the newest version in the range.

        If the suites cannot be asked, or have none in the range, it is the newest that was fetched, with a warning on
        stderr. Trouble if there is none, or if they were not asked within `look_within` days. With `refresh`, they are
        asked now, and it is Trouble if that fails.
        """
        known = self.last_look()
        offered = known if known and known["age"] < LOOK_AGAIN_AFTER and not refresh else None
        problem = None
        try:
            if offered is None or self.wanted.newest(offered["versions"]) is None:
                offered = known = self.look()
            version = self.wanted.newest(offered["versions"])
            if version is None:
                problem = self.wanted.absent(offered["versions"])
            elif version not in self.fetched():
                self.fetch(version)
        except Trouble as error:
            if refresh:
                raise
            problem = error
        if problem is None:
            return self.verified(version)
        kept = self.wanted.newest(self.fetched())
        if kept is None:
            raise problem
        if look_within is not None and (known is None or known["age"] > look_within * DAY):
            raise Trouble(f"{self.directory} has libssh {kept}, but Debian was not asked for a newer one in the last {look_within} "
                          f"days. Let this machine reach the mirror, or build a source package that you have looked at, by "
                          f"-Dlibssh_source=DIR. {problem}")
        print(f"warning: libssh {kept} is taken from {self.directory}, and may lack fixes: {problem}", file=sys.stderr)
        return self.verified(kept)

    def remembered(self) -> dict:
        """The last answer of the suites that was understood, whichever they were; empty without one."""
        try:
            known = json.loads(self.looked.read_text())
            known["age"] = time.time() - known["time"]
            return known if {"suites", "mirror", "versions", "dsc"} <= known.keys() and known["age"] >= 0 else {}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {}

    def last_look(self) -> dict | None:
        """What these suites had when apt was asked, "age" seconds ago."""
        known = self.remembered()
        same = known and known["suites"] == self.wanted.suites and known["mirror"] == self.wanted.mirror
        return known if same else None

    def look(self) -> dict:
        """Asks apt what the suites have."""
        self.configure_apt()
        run(["apt-get", "-c", self.config, "update"])
        told = run(["apt-cache", "-c", self.config, "showsrc", "--only-source", "libssh"])
        versions, dsc = set(), dict(self.remembered().get("dsc", {}))
        for paragraph in told.split("\n\n"):
            for version in re.findall(r"^Version: (\S+)$", paragraph, re.MULTILINE):
                versions.add(version)
                dsc.update((version, digest) for digest in re.findall(r"^ ([0-9a-f]{64}) \d+ \S+\.dsc$", paragraph, re.MULTILINE))
        known = {"time": time.time(), "suites": self.wanted.suites, "mirror": self.wanted.mirror,
                 "versions": sorted(versions), "dsc": dsc}
        fresh = self.looked.with_suffix(".new")
        fresh.write_text(json.dumps(known) + "\n")
        fresh.replace(self.looked)
        return {**known, "age": 0}

    def fetched(self) -> list[str]:
        """The versions that are here, and whose checksum is known from the index."""
        return [version for version in self.remembered().get("dsc", {}) if (self.directory / version).is_dir()]

    def verified(self, version: str) -> Path:
        """The directory of a version that is here. Trouble if it is not what Debian's index names."""
        place = self.directory / version
        if hashlib.sha256(only_dsc(place).read_bytes()).hexdigest() != self.remembered()["dsc"][version]:
            raise Trouble(f"{only_dsc(place)} is not the file that Debian's signed index names: find out who changed it, then "
                          f"run rm -r {place}, and it is fetched again")
        return place

    def fetch(self, version: str) -> None:
        if not self.config.is_file():
            self.look()
        with tempfile.TemporaryDirectory(prefix="fetching.", dir=self.directory) as fresh:
            run(["apt-get", "-c", self.config, "source", "--download-only", "--only-source", f"libssh={version}"], cwd=fresh)
            only_dsc(Path(fresh))
            os.chmod(fresh, 0o755)
            shutil.rmtree(self.directory / version, ignore_errors=True)
            os.rename(fresh, self.directory / version)
            os.mkdir(fresh)  # for the end of the block to remove

    def configure_apt(self) -> None:
        """The machine's own settings (proxies, time-outs, whether a mirror's date counts) apply, but for its hooks and sources."""
        if not self.wanted.keyring.is_file():
            raise Trouble(f"no {self.wanted.keyring}, by which apt knows Debian: install debian-archive-keyring")
        apt = self.directory / "apt"
        for name in ("lists/partial", "cache/archives/partial"):
            (apt / name).mkdir(parents=True, exist_ok=True)
        (apt / "sources.list").write_text("".join(
            f"deb-src [signed-by={self.wanted.keyring}] {self.wanted.mirror} {suite} main\n" for suite in self.wanted.suites))
        (apt / "apt.conf").write_text(f"""\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Update::Error-Mode "any";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::http::Timeout "20";
Dir::Etc::SourceList "{apt}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "{apt}/lists";
Dir::Cache "{apt}/cache";
""")
