"""The shipped Mosquitto configuration: what its rights let through, tried on a real server."""

import re
from collections import defaultdict

import pytest
from devices import Device, Gone, Refused
from doors import EchoDoor, RecordingDoor
from mosquitto_server import DISPATCHER, MONITOR, SHIPPED, secret, shipped_acl

from domain.access_keys import is_key_id
from domain.names import THING_PATTERN
from domain.topics import Operation, Topics

pytestmark = pytest.mark.mosquitto

TOPICS = Topics()
ALICE, MALLORY = "alice", "mallory"
ASK_ALICE = TOPICS.request(ALICE, Operation.UPDATE, "job-1")
ASK_MALLORY = TOPICS.request(MALLORY, Operation.UPDATE, "job-1")
DOWNWARD = [
    TOPICS.notify(ALICE),
    TOPICS.notify_next(ALICE),
    *(
        f"{request}/{verdict}"
        for request in (
            TOPICS.request(ALICE, Operation.GET_PENDING),
            TOPICS.request(ALICE, Operation.START_NEXT),
            TOPICS.request(ALICE, Operation.DESCRIBE, "$next"),
            ASK_ALICE,
        )
        for verdict in ("accepted", "rejected")
    ),
]


@pytest.fixture
async def server(start_mosquitto):
    return await start_mosquitto([ALICE, MALLORY])


@pytest.fixture
async def link(server, external_link):
    link = external_link(server)
    yield link
    await link.close()


def device(server, user, **options):
    return Device(server.port, user, password=secret(user), **options)


async def test_a_request_in_the_name_of_another_thing_never_reaches_the_dispatcher(server, link):
    door = RecordingDoor()
    await link.start(door)
    async with device(server, MALLORY) as mallory:
        await mallory.publish(ASK_ALICE, b"forged")
        await mallory.publish(ASK_MALLORY, b"own")
        assert (await door.request()).payload == b"own"
    assert door.requests.empty()


async def test_a_will_in_the_name_of_another_thing_never_reaches_the_dispatcher(server, link):
    door = RecordingDoor()
    await link.start(door)
    mallory = device(server, MALLORY)
    mallory.client.will_set(ASK_ALICE, b"forged", qos=1)
    await mallory.connect()
    await mallory.drop()
    async with device(server, ALICE) as alice:
        await alice.publish(ASK_ALICE, b"own")
        assert (await door.request()).payload == b"own"


@pytest.mark.parametrize("topic", DOWNWARD)
async def test_a_device_can_neither_answer_nor_notify_and_the_dispatcher_can(server, link, topic):
    await link.start(RecordingDoor())
    async with device(server, ALICE) as alice, device(server, MALLORY) as mallory:
        await alice.subscribe(topic)
        await mallory.publish(topic, b"forged by another")
        await alice.publish(topic, b"forged by itself")
        await link.publish(topic, b"real")
        assert (await alice.next()).payload == b"real"


async def test_a_device_hears_nothing_of_another(server, link):
    await link.start(EchoDoor())
    async with device(server, ALICE) as alice, device(server, MALLORY) as mallory:
        await mallory.subscribe("#", "$aws/#", TOPICS.everything("+"), TOPICS.everything(ALICE))
        await alice.subscribe(f"{ASK_ALICE}/accepted")
        await alice.publish(ASK_ALICE, b"{}")
        await alice.next()
        await link.publish(TOPICS.notify(MALLORY), b"own")
        assert (await mallory.next()).payload == b"own"


async def test_nobody_comes_in_without_a_name_or_with_a_wrong_secret(server):
    for name, password in ((None, None), (ALICE, None), (ALICE, "wrong"), ("stranger", secret("stranger"))):
        with pytest.raises((Refused, Gone)):
            await Device(server.port, name, password=password, client_id="any").connect()


async def test_a_client_id_of_another_takes_nothing_from_its_owner(server, link):
    async with device(server, ALICE) as alice:
        await alice.subscribe(TOPICS.notify(ALICE))
        async with device(server, MALLORY, client_id=ALICE):
            await link.start(RecordingDoor())
            await link.publish(TOPICS.notify(ALICE), b"still here")
            assert (await alice.next()).payload == b"still here"


async def test_who_retains_is_disconnected(server):
    async with device(server, ALICE) as alice:
        with pytest.raises(Gone):
            await alice.publish(ASK_ALICE, b"{}", retain=True)


async def test_a_packet_above_the_limit_ends_the_connection(server):
    async with device(server, ALICE) as alice:
        with pytest.raises(Gone):
            await alice.publish(ASK_ALICE, b"x" * 300_000)


def test_the_rights_name_exactly_the_requests_of_the_topic_schema():
    rights = rights_of_all()
    assert rights[DISPATCHER]["read"] == set(TOPICS.request_filters())
    assert rights["%u"]["write"] == {each.replace("+", "%u", 1) for each in TOPICS.request_filters()}


def test_events_are_written_by_the_dispatcher_and_read_by_monitors_alone():
    may = {
        (user, right)
        for user, rights in rights_of_all().items()
        for right, topics in rights.items()
        for topic in topics
        if topic.startswith(TOPICS.events)
    }
    assert may == {(DISPATCHER, "write"), (MONITOR, "read")}
    assert dict(rights_of_all()[MONITOR]) == {"read": {f"{TOPICS.events}/#"}}
    assert re.fullmatch(THING_PATTERN, MONITOR) is None
    assert not is_key_id(MONITOR)


async def test_a_monitor_hears_events_and_cannot_make_any(server, link):
    await link.start(RecordingDoor())
    topic = f"{TOPICS.events}/job/j/completed"
    async with device(server, MONITOR) as monitor, device(server, ALICE) as alice:
        await monitor.subscribe("#", "$aws/#")
        await alice.subscribe("#", "$aws/#", topic)
        for forger in (monitor, alice):
            await forger.publish(topic, b"forged")
        await link.publish(TOPICS.notify(ALICE), b"note")
        await link.publish(topic, b"real")
        assert [(await alice.next()).payload, (await monitor.next()).payload] == [b"note", b"real"]
        await link.publish(TOPICS.notify(ALICE), b"last")
        assert (await alice.next()).payload == b"last"


def rights_of_all():
    """Return what each user may read and write; ``%u`` is any thing."""
    found, user = defaultdict(lambda: defaultdict(set)), ""
    for line in shipped_acl().splitlines():
        match line.split():
            case ["user", name]:
                user = name
            case ["topic", right, topic]:
                found[user][right].add(topic)
            case ["pattern", right, topic]:
                found["%u"][right].add(topic)
    return found


def test_no_thing_can_have_the_name_of_the_dispatcher():
    assert f"user {DISPATCHER}\n" in shipped_acl()
    assert re.fullmatch(THING_PATTERN, DISPATCHER) is None


def test_small_answers_are_not_held_back():
    assert "set_tcp_nodelay true" in (SHIPPED / "mosquitto.conf").read_text().splitlines()
