"""The embedded broker with the real engine: who hears an answer, what a newcomer missed, what rights end."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from devices import Device, Gone, Refused
from whole import Whole, whole

from storage import executions, things, tokens

ROOT = "$aws/things/t1/jobs"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole("embedded", tmp_path, "t1", "t2") as running:
        yield running


def device(server: Whole, thing: str = "t1", **options: Any) -> Device:
    return Device(server.port, thing, password=server.secrets[thing], **options)


async def test_an_answer_goes_to_the_connection_that_asked_and_to_no_other_of_the_thing(server: Whole):
    asker, other = device(server, client_id="t1:asker"), device(server, client_id="t1:other")
    async with asker, other:
        await other.subscribe(f"{ROOT}/#")
        await asker.publish(f"{ROOT}/get", b'{"clientToken":"mine"}')
        assert (await asker.next()).topic == f"{ROOT}/get/accepted"
        await server.job("j", "t1")
        assert (await other.next()).topic == f"{ROOT}/notify"


@pytest.mark.parametrize("qos", [0, 1])
async def test_what_a_device_says_besides_jobs_is_taken_and_dropped_and_its_jobs_go_on(
    server: Whole, qos: int
):
    async with device(server, client_id="t1:other") as other:
        await other.subscribe(f"{ROOT}/#")
        async with device(server) as sender:
            for topic in ("dt/t1/temperature", "$aws/things/t1/shadow/update", "$aws/rules/all/t1"):
                await sender.publish(topic, b"21.5", qos=qos)
            await sender.publish(f"{ROOT}/get", b"")
            assert (await sender.next()).topic == f"{ROOT}/get/accepted"
        await server.job("j", "t1")
        assert (await other.next()).topic == f"{ROOT}/notify", "nothing of it is heard"


async def test_who_subscribes_hears_of_work_that_came_before(server: Whole):
    await server.job("j", "t1")
    await server.settled()
    async with device(server) as late:
        assert await late.subscribe(f"{ROOT}/notify-next") == [1]
        assert b'"jobId":"j"' in (await late.next()).payload
        await late.subscribe(f"{ROOT}/notify-next")
        assert b'"jobId":"j"' in (await late.next()).payload, "every subscription is answered"


async def test_who_subscribes_hears_nothing_of_work_in_progress(server: Whole):
    thing = await server.thing("t1", client_id="t1:worker")
    await server.job("j", "t1")
    await thing.ask("start-next")
    async with device(server) as late:
        await late.subscribe(f"{ROOT}/#")
        await server.job("k", "t1")
        assert (await late.next()).topic == f"{ROOT}/notify", "some SDKs would begin the job again"


async def test_a_lasting_session_is_told_on_its_return_once_and_as_it_is_then(server: Whole):
    first = device(server, clean_session=False)
    await first.connect()
    await first.subscribe(f"{ROOT}/#")
    await first.drop()
    for job in ("j", "k", "l"):
        await server.job(job, "t1")
        await server.settled()
    await server.write(executions.cancel, "j", "t1")
    await server.settled()
    again = device(server, clean_session=False)
    assert await again.connect()
    told = [await again.next() for _ in range(2)]
    assert {each.topic for each in told} == {f"{ROOT}/notify", f"{ROOT}/notify-next"}
    for each in told:
        assert b'"jobId":"k"' in each.payload
        assert b'"jobId":"j"' not in each.payload
    await again.publish(f"{ROOT}/get", b"")
    assert (await again.next()).topic == f"{ROOT}/get/accepted", "nothing older came"
    await again.close()


async def _revoked(server: Whole, _data: Path) -> None:
    await server.write(tokens.revoke, "t1")


async def _deleted(server: Whole, _data: Path) -> None:
    await server.write(things.delete, "t1")


async def _revoked_elsewhere(_server: Whole, data: Path) -> None:
    """As another process does it, of which this one hears only by looking."""
    with sqlite3.connect(data / "thingjobs.sqlite3") as other:
        at = int(datetime.now(UTC).timestamp() * 1000)
        other.execute(
            "UPDATE tokens SET revoked_at = ? WHERE thing = (SELECT id FROM things WHERE name = 't1')", [at]
        )
    other.close()


@pytest.mark.parametrize("how", [_revoked, _deleted, _revoked_elsewhere])
async def test_who_loses_its_rights_loses_its_connection_within_five_seconds(
    server: Whole, tmp_path: Path, how: Callable[[Whole, Path], Awaitable[None]]
):
    async with device(server, "t2") as neighbour:
        victim = device(server)
        await victim.connect()
        await how(server, tmp_path / "data")
        async with asyncio.timeout(5):
            await victim.closed.wait()
        with pytest.raises(Refused):
            await device(server).connect()
        await neighbour.publish("$aws/things/t2/jobs/get")
        with pytest.raises(Gone):
            await victim.publish(f"{ROOT}/get")
        await victim.close()
