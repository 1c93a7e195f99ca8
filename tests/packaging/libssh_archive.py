"""An archive of Debian's kind and a machine that fetches libssh from it, for the tests of packaging/libssh/source."""

import hashlib
import http.server
import json
import os
import subprocess
import tarfile
import threading
from functools import partial
from pathlib import Path

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
        self.changed = 1_704_067_200  # Unix time of the last change
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
        other = "Package: other\nFormat: 3.0 (native)\nVersion: 1\nMaintainer: A <a@example.org>\nDirectory: pool\n"
        index = "\n".join([other, *(self._source_package(version) for version in versions)])
        place = self.root / "dists" / name
        (place / "main/source").mkdir(parents=True, exist_ok=True)
        (place / "main/source/Sources").write_text(index)
        digest = hashlib.sha256(index.encode()).hexdigest()
        (place / "Release").write_text(
            f"Suite: {name}\nCodename: {name}\nComponents: main\nDate: Mon, 01 Jan 2024 00:00:00 UTC\nSHA256:\n"
            f" {digest} {len(index.encode())} main/source/Sources\n")
        self._gpg("--output", place / "InRelease", "--clear-sign", place / "Release")
        # apt asks for what is newer by a second at least, and tests change the archive faster.
        self.changed += 60
        for file in ("InRelease", "main/source/Sources"):
            os.utime(place / file, (self.changed, self.changed))

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

    def days_later(self, days: float) -> None:
        looked = self.cache / "looked.json"
        known = json.loads(looked.read_text())
        looked.write_text(json.dumps({**known, "time": known["time"] - days * 24 * 3600}))
