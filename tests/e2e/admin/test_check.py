"""`gerve check` and the start: every problem of a configuration at once, each with its place."""

import re

import pytest

from harness.processes import wait_until
from harness.programs import program

SOUND = """\
state = "{state}"

[listen]
ssh = ["127.0.0.1:{port}"]

[ssh]
login_grace = "30s"
"""

BROKEN = """\
state = 7
no_such_key = true

[listen]
ssh = "127.0.0.1:2222"
metrics = "nowhere"

[ssh]
login_grace = "soon"
workers = -1
host_keys = ["/no/such/key"]

[no_such_table]
x = 1

[directory]
backend = "postgres"
"""

# line of BROKEN → a word that the problem there is told with
PROBLEMS = {
    1: "state",
    2: "no_such_key",
    5: "ssh",
    9: "login_grace",
    10: "workers",
    11: "/no/such/key",
    13: "no_such_table",
    17: "postgres",
}


@pytest.fixture
def check(private_sites):
    """Runs `gerve check` on a configuration."""

    def check(config: str, **expected):
        site = private_sites(config, start=False)
        return site.gateway.config_file, site.gerve("check", **expected)

    return check


def soon_good(site):
    """The outcome of a check that finds all well; at a first start the tables may still be being made."""
    return wait_until(
        lambda: next((ran for ran in [site.gerve("check", exit=range(3))] if ran.exit == 0), None),
        "all is well",
    )


def test_a_sound_configuration(private_sites):
    site = private_sites(SOUND)
    soon_good(site)


def test_all_problems_are_reported_together_each_at_its_place(check):
    file, outcome = check(BROKEN, exit=2)
    found = dict(re.findall(rf"^{re.escape(str(file))}:(\d+):\d+: (.+)$", outcome.stderr, re.MULTILINE))
    missing = {line: word for line, word in PROBLEMS.items() if word not in found.get(str(line), "")}
    assert not missing, outcome.transcript()


def test_a_problem_shows_its_line_and_a_caret_below(check):
    file, outcome = check("[ssh]\nworkers = -1\n", exit=2)
    lines = outcome.stderr.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(f"{file}:2:"))
    column = int(lines[place].split(":")[2])
    shown, caret = lines[place + 1], lines[place + 2]
    assert "workers = -1" in shown
    assert caret.index("^") - shown.index("workers") == column - 1


@pytest.mark.parametrize(
    "config, line",
    [
        ('state = "x"\nstate = "y"\n', 2),
        ("[ssh\n", 1),
        ("= 1\n", 1),
        ('a = "\x00"\n', 1),
        ("a = [1,\n", 2),
        ("\xff\xfe", 1),
    ],
)
def test_what_is_no_toml_is_told_with_its_place(check, config, line):
    file, outcome = check(config, exit=2)
    assert re.search(
        rf"^{re.escape(str(file))}:\d+:\d+: ", outcome.stderr, re.MULTILINE
    ), outcome.transcript()


def test_a_file_that_is_not_there(private_sites):
    site = private_sites(SOUND, start=False)
    site.gateway.config_file.unlink()
    site.gerve("check", exit=2, says=str(site.gateway.config_file))


def test_serve_refuses_a_broken_configuration_with_the_same_words(check, private_sites):
    site = private_sites(BROKEN, start=False)
    words = site.gerve("check", exit=2).stderr
    site.gateway.fails_to_start(says=words, exit=2)


@pytest.mark.parametrize("uri", ["tcp://db", "tcp://db:99999/gerve", "unix:///run/mysqld/mysqld.sock"])
def test_a_wrong_address_of_the_database_ends_the_start_with_its_place(private_sites, uri):
    config = f'{SOUND}[directory]\nbackend = "mysql"\n[directory.mysql]\nuri = "{uri}"\n'
    site = private_sites(config, start=False)
    line = config.splitlines().index(f'uri = "{uri}"') + 1
    site.gateway.fails_to_start(says=f"{site.gateway.config_file}:{line}:7: directory.mysql.uri '{uri}' ", exit=2)
    assert " authz: " not in site.gateway.log(), "no child was started"


def test_too_few_open_files_are_told_with_the_remedy(private_sites):
    site = private_sites(SOUND, start=False)
    site.gateway.prefix = ["prlimit", "--nofile=64:64"]
    site.gateway.fails_to_start(says="the limit of open files is 64", exit=1)
    assert "LimitNOFILE=" in site.gateway.log()


def test_a_low_soft_limit_of_open_files_is_raised(private_sites):
    site = private_sites(SOUND, start=False)
    site.gateway.prefix = ["prlimit", "--nofile=64:4096"]
    site.start()
    soon_good(site)


def test_every_command_refuses_a_broken_configuration(private_sites):
    site = private_sites(BROKEN, start=False)
    site.gerve("user", "list", exit=2, says="no_such_key")


def test_check_says_when_authz_is_not_there(private_sites):
    site = private_sites(SOUND, start=False)
    outcome = site.gerve("check", exit=range(256))
    assert "authz" in outcome.stdout + outcome.stderr


def test_check_reaches_every_backend_of_a_running_gateway(private_sites):
    site = private_sites(SOUND)
    told = soon_good(site).stdout
    for part in ("directory", "authz", "local"):
        assert part in told


def test_the_agent_checks_its_configuration_as_well(tmp_path, site):
    file = tmp_path / "agent.toml"
    file.write_text('name = "fs1"\nno_such_key = 1\nlayout = "heap"\nlisten = ["127.0.0.1:1"]\n')
    outcome = site.admin.run(program("gerve-agent"), "-c", file, exit=2)
    for line, word in ((2, "no_such_key"), (3, "layout")):
        assert re.search(
            rf"^{re.escape(str(file))}:{line}:\d+: .*{word}", outcome.stderr, re.MULTILINE
        ), outcome.stderr


def test_an_agent_on_tcp_without_ticket_keys_does_not_start(tmp_path, site):
    """It would serve whoever connects."""
    file = tmp_path / "agent.toml"
    file.write_text(f'name = "fs1"\nroot = "{tmp_path}"\nlisten = ["127.0.0.1:1"]\n')
    site.admin.run(program("gerve-agent"), "-c", file, exit=2, says="ticket_keys")


def test_what_cannot_be_looked_at_is_not_missing(private_sites):
    """A state directory out of reach, here behind a loop of links, which stops root as well as anybody."""
    site = private_sites(start=False)
    site.gerve("user", "add", "alice")
    kept = site.state.rename(site.state.with_name("kept"))
    site.state.symlink_to(site.state)
    reason = "Too many levels of symbolic links"
    told = site.gerve("check", exit=(1, 2), says=reason, silent_about=["at its first start", "does not exist"])
    for what in ("host keys", "ticket keys", "directory"):
        assert re.search(f"FAIL +{what} +cannot access .*{reason}", told.stdout), told.stdout
    for command in (("user", "list"), ("user", "add", "bob"), ("maintenance", "on", "back soon")):
        site.gerve(*command, exit=1, says=reason, silent_about="does not exist")
    site.state.unlink()
    kept.rename(site.state)
    assert [one["login"] for one in site.gerve_json("user", "list")] == ["alice"]


def test_check_says_that_there_is_no_file_server(private_sites):
    site = private_sites(f'{SOUND}[routes]\n[authz]\nticket_keys = ["ticket.key"]\n', start=False)
    site.gerve("ticket-key", "new", str(site.gateway.config_file.parent / "ticket.key"))
    site.gateway.start()
    says = "none is registered, so every git operation is refused"
    wait_until(lambda: says in site.gerve("check", exit=(0, 1)).stdout, "the directory has been made")
    site.gerve("server", "add", "fs1", "127.0.0.1:9")
    site.gerve("check", exit=1, says="file server fs1", silent_about=says)
