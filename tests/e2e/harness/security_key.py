"""FIDO security keys: one of software with which every field of a signature can be chosen, and keys that OpenSSH's own
software authenticator (sk-dummy.so of Debian's openssh-tests) makes and signs with."""

import base64
import copy
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from paramiko.message import Message

from .certificates import Authority
from .keys import Key, sign
from .plainssh import string
from .rawssh import USERAUTH_REQUEST, RawClient, encode

PROVIDER = Path(os.environ.get("GERVE_SK_DUMMY", "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so"))

PRESENT, VERIFIED = 0x01, 0x04
WEBAUTHN = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"
ED25519, ECDSA = "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"


def make_security_key(private: Path, kind: str, *options: str) -> Key:
    """A key of kind ed25519-sk or ecdsa-sk, held by the software authenticator. options: of ssh-keygen."""
    private.parent.mkdir(parents=True, exist_ok=True)
    argv = ["ssh-keygen", "-q", "-t", kind, "-w", str(PROVIDER), "-N", "", "-C", "test", *options, "-f", str(private)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return Key(private)


class SoftKey:
    """A security key of software. PROTOCOL.u2f of OpenSSH tells the format."""

    def __init__(self, algorithm: str, application: str = "ssh:"):
        self.algorithm = algorithm
        self.application = application
        if algorithm == ED25519:
            self._private = ed25519.Ed25519PrivateKey.generate()
            point = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            body = string(point)
        else:
            self._private = ec.generate_private_key(ec.SECP256R1())
            point = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            body = string("nistp256") + string(point)
        self.blob = string(algorithm) + body + string(application)
        self.fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    def sign_for_web(self, data: bytes, flags: int = PRESENT, counter: int = 1, *, origin: str = "https://git.example.org",
                     kind: str = "webauthn.get", challenge: bytes | None = None, said_origin: str | None = None,
                     extensions: bytes = b"", cross_origin: bool = False) -> bytes:
        """A whole signature as a browser has it made. challenge: what the browser was given, unless it is the data;
        said_origin: what the signature says beside the client data."""
        given = base64.urlsafe_b64encode(data if challenge is None else challenge).decode().rstrip("=")
        client_data = f'{{"type":"{kind}","challenge":"{given}","origin":"{origin}"'
        client_data = (client_data + (',"crossOrigin":false}' if cross_origin else "}")).encode()
        signed = hashlib.sha256(self.application.encode()).digest() + flags.to_bytes(1, "big") + counter.to_bytes(4, "big")
        signed += extensions + hashlib.sha256(client_data).digest()
        r, s = decode_dss_signature(self._private.sign(signed, ec.ECDSA(hashes.SHA256())))
        numbers = Message()
        numbers.add_mpint(r)
        numbers.add_mpint(s)
        tail = flags.to_bytes(1, "big") + counter.to_bytes(4, "big")
        tail += string(origin if said_origin is None else said_origin) + string(client_data) + string(extensions)
        return string(WEBAUTHN) + string(numbers.asbytes()) + tail

    def line(self) -> str:
        return f"{self.algorithm} {base64.b64encode(self.blob).decode()} token\n"

    def sign(self, data: bytes, flags: int = PRESENT, counter: int = 1, application: str | None = None) -> bytes:
        """The inner signature, without flags and counter."""
        name = self.application if application is None else application
        attested = flags.to_bytes(1, "big") + counter.to_bytes(4, "big")
        signed = hashlib.sha256(name.encode()).digest() + attested + hashlib.sha256(data).digest()
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(signed)
        r, s = decode_dss_signature(self._private.sign(signed, ec.ECDSA(hashes.SHA256())))
        numbers = Message()
        numbers.add_mpint(r)
        numbers.add_mpint(s)
        return numbers.asbytes()


class SoftAuthority:
    """A security key of software that signs certificates."""

    def __init__(self, directory: Path, algorithm: str):
        self.key = SoftKey(algorithm)
        self.directory = directory
        self.public = directory / "soft_ca.pub"
        directory.mkdir(parents=True)
        self.public.write_text(self.key.line())

    def certify(self, key: Key, principals: str, flags: int = PRESENT) -> Path:
        """The certificate, where ssh looks for it: what ssh-keygen makes by another authority, signed anew."""
        other = Authority(self.directory / "other")
        file = other.certify(key, principals=principals)
        kind, encoded = file.read_text().split()[:2]
        blob = base64.b64decode(encoded)
        behind = len(string(other.key.blob)) + len(string(sign(other.key, b"", other.key.algorithm)))
        shutil.rmtree(self.directory / "other")
        signed = blob[:-behind] + string(self.key.blob)
        attested = flags.to_bytes(1, "big") + (1).to_bytes(4, "big")
        signature = string(self.key.algorithm) + string(self.key.sign(signed, flags, 1)) + attested
        file.write_text(f"{kind} {base64.b64encode(signed + string(signature)).decode()}\n")
        return file


def certified(key: SoftKey, authority: Authority, directory: Path, **made) -> SoftKey:
    """The key as it is proven by a certificate of that authority's."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "soft"
    Key(file).public.write_text(key.line())
    kind, encoded = authority.certify(Key(file), **made).read_text().split()[:2]
    other = copy.copy(key)
    other.algorithm, other.blob = kind, base64.b64decode(encoded)
    return other


def register(site, person, algorithm: str, application: str = "ssh:", options: tuple[str, ...] = ()) -> SoftKey:
    """A new key of that person's. options: of `gerve key add`."""
    key = SoftKey(algorithm, application)
    site.gerve("key", "add", person.login, "-", *options, input=key.line().encode())
    return key


def prove(client: RawClient, key: SoftKey, flags: int = PRESENT, counter: int = 1, *, said_flags: int | None = None,
          said_counter: int | None = None, application: str | None = None, session: bytes | None = None,
          made_by: str | None = None, tail: bytes | None = None) -> int | str:
    """Logs in with the key; the number of the answer. said_…: what the message says where that is not what was signed.
    tail: what it says in place of flags and counter."""
    request = encode(USERAUTH_REQUEST, "git", "ssh-connection", "publickey", True, key.algorithm, key.blob)
    signature = key.sign(string(session or client.session_id) + request.asbytes(), flags, counter, application)
    if tail is None:
        tail = bytes([flags if said_flags is None else said_flags])
        tail += (counter if said_counter is None else said_counter).to_bytes(4, "big")
    request.add_string(string(made_by or key.algorithm) + string(signature) + tail)
    client.send_message(request)
    return client.receive_number()


def prove_by_web(client: RawClient, key: SoftKey, *, session: bytes | None = None, announced: str = WEBAUTHN,
                 cut: int = 0, **signed) -> int | str:
    """Logs in with a signature of SoftKey.sign_for_web, whose options are `signed`."""
    request = encode(USERAUTH_REQUEST, "git", "ssh-connection", "publickey", True, announced, key.blob)
    signature = key.sign_for_web(string(session or client.session_id) + request.asbytes(), **signed)
    request.add_string(signature[: len(signature) - cut])
    client.send_message(request)
    return client.receive_number()
