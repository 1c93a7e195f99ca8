"""FIDO security keys: one of software with which every field of a signature can be chosen, and keys that OpenSSH's own
software authenticator (sk-dummy.so of Debian's openssh-tests) makes and signs with."""

import base64
import copy
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from paramiko.message import Message

from .certificates import Authority
from .keys import Key, sign
from .messages import greeting
from .plainssh import string
from .rawssh import CUT, USERAUTH_FAILURE, USERAUTH_PK_OK, USERAUTH_REQUEST, USERAUTH_SUCCESS, RawClient, encode

PROVIDER = Path(os.environ.get("GERVE_SK_DUMMY", "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so"))
needs_provider = pytest.mark.skipif(not PROVIDER.exists(), reason="there is no sk-dummy.so (Debian's openssh-tests)")

REFUSED = (USERAUTH_FAILURE, CUT)
PRESENT, VERIFIED = 0x01, 0x04
WEBAUTHN = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"
ED25519, ECDSA = "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"


def make_security_key(private: Path, kind: str, *options: str) -> Key:
    """A key of kind ed25519-sk or ecdsa-sk, held by the software authenticator. options: of ssh-keygen."""
    private.parent.mkdir(parents=True, exist_ok=True)
    argv = ["ssh-keygen", "-q", "-t", kind, "-w", str(PROVIDER), "-N", "", "-C", "test", *options, "-f", str(private)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return Key(private)


def attested(flags: int, counter: int) -> bytes:
    """What a security key signs beside the data, and tells behind its signature."""
    return flags.to_bytes(1, "big") + counter.to_bytes(4, "big")


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
        signed = hashlib.sha256(self.application.encode()).digest() + attested(flags, counter)
        signed += extensions + hashlib.sha256(client_data).digest()
        tail = string(origin if said_origin is None else said_origin) + string(client_data) + string(extensions)
        return string(WEBAUTHN) + string(self._sign_ecdsa(signed)) + attested(flags, counter) + tail

    def line(self) -> str:
        return f"{self.algorithm} {base64.b64encode(self.blob).decode()} token\n"

    def sign(self, data: bytes, flags: int = PRESENT, counter: int = 1, application: str | None = None) -> bytes:
        """The inner signature, without flags and counter."""
        name = self.application if application is None else application
        signed = hashlib.sha256(name.encode()).digest() + attested(flags, counter) + hashlib.sha256(data).digest()
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(signed)
        return self._sign_ecdsa(signed)

    def _sign_ecdsa(self, signed: bytes) -> bytes:
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
        signature = string(self.key.algorithm) + string(self.key.sign(signed, flags, 1)) + attested(flags, 1)
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
        tail = attested(flags if said_flags is None else said_flags, counter if said_counter is None else said_counter)
    request.add_string(string(made_by or key.algorithm) + string(signature) + tail)
    client.send_message(request)
    return client.receive_number()


def check_login(door, person, key: SoftKey, algorithm: str, proof: Callable[[RawClient], int | str], let_in: bool) -> None:
    """Asks whether the key would do by that algorithm, which it does, and then logs in by `proof`."""
    with RawClient(door) as client:
        client.request_authentication()
        assert client.probe(key.blob, algorithm) == USERAUTH_PK_OK
        answer = proof(client)
        if not let_in:
            assert answer in REFUSED
            return
        assert answer == USERAUTH_SUCCESS
        assert client.whoami() == greeting(person.login)


def prove_by_web(client: RawClient, key: SoftKey, *, session: bytes | None = None, announced: str = WEBAUTHN,
                 cut: int = 0, **signed) -> int | str:
    """Logs in with a signature of SoftKey.sign_for_web, whose options are `signed`."""
    request = encode(USERAUTH_REQUEST, "git", "ssh-connection", "publickey", True, announced, key.blob)
    signature = key.sign_for_web(string(session or client.session_id) + request.asbytes(), **signed)
    request.add_string(signature[: len(signature) - cut])
    client.send_message(request)
    return client.receive_number()
