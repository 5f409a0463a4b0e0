"""The contract of a link: what the engine may rely on, whichever broker stands behind it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from devices import Device, Gone
from doors import EchoDoor, RecordingDoor
from mosquitto_server import secret

from broker.identity import Credentials, Identity
from broker.link import Link, LinkDown
from domain.topics import Operation, Topics

TOPICS = Topics()
THINGS = [f"thing-{number}" for number in range(10)]
ALICE, BOB, *_ = THINGS
SHAPES = [
    TOPICS.request(ALICE, Operation.GET_PENDING),
    TOPICS.request(ALICE, Operation.START_NEXT),
    TOPICS.request(ALICE, Operation.DESCRIBE, "job-1"),
    TOPICS.request(ALICE, Operation.DESCRIBE, "$next"),
    TOPICS.request(ALICE, Operation.DESCRIBE, "get"),
    TOPICS.request(ALICE, Operation.UPDATE, "job-1"),
]
PAYLOADS = {"empty": b"", "json": b'{"status":"IN_PROGRESS"}', "large": random.Random(1).randbytes(100_000)}

embedded_only = pytest.mark.parametrize("stand", ["embedded"], indirect=True)


class Stand:
    """A link under test, and devices on the broker behind it."""

    def __init__(self, link: Link, port: Callable[[], int], stack: AsyncExitStack) -> None:
        self.link = link
        self._port = port
        self._stack = stack

    async def open(self, *, hold: bool = False) -> RecordingDoor:
        return await self.open_with(RecordingDoor(hold=hold))

    async def open_with(self, door: Any) -> Any:
        await self.link.start(door)
        return door

    async def device(self, thing: str, *filters: str, **options: Any) -> Device:
        device = Device(self._port(), thing, password=secret(thing), **options)
        await device.connect()
        self._stack.push_async_callback(device.close)
        if filters:
            assert 128 not in await device.subscribe(*filters)
        return device


async def _admit(credentials: Credentials) -> Identity | None:
    thing = credentials.username or ""
    return Identity(thing) if thing in THINGS and credentials.password == secret(thing).encode() else None


@pytest.fixture(params=["embedded", "mosquitto-3.1.1", "mosquitto-5"])
async def stand(
    request: pytest.FixtureRequest, start_mosquitto: Callable[..., Any], external_link: Callable[..., Link]
) -> AsyncIterator[Stand]:
    async with AsyncExitStack() as stack:
        if request.param == "embedded":
            from broker.embedded.link import EmbeddedLink

            link: Any = EmbeddedLink(host="127.0.0.1", port=0, topics=TOPICS, authenticate=_admit)
            made = Stand(link, lambda: link.port, stack)
        else:
            server = await start_mosquitto(THINGS)
            link = external_link(server, mqtt_version=request.param.partition("-")[2])
            made = Stand(link, lambda: server.port, stack)
        stack.push_async_callback(link.close)
        yield made


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
async def test_every_request_arrives_with_its_topic_and_its_bytes(stand: Stand, payload: bytes):
    door = await stand.open()
    device = await stand.device(ALICE)
    for topic in SHAPES:
        await device.publish(topic, payload)
        got = await door.request()
        assert (got.topic, got.payload) == (topic, payload)


async def test_a_request_at_qos_0_arrives_too(stand: Stand):
    door = await stand.open()
    device = await stand.device(ALICE)
    await device.publish(SHAPES[0], b"{}", qos=0)
    assert (await door.request()).topic == SHAPES[0]


async def test_the_requests_of_a_thing_keep_their_order(stand: Stand):
    door = await stand.open()
    device = await stand.device(ALICE)
    payloads = [b"%d" % number for number in range(500)]
    await asyncio.gather(*(device.publish(SHAPES[-1], payload) for payload in payloads))
    assert [(await door.request()).payload for _ in payloads] == payloads


async def test_an_answer_reaches_the_asker_that_subscribed(stand: Stand):
    await stand.open_with(EchoDoor())
    device = await stand.device(ALICE, TOPICS.everything(ALICE))
    for topic in SHAPES:
        await device.publish(topic, b'{"clientToken":"t"}')
        assert (await device.next(f"{topic}/accepted")).payload == b'{"clientToken":"t"}'


async def test_an_answer_reaches_no_other_thing(stand: Stand):
    await stand.open_with(EchoDoor())
    alice = await stand.device(ALICE, TOPICS.everything(ALICE))
    bob = await stand.device(BOB, TOPICS.everything(BOB))
    await alice.publish(SHAPES[0], b"of alice")
    await alice.next(f"{SHAPES[0]}/accepted")
    await stand.link.publish(TOPICS.notify_next(BOB), b"{}")
    first = await bob.next()
    assert first.topic == TOPICS.notify_next(BOB), "bob heard what was said to alice"


@embedded_only
async def test_an_answer_reaches_the_asker_that_never_subscribed(stand: Stand):
    await stand.open_with(EchoDoor())
    device = await stand.device(ALICE)
    await device.publish(SHAPES[0], b"{}")
    assert (await device.next()).topic == f"{SHAPES[0]}/accepted"


@embedded_only
async def test_a_device_is_acknowledged_only_after_the_engine_has_acknowledged(stand: Stand):
    door = await stand.open(hold=True)
    device = await stand.device(ALICE)
    sending = asyncio.create_task(device.publish(SHAPES[-1], b"{}"))
    held = await door.request()
    await device.subscribe(TOPICS.notify(ALICE))  # a whole round trip, and still no PUBACK
    assert not sending.done()
    held.ack()
    await sending


@embedded_only
async def test_a_thing_without_rights_is_disconnected(stand: Stand):
    await stand.open()
    device = await stand.device(ALICE)
    stand.link.disconnect(ALICE)
    async with asyncio.timeout(15):
        await device.closed.wait()


@embedded_only
async def test_the_engine_hears_that_a_thing_can_be_notified(stand: Stand):
    door = await stand.open()
    await stand.device(ALICE, TOPICS.notify_next(ALICE))
    async with asyncio.timeout(15):
        assert await door.subscriptions.get() == ALICE


async def test_an_answer_and_an_ack_after_the_device_has_gone_are_harmless(stand: Stand):
    door = await stand.open(hold=True)
    device = await stand.device(ALICE)
    sending = asyncio.create_task(device.publish(SHAPES[-1], b"{}"))
    held = await door.request()
    await device.drop()
    await asyncio.gather(sending, return_exceptions=True)
    held.answer(f"{held.topic}/accepted", b"{}")
    held.ack()
    await stand.link.publish(TOPICS.notify(ALICE), b"{}")


async def test_a_publish_reaches_exactly_the_subscribed_thing(stand: Stand):
    await stand.open()
    alice = await stand.device(ALICE, TOPICS.notify_next(ALICE))
    bob = await stand.device(BOB, TOPICS.notify_next(BOB))
    await stand.link.publish(TOPICS.notify(ALICE), b"not subscribed")
    await stand.link.publish(TOPICS.notify_next(ALICE), b"for alice")
    await stand.link.publish(TOPICS.notify_next(BOB), b"for bob")
    heard = [await alice.next(), await bob.next()]
    assert [(each.topic, each.payload, each.retain) for each in heard] == [
        (TOPICS.notify_next(ALICE), b"for alice", False),
        (TOPICS.notify_next(BOB), b"for bob", False),
    ]


async def test_a_publish_that_nobody_hears_returns(stand: Stand):
    await stand.open()
    await stand.link.publish(TOPICS.notify(ALICE), b"{}")


async def test_a_retained_request_never_reaches_the_engine(stand: Stand):
    door = await stand.open()
    device = await stand.device(ALICE)
    with suppress(Gone):
        await device.publish(SHAPES[0], b"retained", retain=True)
    other = await stand.device(BOB)
    await other.publish(TOPICS.request(BOB, Operation.GET_PENDING), b"plain")
    assert (await door.request()).payload == b"plain"


async def test_intake_stops_while_answers_still_flow(stand: Stand):
    door = await stand.open(hold=True)
    device = await stand.device(ALICE, TOPICS.everything(ALICE))
    early = asyncio.create_task(device.publish(SHAPES[0], b"early"))
    held = await door.request()
    await stand.link.stop_intake()
    late = asyncio.create_task(device.publish(SHAPES[1], b"late"))
    held.answer(f"{held.topic}/accepted", b"done")
    held.ack()
    await early
    assert (await device.next(f"{SHAPES[0]}/accepted")).payload == b"done"
    await stand.link.publish(TOPICS.notify(ALICE), b"after")
    await device.next(TOPICS.notify(ALICE))
    assert door.requests.empty()
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)


async def test_a_closed_link_is_not_connected_and_publishes_nothing(stand: Stand):
    await stand.open()
    assert stand.link.connected
    await stand.link.close()
    assert not stand.link.connected
    with pytest.raises(LinkDown):
        await stand.link.publish(TOPICS.notify(ALICE), b"{}")


async def test_closing_twice_and_closing_what_never_began_are_harmless(stand: Stand):
    await stand.link.close()
    await stand.link.close()


async def test_closing_a_started_link_twice_is_harmless(stand: Stand):
    await stand.open()
    await stand.link.close()
    await stand.link.close()


async def test_answers_given_just_before_closing_still_arrive(stand: Stand):
    door = await stand.open(hold=True)
    device = await stand.device(ALICE, f"{SHAPES[0]}/accepted")
    sending = asyncio.create_task(device.publish(SHAPES[0], b"{}"))
    held = await door.request()
    for number in range(50):
        held.answer(f"{held.topic}/accepted", b"%d" % number)
    held.ack()
    await stand.link.close()
    assert [int((await device.next()).payload) for _ in range(50)] == list(range(50))
    await asyncio.gather(sending, return_exceptions=True)


async def test_a_thousand_requests_under_load_are_all_answered_once_and_in_order(stand: Stand):
    await stand.open_with(EchoDoor())
    accepted = f"{TOPICS.jobs('+')}+/update/accepted"
    devices = [(thing, await stand.device(thing, accepted.replace("+", thing, 1))) for thing in THINGS]

    async def ask(thing: str, device: Device) -> list[int]:
        topic = TOPICS.request(thing, Operation.UPDATE, "job-1")
        await asyncio.gather(*(device.publish(topic, b"%d" % number) for number in range(100)))
        return [int((await device.next(f"{topic}/accepted")).payload) for _ in range(100)]

    answered = await asyncio.gather(*(ask(thing, device) for thing, device in devices))
    assert answered == [list(range(100))] * len(THINGS)
    assert all(device.messages.empty() for _, device in devices)
