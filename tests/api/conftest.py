"""Doors to knock at: a fresh one per test, or one per module where it does not matter what is there."""

import pytest
from http_door import opened


@pytest.fixture
def door(tmp_path):
    with opened(tmp_path / "data") as found:
        yield found


@pytest.fixture(scope="module")
def shared_door(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("shared") / "data") as found:
        yield found
