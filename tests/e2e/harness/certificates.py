"""Certificate authorities and certificates as ssh-keygen makes them, and one that it does not make."""

import base64
import shutil
import struct
import subprocess
from pathlib import Path

from .client import Client
from .keys import Key, make_key, sign


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def field(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _fields(data: bytes) -> list[bytes]:
    fields = []
    while data:
        size = struct.unpack(">I", data[:4])[0]
        fields.append(data[4:4 + size])
        data = data[4 + size:]
    return fields


class Authority:
    """A key that signs certificates."""

    def __init__(self, directory: Path, kind: str = "ed25519"):
        self.directory = directory
        self.key = make_key(directory / "ca", kind)
        self.serial = 0

    def certify(self, key: Key, principals: str | None = "alice", key_id: str = "test", validity: str = "-1d:+1d",
                serial: int | None = None, options: tuple = (), host: bool = False, algorithm: str | None = None) -> Path:
        """The certificate, where ssh looks for it: beside the key."""
        self.serial += 1
        argv = ["ssh-keygen", "-q", "-s", str(self.key.private), "-I", key_id, "-V", validity]
        argv += ["-z", str(self.serial if serial is None else serial)]
        argv += ["-n", principals] if principals else []
        argv += [word for option in options for word in ("-O", option)]
        argv += ["-h"] if host else []
        argv += ["-t", algorithm] if algorithm else []
        subprocess.run([*argv, str(key.public)], check=True, stdin=subprocess.DEVNULL)
        return certificate_of(key)

    def revoke(self, file: Path, *lines: str) -> Path:
        """A key revocation list: `serial: 7-9`, `id: NAME` …"""
        spec = file.with_suffix(".spec")
        spec.write_text("".join(f"{line}\n" for line in lines))
        subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(file), "-s", str(self.key.public), str(spec)], check=True)
        return file

    def turn_signature(self, file: Path) -> None:
        """Puts (r, n - s) in place of (r, s) into a certificate's signature by ECDSA with P-256, which stays valid."""
        kind, text = file.read_text().split()[:2]
        blob = base64.b64decode(text)
        start = blob.index(field(self.key.blob)) + len(field(self.key.blob))
        algorithm, pair = _fields(_fields(blob[start:])[0])
        r, s = _fields(pair)
        other = P256_ORDER - int.from_bytes(s, "big")
        turned = field(r) + field(other.to_bytes(other.bit_length() // 8 + 1, "big"))
        made = blob[:start] + field(field(algorithm) + field(turned))
        file.write_text(f"{kind} {base64.b64encode(made).decode()}\n")

    def certify_by_certificate(self, key: Key) -> Path:
        """A certificate whose authority is a certificate: of the authority's own key, which signs it."""
        signer = Key(self.directory / "own")
        shutil.copy(self.key.private, signer.private)
        shutil.copy(self.key.public, signer.public)
        own = _blob(self.certify(signer))
        file = self.certify(key)
        kind, text = file.read_text().split()[:2]
        blob = base64.b64decode(text)
        behind = len(field(self.key.blob)) + len(field(sign(self.key, b"", self.key.algorithm)))
        signed = blob[:-behind] + field(own)
        made = signed + field(sign(self.key, signed, self.key.algorithm))
        file.write_text(f"{kind} {base64.b64encode(made).decode()}\n")
        return file


def certificate_of(key: Key) -> Path:
    return key.private.with_name(key.private.name + "-cert.pub")


def _blob(file: Path) -> bytes:
    return base64.b64decode(file.read_text().split()[1])


def bearer(site, login: str, door=None, **key_options) -> Client:
    """Somebody with a fresh key that only a certificate will let in; `login`: of the account that it is for."""
    client = site.stranger("bearer", door, **key_options)
    client.login = login
    return client.with_ssh_options("-o", "LogLevel=INFO")
