"""Which MQTT a link speaks: 5 to brokers that do, 3.1.1 to all others, and what it remembers of that."""

import asyncio

import pytest
from devices import Device
from doors import RecordingDoor
from mosquitto_server import secret
from scripted_broker import ScriptedBroker
from test_mqtt import ALICE, TOPICS, UPDATE

from broker.link import LinkDown
from broker.mqtt import ExternalLink

UNSUPPORTED = 0x84


def link_to(broker, **options):
    return ExternalLink(host="127.0.0.1", port=broker.port, topics=TOPICS, **options)


async def refusing_in_its_own_words(guest):
    if guest.version == 4:
        await guest.greet()
        await guest.stay()
    else:
        guest.send(b"\x20\x02\x00\x01")  # as a broker of 3.1.1 says that it speaks no other


async def refusing_in_mqtt_5(guest):
    if guest.version == 4:
        await guest.greet()
        await guest.stay()
    else:
        await guest.greet(UNSUPPORTED)


async def hanging_up(guest):
    if guest.version == 4:
        await guest.greet()
        await guest.stay()


@pytest.mark.parametrize("script", [refusing_in_its_own_words, refusing_in_mqtt_5, hanging_up])
async def test_a_broker_that_does_not_speak_5_is_spoken_to_in_3_1_1(script):
    async with ScriptedBroker(script) as broker:
        link, door = link_to(broker), RecordingDoor()
        await link.start(door)
        assert link.connected
        assert broker.versions == [5, 4]
        await link.close()


@pytest.mark.parametrize(
    ("script", "versions"), [(refusing_in_mqtt_5, [5, 4, 4]), (hanging_up, [5, 4, 5, 4])]
)
async def test_a_refusal_is_remembered_and_a_broken_connection_proves_nothing(script, versions):
    lost = asyncio.Event()

    async def once(guest):
        if guest.version == 4 and not lost.is_set():
            lost.set()
            await guest.greet()
        else:
            await script(guest)

    async with ScriptedBroker(once) as broker:
        link, door = link_to(broker), RecordingDoor()
        await link.start(door)
        await door.loss()
        await door.loss()
        assert broker.versions == versions
        await link.close()


async def test_who_has_spoken_5_is_not_spoken_to_in_3_1_1_because_it_hangs_up():
    comings = 0

    async def failing_at_second(guest):
        nonlocal comings
        comings += 1
        if comings != 2:
            await guest.greet()
        if comings > 2:
            await guest.stay()

    async with ScriptedBroker(failing_at_second) as broker:
        link, door = link_to(broker), RecordingDoor()
        await link.start(door)
        await door.loss()
        await door.loss()
        assert broker.versions == [5, 5, 5]
        await link.close()


async def test_another_refusal_is_no_matter_of_versions():
    async def refusing(guest):
        await guest.greet(0x87, b"\x1f\x00\x0cnot on a sun")

    async with ScriptedBroker(refusing) as broker:
        link = link_to(broker)
        with pytest.raises(LinkDown, match=r"Not authorized \(not on a sun\)"):
            await link.start(RecordingDoor())
        assert broker.versions == [5]


@pytest.mark.parametrize(("mqtt_version", "seen"), [("5", [5]), ("3.1.1", [4])])
async def test_a_version_that_is_set_is_the_only_one(mqtt_version, seen):
    async def hang_up(guest):
        await asyncio.sleep(0)

    async with ScriptedBroker(hang_up) as broker:
        link = link_to(broker, mqtt_version=mqtt_version)
        with pytest.raises(LinkDown):
            await link.start(RecordingDoor())
        assert broker.versions == seen


@pytest.mark.mosquitto
@pytest.mark.parametrize(("first", "second"), [("3.1.1", "5"), ("5", "3.1.1")])
async def test_the_session_goes_over_to_the_other_version(start_mosquitto, begin, first, second):
    server = await start_mosquitto([ALICE])
    link = await begin(server, RecordingDoor(), mqtt_version=first)
    await link.close()
    async with Device(server.port, ALICE, password=secret(ALICE)) as device:
        for number in range(50):
            await device.publish(UPDATE, b"%d" % number)
    door = RecordingDoor()
    await begin(server, door, mqtt_version=second)
    assert [int((await door.request()).payload) for _ in range(50)] == list(range(50))
    assert door.losses.empty()


@pytest.mark.mosquitto
@pytest.mark.parametrize(("mqtt_version", "level"), [("auto", "p5"), ("5", "p5"), ("3.1.1", "p2")])
async def test_mosquitto_is_spoken_to_as_told(start_mosquitto, begin, mqtt_version, level):
    server = await start_mosquitto([ALICE], log_type="all")
    await begin(server, RecordingDoor(), mqtt_version=mqtt_version)
    assert f"as thingjobs.dispatcher ({level}, c0" in server.log()
