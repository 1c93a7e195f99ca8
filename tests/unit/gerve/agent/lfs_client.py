"""A git-lfs client's end of the SSH protocol of Git LFS, over a session of GRV1."""

import hashlib
import os
import time

MB = 1 << 20
NOWHERE = "0" * 64  # an OID that nothing has
UPLOAD, DOWNLOAD = 5, 6
FLUSH, DELIMITER = "flush", "delimiter"
BERT = {"GERVE_USER": "bert", "GERVE_USER_ID": "7", "GERVE_KEY": "SHA256:bert", "GERVE_REPO": "mojombo/bert"}
ALICE = {"GERVE_USER": "alice", "GERVE_USER_ID": "8", "GERVE_KEY": "SHA256:alice", "GERVE_REPO": "mojombo/bert"}


def packet(data: bytes) -> bytes:
    return b"%04x" % (len(data) + 4) + data


def packets(data: bytes, piece=32768) -> bytes:
    return b"".join(packet(data[i:i + piece]) for i in range(0, len(data), piece))


def line(text: str) -> bytes:
    return packet(text.encode() + b"\n")


def oid_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Answer:
    def __init__(self, status: int, arguments: list, delimiter: bool, body: list):
        self.status, self.arguments, self.delimiter, self.body = status, arguments, delimiter, body

    @property
    def lines(self) -> list:
        return [one.decode().rstrip("\n") for one in self.body]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def data(self) -> bytes:
        return b"".join(self.body)

    def value(self, key: str) -> str:
        found = [one.split("=", 1)[1] for one in self.arguments if one.startswith(key + "=")]
        assert len(found) == 1, self.arguments
        return found[0]


class LfsClient:
    def __init__(self, site, service=UPLOAD, env=None, version=True, **fields):
        self.session = site.open(service, env={**BERT, **(env or {})}, **fields).until_opened()
        self._read = 0
        assert self.until_flush() == [b"version=1\n", b"locking\n"]
        if version:
            answer = self.ask("version 1")
            assert (answer.status, answer.arguments, answer.body) == (200, [], [])

    def _exactly(self, size: int) -> bytes:
        self.session.until(lambda s: len(s.stdout) >= self._read + size or s.exit)
        data = bytes(self.session.stdout[self._read:self._read + size])
        self._read += size
        if len(data) < size:
            raise EOFError(bytes(self.session.stderr).decode())
        return data

    def packet(self):
        size = int(self._exactly(4), 16)
        if size < 4:
            return {0: FLUSH, 1: DELIMITER}[size]
        return self._exactly(size - 4)

    def until_flush(self) -> list:
        got = []
        while (one := self.packet()) != FLUSH:
            got.append(one)
        return got

    def answer(self) -> Answer:
        got = self.until_flush()
        assert got[0].startswith(b"status "), got
        head = got[1:got.index(DELIMITER)] if DELIMITER in got else got[1:]
        body = got[got.index(DELIMITER) + 1:] if DELIMITER in got else []
        return Answer(int(got[0][7:10]), [one.decode().rstrip("\n") for one in head], DELIMITER in got, body)

    def send(self, command: str, *arguments: str, body: bytes | None = None):
        head = b"".join(line(one) for one in (command, *arguments))
        self.session.write(head + (b"0000" if body is None else b"0001" + body + b"0000"))

    def ask(self, command: str, *arguments: str, body: bytes | None = None) -> Answer:
        self.send(command, *arguments, body=body)
        return self.answer()

    def batch(self, *objects, arguments=("transfer=ssh", "hash-algo=sha256")) -> Answer:
        return self.ask("batch", *arguments, body=b"".join(line(f"{oid} {size}") for oid, size in objects))

    def put(self, data: bytes, oid=None, size=None) -> Answer:
        size = len(data) if size is None else size
        return self.ask(f"put-object {oid or oid_of(data)}", f"size={size}", body=packets(data))

    def begin_put(self, oid: str, size: int, data: bytes = b""):
        """Of an object, its head and the first of its data."""
        self.session.write(line(f"put-object {oid}") + line(f"size={size}") + b"0001" + packets(data))

    def put_slowly(self, data: bytes) -> Answer:
        """A packet in each tenth of a second."""
        self.begin_put(oid_of(data), len(data))
        for start in range(0, len(data), 32768):
            self.session.write(packet(data[start:start + 32768]))
            time.sleep(0.1)
        self.session.write(b"0000")
        return self.answer()

    def get(self, oid: str) -> Answer:
        return self.ask(f"get-object {oid}")

    def quit(self):
        self.session.write(line("quit") + b"0000")
        assert self.packet() == b"status 200\n" and self.packet() == FLUSH
        self.session.finish()
        assert self.session.status == 0
        assert self._read == len(self.session.stdout), "nothing behind the answer to quit"


def stored(bare, data_or_oid) -> "os.PathLike":
    oid = data_or_oid if isinstance(data_or_oid, str) else oid_of(data_or_oid)
    return bare / "lfs/objects" / oid[:2] / oid[2:4] / oid


def left_aside(bare) -> list:
    """What is being received, or was left of that."""
    return [name for name in os.listdir(bare / "lfs/incoming") if "." in name]


def check_objects(bare) -> int:
    """Every file among the objects has the hash that its name says; how many there are."""
    count = 0
    for directory, _, names in os.walk(bare / "lfs/objects"):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                assert hashlib.file_digest(file, "sha256").hexdigest() == name, f"{directory}/{name}"
            count += 1
    return count


