"""aws-iot-device-sdk-v2 for Node runs a whole job with both its jobs clients, by either MQTT."""

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crt import Way
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


def access(site: Site, thing: str, way: Way) -> dict[str, Any]:
    if way.transport == "plain":
        quiet = {"quiet": bool(site.quiet), "password": site.password(thing)["password"]}
        return {"endpoint": "127.0.0.1", "port": site.port, **quiet}
    certificate, key = site.certificate(thing)
    paths = {"certificate": certificate, "key": key, "ca": str(site.ca)}
    return {"endpoint": "localhost", "port": site.mtls_port, **paths}


async def steps(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Return all that the device still says, by step."""
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    return {each["step"]: each["said"] for each in map(json.loads, said.splitlines())}


@pytest.mark.parametrize(("client", "way"), CASES, ids=str)
async def test_a_whole_job(site: Site, requirement: Callable[..., None], client: str, way: Way):
    requirement("node", NODE, "apt-get install nodejs")
    found = (MODULES / "aws-iot-device-sdk-v2").is_dir()
    requirement("AWS's device SDK for Node", found, "python3 tools/dev.py setup, with npm")
    told = {"client": client, "mqtt": way.mqtt, "thing": "t1", **access(site, "t1", way)}
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(FOLDER / "device.js"),
        json.dumps(told),
        stdout=PIPE,
        env=os.environ | {"NODE_PATH": str(MODULES)},
    )
    assert process.stdout is not None
    pending = json.loads(await process.stdout.readline())["said"]
    assert (pending["inProgressJobs"], pending["queuedJobs"]) == ([], [])
    document = {"operation": "test", "n": [1, 2.5]}
    await site.whole.job("j", "t1", document=json.dumps(document))
    said = await steps(process)
    assert process.returncode == 0
    assert (said["notified"]["status"], said["notified"]["jobDocument"]) == ("QUEUED", document)
    begun, seen = said["begun"]["execution"], said["seen"]["execution"]
    assert (begun["jobId"], begun["versionNumber"], begun["jobDocument"]) == ("j", 2, document)
    assert (seen["jobId"], seen["statusDetails"]) == ("j", {"phase": "begin"})
    assert said["updated"]["executionState"]["statusDetails"] == {"progress": "50 %"}
    assert said["updated"]["jobDocument"] == document
    assert said["left"].get("execution") is None
    assert said["refused"]["code"] == "InvalidStateTransition"
    state = {"status": "SUCCEEDED", "versionNumber": 4, "statusDetails": {"progress": "50 %"}}
    assert said["refused"]["executionState"] == state
