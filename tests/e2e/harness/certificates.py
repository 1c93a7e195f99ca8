"""Certificate authorities and certificates as ssh-keygen makes them, and one that it does not make."""

import base64
import shutil
import subprocess
from pathlib import Path

from paramiko.message import Message

from .client import Client
from .keys import Key, make_key, sign
from .plainssh import string

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


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
        blob = _blob(file)
        start = blob.index(string(self.key.blob)) + len(string(self.key.blob))
        signature = Message(Message(blob[start:]).get_binary())
        algorithm, pair = signature.get_binary(), Message(signature.get_binary())
        turned = Message()
        turned.add_mpint(pair.get_mpint())
        turned.add_mpint(P256_ORDER - pair.get_mpint())
        _write(file, blob[:start] + string(string(algorithm) + string(turned.asbytes())))

    def certify_by_certificate(self, key: Key) -> Path:
        """A certificate whose authority is a certificate: of the authority's own key, which signs it."""
        signer = Key(self.directory / "own")
        shutil.copy(self.key.private, signer.private)
        shutil.copy(self.key.public, signer.public)
        own = _blob(self.certify(signer))
        file = self.certify(key)
        blob = _blob(file)
        behind = len(string(self.key.blob)) + len(string(sign(self.key, b"", self.key.algorithm)))
        signed = blob[:-behind] + string(own)
        _write(file, signed + string(sign(self.key, signed, self.key.algorithm)))
        return file


def certificate_of(key: Key) -> Path:
    return key.private.with_name(key.private.name + "-cert.pub")


def _blob(file: Path) -> bytes:
    return base64.b64decode(file.read_text().split()[1])


def _write(file: Path, blob: bytes) -> None:
    """Puts another certificate of the same type into the file."""
    file.write_text(f"{file.read_text().split()[0]} {base64.b64encode(blob).decode()}\n")


def bearer(site, login: str, door=None, **key_options) -> Client:
    """Somebody with a fresh key that only a certificate will let in; `login`: of the account that it is for."""
    client = site.stranger("bearer", door, **key_options)
    client.login = login
    return client.with_ssh_options("-o", "LogLevel=INFO")
