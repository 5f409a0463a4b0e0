"""Two of each process at work, one of all killed every few seconds: the checker finds nothing."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from crowd import Crowd
from many import Many
from mosquitto_server import BINARY as MOSQUITTO
from mosquitto_server import HINT as MOSQUITTO_HINT
from mosquitto_server import PASSWD
from postgres_server import BINARIES, HINT, PostgresServer
from servers import Nursery
from sites import PostgresDatabase

THINGS = [f"robot-{number}" for number in range(16)]
PARTS = ("api", "api", "dispatcher", "dispatcher", "scheduler", "scheduler")
#: How many seconds to go on, of ``make test`` and of ``make crash``.
BRIEFLY, LONG = 15, 120
MODES = {
    "exclusive": {},
    "shared": {"dispatchers": "shared", "root": "fleet/things"},
}


@pytest.fixture
def durable_server(requirement: Callable[..., None]) -> Iterator[PostgresServer]:
    requirement("PostgreSQL 15 or newer", BINARIES, HINT)
    requirement("mosquitto with mosquitto_passwd", MOSQUITTO and PASSWD, MOSQUITTO_HINT)
    server = PostgresServer(durable=True)
    yield server
    server.close()


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
async def test_nothing_is_lost_though_one_of_all_is_killed_every_few_seconds(
    many: Many, seed: int, seconds: float
) -> None:
    print(f"--crash-seed={seed} --crash-seconds={seconds:g}")
    crowd = Crowd(many, seed)
    crowd.begin()
    try:
        await crowd.meanwhile(killing(many, random.Random(seed), seconds))
        await crowd.finish()
    finally:
        await crowd.leave()
    print(f"{crowd.answers} updates were answered, {len(many.history.created)} jobs created")
    assert crowd.answers > seconds
    await many.must_be_well()


async def killing(many: Many, chance: random.Random, seconds: float) -> None:
    """End one after the other of everything there is, most of them at once; each is started again soon."""
    nemesis = Nemesis(many, chance)
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    async with asyncio.TaskGroup() as tasks:
        while loop.time() < end:
            await asyncio.sleep(chance.uniform(1, 4))
            tasks.create_task(nemesis.strike())
    print("ended:", ", ".join(f"{name} {count} times" for name, count in sorted(nemesis.ended.items())))


class Nemesis:
    """Each ``strike`` ends somebody who is there and has him started again."""

    def __init__(self, many: Many, chance: random.Random) -> None:
        self.ended: Counter[str] = Counter()
        self._many = many
        self._chance = chance
        self._down: set[object] = set()

    async def strike(self) -> None:
        broker, server = self._many.broker, self._many.database.server
        parts = self._many.parts
        up = [each for each in (*parts, *parts, broker, server) if each not in self._down]
        victim = self._chance.choice(up)
        pause, how = self._chance.random(), self._chance.choice((*[signal.SIGKILL] * 3, signal.SIGTERM))
        self._down.add(victim)
        if victim is broker:
            self.ended["mosquitto"] += 1
            await broker.kill()
            await asyncio.sleep(pause)
            await broker.start()
        elif victim is server:
            self.ended["postgres"] += 1
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(pause)
            await asyncio.to_thread(server.start)
        else:
            self.ended[f"{victim.command} by {how.name}"] += 1
            code = await victim.down(how)
            assert code == (0 if how is signal.SIGTERM else -how), "".join(victim.said)
            await asyncio.sleep(pause)
            await victim.up()
        self._down.discard(victim)
