"""Dispatchers that share the requests: one that cannot reach the database leaves them to those who can."""

import asyncio
from pathlib import Path

from actors import PAUSE, Operator, Worker, update
from composed import readiness
from database_relay import Relay
from many import Many
from mosquitto_server import secret
from postgres_server import PostgresServer
from servers import Nursery, Place
from sites import PostgresDatabase

pytest_plugins = ["durable"]

THING, ROOT = "lamp", "fleet/things"


async def active(port: int, *, until: bool) -> None:
    """Return when a dispatcher says that it serves devices, or that it does not."""
    async with asyncio.timeout(60):
        found: bool | None = None
        while found is not until:
            await asyncio.sleep(PAUSE)
            found = (await asyncio.to_thread(readiness, f"http://127.0.0.1:{port}")).get("active")


async def left(many: Many) -> None:
    """Return when a dispatcher has taken leave of the broker."""
    async with asyncio.timeout(60):
        while "thingjobs-dispatcher-" not in _partings(many.broker.log()):  # noqa: ASYNC110 - a log
            await asyncio.sleep(PAUSE)


def _partings(log: str) -> str:
    return "\n".join(line for line in log.splitlines() if " disconnected" in line or " closed" in line)


async def test_one_that_is_cut_off_from_the_database_takes_no_requests_from_the_other(
    durable_server: PostgresServer, nursery: Nursery, tmp_path: Path
) -> None:
    database = PostgresDatabase(durable_server, tmp_path / "many")
    many = Many(database, nursery, [THING], root=ROOT, dispatchers="shared")
    wire = Relay(durable_server.port)
    worker = Worker(THING, many.history, secret(THING), root=ROOT, silence=60)
    try:
        await wire.mend()
        await many.open("api", "scheduler", "dispatcher")
        cut_off = await many.add("dispatcher", database_url=many.url_by(wire))
        await active(cut_off.port, until=True)
        await wire.cut()
        await active(cut_off.port, until=False)
        await left(many)
        await worker.connect(Place(0, many.broker.port))
        await Operator(many.history).create(Place(many.apis[0], 0), "j", [THING])
        for number in range(1, 5):
            said, payload = update(
                many.history, THING, "j", "IN_PROGRESS", mark=f"m{number}", expected=number
            )
            assert await worker.say(said, payload), "each is asked once, and would be dealt to either"
        await wire.mend()
        await active(cut_off.port, until=True)
        said, payload = update(many.history, THING, "j", "SUCCEEDED", mark="end", expected=5)
        assert await worker.say(said, payload)
        await many.until_done()
        await many.must_be_well()
    finally:
        await worker.leave()
        await many.close()
        await wire.cut()
