"""Each process is told to stop under load: first it says that it is not ready, then it ends well."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from actors import PAUSE, Operator, Worker, update
from composed import readiness
from many import Many
from mosquitto_server import secret
from postgres_server import PostgresServer
from servers import Nursery, Place
from sites import PostgresDatabase

pytest_plugins = ["durable"]

THING = "lamp"


@pytest.fixture
async def many(durable_server: PostgresServer, nursery: Nursery, tmp_path: Path) -> AsyncIterator[Many]:
    many = Many(PostgresDatabase(durable_server, tmp_path / "many"), nursery, [THING])
    await many.open("api", "dispatcher", "scheduler")
    yield many
    await many.close()


async def says(port: int) -> dict:
    return await asyncio.to_thread(readiness, f"http://127.0.0.1:{port}")


async def test_every_process_ends_well_when_it_is_told_to(many: Many) -> None:
    for part in many.parts:
        assert (await says(part.port))["ready"]
        assert await part.down(signal.SIGTERM) == 0
        assert part.said[-1] == "stopping\n", part.said


async def test_a_dispatcher_is_not_ready_any_more_while_it_works_off_what_it_has(many: Many) -> None:
    api, dispatcher, _ = many.parts
    worker = Worker(THING, many.history, secret(THING), silence=60)
    await worker.connect(Place(0, many.broker.port))
    await Operator(many.history).create(Place(api.port, 0), "j", [THING])
    assert (await says(dispatcher.port))["ready"]
    many.database.server.freeze()
    said, payload = update(many.history, THING, "j", "SUCCEEDED", mark="end")
    asking = asyncio.create_task(worker.say(said, payload))
    dispatcher.signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        while (found := await says(dispatcher.port)).get("ready"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(PAUSE)
    assert found["parts"]["serving"] is False
    many.database.server.thaw()
    assert await dispatcher.ended() == 0, "".join(dispatcher.log)
    await dispatcher.up()
    assert await asking
    await worker.leave()
    await many.until_done()
    await many.must_be_well()
