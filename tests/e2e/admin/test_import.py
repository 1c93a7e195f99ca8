"""Taking over a real gitolite: its users, keys and permissions."""

import signal

import pytest

from harness.audit import events
from harness.gitolite import Gitolite, why_no_gitolite
from harness.keys import make_key
from harness.processes import wait_until
from harness.programs import program
from harness.takeover import cases_in, check_access, run_import, take_over

needs_gitolite = pytest.mark.skipif(why_no_gitolite() is not None, reason=why_no_gitolite() or "")


@pytest.fixture(scope="module")
def gitolite(workspace):
    directory = workspace / "gitolite"
    return Gitolite(directory).set_up(make_key(workspace / "gitolite-keys" / "admin").public)


CONF = {
    "gitolite.conf": """\
@staff      = ann bob cid dot
@leads      = ann
@all-devs   = @staff eve            # nested, with the members of now
@staff      = fay
@libs       = lib-a lib-b tools/lib-c
@main       = master release/[0-9]+

repo gitolite-admin
    RW+     = admin
repo testing
    RW+     = @all
include "parts/*.conf"
subconf "team.conf"

repo site
    RW+     = @leads
    RW      = @staff
    R       = @all-devs
    config  receive.fsckObjects = true
    desc    = "the web site"   # a comment
repo @libs
    RW+CD   = ann
    RW+     = @leads bob
    R       = @all
repo docs handbook
    RW+     = @staff
    R       = daemon gitweb
repo secret
    option deny-rules = 1
    -       = @staff
    RW+     = @all
repo private/ann
    RW+     = ann
repo deep/er/path
    RW      = @staff
repo c++
    R       = @all
""",
    "parts/refs.conf": """\
repo kernel
    RW+     @main        = ann
    RW      refs/tags/v  = ann
    RW+     personal/USER/ = @staff
    R       = @all-devs
repo frozen
    -       refs/tags/   = @all
    RW+     = @staff
repo closed
    -       = bob
    RW+     = @staff
repo checked
    RW+     = @staff
    -       VREF/COUNT/9 = cid
    -  NAME/conf/ = dot
repo late
    RW+     = bob
    -       = @staff
    RW+     = @staff
""",
    "parts/wild.conf": """\
@wilds = users/CREATOR/[a-z]+
repo users/CREATOR/[a-z]+
    C       = @staff
    RW+     = CREATOR
    RW      = WRITERS
repo tools/.*
    R       = gus
repo tools/build tools/deploy
    RW      = dot \\
              eve
repo mirrored
    option mirror.master = other
    RW+     = ghost
    R       = READERS @ldap hal
""",
    "team.conf": """\
@crew = eve gus
repo team
    RW+     = @crew
repo team/app site
    RW+     = eve
""",
}
USERS = ("admin", "ann", "bob", "cid", "dot", "eve", "fay", "gus", "hal")


@pytest.fixture(scope="module")
def everything(gitolite, workspace):
    """The gitolite above with the keys of all users; some have several, some cannot be taken."""
    keys = {user: make_key(workspace / "everything-keys" / user) for user in USERS[1:]}
    for user, key in keys.items():
        gitolite.add_key(f"{'staff/' if user < 'eve' else ''}{user}.pub", key.public)
    second = make_key(workspace / "everything-keys" / "ann-home")
    gitolite.add_key("staff/home/ann@home.pub", second.public)
    gitolite.add_key("ivy@example.com.pub", make_key(workspace / "everything-keys" / "ivy").public)
    gitolite.add_key("old/hal@old.pub", make_key(workspace / "everything-keys" / "hal-old", "dsa").public)
    (gitolite.keydir / "two.pub").write_text(keys["ann"].public.read_text() * 2)
    gitolite.write(CONF)
    gitolite.compile()
    return keys


@needs_gitolite
def test_a_gitolite_is_taken_over(private_site, gitolite, everything):
    site = private_site
    report = take_over(site, gitolite, "--owner", "acme", "--map", "private/ann=acme/ann-private", "--flatten",
                       "--user", "ivy@example.com=ivy")
    named = {one["gitolite"]: one["repository"] for one in report["repositories"]}
    assert set(gitolite.names()) - named.keys() == {"c++"}
    assert len(named) >= 20
    assert (named["site"], named["tools/build"]) == ("acme/site", "tools/build")
    assert (named["deep/er/path"], named["private/ann"]) == ("deep/er-path", "acme/ann-private")
    after = check_access(site, gitolite, report, USERS)
    for pair, level in (
        (("site", "ann"), "write"), (("site", "eve"), "read"), (("site", "gus"), "none"),
        (("lib-a", "hal"), "read"), (("tools/lib-c", "gus"), "read"),
        (("secret", "ann"), "none"), (("secret", "eve"), "write"),
        (("kernel", "ann"), "read"), (("kernel", "eve"), "read"), (("kernel", "gus"), "none"),
        (("closed", "bob"), "read"), (("closed", "cid"), "write"),
        (("late", "bob"), "write"), (("late", "ann"), "read"), (("team", "gus"), "write"),
        (("docs", "hal"), "read"), (("mirrored", "hal"), "read"), (("mirrored", "ann"), "none"),
    ):
        assert after[pair] == level, pair
    granted = {entry["holder"] for entry in site.gerve_json("access", "list", "acme/docs")}
    assert granted == {"acme/staff"}, "a group is a team"


@needs_gitolite
def test_the_keys_of_a_gitolite_log_in(private_site, gitolite, everything):
    site = private_site
    report = take_over(site, gitolite, "--owner", "acme")
    told = {finding["file"].rsplit("/", 1)[-1]: finding for finding in report["findings"]}
    assert "exactly one line" in told["two.pub"]["why"] and told["hal@old.pub"]["effect"] == "less"
    keys = site.gerve_json("key", "list", "ann")
    assert len(keys) == 2 and everything["ann"].fingerprint in {key["fingerprint"] for key in keys}
    ann, bob = (site.stranger(login).with_key(everything[login]) for login in ("ann", "bob"))
    ann.git("init", "w")
    there = ann.at("w")
    there.write("f", "1")
    there.git("add", "f")
    there.git("commit", "-m", "1")
    there.git("push", "gerve:acme/site", "main")
    there.git("push", "gerve:acme/kernel", "main", exit=128, says="Permission to acme/kernel denied to ann")
    bob.git("clone", "gerve:acme/site", "got")
    bob.git("clone", "gerve:acme/gitolite-admin", exit=128, says="Repository not found")


@needs_gitolite
def test_every_line_without_counterpart_is_listed(private_site, gitolite, everything):
    report = run_import(private_site, gitolite, "--owner", "acme")
    places = {(finding["file"].split("/conf/")[-1], finding["line"]): finding for finding in report["findings"]}
    text = {name: content.splitlines() for name, content in CONF.items()}

    def finding_at(name, words):
        line = next(number for number, line in enumerate(text[name], 1) if words in line)
        return places[name, line]

    for name, words, effect in (
        ("gitolite.conf", "config  receive", "same"),
        ("gitolite.conf", "desc  ", "same"),
        ("gitolite.conf", "RW      = @staff", "more"),
        ("gitolite.conf", "repo deep/er/path", "less"),
        ("gitolite.conf", "repo c++", "less"),
        ("parts/refs.conf", "RW+     @main", "less"),
        ("parts/refs.conf", "-       refs/tags/", "less"),
        ("parts/refs.conf", "-       = bob", "less"),
        ("parts/refs.conf", "VREF/COUNT", "less"),
        ("parts/refs.conf", "NAME/conf", "less"),
        ("parts/wild.conf", "repo users/CREATOR", "less"),
        ("parts/wild.conf", "C       = @staff", "less"),
        ("parts/wild.conf", "RW+     = CREATOR", "less"),
        ("parts/wild.conf", "option mirror", "more"),
        ("parts/wild.conf", "RW+     = ghost", "less"),
        ("team.conf", "repo team/app site", "same"),
    ):
        assert finding_at(name, words)["effect"] == effect, (words, finding_at(name, words))
    text = private_site.gerve("import", "gitolite", gitolite.conf, gitolite.keydir, "--owner", "acme").stdout
    assert "Nothing was changed" in text and "parts/refs.conf:2: RW+ @main = ann" in text
    assert "acme/site" in text.split("Not in Gerve yet")[1]


@needs_gitolite
def test_who_writes_is_a_choice(private_site, gitolite, everything):
    few = run_import(private_site, gitolite, "--owner", "acme", "--write", "full", "--private")
    assert not any(finding["effect"] == "more" and finding["cases"] for finding in few["findings"])
    assert cases_in(few)["site", "bob"][0]["after"] == "read"
    report = take_over(private_site, gitolite, "--owner", "acme", "--write", "some-refs")
    after = check_access(private_site, gitolite, report, USERS)
    assert after["kernel", "ann"] == "write" and after["closed", "bob"] == "read"
    assert any(case["effect"] == "more" for case in cases_in(report)["kernel", "ann"])


@needs_gitolite
def test_what_gerve_gives_besides_is_listed(private_site, gitolite, everything):
    site = private_site
    for line in ("user add acme --org", "user add ann", "user add gus", "user add mia", "team add acme/staff",
                 "team member add acme/staff mia", "repo create acme/site --public", "repo create acme/docs",
                 "access grant acme/site gus write", "org member add acme mia --role owner"):
        site.gerve(*line.split())
    report = take_over(site, gitolite, "--owner", "acme")
    told = {finding["what"]: finding for finding in report["findings"] if finding["file"] == "Gerve"}
    assert "mia" in told["acme/staff"]["why"]
    besides = {(case["repository"], case["user"]): case for finding in report["findings"]
               if finding["file"] == "Gerve" for case in finding["cases"]}
    assert besides["site", "gus"]["after"] == "write" and besides["site", "gus"]["before"] == "none"
    assert besides["docs", "mia"]["after"] == "admin"
    assert any("public in Gerve" in finding["why"] for finding in report["findings"])
    granted = {entry["holder"] for entry in site.gerve_json("access", "list", "acme/docs")}
    assert "acme/staff" not in granted and {"ann", "bob"} <= granted, "the team has more members than the group"


@needs_gitolite
def test_an_import_is_on_record_as_its_commands_are(private_site, gitolite, everything):
    site = private_site
    wait_until((site.state / "audit.jsonl").exists, "the trail begins, a moment after the gateway listens")
    before = len(events(site, "--event", "admin"))
    report = run_import(site, gitolite, "--owner", "acme")
    assert site.gerve("user", "list", says="no accounts")
    assert before == len(events(site, "--event", "admin")), "a plan is not recorded"
    run_import(site, gitolite, "--owner", "acme", "--yes")
    recorded = events(site, "--event", "admin")[before:]
    assert [event["command"] for event in recorded] == [step["command"] for step in report["changes"]]
    kinds = {event["command"] for event in recorded}
    assert kinds == {"user add", "key add", "team add", "team member add"}
    added = [event for event in recorded if event["command"] == "key add" and event["details"]["user"] == "bob"]
    assert [event["details"]["fingerprint"] for event in added] == [everything["bob"].fingerprint]
    site.gerve("repo", "create", "acme/docs")
    run_import(site, gitolite, "--owner", "acme", "--yes")
    grants = [event for event in events(site, "--event", "admin") if event["command"] in ("access grant", "repo make-public")]
    assert {(event["command"], *map(event["details"].get, ("repo", "team", "after"))) for event in grants} == {
        ("access grant", "acme/docs", "acme/staff", "write"), ("repo make-public", "acme/docs", None, None)}
    site.gerve("audit", "verify")


@needs_gitolite
def test_an_import_that_is_refused_in_part_goes_on_where_it_stopped(private_site, gitolite, everything):
    site = private_site
    site.gerve("user", "add", "bob", "--org")
    report = run_import(site, gitolite, "--owner", "acme", "--yes")
    assert report["done"] and any(finding["what"] == "bob" and finding["effect"] == "less"
                                  for finding in report["findings"])
    logins = {account["login"] for account in site.gerve_json("user", "list")}
    assert {"ann", "cid", "acme"} <= logins
    site.gerve("import", "gitolite", gitolite.conf, gitolite.keydir, "--owner", "ann", exit=1,
               says="ann: this name is taken in Gerve, and not by an organisation")
    site.gerve("user", "remove", "bob")
    steps = run_import(site, gitolite, "--owner", "acme", "--yes")["changes"]
    assert all("bob" in step["arguments"] for step in steps) and len(steps) >= 3


@needs_gitolite
def test_a_configuration_that_is_not_understood_changes_nothing(private_site, gitolite):
    site = private_site
    conf = site.admin.write("gitolite.conf", "repo a\n    RW+ = ann\n    FOO = bob\n    RW @none = ann\n")
    outcome = site.gerve("import", "gitolite", conf, gitolite.keydir, "--yes", exit=1)
    assert f"{conf}:3:5: gitolite ignores this line" in outcome.stderr and f"{conf}:4:8: undefined group" in outcome.stderr
    site.gerve("import", "gitolite", conf, conf, exit=1, says="cannot read")
    site.gerve("import", "gitolite", "nowhere", gitolite.keydir, exit=1, says="nowhere")
    site.gerve("user", "list", says="no accounts")


@needs_gitolite
def test_an_import_that_is_interrupted_is_done_by_the_next(private_site, workspace):
    site = private_site
    keydir = workspace / "many" / "keydir"
    for number in range(60):
        make_key(keydir / f"user{number}")
    conf = site.admin.write("gitolite.conf", "@g = user1 user2\nrepo a\n  RW+ = @g\n")
    words = ("import", "gitolite", conf, keydir, "--owner", "acme", "--yes")
    running = site.admin.start(program("gerve"), *site.gateway.options, *words)
    wait_until(lambda: len(site.gerve_json("user", "list")) > 5, "some accounts are there")
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(20) == -signal.SIGINT
    done = len(events(site, "--event", "admin"))
    assert 5 < done < 124
    site.gerve(*words)
    site.gerve(*words, says="0 of 0 changes made")
    recorded = [(event["command"], *map(event["details"].get, ("user", "team")))
                for event in events(site, "--event", "admin")]
    assert len(recorded) == len(set(recorded)) == 60 + 1 + 60 + 1 + 2, "each change is recorded once"
