"""Presence: gathered without cost, written once a second, and right on every broker."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from devices import Device
from doors import RecordingDoor
from mosquitto_server import BINARY, HINT, PASSWD, secret, shipped_acl
from sites import MakeSite
from whole import Whole, whole

from broker.presence import ONCE_IN, Presence
from domain.errors import Unavailable
from domain.job import NewJob, TargetSelection
from domain.registry import Thing
from storage import groups, jobs, things
from storage.policy import Policy
from storage.presence import CHUNK
from storage.store import Store

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=30)


class CountingStore(Store):
    """Counts what is written, and cannot write while it is told so."""

    written = 0
    is_full = False

    async def write(self, verb: Any, *args: Any, **more: Any) -> Any:
        if self.is_full:
            raise Unavailable("full on purpose")
        self.written += 1
        return await super().write(verb, *args, **more)


class Scene:
    """Presence on a store of its own, with a clock that is set."""

    def __init__(self, store: CountingStore) -> None:
        self.now = START
        self.store = store
        self.presence = Presence(store, clock=lambda: self.now)

    def with_window(self) -> None:
        self.presence = Presence(self.store, clock=lambda: self.now, window=WINDOW)

    async def register(self, *names: str) -> None:
        for name in names:
            await self.store.write(things.create, name, at=self.now)

    async def crowd(self, count: int) -> list[str]:
        names = [f"t{number}" for number in range(count)]
        await self.store.write(groups.create, "crowd", at=self.now)
        await self.store.write(groups.add, "crowd", names, policy=Policy(), at=self.now)
        return names

    async def thing(self, name: str) -> Thing:
        return await self.store.read(things.get, name)

    async def cost(self) -> int:
        """Write down what has gathered; return in how many transactions."""
        before = self.store.written
        await self.presence.run_once()
        return self.store.written - before


@pytest.fixture
async def scene(make_site: MakeSite, tmp_path: Path) -> AsyncIterator[Scene]:
    site = make_site(tmp_path / "data")
    store = site.store(CountingStore)
    assert isinstance(store, CountingStore)
    yield Scene(store)
    await store.close()
    site.drop()


async def test_a_storm_of_connects_is_a_handful_of_transactions(scene: Scene) -> None:
    for name in await scene.crowd(10_000):
        scene.presence.came(name)
        scene.presence.left(name)
        scene.presence.came(name)
    assert await scene.cost() == 10_000 // CHUNK
    first = await scene.store.read(things.search, "connectivity.connected:false")
    assert first.items == ()
    assert await scene.cost() == 0


async def test_who_goes_on_talking_is_written_down_once_a_minute(scene: Scene) -> None:
    await scene.register("t1", "t2")
    for _ in range(100):
        scene.presence.heard(["t1"])
    assert await scene.cost() == 1
    scene.now += ONCE_IN / 2
    scene.presence.heard(["t1"])
    assert await scene.cost() == 0
    scene.presence.heard(["t2"])
    assert await scene.cost() == 1
    scene.now += ONCE_IN
    scene.presence.heard(["t1"])
    assert await scene.cost() == 1
    assert (await scene.thing("t1")).last_seen_at == scene.now
    assert not (await scene.thing("t1")).connected


async def test_what_a_full_store_cannot_take_is_written_later_and_in_order(scene: Scene) -> None:
    await scene.register("t1", "t2", "t3")
    scene.presence.came("t1")
    scene.presence.came("t2")
    scene.presence.heard(["t3"])
    scene.store.is_full = True
    with pytest.raises(Unavailable):
        await scene.presence.run_once()
    scene.presence.left("t2")
    scene.store.is_full = False
    await scene.presence.run_once()
    assert [(await scene.thing(name)).connected for name in ("t1", "t2")] == [True, False]
    assert (await scene.thing("t3")).last_seen_at == START


async def test_who_is_registered_after_it_has_connected_is_connected(scene: Scene) -> None:
    scene.presence.came("early")
    scene.presence.came("gone")
    await scene.presence.run_once()
    scene.presence.left("gone")
    await scene.register("early", "gone")
    scene.presence.registered()
    await scene.presence.run_once()
    assert [(await scene.thing(name)).connected for name in ("early", "gone")] == [True, False]


async def test_with_a_window_who_is_heard_is_connected_until_it_has_been_silent(scene: Scene) -> None:
    scene.with_window()
    await scene.register("t1", "t2")
    scene.presence.heard(["t1", "t2"])
    await scene.presence.run_once()
    assert (await scene.thing("t1")).connected
    scene.now += WINDOW - timedelta(minutes=1)
    scene.presence.heard(["t2"])
    await scene.presence.run_once()
    assert (await scene.thing("t1")).connected
    scene.now += timedelta(minutes=2)
    await scene.presence.run_once()
    assert [(await scene.thing(name)).connected for name in ("t1", "t2")] == [False, True]
    scene.presence.heard(["t1"])
    await scene.presence.run_once()
    assert (await scene.thing("t1")).connection_changed_at == scene.now


async def test_a_broker_that_tells_of_its_clients_is_believed(scene: Scene) -> None:
    scene.with_window()
    await scene.register("t1", "t2")
    scene.presence.came("t1")
    scene.presence.left("t2")
    scene.presence.heard(["t1", "t2"])
    await scene.presence.run_once()
    scene.now += 2 * WINDOW
    scene.presence.heard(["t2"])
    await scene.presence.run_once()
    assert [(await scene.thing(name)).connected for name in ("t1", "t2")] == [True, False]


# --- real brokers ---


async def until(server: Whole, name: str, *, connected: bool) -> Thing:
    """Return the thing once it is so."""
    async with asyncio.timeout(15):
        while True:
            found = await server.store.read(things.get, name)
            if found.connected is connected:
                return found
            await asyncio.sleep(0.05)


async def test_the_embedded_broker_knows_who_is_there(tmp_path: Path) -> None:
    async with whole("embedded", tmp_path, "t1", "t2") as server:
        first = await server.thing("t1")
        came = await until(server, "t1", connected=True)
        assert came.connection_changed_at is not None
        assert came.last_seen_at is not None
        assert not (await server.store.read(things.get, "t2")).connected
        second = await server.thing("t1", client_id="t1:two")
        await first.device.close()
        await server.thing("t2")
        await until(server, "t2", connected=True)  # written later than the leaving of one of two
        assert (await server.store.read(things.get, "t1")).connected
        await second.device.drop()
        left = await until(server, "t1", connected=False)
        assert left.connection_changed_at is not None
        assert left.connection_changed_at > came.connection_changed_at


async def test_a_connection_that_is_taken_over_is_not_missed(tmp_path: Path) -> None:
    async with whole("embedded", tmp_path, "t1", "t2") as server:
        await server.thing("t1")
        await until(server, "t1", connected=True)
        await server.thing("t1")
        await server.thing("t2")
        await until(server, "t2", connected=True)
        assert (await server.store.read(things.get, "t1")).connected


async def test_after_a_restart_nobody_is_connected_until_it_is(tmp_path: Path) -> None:
    async with whole("embedded", tmp_path, "t1") as server:
        await server.thing("t1")
        await until(server, "t1", connected=True)
    file = sqlite3.connect(tmp_path / "data" / "thingjobs.sqlite3")
    # Whatever a stopping server wrote, one that was killed leaves this behind.
    file.execute("UPDATE things SET connected = 1")
    file.commit()
    file.close()
    async with whole("embedded", tmp_path, "t1") as server:
        assert not (await server.store.read(things.get, "t1")).connected
        await server.thing("t1")
        await until(server, "t1", connected=True)


async def test_a_device_that_a_job_registers_is_connected_since_before(tmp_path: Path) -> None:
    async with whole("embedded", tmp_path, "t1", insecure_devices=True) as server:
        device = Device(server.port, "stranger")
        await device.connect()
        server.stack.push_async_callback(device.close)
        await server.thing("t1")
        await until(server, "t1", connected=True)
        job = NewJob(
            targets=("stranger",), target_selection=TargetSelection.SNAPSHOT, document="{}", job_id="j"
        )
        await server.write(jobs.create, job, policy=Policy())
        await until(server, "stranger", connected=True)


async def test_mosquitto_says_nothing_and_the_last_contact_counts(
    tmp_path: Path, requirement: Callable[..., None]
) -> None:
    requirement("mosquitto with mosquitto_passwd", BINARY and PASSWD, HINT)
    async with whole("mosquitto", tmp_path, "t1", "t2") as server:
        silent, talking = await server.thing("t1"), await server.thing("t2")
        assert (await talking.ask("get"))[0] == "accepted"
        heard = await until(server, "t2", connected=True)
        assert heard.last_seen_at is not None
        assert not (await server.store.read(things.get, silent.name)).connected


@pytest.mark.parametrize("kind", ["$events/client_{what}", "$event/client_{what}"])
async def test_an_external_broker_that_tells_of_its_clients_is_heard(
    start_mosquitto: Any, external_link: Any, kind: str
) -> None:
    """Mosquitto in the part of such a broker: a client says what the broker would."""
    events = kind.partition("/")[0]
    rights = f"user thingjobs.dispatcher\ntopic read {events}/#\nuser node\ntopic write {events}/#\n"
    server = await start_mosquitto(["node"], acl=f"{shipped_acl()}\n{rights}")
    link, door = external_link(server), RecordingDoor()
    await link.start(door)
    node = Device(server.port, "node", password=secret("node"))
    try:
        await node.connect()
        said = json.dumps({"clientid": "c", "username": "t1"}).encode()
        for what, connected in (("connected", True), ("disconnected", False)):
            await node.publish(kind.format(what=what), said)
            assert await door.turn() == ("t1", connected)
        assert door.requests.empty()
    finally:
        await node.close()
        await link.close()
