"""How a command line is understood: help, words that lead on, state directories; what is wrong, with exit status 2."""

import json
import re
import shlex
import subprocess

import pytest

from harness.keys import make_key
from harness.programs import SOURCE_ROOT, program

GROUPS = {
    "serve": "",
    "check": "",
    "explain": "",
    "ticket-key": "new",
    "schema": "print migrate",
    "user": "add list suspend unsuspend rename remove",
    "team": "add remove list member",
    "org": "member",
    "key": "add list revoke show move extend",
    "deploy-key": "add list",
    "ca": "add list show revoke remove",
    "repo": "create list archive disable rename delete fsck size",
    "access": "grant revoke list review of",
    "route": "set get list",
    "server": "add list",
}


@pytest.mark.parametrize("command", ["--help", *(f"{group} --help" for group in GROUPS)])
def test_every_command_has_a_help_text(site, command):
    outcome = site.admin.run(program("gerve"), *command.split())
    assert outcome.stderr == ""
    for subcommand in GROUPS.get(command.split()[0], "").split():
        assert subcommand in outcome.stdout


def test_version(site):
    version = site.admin.run(program("gerve"), "--version").stdout
    told = re.fullmatch(r"gerve (\d+\.\d+\.\d+) \(commit ([0-9a-f]{7,40}\+?|unknown), libssh \d+\.\d+\.\d+(?:, built from Debian source \S+| of the distribution)\)\n",
                        version)
    assert told
    for name in ("gerve-agent", "gerve-shell", "gerve-authorized-keys"):
        of_it = subprocess.run([program(name), "--version"], text=True, capture_output=True, check=True).stdout
        assert of_it.endswith(f" {told[1]} (commit {told[2]})\n")
    assert site.admin.run(program("gerve"), "version").stdout == version


@pytest.mark.parametrize("command", ["", "key", "key add", "team member add"])
@pytest.mark.parametrize("in_front", [(), ("-c", "gerve.toml"), ("--state=s", "--config", "help")])
def test_help_is_a_command(site, command, in_front):
    words = command.split()
    asked = site.admin.run(program("gerve"), *in_front, "help", *words, stderr="").stdout
    assert asked == site.admin.run(program("gerve"), *words, "--help").stdout


COMPLETION = SOURCE_ROOT / "packaging/completion/gerve"
COMPLETE = """\
source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_gerve "$2"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    "line, offered",
    [
        (["ke"], ["key"]),
        (["key", ""], ["add", "extend", "list", "move", "revoke", "show"]),
        (["-c", "key", "key", "re"], ["revoke"]),
        (["--state=s", "key", "re"], ["revoke"]),
        (["key", "add", "--tit"], ["--title"]),
        (["key", "--title", ""], ["add", "extend", "list", "move", "revoke", "show"]),  # no option of this one
        (["key", "add", "-t", ""], []),  # the option's value
        (["key", "add", "alice", "id"], []),  # files
        (["key", "add", "--st"], ["--state"]),  # understood behind every command
        (["help", "key", "ex"], ["extend"]),
        (["help", "he"], ["help"]),
        (["no-such-command", "ke"], ["key"]),
        (["master-"], []),  # nothing that is not promised
    ],
)
def test_bash_completes_commands_and_options(line, offered):
    asked = subprocess.run(["bash", "-c", COMPLETE, "bash", COMPLETION, program("gerve"), *line],
                           text=True, capture_output=True, check=True)
    assert asked.stderr == ""
    assert asked.stdout.split() == offered


def test_bash_is_told_to_complete_gerve():
    asked = subprocess.run(["bash", "-c", 'source "$1"; complete -p gerve', "bash", COMPLETION],
                           text=True, capture_output=True, check=True)
    assert "_gerve" in asked.stdout


@pytest.mark.parametrize(
    "command, meant",
    [
        ("user delete x", "remove"),
        ("user rm x", "remove"),
        ("repo remove a/b", "delete"),
        ("key del SHA256:x", "revoke"),
        ("repo ls", "list"),
        ("repo new a/b", "create"),
        ("user create x", "add"),
        ("deploy-key revoke SHA256:x", "gerve key revoke"),
        ("help key ad", "add"),
        ("usr list", "user"),
    ],
)
def test_a_word_of_another_program_leads_on(site, command, meant):
    site.admin.run(program("gerve"), *command.split(), exit=2, stdout="", says=f"did you mean '{meant}'?")


def test_a_command_in_the_wrong_directory_makes_no_second_state(site):
    for command in ("user add x", "schema migrate", "key list", "repo create a/b"):
        site.admin.run(program("gerve"), *command.split(), exit=1, stdout="", says="there is no state directory /")
    assert not (site.admin.home / "gerve-state").exists()


def test_a_state_directory_that_is_named_is_made_and_named(site, tmp_path):
    state = tmp_path / "deep" / "state"
    site.admin.run(
        program("gerve"), "--state", state, "user", "add", "x", stderr=f"gerve: made a new state directory, {state}\n"
    )
    site.admin.run(program("gerve"), "--state", state, "user", "add", "y", stdout="", stderr="")


def test_what_the_operator_wrote_moves_no_cursor(site, alice, tmp_path):
    """In an error, in a table and in JSON; and what can be shown is shown as it was written."""
    for words in (
        ("key", "add", alice.login, "no\x1b[2J\u202efile"),
        ("user", "ad\x1b[2J\u202e"),
        ("user", "add", "\x1b[2J\u202e"),
        ("key", "list", "--\u202e"),
    ):
        outcome = site.gerve(*words, exit=range(1, 3))
        assert "\x1b" not in outcome.stderr and "\u202e" not in outcome.stderr
    key = make_key(tmp_path / "id")
    site.gerve("key", "add", alice.login, key.public, "--title", "Zo\u00eb \u202e\u200b")
    printed = site.gerve("key", "list", alice.login, "--json").stdout
    assert "Zo\u00eb \\u202e\\u200b" in printed
    assert [one["title"] for one in json.loads(printed) if one["fingerprint"] == key.fingerprint] == [
        "Zo\u00eb \u202e\u200b"
    ]


@pytest.mark.parametrize(
    "command",
    [
        "",
        "no-such-command",
        "--no-such-option",
        "user",
        "user add",
        "user add one two",
        "user add x --no-such-option",
        "key add",
        "repo create",
        "access grant a/b c nonsense",
        "access grant a/b",
        "ticket-key new",
        "explain",
        "repo create x y z",
        "route set",
        "schema nonsense",
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_wrong(site, command):
    outcome = site.gerve(*command.split(), exit=2)
    assert outcome.stderr != ""


@pytest.mark.parametrize(
    "command",
    [
        "user add 'no good'",
        "user add ../x",
        "user add -x",
        "user add ''",
        "repo create justaname",
        "repo create a/b/c",
        "repo create a/..",
        "key revoke nonsense",
        "team add justaname",
    ],
)
def test_a_name_that_cannot_be_is_refused_without_a_change(site, command):
    before = site.gerve("user", "list").stdout
    outcome = site.gerve(*shlex.split(command), exit=range(1, 3))
    assert outcome.stderr != "" and outcome.stdout == ""
    assert site.gerve("user", "list").stdout == before
