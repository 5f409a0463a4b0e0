"""AWS's device SDKs for Node run whole jobs: the newer with two clients and either MQTT, and the older."""

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from crt import PATIENCE, Way
from site_under_test import Site

NODE = shutil.which("node")
FOLDER = Path(__file__).parent / "node"
MODULES = Path(sys.prefix) / "node" / "node_modules"
CASES = [
    ("v1", Way("3", "mtls")),
    ("v1", Way("5", "plain")),
    ("v2", Way("3", "mtls")),
    ("v2", Way("5", "mtls")),
    ("v2", Way("5", "plain")),
]
DOCUMENT = {"operation": "test", "n": [1, 2.5]}


class Program:
    """A device that says each of its steps."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def step(self) -> tuple[str, Any]:
        """Return what it did next."""
        assert self._process.stdout is not None
        async with asyncio.timeout(2 * PATIENCE):
            line = await self._process.stdout.readline()
        assert line, "it has ended; see what it wrote to stderr"
        told = json.loads(line)
        return told["step"], told["said"]

    async def ended(self) -> None:
        """Wait until it has left by itself, with nothing more to say."""
        async with asyncio.timeout(2 * PATIENCE):
            assert await self._process.communicate() == (b"", None)
        assert self._process.returncode == 0

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


Start = Callable[[str, dict[str, Any]], Awaitable[Program]]


@pytest.fixture
async def start(requirement: Callable[..., None]) -> AsyncIterator[Start]:
    """Give ``await start(file, told)``: a program of ours with the SDKs, gone when the test ends."""
    requirement("node", NODE, "apt-get install nodejs")
    found = (MODULES / "aws-iot-device-sdk-v2").is_dir() and (MODULES / "aws-iot-device-sdk").is_dir()
    requirement("AWS's device SDKs for Node", found, "python3 tools/dev.py setup, with npm")
    async with AsyncExitStack() as stack:

        async def begin(file: str, told: dict[str, Any]) -> Program:
            process = await asyncio.create_subprocess_exec(
                str(NODE),
                str(FOLDER / file),
                json.dumps(told),
                stdout=PIPE,
                env=os.environ | {"NODE_PATH": str(MODULES)},
            )
            program = Program(process)
            stack.push_async_callback(program.close)
            return program

        yield begin


def access(site: Site, thing: str, way: Way) -> dict[str, Any]:
    if way.transport == "plain":
        quiet = {"quiet": bool(site.quiet), "password": site.password(thing)["password"]}
        return {"thing": thing, "endpoint": "127.0.0.1", "port": site.port, **quiet}
    certificate, key = site.certificate(thing)
    paths = {"certificate": certificate, "key": key, "ca": str(site.ca)}
    return {"thing": thing, "endpoint": "localhost", "port": site.mtls_port, **paths}


@pytest.mark.parametrize(("client", "way"), CASES, ids=str)
async def test_a_job_from_notify_to_success(site: Site, start: Start, client: str, way: Way):
    program = await start("device.js", access(site, "t1", way) | {"client": client, "mqtt": way.mqtt})
    step, pending = await program.step()
    assert (step, pending["inProgressJobs"], pending["queuedJobs"]) == ("pending", [], [])
    await site.whole.job("j", "t1", document=json.dumps(DOCUMENT))
    said = dict([await program.step() for _ in range(6)])
    await program.ended()
    assert (said["notified"]["status"], said["notified"]["jobDocument"]) == ("QUEUED", DOCUMENT)
    begun, seen = said["begun"]["execution"], said["seen"]["execution"]
    assert (begun["jobId"], begun["versionNumber"], begun["jobDocument"]) == ("j", 2, DOCUMENT)
    assert (seen["jobId"], seen["statusDetails"]) == ("j", {"phase": "begin"})
    assert said["updated"]["executionState"]["statusDetails"] == {"progress": "50 %"}
    assert said["updated"]["jobDocument"] == DOCUMENT
    assert said["left"].get("execution") is None
    assert said["refused"]["code"] == "InvalidStateTransition"
    state = {"status": "SUCCEEDED", "versionNumber": 4, "statusDetails": {"progress": "50 %"}}
    assert said["refused"]["executionState"] == state


async def test_the_older_sdk_does_each_job_once(site: Site, start: Start):
    """It subscribes and asks at once, hears of no refusal, and does what it is told of, however often."""
    await site.whole.job("waiting", "t1", document=json.dumps(DOCUMENT))
    await site.whole.settled()
    program = await start("old_device.js", access(site, "t1", Way("3", "mtls")) | {"last": "later"})
    for job in ("waiting", "later"):
        step, told = await program.step()
        assert (step, told["id"], told["document"]) == ("job", job, DOCUMENT)
        assert (told["operation"], told["status"]) == ("test", {"status": "QUEUED"})
        assert await program.step() == ("ended", {"status": "SUCCEEDED", "statusDetails": {"done": "yes"}})
        if job == "waiting":
            await site.whole.job("later", "t1", document=json.dumps(DOCUMENT))
    await program.ended()
