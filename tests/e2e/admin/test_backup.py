"""Files of the state that are backed up, put back, replaced behind Gerve's back, or gone."""

import shutil

from harness.audit import events
from harness.processes import wait_until
from harness.programs import program
from harness.terminal import Terminal

ANY = range(-64, 256)  # exit statuses


def prepared(site):
    """A user with a published repository, and a backup of that."""
    alice = site.person("alice")
    project = site.repository(alice, private=True)
    alice.publish(project)
    backup = site.directory / "backup.db"
    site.gerve("backup", backup, says=("wrote", "audit.key"))
    assert backup.stat().st_mode & 0o777 == 0o600
    return alice, project, backup


def logins(site) -> set[str]:
    return {entry["login"] for entry in site.gerve_json("user", "list")}


# ---- backup and restore


def test_a_backup_is_restored_while_it_is_served(private_site):
    site = private_site
    alice, project, backup = prepared(site)
    bob = site.person("bob")
    bob.ssh("whoami", says=bob.login)
    site.gerve("restore", backup, says=("restored", "the previous database is kept as"))
    for _ in range(5):
        alice.git("ls-remote", project.url)
    wait_until(lambda: bob.ssh(exit=ANY).exit == 255, "bob's key is unknown again", timeout=5)
    assert bob.login not in logins(site)
    (former,) = site.state.glob("gerve.db.before-*Z")
    assert former.stat().st_mode & 0o777 == 0o600
    restored = [one for one in events(site, "--event", "admin") if one["command"] == "restore"]
    assert [one["details"]["former"] for one in restored] == [str(former)]
    # The events since the backup come into the table once more.
    site.gerve("audit", "verify")
    assert site.gateway.log().count("a child ended") == 0
    site.gerve("restore", former)
    assert bob.login in logins(site)


def test_what_is_no_backup_is_refused(private_site):
    site = private_site
    alice, project, backup = prepared(site)
    site.gerve("backup", backup, exit=1, says="already exists")
    text = site.directory / "text"
    text.write_text("no database")
    site.gerve("restore", text, exit=1, says=str(text))
    alice.git("ls-remote", project.url)
    assert not list(site.state.glob("gerve.db.*"))


def test_with_a_database_server_the_commands_name_its_own(workspace):
    config = workspace / "mysql.toml"
    password = workspace / "mysql.password"
    password.write_text("secret")
    password.chmod(0o600)
    config.write_text(f'state = "{workspace}/no-state"\n[directory]\nbackend = "mysql"\n[directory.mysql]\n'
                      f'uri = "tcp://127.0.0.1:1/gerve"\nuser = "gerve"\npassword_file = "{password}"\n'
                      "[audit]\nenabled = false\n")
    admin = Terminal(workspace / "mysql-admin", "admin")
    admin.run(program("gerve"), "-c", config, "backup", workspace / "x", exit=2, says="mariadb-dump --single-transaction")
    admin.run(program("gerve"), "-c", config, "restore", workspace / "x", exit=2, says="gerve schema migrate")


# ---- replaced behind its back


def test_a_backup_moved_into_place_is_what_is_served(private_site):
    site = private_site
    alice, project, backup = prepared(site)
    later = site.person("later")
    shutil.copy(backup, site.state / "new")
    (site.state / "new").rename(site.state / "gerve.db")
    for _ in range(10):
        alice.git("ls-remote", project.url)
    assert later.login not in logins(site)
    wait_until(lambda: "the database file was replaced" in site.gateway.log() or list(site.state.glob("gerve.db-wal.*")),
               "somebody has put the former log aside", timeout=5)
    carol = site.person("carol")
    wait_until(lambda: carol.ssh("whoami", exit=ANY).exit == 0, "carol's key counts", timeout=5)
    assert later.login not in logins(site)
    assert site.gateway.log().count("a child ended") == 0


def test_a_database_that_is_gone_is_not_made_anew(private_site):
    site = private_site
    alice, project, backup = prepared(site)
    (site.state / "gerve.db").unlink()
    wait_until(lambda: "the database file is missing" in site.gateway.log(), "the log says it", timeout=10)
    refused = wait_until(lambda: [asked for asked in [alice.git("ls-remote", project.url, exit=ANY)] if asked.exit == 128],
                         "each connection has looked at its file")[0]
    assert "cannot check your access" in refused.stderr
    site.gerve("user", "list", exit=1, says=("the database file is missing", "gerve restore"))
    assert not (site.state / "gerve.db").exists()
    site.gerve("restore", backup)
    wait_until(lambda: alice.git("ls-remote", project.url, exit=ANY).exit == 0, "it is served again", timeout=5)


# ---- keys that are gone


def test_without_its_key_the_trail_is_not_written(private_site):
    site = private_site
    alice, project, _ = prepared(site)
    site.gateway.stop()
    key = site.state / "audit.key"
    key.rename(site.directory / "audit.key")
    trail = (site.state / "audit.jsonl").read_text()
    site.gateway.start()
    work = alice.clone(project)
    work.commit("more")
    work.git("push", exit=128, says="Gerve cannot record this push right now")
    assert "audit.key is missing" in site.gateway.log() and "gerve audit new-chain" in site.gateway.log()
    assert not key.exists()
    assert (site.state / "audit.jsonl").read_text() == trail
    (site.directory / "audit.key").rename(key)
    work.git("push")
    site.gerve("audit", "verify")


def test_a_new_chain_is_on_record(private_site):
    site = private_site
    alice, project, _ = prepared(site)
    site.gerve("audit", "new-chain", exit=1, says="no new chain is needed")
    site.gateway.stop()
    (site.state / "audit.key").unlink()
    site.gateway.start()
    site.gerve("audit", "new-chain", says="without its key it cannot be verified")
    work = alice.clone(project)
    work.commit("more")
    work.git("push")
    checked = site.gerve("audit", "verify", exit=1)
    assert len(checked.stdout.splitlines()) == 1 and "are not verified" in checked.stdout
    site.gerve("audit", "verify", site.state / "audit.jsonl", says="good: events 1 to")
    assert "audit new-chain" in [one["command"] for one in events(site, "--event", "admin")]


def test_host_keys_that_are_gone_are_not_made_anew(private_site):
    site = private_site
    site.gateway.stop()
    key = site.state / "ssh_host_ed25519_key"
    key.rename(site.directory / "kept")
    site.gateway.fails_to_start("ssh_host_ed25519_key is missing, and clients know this server by it", exit=1)
    assert not key.exists()
    (site.directory / "kept").rename(key)
    site.gateway.start()
