"""A first device in ten lines, and a client without an agent, as documented: on a real server."""

import asyncio
import sys

import pytest
from live_server import live_server

from agent import Endpoint, JobsClient, LinkRefused, Status, VersionMismatch, connected, connector, mqtt_agent

FIRST_DEVICE = """
import asyncio
from pathlib import Path
from agent import mqtt_agent

agent = mqtt_agent("lamp-2", token=Path("lamp-2.token"))

@agent.handler("blink")
async def blink(job):
    for number in range(job.document["times"]):
        await job.progress(action="blink", percent=100 * number / job.document["times"])
    return {"blinked": job.document["times"]}

asyncio.run(agent.run())
"""


@pytest.fixture
async def live(tmp_path):
    async with live_server(tmp_path) as live:
        yield live


async def test_a_first_device_takes_ten_lines(live, tmp_path):
    assert len([line for line in FIRST_DEVICE.splitlines() if line]) == 10
    (tmp_path / "lamp-2.token").write_text(f"{await live.token('lamp-2')}\n")
    script = FIRST_DEVICE.replace('"lamp-2", ', f'"lamp-2", port={live.port}, ')
    device = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=tmp_path)
    try:
        await live.create("blink", {"operation": "blink", "times": 3}, "lamp-2")
        execution = await live.ended("blink", "lamp-2")
    finally:
        device.kill()
        await device.wait()
    assert execution["status"] == "SUCCEEDED"
    details = {"blinked": "3", "action": "blink", "progress": "100%"}
    assert execution["statusDetails"]["detailsMap"] == details
    assert (await live.call("GET", "/jobs/blink"))["job"]["status"] == "COMPLETED"


async def test_a_client_without_an_agent_asks_and_reports_as_it_likes(live):
    connect = connector(Endpoint(thing_name="lamp-1", port=live.port, token=await live.token("lamp-1")))
    await live.create("paint", {"colour": "red"}, "lamp-1")
    async with connected(JobsClient("lamp-1"), connect) as client:
        assert [job.job_id for job in (await client.get_pending()).queued] == ["paint"]
        job = await client.start_next({"action": "begun"})
        assert job.job_document == {"colour": "red"}
        with pytest.raises(VersionMismatch) as caught:
            await client.update("paint", Status.SUCCEEDED, expected_version=job.version_number - 1)
        assert caught.value.state.version_number == job.version_number
        await client.update("paint", Status.SUCCEEDED, expected_version=job.version_number)
        assert await client.start_next() is None
    assert (await live.execution("paint", "lamp-1"))["status"] == "SUCCEEDED"


async def test_a_client_with_a_wrong_token_is_told_at_once(live):
    await live.token("lamp-1")
    connect = connector(Endpoint(thing_name="lamp-1", port=live.port, token="wrong"))
    with pytest.raises(LinkRefused, match=f"127.0.0.1:{live.port} refused the connection"):
        async with connected(JobsClient("lamp-1"), connect):
            pytest.fail("let in")


async def test_an_agent_may_be_made_before_there_is_a_loop_or_a_server(live):
    agent = await asyncio.to_thread(mqtt_agent, "lamp-3", port=live.port, token=await live.token("lamp-3"))

    @agent.handler("echo")
    async def echo(job):
        return job.document

    await live.create("echo", {"operation": "echo"}, "lamp-3")
    task = asyncio.create_task(agent.run())
    try:
        assert (await live.ended("echo", "lamp-3"))["status"] == "SUCCEEDED"
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_device_carries_little():
    source = "import agent, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    device = await asyncio.create_subprocess_exec(
        sys.executable, "-c", source, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await device.communicate()
    loaded = set(said.decode().split())
    assert {"agent", "domain", "paho", "pydantic"} <= loaded
    servers = {"sqlalchemy", "alembic", "amqtt", "aiohttp", "typer", "rich", "structlog", "pydantic_settings"}
    assert not loaded & (servers | {"api", "broker", "cli", "storage"})
