"""Somebody who is known, and sends what no client of git or hg sends."""

import pytest


@pytest.fixture(scope="module")
def mallory(site, doors):
    return site.person("mallory", doors["gateway"])
