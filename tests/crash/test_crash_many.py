"""Two of each process at work, one of all killed, frozen or cut off every few seconds: nothing is lost."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from crowd import Crowd
from many import Many
from nemesis import striking
from postgres_server import PostgresServer
from servers import Nursery
from sites import PostgresDatabase

pytest_plugins = ["durable"]

THINGS = [f"robot-{number}" for number in range(16)]
PARTS = ("api", "api", "dispatcher", "dispatcher", "scheduler", "scheduler")
#: How many seconds to go on, of ``make test`` and of ``make crash``.
BRIEFLY, LONG = 10, 120
MODES = {
    "exclusive": {},
    "shared": {"dispatchers": "shared", "root": "fleet/things"},
}


@pytest.fixture
def seconds(pytestconfig: pytest.Config, *, every_point: bool) -> float:
    return float(
        pytestconfig.getoption("--crash-seconds", default=None) or (LONG if every_point else BRIEFLY)
    )


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> int:
    given = pytestconfig.getoption("--crash-seed", default=None)
    return random.SystemRandom().randrange(1_000_000) if given is None else int(given)


@pytest.fixture(params=MODES)
async def many(
    request: pytest.FixtureRequest, durable_server: PostgresServer, nursery: Nursery, tmp_path: Path
) -> AsyncIterator[Many]:
    many = Many(PostgresDatabase(durable_server, tmp_path / "many"), nursery, THINGS, **MODES[request.param])
    await many.open(*PARTS)
    yield many
    await many.close()


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_nothing_is_lost_though_one_of_all_fails_every_few_seconds(
    many: Many, seed: int, seconds: float
) -> None:
    print(f"--crash-seed={seed} --crash-seconds={seconds:g}")
    crowd = Crowd(many, seed)
    crowd.begin()
    try:
        await crowd.meanwhile(striking(many, crowd, random.Random(seed), seconds))
        await crowd.finish()
    finally:
        await crowd.leave()
    print(f"{crowd.answers} updates were answered, {len(many.history.created)} jobs created")
    assert crowd.answers > seconds
    await many.must_be_well()
