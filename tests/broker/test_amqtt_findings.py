"""The known holes of amqtt: each probe must hold on our embedded broker and must fail on stock amqtt.

The second half of each pair keeps the first honest, and tells us when amqtt itself has mended something.
E14 (a walk over all filters) is in ``test_embedded_cost``. E17 (what its SessionDB plugin loses) and the rest
of E11 and E20 (its other plugins, its defaults) cannot be put to ours: none of that is ever loaded, which
the last test here holds.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from raw import (
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PUBACK,
    PUBLISH,
    SUBACK,
    Raw,
    connect,
    puback,
    publish,
    subscribe,
    unsubscribe,
)
from stands import PLAIN, Hardened, Stand, Stock, secret

from broker.embedded.limits import Limits
from domain.topics import Topics

Probe = Callable[[Any], Awaitable[None]]
SHORT = Limits(connect_deadline=0.5, connections=3, take_over_pause=0.0, failure_delay=0.0)
ROOT = Path(__file__).parents[2]
ALL = "things/alice/jobs/#"
GET = "things/alice/jobs/get"
NOTIFY = "things/alice/jobs/notify"
UPDATE = "things/alice/jobs/job-1/update"


async def listening(stand: Stand, **options: Any) -> Raw:
    """Return alice, connected and subscribed to all she may hear."""
    alice = await stand.client("alice", **options)
    alice.send(subscribe(ALL))
    assert (await alice.expect(SUBACK)).body[-1] == 1
    return alice


async def e1_requests_below_a_dollar_root_arrive(stand: Stand) -> None:
    alice = await stand.client("alice")
    for number in (1, 2):
        alice.send(publish("$aws/things/alice/jobs/get", b"%d" % number, packet_id=number))
        assert await stand.request(2) == ("$aws/things/alice/jobs/get", b"%d" % number)


async def e2_a_will_cannot_speak_for_another_thing(stand: Any) -> None:
    alice = await listening(stand)
    mallory = await stand.raw()
    will = (NOTIFY, b"forged", 1, False)
    mallory.send(connect("mallory", "mallory", secret("mallory"), will=will))
    await mallory.expect(CONNACK)
    mallory.writer.transport.abort()
    await asyncio.sleep(0.1)
    await stand.publish(NOTIFY, b"true")
    assert (await alice.expect(PUBLISH)).payload == b"true"


async def _intruder(stand: Stand, *, clean: bool) -> None:
    intruder = await stand.raw()
    intruder.send(connect("alice", "alice", "guess", clean=clean))
    assert await intruder.closed(2)


async def e3_a_wrong_password_does_not_mute_the_victim(stand: Any) -> None:
    alice = await listening(stand)
    await _intruder(stand, clean=True)
    await stand.publish(NOTIFY, b"still here")
    assert (await alice.expect(PUBLISH, 2)).payload == b"still here"


async def e4_a_wrong_password_does_not_kick_the_victim(stand: Any) -> None:
    alice = await listening(stand, clean=False)
    await _intruder(stand, clean=False)
    await stand.publish(NOTIFY, b"still here")
    assert (await alice.expect(PUBLISH, 2)).payload == b"still here"


async def e5_a_client_id_belongs_to_its_thing(stand: Any) -> None:
    alice = await listening(stand, clean=False)
    alice.send(DISCONNECT)
    assert await alice.closed(2)
    await stand.publish(NOTIFY, b"for alice")
    mallory = await stand.raw()
    mallory.send(connect("alice", "mallory", secret("mallory"), clean=False))
    assert (await mallory.expect(CONNACK)).body[1] != 0


async def e6_nothing_is_retained_for_strangers(stand: Stand) -> None:
    alice = await listening(stand)
    alice.send(publish(GET, b"private", retain=True))
    await alice.read()
    bob = await stand.client("bob")
    assert await bob.quiet() == []


async def e7_what_was_not_acknowledged_comes_again(stand: Any) -> None:
    alice = await listening(stand, clean=False)
    await stand.publish(NOTIFY, b"work")
    assert (await alice.expect(PUBLISH)).payload == b"work"
    alice.writer.transport.abort()
    again = await stand.client("alice", clean=False)
    repeated = await again.expect(PUBLISH, 2)
    assert (repeated.payload, repeated.dup, repeated.retain) == (b"work", True, False)


async def e8_silence_beyond_the_keep_alive_ends_the_connection(stand: Stand) -> None:
    alice = await stand.client("alice", keepalive=1)
    assert await alice.closed(4)


async def e9_a_socket_that_says_nothing_is_closed(stand: Stand) -> None:
    silent = await stand.raw()
    assert await silent.closed(4)


async def e9_silent_sockets_do_not_keep_devices_out(stand: Stand) -> None:
    for _ in range(3):
        await stand.raw()
    async with asyncio.timeout(4):
        while True:
            alice = await stand.raw()
            alice.send(connect("alice", "alice", secret("alice")))
            if (answer := await alice.read()) is not None:
                assert answer.body[1] == 0
                return


async def e10_a_packet_over_the_limit_is_refused_by_its_header(stand: Stand) -> None:
    alice = await stand.client("alice")
    alice.send(b"\x32\x80\x80\x80\x20" + b"x" * 1000)  # announces 64 MiB
    assert await alice.closed(2)


async def e11_one_level_granted_is_not_every_level(stand: Stand) -> None:
    alice = await stand.client("alice")
    alice.send(subscribe("things/alice/#"))
    assert (await alice.expect(SUBACK)).body[-1] == 0x80


async def e12_subscribing_neighbours_cost_no_message(stand: Any) -> None:
    await listening(stand)  # the first to hear; who comes after it is who loses
    second = await stand.client("alice", client_id="alice:2")
    second.send(subscribe("things/alice/jobs/+/get/accepted"))
    await second.expect(SUBACK)

    async def churn() -> None:
        bob = await stand.client("bob")
        for number in range(1, 60_000):
            topic = f"things/bob/jobs/j{number}/get/accepted"
            bob.send(subscribe(topic, packet_id=number), unsubscribe(topic, packet_id=number))
            await bob.expect(SUBACK)

    churning = asyncio.create_task(churn())
    try:
        for number in range(20):
            await stand.publish(f"things/alice/jobs/j{number}/get/accepted", b"%d" % number)
            got = await second.expect(PUBLISH, 2)
            second.send(puback(got.packet_id))
            assert got.payload == b"%d" % number
    finally:
        churning.cancel()
        await asyncio.gather(churning, return_exceptions=True)


async def e13_a_take_over_hears_and_ends_the_old_connection(stand: Any) -> None:
    old = await listening(stand, clean=False)
    new = await stand.client("alice", clean=False)
    assert await old.closed(2)
    await stand.publish(NOTIFY, b"for the new one")
    assert (await new.expect(PUBLISH, 2)).payload == b"for the new one"


async def e13_a_clean_take_over_ends_the_old_connection(stand: Stand) -> None:
    old = await listening(stand)
    await stand.client("alice")
    assert await old.closed(2)


async def e15_a_wildcard_in_a_topic_ends_the_connection(stand: Stand) -> None:
    alice = await stand.client("alice")
    alice.send(publish("things/+/jobs/get", PINGREQ * 2))
    assert await alice.read(2) is None


async def e16_a_sleeping_session_keeps_the_news_not_the_history(stand: Any) -> None:
    alice = await listening(stand, clean=False)
    alice.send(DISCONNECT)
    assert await alice.closed(2)
    for number in range(500):
        await stand.publish(NOTIFY, b"%d" % number)
    await asyncio.sleep(0.1)
    again = await stand.client("alice", clean=False)
    heard = await again.quiet()
    assert [(each.payload, each.retain) for each in heard] == [(b"499", False)]


async def e18_a_request_is_acknowledged_when_the_engine_has_it(stand: Any) -> None:
    alice = await stand.client("alice")
    alice.send(publish(UPDATE, b"{}"), PINGREQ)
    await stand.request()
    first = await alice.read()
    assert first is not None
    assert first.kind != PUBACK


async def e19_a_topic_that_is_not_utf8_ends_the_connection(stand: Stand) -> None:
    alice = await stand.client("alice")
    alice.send(publish(b"things/alice/jobs/\xff\xfe/get"))
    assert await alice.closed(2)


async def e19_a_topic_with_nul_ends_the_connection(stand: Stand) -> None:
    alice = await stand.client("alice")
    alice.send(publish("things/alice/jobs/a\0b/get"))
    assert await alice.closed(2)


async def e19_a_subscription_at_qos_3_ends_the_connection(stand: Stand) -> None:
    alice = await stand.client("alice")
    alice.send(subscribe(ALL, qos=3))
    assert await alice.closed(2)


async def e20_a_device_without_credentials_stays_outside(stand: Stand) -> None:
    nobody = await stand.raw()
    nobody.send(connect("alice"))
    assert (await nobody.expect(CONNACK)).body[1] != 0


PROBES: list[Probe] = [value for name, value in sorted(globals().items()) if name[:2] in ("e1", "e2")] + [
    value for name, value in sorted(globals().items()) if name[0] == "e" and name[1] in "3456789"
]


def name_of(probe: Probe) -> str:
    return probe.__name__


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def hardened(probe: Probe) -> Hardened:
    name = name_of(probe)
    limits = SHORT if name.startswith("e9") else Limits(take_over_pause=0.0)
    return Hardened(Topics() if name.startswith("e1_") else PLAIN, limits, hold=name.startswith("e18"))


def stock(probe: Probe) -> Stock:
    name = name_of(probe)
    return Stock(
        Topics() if name.startswith("e1_") else PLAIN,
        plugins={"e11": "own acl", "e20": "none"}.get(name[:3], "whitelist"),
        lookup=0.02 if name.startswith("e12") else 0.0,
        **({"max_connections": 3} if name.startswith("e9_silent") else {}),
    )


@pytest.mark.parametrize("probe", PROBES, ids=name_of)
async def test_mended(probe: Probe, stack: AsyncExitStack):
    stand = hardened(probe)
    await stand.start()
    stack.push_async_callback(stand.stack.aclose)
    await probe(stand)


@pytest.mark.parametrize("probe", PROBES, ids=name_of)
async def test_stock_amqtt_fails(probe: Probe, stack: AsyncExitStack):
    stand = stock(probe)
    await stand.start()
    stack.push_async_callback(stand.stack.aclose)
    with pytest.raises((AssertionError, TimeoutError)):
        await probe(stand)


def test_nothing_of_amqtt_is_loaded_but_its_packets():
    loaded = "import sys, broker.embedded.link; print([m for m in sys.modules if m.split('.')[0] == 'amqtt'])"
    said = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, check=True)
    assert b"'amqtt.mqtt.connect'" in said.stdout
    for part in (b"'amqtt.broker'", b"'amqtt.plugins", b"'amqtt.contrib", b"'amqtt.client'"):
        assert part not in said.stdout
