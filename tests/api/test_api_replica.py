"""An API with a standby: what is asked by its name is always what is, and a list may be what was."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres_server import BINARIES, HINT, PostgresServer
from pydantic import SecretStr
from sites import PostgresDatabase
from standby_server import Standby

from cli.server import Server, serving
from cli.settings import Settings


@pytest.fixture
def servers(requirement: Callable[..., None]) -> Iterator[tuple[PostgresServer, Standby]]:
    requirement("PostgreSQL 15 or newer", BINARIES, HINT)
    primary = PostgresServer(settings={"synchronous_commit": "on"})
    standby = Standby(primary)
    yield primary, standby
    standby.close()
    primary.close()


@pytest.fixture
async def server(servers: tuple[PostgresServer, Standby], tmp_path: Path) -> AsyncIterator[Server]:
    primary, standby = servers
    site = PostgresDatabase(primary, tmp_path / "keys")
    standby.catch_up()
    replica = SecretStr(standby.url(site.url.rpartition("/")[2]))
    more = {"database_replica_url": replica, "database_replica_lag_seconds": 60}
    settings = Settings(http_port=0, mqtt_port=0, **more, **site.settings())
    async with serving(settings) as server:
        yield server


async def call(server: Server, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(server.http_url + path, data, headers)

    def ask() -> Any:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            return json.loads(refusal.read())

    return await asyncio.to_thread(ask)


async def until(server: Server, *, asked: bool) -> None:
    async with asyncio.timeout(60):
        while (await call(server, "/readyz"))["optional"] != {"replica": asked}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


JOB = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": {"operation": "x"}}


async def test_a_list_may_be_old_and_nothing_asked_by_name_is(
    server: Server, servers: tuple[PostgresServer, Standby]
) -> None:
    _, standby = servers
    await until(server, asked=True)
    await call(server, "/jobs", {"jobId": "old", **JOB})
    standby.catch_up()
    standby.hold_back()
    await call(server, "/jobs", {"jobId": "new", **JOB})
    assert [job["jobId"] for job in (await call(server, "/jobs"))["jobs"]] == ["old"]
    assert (await call(server, "/jobs/new"))["job"]["jobId"] == "new"
    assert (await call(server, "/jobs/new/things/t"))["execution"]["jobId"] == "new"
    # The standby knows no such job, so the primary is asked.
    assert len((await call(server, "/jobs-executions/jobs/new"))["jobExecutions"]) == 1
    standby.stop()
    await until(server, asked=False)
    assert (await call(server, "/readyz"))["ready"]
    assert {job["jobId"] for job in (await call(server, "/jobs"))["jobs"]} == {"old", "new"}
    standby.start()
    await until(server, asked=True)
