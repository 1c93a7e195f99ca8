"""Taking over authorized_keys files."""

import json

from harness.audit import events
from harness.keys import make_key


def test_an_authorized_keys_file_is_taken_over(private_site, workspace):
    site = private_site
    keys = [make_key(workspace / "authorized" / f"k{number}") for number in range(8)]
    line = [" ".join(key.public.read_text().split()[:2]) for key in keys]
    shell = "/usr/share/gitolite3/gitolite-shell"
    file = site.admin.write("authorized_keys", "\n".join([
        "# gitolite start",
        f'command="{shell} ann",no-port-forwarding,no-X11-forwarding,no-agent-forwarding,no-pty {line[0]} ann@laptop',
        f'restrict,command="{shell} bob",expiry-time="20990102Z" {line[1]} x',
        f'from="10.0.0.0/8",command="{shell} bob" {line[2]} x',
        "# gitolite end",
        f"{line[3]} dot@home",
        f"{line[4]} root@server",
        f'command="rsync --server" {line[5]} backup',
        f'cert-authority {line[6]} ca',
        f'command="{shell} ann {line[7]}',
    ]) + "\n")
    site.gerve("user", "add", "dot")
    plan = site.gerve("import", "authorized-keys", file).stdout
    assert "5 changes to make" in plan and "Nothing was changed" in plan
    assert {account["login"] for account in site.gerve_json("user", "list")} == {"dot"}
    report = json.loads(site.gerve("import", "authorized-keys", file, "--yes", "--json").stdout)
    assert [finding["line"] for finding in report["findings"]] == [4, 7, 8, 9, 10]
    for login, key in (("ann", keys[0]), ("bob", keys[1]), ("dot", keys[3])):
        found = site.gerve_json("key", "list", login)
        assert [one["fingerprint"] for one in found] == [key.fingerprint]
    assert site.gerve_json("key", "list", "bob")[0]["expires"] == "2099-01-02T00:00:00Z"
    again = json.loads(site.gerve("import", "authorized-keys", file, "--yes", "--json").stdout)
    assert again["changes"] == []
    commands = [event["command"] for event in events(site, "--event", "admin")]
    assert sorted(commands[-5:]) == ["key add"] * 3 + ["user add"] * 2


def test_all_keys_of_a_file_can_be_one_users(private_site, workspace):
    site = private_site
    keys = [make_key(workspace / "of-one" / f"k{number}") for number in range(3)]
    lines = [key.public.read_text().strip() for key in keys]
    file = site.admin.write("keys", f'{lines[0]}\nfrom="10.0.0.1" {lines[1]}\n{lines[0]}\n{lines[2]}\n')
    site.gerve("import", "authorized-keys", file, "--user", "ann", exit=1, says="no user ann")
    site.gerve("user", "add", "ann")
    site.gerve("user", "add", "bob")
    site.gerve("key", "add", "bob", keys[2].public)
    outcome = site.gerve("import", "authorized-keys", file, "--user", "ann", "--ignore-from", "--yes")
    assert "the key belongs to bob in Gerve" in outcome.stdout and "from is not kept" in outcome.stdout
    found = {one["fingerprint"] for one in site.gerve_json("key", "list", "ann")}
    assert found == {keys[0].fingerprint, keys[1].fingerprint}
    site.gerve("import", "authorized-keys", keys[0].private, "--user", "ann", exit=1, says="this is a private key")
