"""What MQTT 5 adds to the link: limits are kept, reasons are heard, notifications grow stale."""

import asyncio
import logging

import pytest
from devices import Device
from doors import EchoDoor, RecordingDoor
from mosquitto_server import secret
from raw import PUBACK, packet, publish, text
from scripted_broker import PUBLISH_SENT, ScriptedBroker
from test_mqtt import ALICE, TOPICS, UPDATE

from broker.link import LinkDown
from broker.mqtt import ExternalLink

ACCEPTED = f"{UPDATE}/accepted"
DAY = 24 * 3600
RECEIVE_MAXIMUM, PACKET_SIZE, QOS, SHARED = 0x21, 0x27, 0x24, 0x2A


@pytest.fixture
def mqtt_version():
    return "5"


def puback(number, code, reason=""):
    words = b"\x1f" + text(reason) if reason else b""
    return packet(PUBACK << 4, number.to_bytes(2) + bytes([code, len(words)]) + words)


def id_of(sent):
    at = 2 + int.from_bytes(sent.body[:2])
    return int.from_bytes(sent.body[at : at + 2])


def link_to(broker, **options):
    return ExternalLink(host="127.0.0.1", port=broker.port, topics=TOPICS, **options)


async def talk(script, use, **options):
    """Run a link against a scripted broker."""
    async with ScriptedBroker(script) as broker:
        link = link_to(broker, **options)
        door = RecordingDoor()
        try:
            await link.start(door)
            async with asyncio.timeout(15):
                await use(link, door)
        finally:
            await link.close()


async def test_no_more_is_under_way_than_the_broker_takes_and_the_rest_follows():
    async def taking_three(guest):
        await guest.greet(properties=bytes([RECEIVE_MAXIMUM, 0, 3]))
        taken = [await guest.expect(PUBLISH_SENT) for _ in range(3)]
        assert await guest.quiet_of(PUBLISH_SENT) == []
        for number in range(3, 20):
            guest.send(puback(id_of(taken.pop(0)), 0x10))  # nobody hears it: that is no failure
            taken.append(await guest.expect(PUBLISH_SENT))
            assert taken[-1].body.endswith(b"%d" % number)
        for each in taken:
            guest.send(packet(PUBACK << 4, id_of(each).to_bytes(2)))
        await guest.stay()

    async def use(link, door):
        await asyncio.gather(*(link.publish(TOPICS.notify(ALICE), b"%d" % number) for number in range(20)))

    await talk(taking_three, use)


async def test_what_is_larger_than_the_broker_takes_is_not_sent_and_breaks_nothing(caplog):
    async def taking_little(guest):
        await guest.greet(properties=bytes([PACKET_SIZE]) + (1_000).to_bytes(4))
        guest.send(publish(UPDATE, b"ask", packet_id=1, properties=b""))
        sent = await guest.expect(PUBLISH_SENT)
        assert sent.body.endswith(b"small")
        guest.send(puback(id_of(sent), 0))
        await guest.stay()

    async def use(link, door):
        request = await door.request()
        request.answer(ACCEPTED, b"x" * 2_000)
        await link.publish(TOPICS.notify(ALICE), b"x" * 2_000)
        await link.publish(TOPICS.notify(ALICE), b"small")

    await talk(taking_little, use)
    assert "takes packets of 1000 bytes at most" in caplog.text
    assert f"bytes for {ACCEPTED}; the broker takes 1000 at most" in caplog.text
    assert f"bytes for {TOPICS.notify(ALICE)}; the broker takes 1000 at most" in caplog.text


@pytest.mark.parametrize(
    ("offer", "options", "said"),
    [
        (bytes([QOS, 0]), {}, "QoS 1 is needed"),
        (bytes([SHARED, 0]), {"group": "g"}, "no shared subscriptions"),
    ],
)
async def test_a_broker_that_offers_too_little_is_not_used(offer, options, said):
    async def offering(guest):
        await guest.greet(properties=offer)

    async def use(link, door):
        raise AssertionError("it was used")

    with pytest.raises(LinkDown, match=said):
        await talk(offering, use, **options)


async def test_a_refused_message_is_tried_again_only_if_that_can_help(caplog):
    async def refusing(guest):
        await guest.greet()
        for code, reason in ((0x97, "full"), (0x87, "not for you"), (0x87, ""), (0, "")):
            guest.send(puback(id_of(await guest.expect(PUBLISH_SENT)), code, reason))
        await guest.stay()

    async def use(link, door):
        with pytest.raises(LinkDown, match=r"Quota exceeded \(full\)"):
            await link.publish(TOPICS.notify(ALICE), b"1")
        for _ in range(3):
            await link.publish(TOPICS.notify(ALICE), b"2")

    await talk(refusing, use)
    assert caplog.text.count("refuses messages of ours: Not authorized (not for you)") == 1
    assert caplog.text.count("refuses messages") == 2


async def test_why_the_broker_ends_a_connection_is_logged(caplog):
    caplog.set_level(logging.INFO)
    comings = 0

    async def leaving(guest):
        nonlocal comings
        comings += 1
        await guest.greet()
        if comings == 1:
            words = b"\x1f" + text("back at six")
            guest.send(packet(0xE0, bytes([0x8B, len(words)]) + words))
        else:
            await guest.stay()

    async def use(link, door):
        await door.loss()
        await door.loss()

    await talk(leaving, use)
    assert "Server shutting down (back at six)" in caplog.text


async def test_topics_that_the_broker_abbreviates_are_understood():
    async def abbreviating(guest):
        await guest.greet()
        alias = b"\x23\x00\x07"
        guest.send(publish(UPDATE, b"1", packet_id=1, properties=alias))
        guest.send(publish("", b"2", packet_id=2, properties=alias))
        guest.send(publish("", b"3", packet_id=3, properties=alias + b"\x09\x00\x01c"))
        await guest.stay()

    async def use(link, door):
        for payload in (b"1", b"2", b"3"):
            got = await door.request()
            assert (got.topic, got.payload) == (UPDATE, payload)

    await talk(abbreviating, use)


@pytest.mark.mosquitto
async def test_notifications_grow_stale_and_answers_and_events_do_not(start_mosquitto, begin):
    users = (ALICE, "thingjobs.dispatcher")
    loose = "".join(f"user {user}\ntopic readwrite $aws/#\n" for user in users)
    server = await start_mosquitto([ALICE], acl=loose)
    link = await begin(server, EchoDoor(), notification_seconds=3_600)
    ages = {}
    async with Device(server.port, ALICE, password=secret(ALICE), properties={}) as device:
        device.client.on_message = lambda _c, _u, m: (
            ages.setdefault(m.topic, getattr(m.properties, "MessageExpiryInterval", None)),
            device.messages.put_nowait(m),
        )
        event = f"{TOPICS.events}/job/j/completed"
        topics = [TOPICS.notify(ALICE), TOPICS.notify_next(ALICE), event, ACCEPTED]
        await device.subscribe(*topics)
        for topic in topics[:3]:
            await link.publish(topic, b"{}")
        await device.publish(UPDATE, b"{}")
        for _ in topics:
            await device.next()
    stale = {topic for topic, age in ages.items() if age is not None}
    assert stale == {TOPICS.notify(ALICE), TOPICS.notify_next(ALICE)}
    assert all(3_500 < ages[topic] <= 3_600 for topic in stale)


@pytest.mark.mosquitto
async def test_a_mosquitto_that_takes_one_at_a_time_gets_all(start_mosquitto, begin, connect):
    server = await start_mosquitto([ALICE], max_inflight_messages="1")
    link = await begin(server, EchoDoor())
    device = await connect(server, ACCEPTED, TOPICS.notify(ALICE))
    await asyncio.gather(
        *(link.publish(TOPICS.notify(ALICE), b"%d" % number) for number in range(500)),
        *(device.publish(UPDATE, b"%d" % number) for number in range(500)),
    )
    heard = [await device.next() for _ in range(1_000)]
    for topic in (ACCEPTED, TOPICS.notify(ALICE)):
        assert [int(each.payload) for each in heard if each.topic == topic] == list(range(500))


@pytest.mark.mosquitto
async def test_rights_that_are_lacking_show_in_the_log(start_mosquitto, begin, caplog):
    server = await start_mosquitto([ALICE])
    link = await begin(server, RecordingDoor())
    await link.publish("somewhere/else", b"{}")
    assert "the broker refuses messages of ours: Not authorized" in caplog.text
