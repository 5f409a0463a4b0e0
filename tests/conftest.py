"""What all tests share: how a requirement that is not there is handled, and the tools of the broker tests."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

#: More would wait for the longest files, and stress a machine that has other things to do.
MOST_WORKERS = 5

# Devices and brokers to test against are used from several folders; there are no test packages.
sys.path.insert(0, str(Path(__file__).parent / "broker"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more process than there are cores: half the time is spent on waiting for brokers and clocks."""
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


@pytest.fixture(scope="session")
def requirement() -> Callable[[str, object, str], None]:
    """Give ``requirement(name, present, hint)``: missing things skip a test here and fail it in CI."""

    def check(name: str, present: object, hint: str) -> None:
        if present:
            return
        reason = f"needs {name}, which is not here: {hint}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    return check
