"""A monitor on the embedded broker: its access key lets it hear events, and do nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from devices import Device, Gone, Refused
from whole import Whole, whole

from domain.access_keys import IssuedKey
from domain.roles import Role
from storage import access_keys, things

DENIED = 128


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole("embedded", tmp_path, "t1") as running:
        yield running


async def issue(server: Whole, role: Role = Role.VIEWER) -> IssuedKey:
    return await server.write(access_keys.create, server.store.vault, role)


def watcher(server: Whole, issued: IssuedKey, **options: Any) -> Device:
    options = {"client_id": "dashboard", **options}
    return Device(server.port, issued.key.key_id, password=issued.secret, **options)


@pytest.mark.parametrize("properties", [None, {"SessionExpiryInterval": 60}], ids=["3.1.1", "5"])
async def test_a_monitor_subscribes_to_events_and_to_nothing_else(server: Whole, properties: Any) -> None:
    async with watcher(server, await issue(server), properties=properties) as device:
        assert await device.subscribe("$aws/events/job/#", "$aws/events/jobExecution/+/+") == [1, 1]
        for denied in ("#", "$aws/#", "$aws/things/t1/jobs/#", "$aws/things/+/jobs/#", "$SYS/#", "$aws/+/#"):
            (code,) = await device.subscribe(denied)
            assert code >= DENIED, denied


@pytest.mark.parametrize("topic", ["$aws/things/t1/jobs/get", "$aws/events/job/j/completed", "x"])
async def test_a_monitor_that_publishes_is_shown_out(server: Whole, topic: str) -> None:
    device = watcher(server, await issue(server))
    await device.connect()
    with pytest.raises(Gone):
        await device.publish(topic)
    await device.close()


async def test_a_monitor_hears_what_is_for_monitors_and_things_do_not(server: Whole) -> None:
    thing = await server.thing("t1")
    async with watcher(server, await issue(server)) as device:
        await device.subscribe("$aws/events/job/#")
        (code,) = await thing.device.subscribe("$aws/events/#")
        assert code >= DENIED
        await server.link.publish("$aws/events/job/j/completed", b"{}")
        assert (await device.next()).topic == "$aws/events/job/j/completed"
        assert await thing.told() == {}


async def test_a_monitor_may_call_itself_as_it_likes_and_takes_nobodys_session(server: Whole) -> None:
    await server.thing("t1")
    async with watcher(server, await issue(server), client_id="t1") as same_name:
        await same_name.subscribe("$aws/events/#")
        await (await server.thing("t1", client_id="t1:other")).ask("get")
        assert await same_name.subscribe("$aws/events/job/#") == [1]


async def test_a_monitor_is_no_thing_that_came_or_went(server: Whole) -> None:
    thing = await server.thing("t1")
    async with watcher(server, await issue(server)) as device:
        await device.subscribe("$aws/events/#")
        assert list(server.link.connected_things()) == ["t1"]
    await thing.ask("get")
    found = await server.store.read(things.page, max_results=10, next_token=None)
    assert [each.thing_name for each in found.items] == ["t1"]


async def test_a_revoked_key_ends_its_connection_and_opens_none(server: Whole) -> None:
    issued, other = await issue(server), await issue(server)
    async with watcher(server, other) as stays:
        device = watcher(server, issued)
        await device.connect()
        await server.write(access_keys.revoke, issued.key.key_id)
        async with asyncio.timeout(5):
            await device.closed.wait()
        await device.close()
        with pytest.raises(Refused):
            await watcher(server, issued).connect()
        assert await stays.subscribe("$aws/events/#") == [1]


async def test_wrong_secrets_unknown_keys_and_keys_of_devices_are_refused_alike(server: Whole) -> None:
    issued = await issue(server)
    bound = await server.write(access_keys.create, server.store.vault, Role.DEVICE, thing_name="t1")
    said = set()
    for name, password in (
        (issued.key.key_id, issued.secret[:-1]),
        ("TJAKAAAAAAAAAAAAAAAA", issued.secret),
        (bound.key.key_id, bound.secret),
    ):
        with pytest.raises(Refused) as caught:
            await Device(server.port, name, password=password).connect()
        said.add(str(caught.value))
    assert len(said) == 1
