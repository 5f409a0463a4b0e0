"""What the SDKs expect of a broker between requests: sessions that last, client ids, things side by side."""

import asyncio
import json
from typing import Any

import pytest
from awscrt.exceptions import AwsCrtError
from awscrt.mqtt import QoS
from awscrt.mqtt5 import ClientSessionBehaviorType
from crt import WAYS, NewWire, Way, Wire, Wire5
from python_v2 import CLIENTS, Device, NewDevice, heard, soon
from relay import relay
from site_under_test import Site

NEXT = "$aws/things/t1/jobs/notify-next"
OVER_PLAIN = [each for each in WAYS if each.transport == "plain"]
OVER_MTLS = [each for each in WAYS if each.transport == "mtls"]
#: Each client, each version and each kind of credentials with each of the others, in half the combinations.
PAIRS = [
    ("v1", Way("3", "plain")),
    ("v1", Way("5", "mtls")),
    ("v2", Way("3", "mtls")),
    ("v2", Way("5", "plain")),
]
in_pairs = pytest.mark.parametrize(("client", "way"), PAIRS, ids=str)


def listen(wired: Wire) -> "asyncio.Queue[Any]":
    """Return where all comes that the SDK hears, whoever has subscribed to it."""
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    tell = wired.tell
    wired.connection.on_message(lambda topic, payload, **_: tell(inbox, (topic, json.loads(payload))))
    return inbox


async def subscribe(wired: Wire, topic: str) -> None:
    granted, _ = wired.connection.subscribe(topic, QoS.AT_LEAST_ONCE)
    assert (await soon(granted))["qos"] == QoS.AT_LEAST_ONCE


async def test_a_session_keeps_what_was_notified_while_the_device_was_off(
    site: Site, new_wire: NewWire, way: Way
):
    first = new_wire("t1", way)
    assert not await first.open()
    await subscribe(first, NEXT)
    await first.close()
    await site.whole.job("j", "t1")
    await site.whole.settled()

    again = new_wire("t1", way)
    inbox = listen(again)
    assert await again.open(), "the session has gone"
    topic, said = await heard(inbox)
    assert (topic, said["execution"]["jobId"]) == (NEXT, "j")


async def test_a_clean_session_starts_with_nothing(site: Site, new_wire: NewWire, way: Way):
    first = new_wire("t1", way)
    await first.open()
    await subscribe(first, NEXT)
    await first.close()
    fresh = (
        {"clean_session": True} if way.mqtt == "3" else {"session_behavior": ClientSessionBehaviorType.CLEAN}
    )
    again = new_wire("t1", way, **fresh)
    assert not await again.open()


@pytest.mark.parametrize("way", OVER_PLAIN, ids=str)
async def test_who_comes_with_the_same_client_id_takes_the_place(
    site: Site, new_wire: NewWire, new_device: NewDevice, way: Way
):
    first = new_wire("t1", way)
    await first.open()
    second = await new_device("v1", way, "t1")
    await heard(first.interrupted)
    await first.close()
    assert (await second.start_next()).execution is None


@in_pairs
async def test_after_a_cut_the_sdk_comes_back_to_its_session(
    site: Site, new_wire: NewWire, client: str, way: Way
):
    async with relay(site.port if way.transport == "plain" else site.mtls_port) as line:
        wired = new_wire("t1", way, through=line.port)
        await wired.open()
        device = CLIENTS[client](wired, "t1")
        await device.listen()
        await device.pending()
        line.cut()
        await heard(wired.interrupted)
        await site.whole.job("j", "t1")
        await site.whole.settled()
        line.mend()
        assert await wired.back(), "the session has gone"
        assert (await heard(device.next_changed)).execution.job_id == "j"
        assert [each.job_id for each in (await device.pending()).queued_jobs] == ["j"]


@in_pairs
async def test_two_things_in_one_process_hear_each_their_own(
    site: Site, new_device: NewDevice, client: str, way: Way
):
    one, two = [await new_device(client, way, thing) for thing in ("t1", "t2")]
    await asyncio.gather(one.listen(), two.listen())
    await site.whole.job("both", "t1", "t2")

    async def work(device: Device) -> None:
        assert (await heard(device.next_changed)).execution.thing_name == device.thing
        for _ in range(10):
            await device.update("both", "IN_PROGRESS", status_details={"by": device.thing})
        found = (await device.describe("$next")).execution
        assert (found.thing_name, found.status_details) == (device.thing, {"by": device.thing})
        assert found.version_number == 11
        await device.update("both", "SUCCEEDED")
        assert (await heard(device.next_changed)).execution is None

    await asyncio.gather(work(one), work(two))


@pytest.mark.parametrize("way", OVER_MTLS, ids=str)
async def test_with_a_certificate_a_client_may_call_itself_what_it_likes(
    site: Site, new_device: NewDevice, client: str, way: Way
):
    device = await new_device(client, way, "t1", client_id="basement/7")
    assert (await device.start_next()).execution is None


@pytest.mark.parametrize("way", OVER_PLAIN, ids=str)
async def test_with_a_password_a_client_id_is_the_things_or_begins_with_it(
    site: Site, new_device: NewDevice, client: str, way: Way
):
    device = await new_device(client, way, "t1", client_id="t1:agent")
    assert (await device.start_next()).execution is None
    if site.broker == "embedded":  # Mosquitto takes the user name for the client id, whatever is said
        with pytest.raises(AwsCrtError):
            await new_device(client, way, "t1", client_id="t2")


@pytest.mark.parametrize("transport", ["plain", "mtls"])
async def test_twenty_minutes_of_silence_are_granted_and_no_more(
    site: Site, new_wire: NewWire, transport: str
):
    """Only in MQTT 5 does a broker say so."""
    for asked in (1_200, 3_600):
        wired = new_wire("t1", Way("5", transport), keep_alive_interval_sec=asked)
        await wired.open()
        assert isinstance(wired, Wire5)
        assert wired.granted.server_keep_alive_sec == 1_200
        await wired.close()


@pytest.mark.parametrize("site", ["embedded"], indirect=True)
async def test_who_asks_is_answered_unsubscribed_and_nobody_else_is(site: Site, new_wire: NewWire, way: Way):
    """As AWS has it; a broker that is not ours only brings an answer to who has subscribed."""
    asker, other = new_wire("t1", way), new_wire("t1", way, client_id="t1:other")
    answers, overheard = listen(asker), listen(other)
    await asker.open()
    await other.open()
    await subscribe(other, "$aws/things/t1/jobs/#")
    token = {"clientToken": "mine"}
    sent, _ = asker.connection.publish("$aws/things/t1/jobs/get", json.dumps(token), QoS.AT_LEAST_ONCE)
    await soon(sent)
    topic, said = await heard(answers)
    assert (topic, said["clientToken"]) == ("$aws/things/t1/jobs/get/accepted", "mine")
    sent, _ = other.connection.publish("$aws/things/t1/jobs/start-next", b"", QoS.AT_LEAST_ONCE)
    topic, _ = await heard(overheard)  # the first it hears is its own answer
    assert topic == "$aws/things/t1/jobs/start-next/accepted"
    assert answers.empty()
