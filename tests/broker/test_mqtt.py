"""The external link and what only an external broker can do to it: forget, die, come back, repeat itself."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from devices import Device, Gone
from doors import EchoDoor, RecordingDoor
from mosquitto_server import DISPATCHER, MosquittoServer, secret, shipped_acl
from ports import free_port

from broker.link import LinkDown
from broker.mqtt import ExternalLink
from domain.topics import Operation, Topics

pytestmark = pytest.mark.mosquitto

TOPICS = Topics()
ALICE = "alice"
UPDATE = TOPICS.request(ALICE, Operation.UPDATE, "job-1")


@pytest.fixture(params=["3.1.1", "5"])
def mqtt_version(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
async def server(start_mosquitto) -> MosquittoServer:
    return await start_mosquitto([ALICE])


async def when_connected(link: ExternalLink) -> None:
    """Publish until one is taken: the link offers no event for "back again", and the engine needs none."""
    async with asyncio.timeout(20):
        while True:
            with suppress(LinkDown):
                return await link.publish(TOPICS.notify("nobody"), b"{}")
            await asyncio.sleep(0.01)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_start_without_a_broker_says_where_none_was(external_link):
    link = ExternalLink(host="127.0.0.1", port=(port := free_port()), topics=TOPICS)
    with pytest.raises(LinkDown, match=str(port)):
        await link.start(RecordingDoor())
    await link.close()


async def test_a_start_with_a_wrong_password_says_that_it_was_refused(server):
    link = ExternalLink(
        host="127.0.0.1", port=server.port, topics=TOPICS, username=DISPATCHER, password="wrong"
    )
    with pytest.raises(LinkDown, match=r"[Nn]ot authori[sz]ed"):
        await link.start(RecordingDoor())
    assert not link.connected
    await link.close()


async def test_a_peer_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr("broker.mqtt.CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        link = ExternalLink(host="127.0.0.1", port=silent.getsockname()[1], topics=TOPICS)
        files = open_files()
        with pytest.raises(LinkDown, match="TimeoutError"):
            await link.start(RecordingDoor())
        assert open_files() == files


async def test_a_broker_that_does_not_know_us_is_reported_and_one_that_does_is_not(server, begin):
    first, second = RecordingDoor(), RecordingDoor()
    link = await begin(server, first)
    await first.loss()
    await link.close()
    await begin(server, second)
    assert second.losses.empty()


async def test_what_was_not_acknowledged_comes_again_to_the_next_link(server, begin, connect):
    door, again = RecordingDoor(hold=True), RecordingDoor()
    link = await begin(server, door)
    device = await connect(server)
    await device.publish(UPDATE, b"one")
    await device.publish(UPDATE, b"two")
    await door.request()
    (await door.request()).ack()
    await link.publish(TOPICS.notify(ALICE), b"{}")  # the broker has our ack when it takes this
    await link.close()
    await begin(server, again)
    assert (await again.request()).payload == b"one"
    await device.publish(UPDATE, b"three")
    assert (await again.request()).payload == b"three"


async def test_what_comes_while_no_link_is_there_waits_for_it(server, begin, connect):
    link = await begin(server, RecordingDoor())
    await link.close()
    device = await connect(server)
    for number in range(200):
        await device.publish(UPDATE, b"%d" % number)
    door = RecordingDoor()
    await begin(server, door)
    assert [int((await door.request()).payload) for _ in range(200)] == list(range(200))


async def test_requests_after_the_end_of_intake_wait_for_the_next_link(server, begin, connect):
    door, again = RecordingDoor(), RecordingDoor()
    link = await begin(server, door)
    await link.stop_intake()
    device = await connect(server)
    await device.publish(UPDATE, b"{}")
    await link.publish(TOPICS.notify(ALICE), b"{}")
    assert door.requests.empty()
    await link.close()
    await begin(server, again)
    assert (await again.request()).topic == UPDATE


async def test_an_ack_of_an_earlier_connection_releases_nothing_of_the_later_one(server, begin, connect):
    door, again = RecordingDoor(hold=True), RecordingDoor()
    link = await begin(server, door)
    device = await connect(server)
    await device.publish(UPDATE, b"{}")
    stale = await door.request()
    await server.stop()
    await server.start()
    await when_connected(link)
    await door.request()  # the same message under the same number, on a new connection
    stale.answer(f"{UPDATE}/accepted", b"{}")
    stale.ack()
    await link.publish(TOPICS.notify(ALICE), b"{}")
    await link.close()
    await begin(server, again)
    assert (await again.request()).topic == UPDATE


async def test_a_restart_that_keeps_the_session_is_no_loss(server, begin, connect):
    door = RecordingDoor()
    link = await begin(server, door)
    await door.loss()
    await server.stop()
    await server.start()
    await when_connected(link)
    device = await connect(server)
    await device.publish(UPDATE, b"{}")
    await door.request()
    assert door.losses.empty()


async def test_a_broker_killed_and_without_memory_is_served_again_and_reported(server, begin, connect):
    door = EchoDoor()
    link = await begin(server, door)
    await door.loss()
    await server.kill()
    server.forget()
    with pytest.raises(LinkDown):
        await link.publish(TOPICS.notify(ALICE), b"{}")
    assert not link.connected
    await server.start()
    await door.loss()
    assert link.connected
    device = await connect(server, f"{UPDATE}/accepted", TOPICS.notify(ALICE))
    await device.publish(UPDATE, b"again")
    assert (await device.next()).payload == b"again"
    await link.publish(TOPICS.notify(ALICE), b"here")
    assert (await device.next()).payload == b"here"


async def test_publishes_on_their_way_when_the_broker_dies_end_in_link_down(server, begin):
    link = await begin(server, RecordingDoor())
    publishes = [asyncio.create_task(link.publish(TOPICS.notify(ALICE), b"{}")) for _ in range(2_000)]
    await asyncio.sleep(0)  # they are on their way, none is acknowledged: that takes a turn of the loop
    await server.kill()
    async with asyncio.timeout(15):
        outcomes = await asyncio.gather(*publishes, return_exceptions=True)
    assert {type(each) for each in outcomes} <= {LinkDown, type(None)}
    assert any(isinstance(each, LinkDown) for each in outcomes)


async def test_a_broker_that_hangs_counts_as_lost_and_is_found_again(server, begin):
    link = await begin(server, RecordingDoor(), keepalive=1)
    server.pause()
    async with asyncio.timeout(20):
        with pytest.raises(LinkDown):
            await link.publish(TOPICS.notify(ALICE), b"{}")
    assert not link.connected
    server.resume()
    await when_connected(link)


async def test_closing_while_the_broker_is_away_ends_at_once(server, begin):
    link = await begin(server, RecordingDoor())
    await server.kill()
    with pytest.raises(LinkDown):
        await link.publish(TOPICS.notify(ALICE), b"{}")
    async with asyncio.timeout(5):
        await link.close()


async def test_more_publishes_than_the_bound_all_arrive(server, begin, connect):
    link = await begin(server, RecordingDoor())
    device = await connect(server, TOPICS.notify(ALICE))
    await asyncio.gather(*(link.publish(TOPICS.notify(ALICE), b"%d" % number) for number in range(3_000)))
    assert sorted([int((await device.next()).payload) for _ in range(3_000)]) == list(range(3_000))


async def test_a_large_answer_to_a_device_that_reads_slowly_arrives_whole(server, begin, connect):
    door = RecordingDoor()
    await begin(server, door)
    device = await connect(server, f"{UPDATE}/accepted")
    await device.publish(UPDATE, b"{}")
    request = await door.request()
    for number in range(100):
        request.answer(f"{UPDATE}/accepted", bytes([number]) * 200_000)
    for number in range(100):
        assert (await device.next()).payload == bytes([number]) * 200_000


async def test_large_answers_given_just_before_closing_arrive_whole(server, begin, connect):
    door = RecordingDoor()
    link = await begin(server, door)
    device = await connect(server, f"{UPDATE}/accepted")
    await device.publish(UPDATE, b"{}")
    request = await door.request()
    for number in range(100):
        request.answer(f"{UPDATE}/accepted", bytes([number]) * 200_000)
    await link.close()
    for number in range(100):
        assert (await device.next()).payload == bytes([number]) * 200_000


async def test_retained_messages_of_a_permissive_broker_are_ignored(start_mosquitto, begin, connect):
    server = await start_mosquitto([ALICE], retain_available="true")
    device = await connect(server)
    await device.publish(UPDATE, b"retained", retain=True)
    door = RecordingDoor()
    await begin(server, door)
    await device.publish(UPDATE, b"plain")
    assert (await door.request()).payload == b"plain"


@pytest.mark.parametrize("qos", [1, 2])
async def test_leftover_subscriptions_of_the_session_bring_nothing_in(start_mosquitto, begin, connect, qos):
    class WatchedEcho(EchoDoor):
        def receive(self, message):
            self.requests.put_nowait(message)
            super().receive(message)

    loose = f"user {DISPATCHER}\ntopic readwrite $aws/things/#\n{shipped_acl()}"
    server = await start_mosquitto([ALICE], acl=loose)
    before = Device(server.port, DISPATCHER, password=secret(DISPATCHER), clean_session=False)
    await before.connect()
    await before.subscribe(TOPICS.everything("+"), qos=qos)
    await before.close()
    door = WatchedEcho()
    await begin(server, door)
    device = await connect(server, f"{UPDATE}/accepted")
    for number in range(3):
        await device.publish(UPDATE, b"%d" % number, qos=qos)
        # In MQTT 5 Mosquitto sends a message once for each subscription that it matches.
        while int((await device.next()).payload) != number:
            pass
    assert {(await door.request()).topic for _ in range(door.requests.qsize())} == {UPDATE}


async def test_a_door_that_fails_does_not_break_the_stream_nor_fill_the_window(
    server, begin, connect, caplog
):
    class BrokenDoor(RecordingDoor):
        def receive(self, message):
            if message.payload == b"bad":
                raise RuntimeError("planted")
            super().receive(message)

    door = BrokenDoor()
    await begin(server, door)
    device = await connect(server)
    for _ in range(25):  # more than the broker has on the way to us at any time
        await device.publish(UPDATE, b"bad")
    await device.publish(UPDATE, b"good")
    assert (await door.request()).payload == b"good"
    assert "planted" in caplog.text


async def test_another_topic_root_works(start_mosquitto, external_link):
    server = await start_mosquitto([ALICE], acl=shipped_acl().replace("$aws/things", "fleet/of/things"))
    topics = Topics("fleet/of/things")
    link = external_link(server, topics=topics)
    await link.start(EchoDoor())
    async with Device(server.port, ALICE, password=secret(ALICE)) as device:
        await device.subscribe(topics.everything(ALICE))
        request = topics.request(ALICE, Operation.START_NEXT)
        await device.publish(request, b"{}")
        assert (await device.next(f"{request}/accepted")).payload == b"{}"
    await link.close()


async def test_no_task_and_no_socket_is_left_behind(server, external_link):
    before = asyncio.all_tasks()
    files = open_files()
    for _ in range(3):
        link = external_link(server)
        await link.start(RecordingDoor())
        await link.close()
    assert asyncio.all_tasks() == before
    assert open_files() == files


async def test_a_publish_on_a_lost_connection_of_a_device_is_noticed_by_the_test_tools(server, connect):
    device = await connect(server)
    await device.drop()
    with pytest.raises(Gone):
        await device.publish(UPDATE, b"{}")
