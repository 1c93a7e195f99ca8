"""What an organisation requires of logins (gerve org policy): who is refused, what they are told, and who would be."""

import json

import pytest

from harness.audit import events
from harness.certificates import Authority
from harness.messages import NOT_FOUND
from harness.processes import wait_until
from harness.rawssh import CUT, USERAUTH_FAILURE, USERAUTH_SUCCESS, RawClient
from harness.security_key import ECDSA, ED25519, PRESENT, VERIFIED, SoftKey, certified, prove, register

pytestmark = pytest.mark.both_doors

FETCH, PUSH = "git-upload-pack", "git-receive-pack"
TOUCH = "requires the touch of a security key"
PIN = "requires a security key with a PIN"
EXCHANGE = "requires a post-quantum key exchange"
WITH_PIN = PRESENT | VERIFIED
PLAIN = None  # the key that alice has anyway

# The policy, what is signed (flags of a security key, or PLAIN), the service, and what is told; None: it is served.
TABLE = {
    "no policy, a plain key": ((), PLAIN, PUSH, None),
    "touch for pushes, a plain key pushes": (("--touch", "push"), PLAIN, PUSH, f"{TOUCH} to push"),
    "touch for pushes, a plain key fetches": (("--touch", "push"), PLAIN, FETCH, None),
    "touch for pushes, touched": (("--touch", "push"), PRESENT, PUSH, None),
    "touch for all, a plain key fetches": (("--touch", "all"), PLAIN, FETCH, f"{TOUCH} to fetch"),
    "touch for all, touched": (("--touch", "all"), PRESENT, FETCH, None),
    "PIN for pushes, with PIN": (("--pin", "push"), WITH_PIN, PUSH, None),
    "PIN for pushes, a plain key pushes": (("--pin", "push"), PLAIN, PUSH, f"{PIN} to push"),
    "PIN for pushes, a plain key fetches": (("--pin", "push"), PLAIN, FETCH, None),
    "PIN for all, with PIN": (("--pin", "all"), WITH_PIN, FETCH, None),
    "touch and PIN, with PIN": (("--touch", "all", "--pin", "all"), WITH_PIN, PUSH, None),
    "withdrawn": (("--touch", "off", "--pin", "off"), PLAIN, PUSH, None),
}


@pytest.fixture
def acme(site, alice):
    """An organisation of alice's with a private repository."""
    organisation = site.organisation("acme")
    site.gerve("org", "member", "add", organisation, alice.login, "--role", "owner")
    return organisation


@pytest.fixture
def website(site, acme):
    return site.repository(acme, "website", private=True)


def set_policy(site, organisation, *options) -> None:
    if options:
        site.gerve("org", "policy", organisation, *options)


def ask(raw, service, repository):
    """The service runs until it finds that the client sends nothing; what it says first tells that it ran."""
    return raw.open_session().exec(f"{service} '{repository.path}'")


def log_in(site, person, door, flags, algorithm=ED25519, **options):
    raw = RawClient(door)
    raw.request_authentication()
    if flags is PLAIN:
        assert raw.prove(person.key) == USERAUTH_SUCCESS
    else:
        assert prove(raw, register(site, person, algorithm), flags=flags, **options) == USERAUTH_SUCCESS
    return raw


@pytest.mark.parametrize("case", TABLE)
def test_the_table(site, door, alice, acme, website, case):
    policy, flags, service, told = TABLE[case]
    set_policy(site, acme, "--touch", "push", "--pin", "push")  # which each row replaces
    set_policy(site, acme, "--touch", "off", "--pin", "off")
    set_policy(site, acme, *policy)
    with log_in(site, alice, door, flags) as raw:
        answer = ask(raw, service, website)
    if told is None:
        assert answer.stdout and b"ERROR" not in answer.stderr
    else:
        assert not answer.stdout and answer.exit == 1
        assert answer.stderr.decode().startswith(f"ERROR: {acme} {told}. Log in with a key made by: ssh-keygen")


@pytest.mark.gateway_only("behind sshd the login itself is refused: see the next test")
@pytest.mark.parametrize("service, told", [(PUSH, f"{PIN} to push"), (FETCH, None)])
def test_one_key_pushes_with_pin_and_fetches_without(site, door, alice, acme, website, service, told):
    set_policy(site, acme, "--pin", "push")
    with log_in(site, alice, door, PRESENT, ECDSA) as raw:
        answer = ask(raw, service, website)
        assert (told in answer.stderr.decode()) if told else answer.stdout
        decided = wait_until(lambda: [one for one in events(site, "--event", "decision", "--user", alice.login)
                                      if one["repo"] == website.path], "the decision")
    assert decided[-1]["because"] == ("pin-required" if told else "organization")


@pytest.mark.parametrize("flags, let_in", [(PRESENT, False), (WITH_PIN, True)])
def test_behind_sshd_the_strictest_policy_is_asked_of_every_login(site, open_door, flags, let_in, door):
    """Of members; somebody else's login is as it was."""
    if door.kind != "sshd":
        pytest.skip("not through the gateway: it asks for each operation")
    member, other = site.person("member", door), site.person("other", door)
    organisation = site.organisation("strict")
    site.gerve("org", "member", "add", organisation, member.login)
    set_policy(site, organisation, "--pin", "push")
    with RawClient(door) as raw:
        raw.request_authentication()
        answer = prove(raw, register(site, member, ED25519), flags=flags)
        assert answer == USERAUTH_SUCCESS if let_in else answer in (USERAUTH_FAILURE, CUT)
    with log_in(site, other, door, PRESENT) as raw:
        assert other.login in raw.whoami()


def test_the_certificate_of_a_security_key_without_pin_is_refused_where_it_is_required(site, door, alice, acme, website):
    authority = Authority(site.directory / site.fresh("authority"))
    site.gerve("ca", "add", site.fresh("ca"), authority.key.public, "--instance", "--identity", "principal")
    set_policy(site, acme, "--pin", "push")
    place = site.directory / site.fresh("soft")
    key = certified(SoftKey(ED25519), authority, place, principals=alice.login)
    with RawClient(door) as raw:
        raw.request_authentication()
        answer = prove(raw, key, made_by=ED25519)
        if door.kind == "sshd":
            assert answer in (USERAUTH_FAILURE, CUT)
        else:
            assert answer == USERAUTH_SUCCESS
            assert PIN in ask(raw, PUSH, website).stderr.decode()
    explained = site.gerve("explain", place / "soft-cert.pub", f"{PUSH} '{website.path}'").stdout
    assert "not decided: the signature of the login decides" in explained


def test_an_exception_from_the_touch_counts_unless_a_policy_asks_more(site, door, alice, acme, website):
    key = register(site, alice, ED25519, options=("--no-touch-required",))
    with RawClient(door) as raw:
        raw.request_authentication()
        assert prove(raw, key, flags=0) == USERAUTH_SUCCESS
        assert ask(raw, PUSH, website).stdout
    set_policy(site, acme, "--touch", "push")
    with RawClient(door) as raw:
        raw.request_authentication()
        answer = prove(raw, key, flags=0)
        if door.kind == "sshd":
            assert answer in (USERAUTH_FAILURE, CUT)
        else:
            assert answer == USERAUTH_SUCCESS
            assert TOUCH in ask(raw, PUSH, website).stderr.decode()
            assert ask(raw, FETCH, website).stdout


@pytest.mark.parametrize("policy, flags", [("--touch", PRESENT), ("--pin", WITH_PIN)])
def test_the_certificate_of_a_security_key_counts_like_the_key(site, door, alice, acme, website, policy, flags):
    authority = Authority(site.directory / site.fresh("authority"))
    site.gerve("ca", "add", site.fresh("ca"), authority.key.public, "--instance", "--identity", "principal")
    set_policy(site, acme, policy, "push")
    key = certified(SoftKey(ED25519), authority, site.directory / site.fresh("soft"), principals=alice.login)
    with RawClient(door) as raw:
        raw.request_authentication()
        assert prove(raw, key, made_by=ED25519, flags=flags) == USERAUTH_SUCCESS
        assert ask(raw, PUSH, website).stdout


def test_only_a_security_key_can_be_an_exception(site, alice):
    refused = site.gerve("key", "add", site.person("other").login, site.stranger().key.public, "--no-touch-required",
                         exit=1)
    assert "only a security key (sk-…) can do without a touch" in refused.stderr


@pytest.mark.gateway_only("the commands are the same")
def test_an_exception_is_listed(site, alice):
    key = register(site, alice, ED25519, options=("--no-touch-required",))
    touched = register(site, alice, ED25519)
    listed = {one["fingerprint"]: one.get("touch_required") for one in site.gerve_json("key", "list", alice.login)}
    assert listed == {key.fingerprint: False, touched.fingerprint: True, alice.key.fingerprint: None}
    assert "Touch        not required" in site.gerve("key", "show", key.fingerprint).stdout
    assert "Touch" not in site.gerve("key", "show", touched.fingerprint).stdout


def test_a_client_without_a_post_quantum_exchange_is_told_what_to_upgrade(site, door, alice, acme, website):
    set_policy(site, acme, "--post-quantum")
    old = ("-o", "KexAlgorithms=curve25519-sha256")
    told = alice.ssh(*old, f"{FETCH} '{website.path}'", exit=1).stderr
    if door.kind == "sshd":
        assert told == (f"ERROR: {acme} {EXCHANGE}, which this SSH server does not report to Gerve. Use the address of a "
                        "gateway, or ask the operator.\n")
    else:
        assert told == (f"ERROR: {acme} {EXCHANGE}; this connection uses curve25519-sha256. Upgrade your SSH client: "
                        "OpenSSH 9.0 or later has one, unless KexAlgorithms in its configuration leaves it out.\n")
        alice.clone(website, into="by-a-post-quantum-exchange")
    outsider = site.person("outsider", door)
    assert outsider.ssh(*old, f"{FETCH} '{website.path}'", exit=1).stderr == NOT_FOUND
    set_policy(site, acme, "--no-post-quantum")
    alice.with_ssh_options(*old).clone(website, into="once-it-is-withdrawn")


def test_deploy_keys_are_asked_only_where_the_policy_says_so(site, door, acme, website):
    machine = site.deploy_client(website, door, write=True)
    set_policy(site, acme, "--touch", "all", "--pin", "all")
    with RawClient(door).log_in(machine.key) as raw:
        assert ask(raw, PUSH, website).stdout
        set_policy(site, acme, "--deploy-keys")
        assert TOUCH in ask(raw, PUSH, website).stderr.decode()
        set_policy(site, acme, "--no-deploy-keys")
        assert ask(raw, FETCH, website).stdout


@pytest.mark.gateway_only("the commands are the same")
def test_explain_shows_each_rule_with_its_verdict(site, alice, acme, website):
    set_policy(site, acme, "--post-quantum", "--touch", "push")
    key = register(site, alice, ED25519)
    push, fetch = f"{PUSH} '{website.path}'", f"{FETCH} '{website.path}'"
    plain = site.gerve("explain", alice.key.fingerprint, push, exit=1).stdout
    assert "fails: it is not a security key" in plain and "DENIED: rule touch-required" in plain
    token = site.gerve("explain", key.fingerprint, push).stdout
    assert "not decided: the signature of the login decides" in token
    assert "not decided: the key exchange of the login decides" in token
    assert "touch-required" not in site.gerve("explain", alice.login, fetch).stdout


@pytest.mark.gateway_only("the commands are the same")
def test_the_policy_is_shown_changed_and_on_record(site, acme):
    assert site.gerve_json("org", "policy", acme) == {
        "org": acme, "post_quantum": False, "touch": "off", "pin": "off", "deploy_keys": False
    }
    changes = lambda: [one for one in events(site, "--event", "admin", "--user", acme) if one["command"] == "org policy"]
    site.gerve("org", "policy", acme, "--check", "--touch", "all", exit=(0, 1))
    assert changes() == []
    told = site.gerve("org", "policy", acme, "--post-quantum", "--touch", "push", "--deploy-keys").stdout
    assert told == f"the policy of {acme} is now: post-quantum, touch push, deploy keys\n"
    site.gerve("org", "policy", acme, "--touch", "push", says="already")
    assert [one["details"]["after"] for one in changes()] == ["post-quantum, touch push, deploy keys"] * 2
    assert site.gerve_json("org", "policy", acme)["touch"] == "push"
    site.gerve("org", "policy", acme, "--touch", "sometimes", exit=2)
    site.gerve("org", "policy", acme, "--post-quantum", "--no-post-quantum", exit=2)
    site.gerve("org", "policy", site.person("user").login, "--post-quantum", exit=1, says="not an organisation")


@pytest.mark.gateway_only("the commands are the same")
def test_check_lists_who_would_be_refused_and_changes_nothing(private_site):
    site = private_site
    door = site.door()
    old, token, silent = site.person("old"), site.person("token"), site.person("silent")
    organisation = site.organisation()
    for person in (old, token, silent):
        site.gerve("org", "member", "add", organisation, person.login)
    website = site.repository(organisation, "website", private=True)
    machine = site.deploy_client(website)
    old.ssh("-o", "KexAlgorithms=curve25519-sha256", exit=1)
    machine.ssh(exit=1)
    site.person("stranger").ssh("-o", "KexAlgorithms=curve25519-sha256", exit=1)
    with log_in(site, token, door, PRESENT) as raw:
        raw.whoami()
    check = lambda *options: site.gerve("org", "policy", organisation, "--check", *options, "--json", exit=(0, 1))
    refused = lambda *options: {(one.get("user", one.get("deploy_key_of")), one["refused"])
                                for one in json.loads(check(*options).stdout)["refused"]}
    wait_until(lambda: json.loads(check("--touch", "push").stdout)["unseen"] == 1, "the logins in the table")
    assert refused("--touch", "push") == {(old.login, "push")}
    assert refused("--pin", "all", "--deploy-keys") == {(old.login, "all"), (token.login, "all"), (website.path, "all")}
    assert (old.login, "all") in refused("--post-quantum")
    assert (website.path, "all") not in refused("--post-quantum")
    assert refused("--touch", "off") == set()
    site.gerve("org", "policy", organisation, "--check", "--touch", "push", exit=1, says="touch-required")
    site.gerve("org", "policy", organisation, "--check", exit=0, says="nobody would be refused")
    assert site.gerve_json("org", "policy", organisation)["touch"] == "off"


@pytest.mark.gateway_only("the commands are the same")
def test_a_declared_policy_is_exported_and_applied(private_site):
    site = private_site
    alice = site.person("alice")
    organisation = site.organisation()
    key = register(site, alice, ED25519, options=("--no-touch-required",))
    set_policy(site, organisation, "--post-quantum", "--pin", "push", "--deploy-keys")
    text = site.gerve("export").stdout
    for line in ("require_post_quantum = true", 'require_pin = "push"', "require_of_deploy_keys = true",
                 "no_touch_required = true"):
        assert f"\n{line}\n" in text
    assert "require_touch" not in text
    site.gerve("apply", "-", input=text.encode(), says="nothing to change")
    changed = text.replace('require_pin = "push"', 'require_touch = "all"').replace("no_touch_required = true\n", "")
    told = site.gerve("apply", "-", input=changed.encode()).stdout
    assert "policy post-quantum, pin push, deploy keys -> post-quantum, touch all, deploy keys" in told
    assert site.gerve_json("org", "policy", organisation)["touch"] == "all"
    assert site.entry(key.fingerprint, "key", "list")["touch_required"] is True
    site.gerve("apply", "-", input=text.encode())
    assert site.gerve("export").stdout == text
