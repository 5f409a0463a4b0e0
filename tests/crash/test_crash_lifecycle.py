"""Lifecycle events over kill -9: each reaches a monitor at least once, and what is repeated is the same."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import ledger
import lifecycle_truth
import pytest
from actors import PAUSE
from devices import Device, Gone, Heard, Refused
from fleet import Fleet, working
from mosquitto_server import BINARY, DISPATCHER, HINT, MONITOR, PASSWD, MosquittoServer, secret
from scene import PATIENCE, Scene
from servers import Nursery

from domain.event_kinds import EventKind
from domain.roles import Role
from storage import access_keys, event_configurations
from storage.store import Store

THINGS = [f"robot-{number}" for number in range(8)]
KILLS = 5


class Monitor:
    """Listens, comes back after every loss, and keeps what it heard in the order of first hearing."""

    def __init__(self, name: str, password: str, port: Callable[[], int]) -> None:
        self.heard: list[str] = []
        self.repeated = 0
        self._payloads: dict[str, bytes] = {}
        self._name, self._password, self._port = name, password, port

    async def run(self) -> None:
        while True:
            try:
                await self._listen()
            except (Gone, Refused, OSError):
                await asyncio.sleep(PAUSE)

    async def _listen(self) -> None:
        async with Device(self._port(), self._name, password=self._password) as device:
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
async def prepared(tmp_path: Path) -> tuple[Path, str, str]:
    """Return a data directory where events are on and watched, and a key to hear them with."""
    data, now = tmp_path / "data", datetime.now(UTC)
    store = Store.open(data)
    key = await store.write(access_keys.create, store.vault, Role.VIEWER, at=now)
    kinds = dict.fromkeys((EventKind.JOB, EventKind.JOB_EXECUTION), True)
    await store.write(event_configurations.put, kinds, at=now)
    await store.close()
    lifecycle_truth.watch(data / ledger.NAME)
    return data, key.key.key_id, key.secret


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def listen(stack: AsyncExitStack, monitor: Monitor) -> None:
    task = asyncio.create_task(monitor.run(), name="monitor")
    stack.callback(task.cancel)


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
        await scene.server.start()


async def everything_was_heard(scene: Scene, monitor: Monitor) -> None:
    await scene.until_rest()
    database = scene.server.data / ledger.NAME
    await monitor.until(lambda: lifecycle_truth.happened(database))
    assert monitor.heard == lifecycle_truth.happened(database)
    assert not [line for line in scene.server.log if "Traceback" in line]


@pytest.mark.timeout(300)
async def test_on_the_embedded_broker_no_kill_takes_an_event_from_a_monitor_that_comes_back(
    nursery: Nursery, prepared: tuple[Path, str, str], stack: AsyncExitStack
):
    data, key, password = prepared
    scene = Scene(nursery, data)
    await scene.open()
    stack.push_async_callback(scene.close)
    monitor = Monitor(key, password, lambda: scene.server.place.mqtt)
    listen(stack, monitor)
    jobs = [await scene.create(*THINGS) for _ in range(12)]
    fleet, chance = Fleet(scene.server, scene.history, THINGS), random.Random(11)

    async def work() -> None:
        await steer(scene)
        await fleet.answered(chance.randint(5, 30))

    await working(fleet, jobs, lambda: dying(scene, chance, work))
    await everything_was_heard(scene, monitor)


@pytest.mark.timeout(300)
async def test_on_mosquitto_no_kill_of_the_server_takes_an_event_from_a_monitor(
    nursery: Nursery,
    prepared: tuple[Path, str, str],
    stack: AsyncExitStack,
    tmp_path: Path,
    requirement: Callable[..., None],
):
    requirement("mosquitto with mosquitto_passwd", BINARY and PASSWD, HINT)
    mosquitto = MosquittoServer(tmp_path / "mosquitto", users=THINGS)
    stack.push_async_callback(mosquitto.kill)
    await mosquitto.start()
    config = tmp_path / "thingjobs.toml"
    config.write_text(
        f'broker = "external"\nbroker_host = "127.0.0.1"\nbroker_port = {mosquitto.port}\n'
        f'broker_username = "{DISPATCHER}"\nbroker_password = "{secret(DISPATCHER)}"\n'
    )
    config.chmod(0o600)
    scene = Scene(nursery, prepared[0], f"--config={config}")
    await scene.server.start()
    stack.push_async_callback(scene.close)
    monitor = Monitor(MONITOR, secret(MONITOR), lambda: mosquitto.port)
    listen(stack, monitor)
    await dying(scene, random.Random(12), lambda: steer(scene))
    await everything_was_heard(scene, monitor)
