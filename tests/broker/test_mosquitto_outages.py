"""Mosquitto hangs, restarts or loses its memory under a whole server: everything said before still holds."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from mosquitto_server import BINARY, HINT, PASSWD, MosquittoServer
from sites import MakeSite
from whole import Thing, Whole, whole

from storage import executions

ROOT = "$aws/things/t1/jobs"
Outage = Callable[[MosquittoServer], Awaitable[None]]


@pytest.fixture
async def server(
    make_site: MakeSite, tmp_path: Path, requirement: Callable[..., None]
) -> AsyncIterator[Whole]:
    requirement("mosquitto with mosquitto_passwd", BINARY and PASSWD, HINT)
    site = make_site(tmp_path / "data")
    # Each version of MQTT on one of the databases: neither cares which the other is.
    version = "3.1.1" if "database_url" in site.settings() else "5"
    async with whole("mosquitto", tmp_path, "t1", site=site, broker_mqtt_version=version) as running:
        yield running
    site.drop()


async def stopped(broker: MosquittoServer) -> None:
    await broker.stop()


async def killed(broker: MosquittoServer) -> None:
    await broker.kill()


async def killed_without_memory(broker: MosquittoServer) -> None:
    await broker.kill()
    broker.forget()


OUTAGES = [stopped, killed, killed_without_memory]


async def _back(server: Whole) -> Thing:
    """Return the thing when it is connected and the dispatcher answers again."""
    thing = await server.thing("t1", patience=1)
    async with asyncio.timeout(30):
        while True:
            try:
                await thing.ask("get")
            except TimeoutError:
                continue
            return thing


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_update_sent_again_after_an_outage_counts_once(server: Whole, outage: Outage):
    assert server.mosquitto is not None
    thing = await server.thing("t1")
    await server.job("j", "t1")
    update = {"status": "IN_PROGRESS", "clientToken": "once", "includeJobExecutionState": True}
    _, first = await thing.ask("j/update", update)
    await outage(server.mosquitto)
    await server.mosquitto.start()
    thing = await _back(server)
    assert await thing.ask("j/update", update) == ("accepted", first)
    execution = await server.store.read(executions.get, "j", "t1")
    assert (execution.status, execution.version_number) == ("IN_PROGRESS", 2)


async def test_a_session_that_lasts_is_told_of_work_created_during_a_restart(server: Whole):
    assert server.mosquitto is not None
    thing = await server.thing("t1", clean_session=False)
    await server.mosquitto.stop()
    await thing.device.closed.wait()
    await server.job("j", "t1")
    await server.mosquitto.start()
    assert await thing.device.connect(), "the session is still there"
    told = await thing.device.next(f"{ROOT}/notify-next", timeout=30)
    assert json.loads(told.payload)["execution"]["jobId"] == "j"


@pytest.mark.parametrize("outage", OUTAGES)
async def test_whoever_asks_after_an_outage_gets_the_work_created_during_it(server: Whole, outage: Outage):
    assert server.mosquitto is not None
    await outage(server.mosquitto)
    await server.job("j", "t1")
    await server.mosquitto.start()
    thing = await _back(server)
    assert (await thing.ask("$next/get"))[1]["execution"]["jobId"] == "j"


async def test_a_broker_that_hangs_for_a_while_delays_and_loses_nothing(server: Whole):
    assert server.mosquitto is not None
    thing = await server.thing("t1")
    await server.job("j", "t1")
    await thing.told()
    server.mosquitto.pause()
    asking = asyncio.create_task(thing.ask("j/update", {"status": "SUCCEEDED", "clientToken": "t"}))
    await server.job("k", "t1")
    assert not asking.done()
    server.mosquitto.resume()
    assert (await asking)[0] == "accepted"
    told = await thing.device.next(f"{ROOT}/notify-next")
    assert json.loads(told.payload)["execution"]["jobId"] == "k"
    assert (await server.store.read(executions.get, "j", "t1")).version_number == 2
