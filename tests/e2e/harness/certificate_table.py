"""Certificates of every kind, the rule that refuses each, and what its holder reads: for the gateway, for a stock sshd
in front of Gerve, and for OpenSSH's sshd with the same authorities as judge."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from .certificates import Authority, bearer, certificate_of


@dataclass(frozen=True)
class Row:
    """A certificate, the rule that refuses it ("": it counts), what its holder reads of that ("": nothing), and why
    OpenSSH's sshd judges otherwise ("": it does not)."""

    name: str
    rule: str = ""
    told: str = ""
    sshd: str = ""
    made: dict = field(default_factory=dict)
    key: dict = field(default_factory=dict)
    authority: str = "ed25519"


def row(name, rule="", told="", sshd="", key=None, authority="ed25519", **made) -> Row:
    return Row(name, rule, told, sshd, made, key or {}, authority)


EXPIRED, EARLY = "It expired at ", "It is not valid before "
ROWS = [
    row("plain"),
    row("forever", validity="always:forever"),
    row("largest-serial", serial=2**64 - 1),
    row("serial-0", serial=0),
    row("several-principals", principals="nobody-here,alice"),
    row("ecdsa-256", key={"kind": "ecdsa", "bits": 256}),
    row("ecdsa-384", key={"kind": "ecdsa", "bits": 384}),
    row("ecdsa-521", key={"kind": "ecdsa", "bits": 521}),
    row("rsa", key={"kind": "rsa", "bits": 2048}),
    row("by-rsa-512", authority="rsa"),
    row("by-rsa-256", authority="rsa", algorithm="rsa-sha2-256"),
    row("by-ecdsa", authority="ecdsa"),
    row("by-rsa-sha1", "signature-algorithm", authority="rsa", algorithm="ssh-rsa"),
    row("expired", "valid-before", EXPIRED, validity="-2d:-1d"),
    row("not-yet", "valid-after", EARLY, validity="+1d:+2d"),
    row("no-principals", "principals", "It has no principals.", principals=None),
    row("no-account", "identity", principals="nobody-here"),
    row("host", "kind", host=True),  # which OpenSSH's client does not offer
    row("from-here", options=("source-address=10.0.0.0/8,127.0.0.0/8",)),
    row("from-elsewhere", "source-address", "It may not be used from", options=("source-address=10.0.0.0/8",)),
    row("from-elsewhere-6", "source-address", "It may not be used from", options=("source-address=2001:db8::/32",)),
    row("force-command", "force-command", "It forces a command", options=("force-command=true",),
        sshd="sshd runs the command, which Gerve never does"),
    row("verify-required", "critical-options", "'verify-required'", options=("verify-required",),
        sshd="sshd asks a PIN of security keys alone, and lets other keys pass"),
    row("unknown-option", "critical-options", "'other@example.com'", options=("critical:other@example.com=1",)),
    row("unknown-extension", options=("extension:other@example.com=1",)),
    row("no-extensions", options=("clear",)),
    row("too-long", "max-life", "It is valid for longer", validity="-1d:+90d", authority="short",
        sshd="sshd has no --max-life"),
    row("short-enough", validity="-1d:+5d", authority="short"),
    row("forever-too-long", "max-life", "It is valid for longer", validity="always:forever", authority="short",
        sshd="sshd has no --max-life"),
    row("revoked-serial", "revocation", "It was revoked.", serial=700),
    row("revoked-range", "revocation", "It was revoked.", serial=805),
    row("beside-range", serial=811),
    row("revoked-id", "revocation", "It was revoked.", key_id="stolen"),
    row("revoked-list", "revocation", "It was revoked.", serial=903),
    row("unknown-authority", "authority", authority="stranger"),
    row("by-certificate", None),
]


class World:
    """A site with its authorities, one user, and whoever bears the certificates."""

    def __init__(self, site, directory: Path):
        self.site = site
        self.user = site.person("alice").login
        directory.mkdir()
        self.directory = directory
        self.authorities = {name: Authority(directory / name, kind) for name, kind in (
            ("ed25519", "ed25519"), ("rsa", "rsa"), ("ecdsa", "ecdsa"), ("short", "ed25519"), ("stranger", "ed25519"))}
        self.names = {}
        for name, authority in self.authorities.items():
            if name == "stranger":
                continue
            self.names[name] = site.fresh("ca")
            life = ("--max-life", "7d") if name == "short" else ()
            site.gerve("ca", "add", self.names[name], authority.key.public, "--instance", "--identity", "principal", *life)
        ca = self.authorities["ed25519"]
        listed = ca.revoke(directory / "listed.krl", "serial: 900-902", "serial: 903", "serial: 1000", "id: other")
        site.gerve("ca", "revoke", self.names["ed25519"], "--serial", "700", "--serial", "800-810", "--key-id", "stolen")
        site.gerve("ca", "revoke", self.names["ed25519"], "--krl", listed)
        self.bearers = {one.name: self.make(one) for one in ROWS}
        self.krl = ca.revoke(directory / "all.krl", "serial: 700", "serial: 800-810", "serial: 903", "id: stolen")

    def make(self, one: Row):
        client = bearer(self.site, self.user, **one.key)
        made = dict(one.made)
        principals = made.get("principals", "alice")
        made["principals"] = principals and principals.replace("alice", self.user)
        authority = self.authorities[one.authority]
        if one.name == "by-certificate":
            authority.certify_by_certificate(client.key)
        else:
            authority.certify(client.key, **made)
        return client

    def explain(self, client, *more, exit=1) -> dict:
        asked = ["explain", certificate_of(client.key), f"git-upload-pack '{self.user}/x'", *more, "--json"]
        return json.loads(self.site.gerve(*asked, exit=exit).stdout)
