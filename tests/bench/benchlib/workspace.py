"""What all front doors are measured with: a temporary directory, a user key, two repositories; git on its own."""

import dataclasses
import os
import shutil
import subprocess
import tempfile

BLOB_BYTES = 1 << 20
SEED_COMMITS = 40
SEED_BRANCHES = 12


@dataclasses.dataclass
class Repository:
    name: str
    path: str


class Workspace:
    """Owns its directory; close() removes it. fill() makes what is in it."""

    def __init__(self, parent):
        self.directory = tempfile.mkdtemp(prefix="gerve-bench-", dir=parent)
        os.chmod(self.directory, 0o711)  # sshd's account must be able to pass
        self._home = self.subdirectory("client")
        self.key = os.path.join(self._home, "key")
        self.seed = self.bulk = None

    def fill(self, bulk_mb):
        """bulk_mb: size of the bulk repository in MB; none is made for 0."""
        self.make_key(self.key)
        self.seed = self._import("seed", seed_history())
        if bulk_mb:
            self.bulk = self._import("bulk", bulk_history(bulk_mb))

    @staticmethod
    def make_key(path):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", path], check=True)

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def subdirectory(self, name):
        path = os.path.join(self.directory, name)
        os.mkdir(path, 0o755)
        return path

    def repositories(self):
        return [repository for repository in (self.seed, self.bulk) if repository]

    def bulk_gb(self):
        """Size of the pack that a clone or a push of the bulk repository moves, in 10^9 bytes."""
        packs = os.path.join(self.bulk.path, "objects", "pack")
        return sum(os.path.getsize(os.path.join(packs, name)) for name in os.listdir(packs)
                   if name.endswith(".pack")) / 1e9

    def git_environment(self):
        """Nothing of the invoking user's: no configuration, no agent, no locale."""
        return {"PATH": "/usr/bin:/bin", "HOME": self._home, "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}

    def copy_by_push(self, repository, name):
        """A bare copy made as a server gets it, by a push, so that its packs and references lie alike."""
        path = os.path.join(self.directory, name)
        self._git("init", "--quiet", "--bare", path)
        self._git("push", "--quiet", "--mirror", path, cwd=repository.path)
        return path

    def _import(self, name, stream):
        path = os.path.join(self.directory, name + ".git")
        self._git("init", "--quiet", "--bare", path)
        importer = subprocess.Popen(["git", "-C", path, "-c", "core.compression=0", "fast-import", "--quiet"],
                                    stdin=subprocess.PIPE, env=self.git_environment())
        with importer.stdin as pipe:
            for piece in stream:
                pipe.write(piece)
        if importer.wait() != 0:
            raise OSError(f"git fast-import of {name} failed")
        return Repository(name, path)

    def _git(self, *arguments, cwd=None):
        subprocess.run(["git", *arguments], check=True, env=self.git_environment(), cwd=cwd)


def seed_history():
    """A small repository: some commits, a dozen branches; what an ls-remote meets on an ordinary day."""
    for number in range(1, SEED_COMMITS + 1):
        yield commit("refs/heads/main", number, b"line %d\n" % number)
    for number in range(SEED_BRANCHES):
        yield b"reset refs/heads/topic-%d\nfrom :%d\n\n" % (number, SEED_COMMITS - number)


def bulk_history(megabytes):
    """Blobs that neither compress nor delta, so that a transfer is bytes and not git's arithmetic."""
    for number in range(1, megabytes + 1):
        yield commit("refs/heads/main", number, os.urandom(BLOB_BYTES))


def commit(reference, number, content):
    message = b"Commit %d" % number
    return b"".join([
        b"commit %s\nmark :%d\n" % (reference.encode(), number),
        b"committer Bench <bench@example.org> %d +0000\n" % (1700000000 + number),
        b"data %d\n%s\n" % (len(message), message),
        b"M 100644 inline file-%d\ndata %d\n" % (number, len(content)), content, b"\n"])
