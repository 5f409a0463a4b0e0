"""Lifecycle events on the embedded broker: who hears them, and when one counts as published."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from devices import Device
from stands import Hardened, known

from broker.embedded.limits import Limits
from broker.identity import Credentials, Identity
from domain.permissions import monitor
from domain.topics import Topics

WATCHER, OTHER = "TJAKAAAAAAAAAAAAAAAA", "TJAKBBBBBBBBBBBBBBBB"
DONE = "$aws/events/job/j/completed"
ENDED = "$aws/events/jobExecution/j/succeeded"
#: Nobody waits for listeners who are not there, unless a test is about that.
AT_ONCE = {"listeners_return": 0.0, "listeners_settle": 0.0}
Open = Callable[..., Awaitable[Hardened]]


async def admit(credentials: Credentials) -> Identity | None:
    """Let in things with their secrets, and whoever is called like an access key as a monitor."""
    name = credentials.name
    if name.startswith("TJAK"):
        return Identity(monitor(name), any_client_id=True)
    password = None if credentials.password is None else credentials.password.decode()
    return Identity(name) if known(name, password) else None


@pytest.fixture
async def open_broker() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def opened(topics: Topics | None = None, **limits: Any) -> Hardened:
            stand = Hardened(topics or Topics(), Limits(**{**AT_ONCE, **limits}), authenticate=admit)
            await stand.start()
            stack.push_async_callback(stand.stack.aclose)
            return stand

        yield opened


async def watcher(stand: Hardened, *filters: str, key: str = WATCHER, **options: Any) -> Device:
    device = Device(stand.port, key, password="x", **options)
    await device.connect()
    stand.stack.push_async_callback(device.close)
    if filters:
        assert 128 not in await device.subscribe(*filters)
    return device


async def soon(awaitable: Awaitable[Any]) -> Any:
    async with asyncio.timeout(10):
        return await awaitable


def told(device: Device) -> list[str]:
    return [device.messages.get_nowait().topic for _ in range(device.messages.qsize())]


async def test_a_monitor_hears_what_its_filters_cover_once_and_never_retained(open_broker: Open) -> None:
    stand = await open_broker()
    everything = await watcher(stand, "$aws/events/#", "$aws/events/job/+/completed")
    ends = await watcher(stand, "$aws/events/job/+/completed", key=OTHER)
    for topic in (ENDED, DONE):
        await soon(stand.publish(topic, b"{}"))
    heard = [await everything.next(), await everything.next()]
    assert [(each.topic, each.retain) for each in heard] == [(ENDED, False), (DONE, False)]
    assert (await ends.next()).topic == DONE
    await soon(stand.publish(DONE, b"last"))
    assert ((await everything.next()).payload, (await ends.next()).payload) == (b"last", b"last")


@pytest.mark.parametrize("root", ["$aws/things", "acme/things"])
async def test_neither_a_thing_hears_events_nor_a_monitor_what_things_hear(
    open_broker: Open, root: str
) -> None:
    topics = Topics(root)
    stand = await open_broker(topics)
    alice = Device(stand.port, "alice", password="secret-of-alice")
    async with alice:
        refused = await alice.subscribe(
            "#", "$aws/#", f"{topics.events}/#", f"{topics.events}/job/+/completed"
        )
        assert refused == [128] * 4
        watching = await watcher(stand, f"{topics.events}/#")
        assert await watching.subscribe("#", topics.everything("alice"), f"{topics.root}/#") == [128] * 3
        assert await alice.subscribe(topics.everything("alice")) == [1]
        await soon(stand.publish(f"{topics.events}/job/j/completed", b"event"))
        await soon(stand.publish(topics.notify("alice"), b"note"))
        assert (await watching.next()).payload == b"event"
        assert (await alice.next()).payload == b"note"
        assert (told(alice), told(watching)) == ([], [])


async def test_an_event_is_published_when_everybody_has_acknowledged_it(open_broker: Open) -> None:
    stand = await open_broker()
    quick = await watcher(stand, "$aws/events/#")
    careful = await watcher(stand, "$aws/events/#", key=OTHER, manual_ack=True)
    publishing = asyncio.create_task(stand.publish(DONE, b"{}"))
    await quick.next()
    await careful.next()
    assert not publishing.done()
    careful.client.ack(1, 1)
    await soon(publishing)


async def test_who_listens_at_qos_0_is_not_waited_for(open_broker: Open) -> None:
    stand = await open_broker()
    device = await watcher(stand)
    assert await device.subscribe("$aws/events/#", qos=0) == [0]
    await soon(stand.publish(DONE, b"{}"))
    assert (await device.next()).topic == DONE


async def test_who_vanishes_is_not_waited_for_and_gets_the_event_again(open_broker: Open) -> None:
    stand = await open_broker(listener_patience=1000.0)
    device = await watcher(stand, "$aws/events/#", manual_ack=True, clean_session=False)
    publishing = asyncio.create_task(stand.publish(DONE, b"{}"))
    assert not (await device.next()).dup
    await device.drop()
    await soon(publishing)
    assert await device.connect()
    again = await device.next()
    assert (again.topic, again.dup) == (DONE, True)


async def test_who_does_not_acknowledge_holds_the_others_up_for_a_while_only(open_broker: Open) -> None:
    stand = await open_broker(listener_patience=0.01)
    await watcher(stand, "$aws/events/#", key=OTHER, manual_ack=True)
    device = await watcher(stand, "$aws/events/#")
    for _ in range(3):
        await soon(stand.publish(DONE, b"{}"))
        assert (await device.next()).topic == DONE


async def test_who_is_away_and_wants_its_session_finds_every_event_in_order(open_broker: Open) -> None:
    stand = await open_broker()
    device = await watcher(stand, "$aws/events/#", clean_session=False)
    await device.close()
    count = Limits().queue_messages + 50
    for number in range(count):
        await soon(stand.publish(DONE, str(number).encode()))
    assert await device.connect()
    assert [int((await device.next()).payload) for _ in range(count)] == list(range(count))


async def test_a_burst_larger_than_a_device_may_have_waiting_reaches_a_monitor(open_broker: Open) -> None:
    stand = await open_broker()
    device = await watcher(stand, "$aws/events/#")
    count = 3 * Limits().queue_messages
    await soon(asyncio.gather(*(stand.publish(DONE, str(number).encode()) for number in range(count))))
    assert [int((await device.next()).payload) for _ in range(count)] == list(range(count))


async def test_what_waits_for_one_that_is_away_is_bounded(open_broker: Open) -> None:
    stand = await open_broker(listener_messages=5)
    device = await watcher(stand, "$aws/events/#", clean_session=False)
    await device.close()
    for _ in range(7):
        await soon(stand.publish(DONE, b"{}"))
    assert not await device.connect(), "its session is forgotten"


async def test_after_a_start_events_wait_until_somebody_listens(open_broker: Open) -> None:
    stand = await open_broker(listeners_return=1000.0)
    publishing = [asyncio.create_task(stand.publish(topic, b"{}")) for topic in (ENDED, DONE)]
    device = await watcher(stand)
    assert not any(task.done() for task in publishing)
    await device.subscribe("$aws/events/#")
    await soon(asyncio.gather(*publishing))
    assert [(await device.next()).topic, (await device.next()).topic] == [ENDED, DONE]


async def test_if_nobody_comes_events_are_published_to_nobody(open_broker: Open) -> None:
    stand = await open_broker(listeners_return=0.01)
    await soon(stand.publish(DONE, b"{}"))
    device = await watcher(stand, "$aws/events/#")
    await soon(stand.publish(ENDED, b"{}"))
    assert (await device.next()).topic == ENDED


async def test_who_unsubscribes_or_leaves_for_good_hears_no_more(open_broker: Open) -> None:
    stand = await open_broker()
    device = await watcher(stand, "$aws/events/#", "$aws/events/job/#")
    device.client.unsubscribe("$aws/events/#")
    other = await watcher(stand, "$aws/events/#", key=OTHER)
    await other.close()
    await soon(stand.publish(ENDED, b"{}"))
    await soon(stand.publish(DONE, b"{}"))
    assert (await device.next()).topic == DONE
    assert (told(device), told(other)) == ([], [])
