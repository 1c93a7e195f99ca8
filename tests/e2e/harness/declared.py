"""Directories as files: `gerve export`, `gerve apply`, and what such a file holds."""

import json

from .site import Site


def exported(site) -> str:
    return site.gerve("export").stdout


def apply(site, text: str, *options, **expected):
    """`gerve apply -` with a text."""
    return site.gerve("apply", *options, "-", input=text.encode(), **expected)


def changes(outcome) -> list[str]:
    return [line for line in outcome.stdout.splitlines() if line[:2] in ("+ ", "~ ", "- ")]


def entry(table: str, **values) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([f"[[{table}]]", *lines, ""])


def declared(*entries: str) -> str:
    return "\n".join(["format = 1", *entries])


def make_company(site: Site) -> Site:
    """An organisation of the site's, its owner alice, and bob and a machine that reach its repository."""
    site.alice, site.bob = site.person("alice"), site.person("bob")
    site.org = site.organisation("acme")
    site.gerve("org", "member", "add", site.org, site.alice.login, "--role", "owner")
    site.team_path = site.team(site.org, site.bob)
    site.project = site.repository(site.org, "site", private=True)
    site.grant(site.project, site.team_path, "write")
    site.machine = site.deploy_client(site.project)
    return site
