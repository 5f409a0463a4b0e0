"""Doors to knock at: a fresh one per test, or one per module where it does not matter what is there."""

import pytest
from http_door import opened


@pytest.fixture(scope="module")
def dialect():
    """Have tests run on SQLite; a module with ``DIALECTS`` says on what else."""
    return "sqlite"


@pytest.fixture
def door(make_site, tmp_path):
    with opened(tmp_path / "data", make_site=make_site) as found:
        yield found


@pytest.fixture(scope="module")
def shared_door(make_site, tmp_path_factory):
    with opened(tmp_path_factory.mktemp("shared") / "data", make_site=make_site) as found:
        yield found
