"""Random configurations of a real gitolite, taken over: Gerve never gives more, and no less than the import says."""

import random

import pytest

from harness.gitolite import Gitolite, why_no_gitolite
from harness.keys import make_key
from harness.takeover import LEVELS, access_in_gerve, cases_in, take_over

REFS = ("refs/heads/master", "refs/heads/other", "refs/heads/personal/ann/x", "refs/tags/v1")


def random_conf(dice: random.Random, number: int) -> str:
    """A small configuration of repositories that no other has."""
    users = ["ann", "bob", "cid", "dot"]
    groups = ["@g1", "@g2", "@g3"]
    names = [f"r{number}-a", f"r{number}-b", f"r{number}-c"]
    lines = [f"{group} = {' '.join(dice.sample(users + groups[:at], dice.randint(1, 3)))}"
             for at, group in enumerate(groups)]
    lines.append(f"@repos = {' '.join(dice.sample(names, 2))}")
    refs = ["", "", "", "", "master", "refs/tags/", "refs/.*", "personal/USER/", "[a-m]", "VREF/COUNT/3", "refs/heads/"]
    permissions = ["R", "R", "RW", "RW+", "RW+", "-", "-", "RWC", "RW+D", "RW+CD", "RWM"]
    for _ in range(dice.randint(3, 6)):
        where = dice.choice([*names, *names, "@repos", "@all", f"r{number}-[ab]", f"r{number}-.*"])
        lines.append(f"repo {where}")
        for _ in range(dice.randint(1, 4)):
            permission, who = dice.choice(permissions), dice.choice([*users, *groups, "@all", "daemon"])
            ref = "" if permission == "R" else dice.choice(refs)
            lines.append(f"    {permission} {ref} = {who}")
        if dice.random() < 0.25:
            lines.append("    option deny-rules = 1")
    lines += [f"repo {' '.join(names)}", "    R = nobody"]
    return "\n".join(lines) + "\n"


@pytest.mark.skipif(why_no_gitolite() is not None, reason=why_no_gitolite() or "")
@pytest.mark.parametrize("part", range(4))
def test_gerve_never_gives_more_than_a_random_gitolite(site, workspace, part):
    users = ("ann", "bob", "cid", "dot")
    gitolite = Gitolite(workspace / f"random-{part}")
    gitolite.set_up(make_key(workspace / f"random-keys-{part}" / "admin").public)
    for user in users:  # a login of its own in each part, as the site is shared
        gitolite.add_key(f"{user}.pub", make_key(workspace / f"random-keys-{part}" / user).public)
    renamed = [word for user in (*users, "admin") for word in ("--user", f"{user}={user}-{part}")]
    differing = 0
    for number in range(part * 10, part * 10 + 10):
        dice = random.Random(number)
        gitolite.write({"gitolite.conf": random_conf(dice, number)})
        gitolite.compile()
        write = dice.choice(("full", "any-ref"))
        report = take_over(site, gitolite, "--owner", f"random{number}", "--write", write, *renamed)
        differing += check_random(site, gitolite, report, users, part, write)
    assert differing, "the configurations are too simple to show anything"


def check_random(site, gitolite, report, users, part, write) -> int:
    """Returns how many pairs differ, each as it is listed."""
    pairs = [(one["gitolite"], user) for one in report["repositories"] for user in users]
    before = gitolite.access([*pairs, *((one["gitolite"], "daemon") for one in report["repositories"])])
    reached = access_in_gerve(site, report, [f"{user}-{part}" for user in users])
    listed = cases_in(report)
    differing = 0
    for repository, user in pairs:
        after = reached[repository, f"{user}-{part}"]
        public = before[repository, "daemon"] != "none"
        expected = before[repository, user]
        for case in listed.get((repository, user), []):
            expected = case["after"]
        assert after == expected, (repository, user, before[repository, user], after)
        most = max(before[repository, user], "read" if public else "none", key=LEVELS.index)
        assert LEVELS.index(after) <= LEVELS.index(most), (repository, user)
        differing += after != before[repository, user]
    writers = [pair for pair in pairs if reached[pair[0], f"{pair[1]}-{part}"] == "write"]
    for ref in REFS if writers else ():
        for right in ("W", "+", "C", "D", "M") if write == "full" else ("W",):
            allowed = gitolite.allows(writers, right, ref)
            assert all(allowed.values()), (ref, right, [pair for pair in writers if not allowed[pair]])
    return differing
