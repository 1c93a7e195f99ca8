"""packaging/libssh/source against an archive of the test's own, signed by a key of its own: what is fetched, what is refused,
and what works without the network."""

import hashlib
import http.server
import json
import subprocess
import tarfile
import threading
from functools import partial
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "packaging/libssh/source"

# As much of a libssh as the program looks at.
SOURCE = {
    "debian/copyright": "LGPL\n",
    "debian/source/format": "3.0 (native)\n",
    "CMakeLists.txt": """cmake_minimum_required(VERSION 3.13)
project(libssh C)
file(WRITE ${CMAKE_BINARY_DIR}/include/libssh/libssh_version.h "")
add_subdirectory(src)
""",
    "src/CMakeLists.txt": "add_library(ssh STATIC ssh.c)\n",
    "src/ssh.c": 'const char *ssh_of(void);\nconst char *ssh_of(void) { return "@version@"; }\n',
    "include/libssh/CMakeLists.txt": "set(headers\n  libssh.h\n)\n",
    "include/libssh/libssh.h": "",
    "include/libssh/priv.h": "",
}


class Archive:
    """Served on 127.0.0.1. Each suite has the versions that it is given."""

    def __init__(self, directory: Path):
        self.root = directory / "archive"
        self.keys = directory / "keys"
        self.keyring = directory / "keyring.gpg"
        self.keys.mkdir(mode=0o700, parents=True)
        self._gpg("--quick-generate-key", "archive@example.org", "ed25519", "sign", "never")
        self._gpg("--output", self.keyring, "--export")
        self.root.mkdir()
        served = partial(QuietFiles, directory=self.root)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), served)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def go_away(self):
        self.server.shutdown()
        self.server.server_close()

    def close(self):
        self.go_away()
        subprocess.run(["gpgconf", "--homedir", self.keys, "--kill", "all"], check=True)

    def _gpg(self, *arguments):
        gpg = ["gpg", "--homedir", self.keys, "--batch", "--quiet", "--yes", "--passphrase", ""]
        subprocess.run([*gpg, *arguments], check=True, capture_output=True)

    def suite(self, name: str, *versions: str) -> None:
        index = "\n".join(self._source_package(version) for version in versions)
        place = self.root / "dists" / name
        (place / "main/source").mkdir(parents=True, exist_ok=True)
        (place / "main/source/Sources").write_text(index)
        digest = hashlib.sha256(index.encode()).hexdigest()
        (place / "Release").write_text(
            f"Suite: {name}\nCodename: {name}\nComponents: main\nDate: Mon, 01 Jan 2024 00:00:00 UTC\nSHA256:\n"
            f" {digest} {len(index.encode())} main/source/Sources\n")
        self._gpg("--output", place / "InRelease", "--clear-sign", place / "Release")

    def _source_package(self, version: str) -> str:
        """Puts it into the archive; its paragraph of Sources."""
        pool = self.root / "pool"
        pool.mkdir(exist_ok=True)
        tar = pool / f"libssh_{version}.tar.gz"
        if not tar.exists():
            tree = self.root / f"tree/libssh-{version}"
            for name, text in SOURCE.items():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                (tree / name).write_text(text.replace("@version@", version))
            with tarfile.open(tar, "w:gz") as packed:
                packed.add(tree, tree.name)
        dsc = pool / f"libssh_{version}.dsc"
        dsc.write_text(f"Format: 3.0 (native)\nSource: libssh\nVersion: {version}\nMaintainer: A <a@example.org>\n"
                       f"Checksums-Sha256:\n {described(tar)}\nFiles:\n {described(tar, 'md5')}\n")
        return (f"Package: libssh\nFormat: 3.0 (native)\nVersion: {version}\nMaintainer: A <a@example.org>\nDirectory: pool\n"
                f"Checksums-Sha256:\n {described(dsc)}\n {described(tar)}\nFiles:\n {described(dsc, 'md5')}\n {described(tar, 'md5')}\n")


def described(file: Path, kind: str = "sha256") -> str:
    return f"{hashlib.new(kind, file.read_bytes()).hexdigest()} {file.stat().st_size} {file.name}"


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Machine:
    """Somebody's machine, with a cache of its own."""

    def __init__(self, directory: Path, archive: Archive):
        self.directory, self.archive = directory, archive
        self.cache = directory / "cache"
        self.wanted = directory / "wanted.txt"
        self.want("testing unstable")

    def want(self, suites: str) -> None:
        self.wanted.write_text(f"# what the test wants\nfrom 0.12.2\nbelow 0.13\nsuites {suites}\nmirror {self.archive.url}\n"
                               f"keyring {self.archive.keyring}\n")

    def run(self, command: str, *arguments, exit=0, says: str = "") -> str:
        argv = [PROGRAM, command, "--wanted", self.wanted, "--cache", self.cache, *arguments]
        done = subprocess.run(argv, text=True, capture_output=True, check=False)
        told = done.stdout + done.stderr
        assert done.returncode == exit, told
        assert says in told
        return told

    def build(self, name: str = "built", *arguments, **expected) -> Path:
        self.run("build", "--into", self.directory / name, *arguments, "cc", **expected)
        return self.directory / name

    def a_day_later(self) -> None:
        looked = self.cache / "looked.json"
        known = json.loads(looked.read_text())
        looked.write_text(json.dumps({**known, "time": known["time"] - 25 * 3600}))


@pytest.fixture
def archive(tmp_path):
    made = Archive(tmp_path)
    yield made
    made.close()


@pytest.fixture
def machine(tmp_path, archive):
    return Machine(tmp_path, archive)


@pytest.fixture
def no_network(archive):
    return archive.go_away


def contains(archive_file: Path, version: str) -> bool:
    return version.encode() in archive_file.read_bytes()


def test_the_newest_in_the_range_is_built_whichever_suite_has_it(machine, archive):
    archive.suite("testing", "0.12.2-1", "0.11.5-1")
    archive.suite("unstable", "0.12.10-1", "0.13.0-1", "0.13~rc1-1")
    built = machine.build(says="0.12.10-1")
    assert (built / "version").read_text() == "0.12.10-1\n"
    assert contains(built / "libssh.a", "0.12.10-1")
    assert {file.name for file in (built / "include/libssh").iterdir()} == {"libssh.h", "libssh_version.h"}
    assert not list(built.glob("libssh.*/")), "the work is left behind"


def test_nothing_is_built_twice_or_fetched_twice(machine, archive, no_network):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    made = machine.build().joinpath("libssh.a").stat().st_mtime_ns
    no_network()
    assert machine.build(says="0.12.2-1").joinpath("libssh.a").stat().st_mtime_ns == made
    machine.build("elsewhere", says="0.12.2-1")
    machine.build("built", "--flag=-O1")
    assert (machine.directory / "built/libssh.a").stat().st_mtime_ns != made, "other flags change nothing"


def test_a_new_version_is_taken_a_day_later(machine, archive):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable", "0.12.2-1")
    machine.build(says="0.12.2-1")
    archive.suite("unstable", "0.12.3-1")
    machine.build(says="0.12.2-1")
    machine.a_day_later()
    built = machine.build(says="0.12.3-1")
    assert contains(built / "libssh.a", "0.12.3-1")


def test_without_the_network_the_newest_in_the_cache_serves_and_it_says_so(machine, archive, no_network):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable", "0.12.2-1")
    machine.build()
    no_network()
    machine.a_day_later()
    assert "warning: cannot look for a newer libssh than 0.12.2-1" in machine.run(
        "build", "--into", machine.directory / "other", "cc")


def test_without_network_or_cache_it_fails_and_says_why(machine, archive, no_network):
    no_network()
    machine.build(exit=2, says="apt-get failed")
    assert not (machine.directory / "built/libssh.a").exists()


def test_no_version_in_the_range_names_what_there_is_and_what_to_do(machine, archive):
    archive.suite("testing", "0.11.5-1")
    archive.suite("unstable", "0.13.1-1")
    told = machine.run("build", "--into", machine.directory / "built", "cc", exit=2, says="from 0.12.2 to below 0.13")
    assert "0.11.5-1 and 0.13.1-1" in told and "wanted.txt" in told


def test_an_archive_that_somebody_else_signed_is_refused(machine, archive, tmp_path):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable", "0.12.2-1")
    other = Archive(tmp_path / "other")
    other.close()
    archive.keyring.write_bytes(other.keyring.read_bytes())
    machine.build(exit=2, says="apt-get failed")


def test_an_unsigned_archive_is_refused(machine, archive):
    for suite in ("testing", "unstable"):
        archive.suite(suite, "0.12.2-1")
        (archive.root / f"dists/{suite}/InRelease").unlink()
    machine.build(exit=2, says="apt-get failed")


def test_a_source_package_that_is_not_what_the_archive_signed_is_refused(machine, archive):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    tar = archive.root / "pool/libssh_0.12.2-1.tar.gz"
    content = bytearray(tar.read_bytes())
    content[-1] ^= 1
    tar.write_bytes(content)
    machine.build(exit=2, says="apt-get failed")


def test_a_keyring_that_is_not_there_is_named(machine, archive):
    archive.keyring.unlink()
    machine.build(exit=2, says="install debian-archive-keyring")


def test_what_was_fetched_is_built_on_a_machine_without_the_network(machine, archive, tmp_path, no_network):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    source = tmp_path / "source"
    machine.run("fetch", "--into", source, says=f"libssh 0.12.2-1 is in {source}")
    machine.run("fetch", "--into", source, exit=2, says="is not empty")
    no_network()
    machine.cache = tmp_path / "no cache"
    built = machine.build("built", "--source", source, says="0.12.2-1")
    assert contains(built / "libssh.a", "0.12.2-1")
    assert not machine.cache.exists()


def test_a_source_that_was_changed_on_the_way_is_refused(machine, archive, tmp_path):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    machine.run("fetch", "--into", tmp_path / "source")
    tar = tmp_path / "source/libssh_0.12.2-1.tar.gz"
    tar.write_bytes(tar.read_bytes() + b"\0")
    machine.build("built", "--source", tmp_path / "source", exit=2, says="dpkg-source failed")


def test_a_source_outside_of_the_range_is_refused(machine, archive, tmp_path):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    machine.run("fetch", "--into", tmp_path / "source")
    machine.wanted.write_text(machine.wanted.read_text().replace("0.12.2", "0.12.3"))
    machine.build("built", "--source", tmp_path / "source", exit=2, says="wants one from 0.12.3 to below 0.13")
    machine.build("built", "--source", tmp_path / "none", exit=2, says="0 files libssh_*.dsc")


def test_check_tells_whether_a_version_is_behind(machine, archive, no_network):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable", "0.12.2-1")
    machine.run("check", "0.12.2-1", says="is the newest of testing and unstable")
    archive.suite("unstable", "0.12.3-1")
    machine.run("check", "0.12.2-1", exit=1, says="warning: libssh 0.12.2-1 is behind")
    archive.suite("unstable", "0.12.2-1", "0.13.0-1")
    machine.run("check", "0.12.2-1", says="0.13.0-1 too, which is outside of the range")
    no_network()
    machine.run("check", "0.12.2-1", exit=2, says="cannot tell")


def test_check_reads_the_version_that_a_gerve_prints(machine, archive, tmp_path):
    archive.suite("testing", "0.12.3-1")
    archive.suite("unstable", "0.12.3-1")
    gerve = tmp_path / "gerve"

    def contains_libssh(text: str) -> Path:
        gerve.write_text(f"#!/bin/sh\necho 'gerve 0.1.0 (commit 0123456, libssh {text})'\n")
        gerve.chmod(0o755)
        return gerve

    machine.run("check", contains_libssh("0.12.2, built from Debian source 0.12.2-1"), exit=1, says="0.12.2-1 is behind")
    machine.run("check", contains_libssh("0.12.3, built from Debian source 0.12.3-1"), says="0.12.3-1 is the newest")
    machine.run("check", contains_libssh("0.10.6 of the distribution"), exit=2, says="apt-cache policy libssh-dev")
