"""Mosquitto with its users in the dynamic security plugin, as shipped: nobody can do more, and jobs flow."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest
from devices import Device, Gone, Refused
from mosquitto_server import DISPATCHER, HINT, PATH, SHIPPED, secret
from whole import whole

from storage import executions

pytestmark = pytest.mark.mosquitto

ADMIN = "thingjobs.admin"
CTRL = shutil.which("mosquitto_ctrl", path=PATH)
PLUGINS = [*Path("/usr/lib").glob("**/mosquitto_dynamic_security.so")]
JOBS = "$aws/things/{}/jobs"
CONTROL = "$CONTROL/dynamic-security/v1"
LIST = b'{"commands": [{"command": "listClients"}]}'


async def run(*command):
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()


@pytest.fixture
async def mosquitto(start_mosquitto, requirement, tmp_path):
    """A broker set up by the commands that the shipped file names."""
    requirement("mosquitto_ctrl and mosquitto_dynamic_security.so", CTRL and PLUGINS, HINT)
    shipped = (SHIPPED / "dynamic-security.conf").read_text()
    users = tmp_path / "mosquitto" / "data" / "dynamic-security.json"
    users.parent.mkdir(parents=True)
    await run(CTRL, "dynsec", "init", users, ADMIN, secret(ADMIN))
    (expression,) = re.findall(r"^#   sed -i '(.*)' ", shipped, re.MULTILINE)
    await run("sed", "-i", expression, users)
    server = await start_mosquitto(
        password_file="", more=shipped.replace("/usr/lib/mosquitto_dynamic_security.so", str(PLUGINS[0]))
    )
    for name in (DISPATCHER, "t1", "t2"):
        await control(server, "createClient", name, "-p", secret(name))
    return server


async def control(server, *command):
    access = ("-h", "127.0.0.1", "-p", server.port, "-u", ADMIN, "-P", secret(ADMIN))
    return await run(CTRL, *access, "dynsec", *command)


async def device_of(server, name):
    device = Device(server.port, name, password=secret(name), properties={})
    await device.connect()
    return device


@pytest.fixture
async def server(mosquitto, tmp_path):
    async with whole("mosquitto", tmp_path, "t1", "t2", mosquitto=mosquitto) as running:
        yield running


async def test_jobs_flow(server):
    thing = await server.thing("t1")
    await server.job("j", "t1", "t2")
    assert (await thing.told())["notify-next"]["execution"]["jobId"] == "j"
    assert (await thing.ask("j/update", {"status": "SUCCEEDED"}))[0] == "accepted"
    assert (await server.store.read(executions.get, "j", "t1")).status == "SUCCEEDED"
    assert (await server.store.read(executions.get, "j", "t2")).status == "QUEUED"


async def test_a_thing_speaks_for_itself_alone_and_hears_nothing_of_another(server, mosquitto):
    await server.job("j", "t1")
    one, two = await server.thing("t1"), await device_of(mosquitto, "t2")
    every = ["#", "$aws/#", f"{JOBS.format('+')}/#", f"{JOBS.format('t1')}/#", "$CONTROL/#"]
    await two.subscribe(*every, f"{JOBS.format('t2')}/#")
    for forged in ("j/update", "start-next", "notify-next", "get/accepted"):
        await two.publish(f"{JOBS.format('t1')}/{forged}", b'{"status": "FAILED"}')
    await two.publish(CONTROL, LIST)
    assert (await one.ask("j/update", {"status": "IN_PROGRESS"}))[0] == "accepted"
    found = await server.store.read(executions.get, "j", "t1")
    assert (found.status, found.version_number) == ("IN_PROGRESS", 2)
    await two.publish(f"{JOBS.format('t2')}/get", b"{}")
    heard = set()
    while f"{JOBS.format('t2')}/get/accepted" not in heard:
        heard.add((await two.next()).topic)
    assert {topic for topic in heard if not topic.startswith(JOBS.format("t2"))} == set()
    await two.close()


async def test_who_is_ended_is_disconnected_and_not_let_in_again(mosquitto):
    two = await device_of(mosquitto, "t2")
    await control(mosquitto, "disableClient", "t2")
    async with asyncio.timeout(15):
        await two.closed.wait()
    with pytest.raises((Refused, Gone)):
        await two.connect()
    await two.close()
    await control(mosquitto, "enableClient", "t2")
    await (await device_of(mosquitto, "t2")).close()


async def test_nobody_comes_in_whom_the_plugin_does_not_know(mosquitto):
    for name, password in ((None, None), ("t1", "wrong"), ("stranger", secret("stranger"))):
        with pytest.raises((Refused, Gone)):
            await Device(mosquitto.port, name, password=password, client_id="any").connect()
