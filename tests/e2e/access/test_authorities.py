"""Authorities of certificates: how they are kept, and what their certificates are revoked by."""

import os
import time

import pytest

from harness.audit import events
from harness.certificates import Authority, bearer
from harness.messages import WITHDRAWN
from harness.slow_clone import SIZE, SlowClone


def test_authorities_are_listed_and_their_changes_recorded(site):
    authority = Authority(site.directory / site.fresh("authority"))
    name = site.fresh("ca")
    site.gerve("ca", "add", name, authority.key.public, exit=2, says="--instance")
    site.gerve("ca", "add", name, authority.key.public, "--instance", "--max-life", "12h")
    site.gerve("ca", "add", name, authority.key.public, "--instance", "--max-life", "12h", says="already exists")
    site.gerve("ca", "add", site.fresh("ca"), authority.key.public, "--instance", exit=1, says="already has this key")
    listed = site.entry(name, "ca", "list")
    assert listed["fingerprint"] == authority.key.fingerprint
    assert (listed["identity"], listed["max_life"], listed["organization"]) == ("key-id", "12h", None)
    site.gerve("ca", "revoke", name, exit=2, says="--serial")
    site.gerve("ca", "revoke", name, "--serial", "9-7", exit=2, says="not a serial")
    site.gerve("ca", "revoke", name, "--serial", "7-9", "--key-id", "x")
    site.gerve("ca", "revoke", name, "--serial", "7-9", says="revoked before")
    shown = site.gerve_json("ca", "show", name)
    assert [(one["by"], one["value"]) for one in shown["revoked_certificates"]] == [("serial", "7-9"), ("key-id", "x")]
    site.gerve("ca", "remove", name, exit=1, says="--force")
    site.gerve("ca", "remove", name, "--force")
    site.gerve("ca", "show", name, exit=1, says="there is no authority")
    commands = [one["command"] for one in events(site, "--event", "admin")
                if one.get("details", {}).get("authority") == authority.key.fingerprint and one["done"]]
    assert commands == ["ca add", "ca add", "ca revoke", "ca revoke", "ca remove"]


def test_a_list_about_another_authority_revokes_nothing(site, workspace):
    authority, other = (Authority(site.directory / site.fresh("authority")) for _ in range(2))
    name = site.fresh("ca")
    site.gerve("ca", "add", name, authority.key.public, "--instance")
    listed = other.revoke(workspace / "other.krl", "serial: 7")
    told = site.gerve("ca", "revoke", name, "--krl", listed, says="1 section is about other authorities")
    assert f"revokes nothing of {name}: nothing was changed" in told.stderr
    assert site.gerve_json("ca", "show", name)["revoked_certificates"] == []


def test_what_an_authority_counts_for_is_changed(site):
    organisation = site.organisation()
    authority = Authority(site.directory / site.fresh("authority"))
    name = site.fresh("ca")
    site.gerve("ca", "set", name, "--instance", exit=1, says="there is no authority")
    site.gerve("ca", "add", name, authority.key.public, "--instance", "--identity", "principal")
    site.gerve("ca", "revoke", name, "--serial", "7-9")
    site.gerve("ca", "set", name, exit=2, says="give what to change")
    site.gerve("ca", "set", name, "--instance", "--org", organisation, exit=2, says="not both")
    site.gerve("ca", "set", name, "--max-life", "soon", exit=2, says="or any")
    site.gerve("ca", "set", name, "--max-life", "12h")
    site.gerve("ca", "set", name, "--max-life", "12h", says="is already: for the instance, identity by principal, max life 12h")
    site.gerve("ca", "set", name, "--org", organisation, "--identity", "login@github.com")
    shown = site.gerve_json("ca", "show", name)
    assert (shown["organization"], shown["identity"], shown["max_life"]) == (organisation, "login@github.com", "12h")
    assert [one["value"] for one in shown["revoked_certificates"]] == ["7-9"]
    site.gerve("ca", "set", name, "--instance", "--max-life", "any")
    listed = site.entry(name, "ca", "list")
    assert (listed["organization"], listed["identity"], listed["max_life"]) == (None, "login@github.com", None)
    changes = [one["details"] for one in events(site, "--event", "admin")
               if one["command"] == "ca set" and one["done"] and one["details"].get("after")]
    mine = [one for one in changes if one["authority"] == authority.key.fingerprint]
    assert mine[-1]["before"] == f"for {organisation}, identity by login@github.com, max life 12h"
    assert mine[-1]["after"] == "for the instance, identity by login@github.com, max life any"
    site.gerve("ca", "revoke", name, "--all")
    site.gerve("ca", "set", name, "--max-life", "1h", exit=1, says="is revoked")


@pytest.mark.both_doors
def test_what_runs_by_what_was_said_before_ends(site, door):
    owner = site.person("owner", door)
    repository = site.repository(owner, private=True)
    work = owner.publish(repository)
    work.git("config", "core.compression", "0")
    work.commit("noise", os.urandom(SIZE))
    work.git("push", "--quiet")
    authority = Authority(site.directory / site.fresh("authority"))
    name = site.fresh("ca")
    site.gerve("ca", "add", name, authority.key.public, "--instance", "--identity", "principal", "--max-life", "7d")
    client = bearer(site, owner.login, door)
    authority.certify(client.key, principals=owner.login)
    clone = SlowClone(site, client, repository)
    site.gerve("ca", "set", name, "--max-life", "30d")
    time.sleep(4)  # twice as long as between two looks at what runs
    assert clone.running.process.poll() is None
    began = time.monotonic()
    site.gerve("ca", "set", name, "--max-life", "1h")
    clone.ends(WITHDRAWN, began)
    client.ssh("whoami", exit=255)


def test_what_github_documents(site, door):
    """ssh-keygen -s CA -V '+1d' -I ID -O extension:login@github.com=USER KEY.pub"""
    user = site.person("hubber", door)
    authority = Authority(site.directory / site.fresh("authority"))
    site.gerve("ca", "add", site.fresh("ca"), authority.key.public, "--instance", "--identity", "login@github.com")
    client = bearer(site, user.login, door)
    authority.certify(client.key, principals=None, validity="+1d", options=(f"extension:login@github.com={user.login}",))
    client.ssh("whoami", says=user.login)


def test_a_revoked_certificate_stays_so_when_its_signature_is_turned(site, door):
    login, name = site.person("victim", door).login, site.fresh("ca")
    authority = Authority(site.directory / site.fresh("authority"), "ecdsa")
    site.gerve("ca", "add", name, authority.key.public, "--instance", "--identity", "principal")
    client = bearer(site, login, door)
    certificate = authority.certify(client.key, principals=login)
    original = certificate.with_name("original.pub")
    original.write_text(certificate.read_text())
    authority.turn_signature(certificate)
    client.ssh("whoami")
    site.gerve("ca", "revoke", name, "--certificate", original)
    client.ssh("-o", "LogLevel=INFO", "whoami", exit=255, says="It was revoked.")
