"""MQTT 5 on the embedded broker: what a real client of it asks for, and what it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from bad_packets import ALL, GET, MINE, WILL
from devices import Device, Gone, Refused
from raw import CONNACK, PUBACK, PUBLISH, SUBACK, UNSUBACK, Raw, connect, packet, puback, publish, subscribe
from raw import unsubscribe as unsubscription
from stands import PLAIN, Hardened, secret
from whole import whole

from broker.embedded.limits import Limits
from broker.link import Received

ACCEPTED = f"{GET}/accepted"
Make = Callable[..., Awaitable[Hardened]]
EXPIRY_60 = b"\x11\x00\x00\x00\x3c"
DELAY_1_HOUR = b"\x18\x00\x00\x0e\x10"


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def make(stack: AsyncExitStack) -> Make:
    async def make(**limits: Any) -> Hardened:
        stand = Hardened(PLAIN, Limits(**{"take_over_pause": 0.0, "failure_delay": 0.0, **limits}))
        await stand.start()
        stack.push_async_callback(stand.stack.aclose)
        return stand

    return make


@pytest.fixture
async def stand(make: Make) -> Hardened:
    return await make()


@pytest.fixture
async def device(stand: Hardened, stack: AsyncExitStack) -> Callable[..., Awaitable[Device]]:
    """Give ``await device(**options)``: alice by paho, speaking MQTT 5, connected."""

    async def make(*, properties: dict[str, Any] | None = None, **options: Any) -> Device:
        made = Device(stand.port, "alice", password=secret("alice"), properties=properties or {}, **options)
        await made.connect()
        stack.push_async_callback(made.close)
        return made

    return make


async def v5_client(
    stand: Hardened, properties: bytes = b"", *, client_id: str = MINE[0], **options: Any
) -> Raw:
    client = await stand.raw()
    client.send(connect(client_id, *MINE[1:], properties=properties, **options))
    assert (await client.expect(CONNACK)).body[1] == 0
    return client


def echo(message: Received) -> None:
    message.answer(f"{message.topic}/accepted", message.payload)
    message.ack()


async def test_a_request_is_answered_subscribed_or_not(stand: Hardened, device: Any):
    stand.receive = echo  # type: ignore[method-assign]
    alice = await device()
    await alice.publish(GET, b"unsubscribed")
    assert (await alice.next(ACCEPTED)).payload == b"unsubscribed"
    assert await alice.subscribe(ALL) == [1]
    await alice.publish(GET, b"subscribed", qos=0)
    assert (await alice.next(ACCEPTED)).payload == b"subscribed"
    await stand.publish("things/alice/jobs/notify", b"{}")
    assert (await alice.next()).topic == "things/alice/jobs/notify"


async def test_the_client_is_told_what_there_is_not(device: Any):
    alice = await device()
    assert alice.granted == {
        "MaximumQoS": 1,
        "RetainAvailable": 0,
        "SubscriptionIdentifierAvailable": 0,
        "SharedSubscriptionAvailable": 0,
        "MaximumPacketSize": 256 * 1024,
    }


async def test_what_is_shortened_is_said(stand: Hardened, device: Any):
    alice = await device(client_id="", keepalive=3600, properties={"SessionExpiryInterval": 2**32 - 1})
    assert alice.granted["ServerKeepAlive"] == 1200
    assert alice.granted["SessionExpiryInterval"] == 24 * 3600
    assert alice.granted["AssignedClientIdentifier"].startswith("alice:")
    del stand


async def test_a_token_needs_no_user_name(tmp_path: Path):
    async with whole("embedded", tmp_path, "t1") as server:
        for properties, code in ((b"", 0), (None, None)):
            client = await Raw.open(server.port)
            client.send(connect("t1", None, server.secrets["t1"], properties=properties))
            answer = await client.read()
            assert (answer and answer.body[1]) == code
            await client.close()


async def test_a_refusal_has_a_reason(stand: Hardened):
    with pytest.raises(Refused, match="Bad user name or password"):
        await Device(stand.port, "alice", password="guess", properties={}).connect()


async def test_a_refusal_says_in_words_what_its_code_does_not(stand: Hardened, device: Any):
    stranger = Device(stand.port, "alice", password=secret("alice"), client_id="bob", properties={})
    with pytest.raises(Refused, match="Client identifier not valid"):
        await stranger.connect()
    assert "client id must be the thing's name" in stranger.granted["ReasonString"]
    alice = await device()
    assert await alice.subscribe("things/bob/jobs/#", ALL) == [0x87, 1]
    assert alice.granted["ReasonString"] == "things/bob/jobs/#: NOT_AUTHORIZED"


async def test_reasons_are_left_out_where_they_are_not_wanted_or_too_long(stand: Hardened):
    client = await v5_client(stand, b"\x17\x00")  # no problem information
    client.send(subscribe("things/bob/jobs/#", properties=b""))
    assert (await client.expect(SUBACK)).body == b"\x00\x01\x00\x87"
    small = await v5_client(stand, b"\x27\x00\x00\x00\x20", client_id="alice:2")
    small.send(publish("things/bob/jobs/get", properties=b""))
    assert (await small.read()).body == b"\x87\x00"


async def test_a_session_lasts_as_long_as_asked_for_and_no_longer(stand: Hardened, device: Any):
    lasting = {"SessionExpiryInterval": 60}
    first = await device(clean_session=False, properties=lasting)
    await first.subscribe(ALL)
    await first.drop()
    await stand.publish("things/alice/jobs/notify", b"missed")
    second = Device(
        stand.port, "alice", password=secret("alice"), clean_session=False, properties={}, patience=5
    )
    assert await second.connect()
    assert (await second.next()).payload == b"missed"
    await second.close()  # its session expiry is 0 this time
    third = Device(stand.port, "alice", password=secret("alice"), clean_session=False, properties={})
    assert not await third.connect()
    await third.close()


async def test_a_clean_start_begins_a_session_that_lasts(stand: Hardened):
    first = await v5_client(stand, EXPIRY_60)
    first.send(subscribe(ALL, properties=b""))
    await first.expect(SUBACK)
    first.writer.transport.abort()
    again = await stand.raw()
    again.send(connect(*MINE, clean=False, properties=b""))
    assert (await again.expect(CONNACK)).body[:2] == b"\x01\x00"


async def test_a_farewell_can_end_a_session_or_keep_it_for_another_time(stand: Hardened):
    client = await v5_client(stand, EXPIRY_60)
    client.send(packet(0xE0, b"\x00\x05\x11\x00\x00\x00\x00"))
    assert await client.closed()
    again = await stand.raw()
    again.send(connect(*MINE, clean=False, properties=b""))
    assert (await again.expect(CONNACK)).body[:2] == b"\x00\x00"


async def _hears(client: Raw, count: int) -> list[Any]:
    """Return so many messages, after which there must be no more."""
    found = [await client.expect(PUBLISH) for _ in range(count)]
    assert await client.quiet() == []
    return found


async def test_the_receive_maximum_is_kept_also_for_what_comes_again(stand: Hardened):
    first = await v5_client(stand, EXPIRY_60 + b"\x21\x00\x03")
    first.send(subscribe(ALL, properties=b""))
    await first.expect(SUBACK)
    for number in range(5):
        await stand.publish(f"things/alice/jobs/j{number}/get/accepted", b"%d" % number)
    assert [each.payload[1:] for each in await _hears(first, 3)] == [b"0", b"1", b"2"]
    first.writer.transport.abort()
    second = await v5_client(stand, EXPIRY_60 + b"\x21\x00\x01", clean=False)
    for number in range(5):
        (message,) = await _hears(second, 1)
        assert (message.payload[1:], message.dup) == (b"%d" % number, number < 3)
        second.send(puback(message.packet_id))


async def test_a_packet_larger_than_the_client_takes_is_not_sent_and_holds_up_nothing(stand: Hardened):
    alice = await v5_client(stand, b"\x21\x00\x01\x27\x00\x00\x00\x50")
    alice.send(subscribe(ALL, properties=b""))
    await alice.expect(SUBACK)
    await stand.publish("things/alice/jobs/notify", b"x" * 100)
    await stand.publish("things/alice/jobs/notify-next", b"{}")
    (message,) = await _hears(alice, 1)
    assert message.payload[1:] == b"{}"


async def test_every_packet_has_the_form_of_mqtt_5(stand: Hardened):
    alice = await v5_client(stand)
    alice.send(
        subscribe(ALL, packet_id=7, properties=b""), unsubscription(ALL, "x", packet_id=8, properties=b"")
    )
    assert (await alice.expect(SUBACK)).body == b"\x00\x07\x00\x01"
    assert (await alice.expect(UNSUBACK)).body == b"\x00\x08\x00\x00\x00"
    alice.send(publish(GET, b"{}", packet_id=9, properties=b""))
    assert (await alice.expect(PUBACK)).body == b"\x00\x09"


async def test_a_will_waits_for_its_delay_and_is_not_said_of_one_who_came_back(stand: Hardened):
    first = await v5_client(stand, EXPIRY_60, will=WILL, will_properties=DELAY_1_HOUR)
    first.writer.transport.abort()
    again = await v5_client(stand, EXPIRY_60, clean=False, will=WILL, will_properties=b"\x18\x00\x00\x00\x01")
    assert stand.requests.empty()
    again.writer.transport.abort()
    assert await stand.request() == WILL[:2]
    assert stand.requests.empty()


@pytest.mark.parametrize("end", ["no session", "a new session", "too many sessions"])
async def test_a_delayed_will_is_said_when_the_session_ends(make: Make, end: str):
    stand = await make(sleeping_sessions=1)
    expiry = b"" if end == "no session" else EXPIRY_60
    first = await v5_client(stand, expiry, will=WILL, will_properties=DELAY_1_HOUR)
    first.writer.transport.abort()
    if end == "a new session":
        await v5_client(stand)
    if end == "too many sessions":
        bob = await stand.client("bob", clean=False)
        bob.writer.transport.abort()
    assert await stand.request() == WILL[:2]


async def test_a_thing_without_rights_has_no_delayed_will_either(stand: Hardened):
    first = await v5_client(stand, EXPIRY_60, will=WILL, will_properties=DELAY_1_HOUR)
    first.writer.transport.abort()
    async with asyncio.timeout(5):
        while stand.link.connection_count:  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.005)
    stand.link.disconnect("alice")
    await v5_client(stand)
    assert stand.requests.empty()


async def test_a_good_bye_with_the_will_says_it(stand: Hardened):
    alice = await v5_client(stand, will=WILL)
    alice.send(packet(0xE0, b"\x04"))
    assert await stand.request() == WILL[:2]


@pytest.mark.parametrize("what", ["taken over", "rights", "stop", "silence"])
async def test_a_client_is_told_why_its_connection_ends(stand: Hardened, device: Any, what: str):
    alice = await device(keepalive=1 if what == "silence" else 60)
    if what == "taken over":
        await v5_client(stand)
    elif what == "rights":
        stand.link.disconnect("alice")
    elif what == "stop":
        await stand.link.close()
    else:
        alice._heartbeat.cancel()
    async with asyncio.timeout(10):
        await alice.closed.wait()
    reasons = {
        "taken over": "Session taken over",
        "rights": "Not authorized",
        "stop": "Server shutting down",
        "silence": "Keep alive timeout",
    }
    assert alice.reason == reasons[what]
    assert alice.farewell["ReasonString"]
    with pytest.raises(Gone):
        await alice.publish(GET)
