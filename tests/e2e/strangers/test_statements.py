"""What a refusal costs the database, as the metrics count it: the same for each reason that its text hides."""

import pytest

from harness.counted import serving_git
from harness.messages import NOT_FOUND
from harness.terminal import Terminal

CONFIG = """\
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
git = ["127.0.0.1:{git}"]
metrics = "127.0.0.1:{metrics}"
"""
QUERIES = ("repository", "redirect", "permission", "route", "server")


@pytest.fixture(scope="module")
def house(workspace):
    with serving_git(workspace, CONFIG) as site:
        yield site


@pytest.fixture(scope="module")
def hidden(house):
    """Paths of which nobody but their owner learns anything, by the reason."""
    owner = house.person("owner")
    names = {name: house.repository(owner, name, private=True).path for name in ("private", "before", "off", "other")}
    house.gerve("repo", "rename", names["before"], f"{owner.login}/after")
    house.gerve("repo", "disable", names["off"])
    shut = house.repository(owner, "shut").path
    house.gerve("repo", "disable", shut)
    return {"missing": f"{owner.login}/nothing", "of nobody": "nobody/nothing", "private": names["private"],
            "private, by its old name": names["before"], "disabled": names["off"], "disabled and public": shut}


def cost(house, ask) -> dict:
    """How often each question was put to the directory meanwhile."""
    before = house.metrics.numbers()
    ask()
    after = house.metrics.numbers()
    counts = {query: 0 for query in QUERIES}
    for (name, labels), value in after.items():
        for query in QUERIES:
            if name == "gerve_directory_queries_total" and f'query="{query}"' in labels:
                counts[query] += value - before.get((name, labels), 0)
    return counts


@pytest.mark.parametrize("service", ["git-upload-pack", "git-receive-pack", "git-upload-archive"])
@pytest.mark.parametrize("kind", ["user", "deploy key"])
def test_each_hidden_repository_costs_the_same(house, hidden, kind, service):
    asker = house.person("stranger") if kind == "user" else house.deploy_client(house.repository(house.person("other")))
    costs = {}
    for why, path in hidden.items():
        costs[why] = cost(house, lambda: asker.ssh(f"{service} '{path}'", exit=1, stdout="", stderr=NOT_FOUND))
    assert all(one == costs["missing"] for one in costs.values()), costs
    assert costs["missing"]["permission"] == (1 if kind == "user" else 0)


def test_each_hidden_repository_costs_the_same_by_git(house, hidden, tmp_path):
    anybody = Terminal(tmp_path / "anybody", "anybody")
    costs = {}
    for why, path in hidden.items():
        url = f"git://127.0.0.1:{house.git_port}/{path}"
        costs[why] = cost(house, lambda: anybody.git("ls-remote", url, exit=128, says="Repository not found."))
    assert all(one == costs["missing"] for one in costs.values()), costs
    assert costs["missing"]["repository"] == costs["missing"]["redirect"] == 1
