"""Servers to kill, and how many points of a sweep are tried."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import tracer
from footing import Footing
from scene import THING, Scene
from servers import Nursery
from sites import MakeSiteOf
from standing import ROBOTS, Standing


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--crash-points",
        choices=("some", "all"),
        default="some",
        help="tests/crash: kill the server at some system calls of each step (a minute) or at all of them",
    )
    parser.addoption("--crash-seconds", type=float, help="tests/crash: for how long one of many is killed")
    parser.addoption("--crash-seed", type=int, help="tests/crash: what is killed and asked, and when")


@pytest.fixture(scope="session")
def every_point(pytestconfig: pytest.Config) -> bool:
    # Without the folder on the command line the option is not known in time.
    return pytestconfig.getoption("--crash-points", default="some") == "all"


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
async def scene(nursery: Nursery, tmp_path: Path) -> AsyncIterator[Scene]:
    """A running server with a device that has one job waiting."""
    scene = Scene(nursery, tmp_path / "data")
    await scene.open()
    await scene.create()
    yield scene
    await scene.close()


@pytest.fixture
async def standing(footing: Footing, make_site_of: MakeSiteOf, tmp_path: Path) -> AsyncIterator[Standing]:
    """What a server stands on, once on each footing."""
    standing = Standing(tmp_path / "standing", footing, make_site_of(footing.database), [THING, *ROBOTS])
    await standing.open()
    yield standing
    await standing.close()


@pytest.fixture
async def footed(nursery: Nursery, standing: Standing) -> AsyncIterator[Scene]:
    """As ``scene``, with no job yet, once on each footing."""
    scene = Scene(nursery, standing.data, standing=standing)
    await scene.open()
    yield scene
    await scene.close()


@pytest.fixture
def strace(requirement: Callable[..., None]) -> None:
    requirement("strace", tracer.BINARY, tracer.HINT)
