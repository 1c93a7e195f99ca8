"""SSH keys as ssh-keygen makes them."""

import base64
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa


@dataclass(frozen=True)
class Key:
    """A key pair in files: `private` and beside it `.pub`."""

    private: Path

    @property
    def public(self) -> Path:
        return self.private.with_name(self.private.name + ".pub")

    @property
    def algorithm(self) -> str:
        return self.public.read_text().split()[0]

    @property
    def blob(self) -> bytes:
        """The public key as SSH sends it."""
        return base64.b64decode(self.public.read_text().split()[1])

    @property
    def fingerprint(self) -> str:
        """As OpenSSH writes it: SHA256:… without padding."""
        return fingerprint_of(self.blob)


def fingerprint_of(blob: bytes) -> str:
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
    return "SHA256:" + digest.rstrip("=")


def make_key(private: Path, kind: str = "ed25519", bits: int | None = None, form: str | None = None,
             high_bit: bool | None = None) -> Key:
    """A new key pair without passphrase. bits: for RSA and ECDSA; form: PEM or PKCS8. ssh-keygen's default otherwise.
    high_bit: of the private number of an ECDSA key in PEM; any if not said."""
    private.parent.mkdir(parents=True, exist_ok=True)
    if kind == "dsa":
        return _make_dsa_key(private)
    size = ["-b", str(bits)] if bits else []
    size += ["-m", form] if form else []
    argv = ["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "test", "-f", str(private)]
    while True:
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
        if high_bit is None or kind != "ecdsa" or _has_high_bit(private) == high_bit:
            return Key(private)
        private.unlink()


def _has_high_bit(private: Path) -> bool:
    key = serialization.load_pem_private_key(private.read_bytes(), None)
    return key.private_numbers().private_value.bit_length() == key.key_size


def _make_dsa_key(private: Path) -> Key:
    """The public half alone: OpenSSH 10 knows DSA no more, and nothing here is signed with it."""
    public = dsa.generate_private_key(1024).public_key()
    line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    private.with_name(private.name + ".pub").write_bytes(line + b" test\n")
    return Key(private)


def sign(key: Key, data: bytes, algorithm: str) -> bytes:
    """An SSH signature blob by a private key, with any algorithm that the key can do."""
    loader = {"ssh-ed25519": paramiko.Ed25519Key, "ssh-rsa": paramiko.RSAKey}
    private = loader.get(key.algorithm, paramiko.ECDSAKey).from_private_key_file(str(key.private))
    plain = algorithm.removesuffix("-cert-v01@openssh.com")
    if key.algorithm == "ssh-rsa":
        return private.sign_ssh_data(data, plain).asbytes()
    return private.sign_ssh_data(data).asbytes()
