"""Sites whose file servers have repositories that are to be taken over, one for each layout and file of tests."""

import pytest

from harness.adoption import running_house


@pytest.fixture(scope="module")
def house(workspace):
    with running_house(workspace, "flat") as site:
        yield site


@pytest.fixture(scope="module")
def house_by_id(workspace):
    with running_house(workspace, "hashed-id") as site:
        yield site


@pytest.fixture(params=["flat", "hashed-id"])
def either(request):
    return request.getfixturevalue("house" if request.param == "flat" else "house_by_id")
