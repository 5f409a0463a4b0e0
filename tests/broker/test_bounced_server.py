"""The whole server behind PgBouncer, on Mosquitto: a device gets its work and is heard, restarts or not."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import mosquitto_server
import pytest
from bouncer import BOUNCER, BOUNCER_HINT, Bounced, Bouncer
from postgres_server import PostgresServer
from whole import Thing, Whole, whole

from domain.errors import Unavailable
from storage import jobs


async def work_off(thing: Thing, job_id: str) -> None:
    verdict, begun = await thing.ask("start-next", {})
    assert (verdict, begun["execution"]["jobId"]) == ("accepted", job_id)
    verdict, _ = await thing.ask(f"{job_id}/update", {"status": "SUCCEEDED"})
    assert verdict == "accepted"


async def made(server: Whole, job_id: str) -> None:
    """Make a job as soon as the store lets one."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await server.job(job_id, "t1")
            except Unavailable:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("listens", [True, False])
async def test_a_job_is_told_of_done_and_counted_though_the_bouncer_is_restarted(
    postgres_server: PostgresServer, requirement: Callable[..., None], tmp_path: Path, *, listens: bool
) -> None:
    requirement("PgBouncer", BOUNCER, BOUNCER_HINT)
    there = mosquitto_server.BINARY and mosquitto_server.PASSWD
    requirement("mosquitto with mosquitto_passwd", there, mosquitto_server.HINT)
    bouncer = Bouncer(postgres_server)
    site = Bounced(bouncer, tmp_path / "keys")
    site.direct = site.direct if listens else site.url
    try:
        async with whole("mosquitto", tmp_path, "t1", site=site) as server:
            thing = await server.thing("t1")
            await server.job("first", "t1")
            assert (await thing.told())["notify-next"]["execution"]["jobId"] == "first"
            await work_off(thing, "first")
            bouncer.stop()
            bouncer.start()
            await made(server, "second")
            await work_off(thing, "second")
            for job_id in ("first", "second"):
                assert (await server.store.read(jobs.get, job_id)).status == "COMPLETED"
    finally:
        bouncer.close()
