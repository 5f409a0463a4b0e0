"""Lifecycle events over kill -9: each reaches a monitor at least once, and what is repeated is the same."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import lifecycle_truth
import pytest
from actors import PAUSE
from devices import Device, Gone, Heard, Refused
from fleet import Fleet, working
from lifecycle_truth import TRUTHS
from mosquitto_server import MONITOR, secret
from scene import PATIENCE, Scene
from standing import ROBOTS, Standing

from domain.event_kinds import EventKind
from domain.roles import Role
from storage import access_keys, event_configurations

THINGS = ROBOTS[:8]
KILLS = 5


class Monitor:
    """Listens, comes back after every loss, and keeps what it heard in the order of first hearing."""

    def __init__(self, name: str, password: str) -> None:
        self.heard: list[str] = []
        self.repeated = 0
        self._payloads: dict[str, bytes] = {}
        self._name, self._password = name, password

    async def run(self, port: Callable[[], int]) -> None:
        while True:
            try:
                await self._listen(port())
            except (Gone, Refused, OSError):
                await asyncio.sleep(PAUSE)

    async def _listen(self, port: int) -> None:
        async with Device(port, self._name, password=self._password) as device:
            await device.subscribe("$aws/events/#")
            ended = asyncio.create_task(device.closed.wait())
            while not ended.done():
                news = asyncio.create_task(device.messages.get())
                await asyncio.wait({news, ended}, return_when=asyncio.FIRST_COMPLETED)
                if news.done():
                    self._hear(news.result())
                else:
                    news.cancel()

    def _hear(self, heard: Heard) -> None:
        name = json.loads(heard.payload)["eventId"]
        if name in self._payloads:
            self.repeated += 1
        else:
            self.heard.append(lifecycle_truth.said(heard.topic, heard.payload))
        assert self._payloads.setdefault(name, heard.payload) == heard.payload

    async def until(self, events: Callable[[], list[str]]) -> None:
        """Return when all of these were heard, or after a while."""
        try:
            async with asyncio.timeout(PATIENCE):
                while set(events()) - set(self.heard):  # noqa: ASYNC110 - the truth is in a file
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            return


@pytest.fixture
async def monitor(standing: Standing) -> Monitor:
    """Somebody who may hear; events are on, and what really happens is written down."""
    store, now = standing.site.store(), datetime.now(UTC)
    key = await store.write(access_keys.create, store.vault, Role.VIEWER, at=now)
    kinds = dict.fromkeys((EventKind.JOB, EventKind.JOB_EXECUTION), True)
    await store.write(event_configurations.put, kinds, at=now)
    await store.close()
    standing.site.script(TRUTHS[standing.site.name])
    if standing.broker is None:
        return Monitor(key.key.key_id, key.secret)
    return Monitor(MONITOR, secret(MONITOR))


async def steer(scene: Scene) -> None:
    """End, cancel and delete jobs by hand; what is answered has happened."""
    canceled, deleted = [await scene.create(*THINGS) for _ in range(2)]
    for method, path, body in (
        ("PUT", f"/jobs/{canceled}/cancel", {}),
        ("DELETE", f"/jobs/{deleted}?force=true", None),
    ):
        status, answer = await scene.call(method, path, body)
        assert status < 300, answer


async def dying(scene: Scene, chance: random.Random, work: Callable[[], Awaitable[object]]) -> None:
    for _ in range(KILLS):
        await work()
        await asyncio.sleep(chance.random() / 20)
        await scene.server.kill()
        scene.must_be_sound()
        await scene.server.start()


@pytest.mark.timeout(300)
async def test_no_kill_takes_an_event_from_a_monitor_that_comes_back(
    standing: Standing, monitor: Monitor, footed: Scene
):
    def happened() -> list[str]:
        return [said for (said,) in standing.rows("SELECT said FROM truth ORDER BY id")]

    ear = asyncio.create_task(monitor.run(lambda: footed.server.place.mqtt), name="monitor")
    jobs = [await footed.create(*THINGS) for _ in range(12)]
    fleet = Fleet(footed.server, footed.history, THINGS, standing.password)
    chance = random.Random(11)

    async def work() -> None:
        await steer(footed)
        await fleet.answered(chance.randint(5, 30))

    await working(fleet, jobs, lambda: dying(footed, chance, work))
    await footed.until_rest()
    await monitor.until(happened)
    assert monitor.heard == happened()
    assert not [line for line in footed.server.log if "Traceback" in line]
    ear.cancel()
