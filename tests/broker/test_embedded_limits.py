"""What one connection, one thing or one address can cost the embedded broker, and what happens beyond it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from raw import (
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBLISH,
    SUBACK,
    Raw,
    connect,
    packet,
    puback,
    publish,
    subscribe,
)
from stands import PLAIN, Hardened, secret

from broker.embedded.limits import Limits
from broker.link import LinkDown

MakeStand = Callable[..., Any]
GET = "things/alice/jobs/get"
NOTIFY = "things/alice/jobs/notify"
ACCEPTED = "things/alice/jobs/get/accepted"


@pytest.fixture
async def make() -> AsyncIterator[MakeStand]:
    async with AsyncExitStack() as stack:

        async def make(*, hold: bool = False, **limits: Any) -> Hardened:
            stand = Hardened(
                PLAIN, Limits(**{"take_over_pause": 0.0, "failure_delay": 0.0, **limits}), hold=hold
            )
            await stand.start()
            stack.push_async_callback(stand.stack.aclose)
            return stand

        yield make


async def listening(stand: Hardened, **options: Any) -> Raw:
    alice = await stand.client("alice", **options)
    alice.send(subscribe("things/alice/jobs/#"))
    await alice.expect(SUBACK)
    return alice


async def test_beyond_the_connection_limit_the_door_closes_at_once(make: MakeStand):
    stand = await make(connections=2)
    await stand.client("alice")
    await stand.client("bob")
    late = await stand.raw()
    assert await late.closed()
    assert stand.link.connection_count == 2
    assert sorted(stand.link.connected_things()) == ["alice", "bob"]


async def test_in_a_full_house_the_stranger_that_waits_longest_makes_room(make: MakeStand):
    stand = await make(connections=3)
    await stand.client("alice")
    silent = [await stand.raw() for _ in range(2)]
    await stand.client("bob")
    assert await silent[0].closed()
    await stand.client("mallory")
    assert await silent[1].closed()
    assert sorted(stand.link.connected_things()) == ["alice", "bob", "mallory"]


async def test_a_crowd_that_comes_at_once_is_let_in_whole(make: MakeStand):
    stand = await make(connections=200)
    crowd = [await stand.raw() for _ in range(200)]
    for number, client in enumerate(crowd):
        client.send(connect(f"t{number}", f"t{number}", secret(f"t{number}")))
    assert [(await client.expect(CONNACK)).body[1] for client in crowd] == [0] * 200


async def test_a_first_packet_over_the_limit_is_refused_by_its_header(make: MakeStand):
    stand = await make()
    stranger = await stand.raw()
    stranger.send(b"\x10\x81\x20")  # announces 4,097 bytes
    assert await stranger.closed()


async def test_the_first_packet_must_be_a_connect(make: MakeStand):
    stand = await make()
    for first in (PINGREQ, publish(GET), subscribe(GET), DISCONNECT, packet(0xF0, b"")):
        stranger = await stand.raw()
        stranger.send(first)
        assert await stranger.read() is None


async def test_a_second_connect_ends_the_connection(make: MakeStand):
    stand = await make()
    alice = await stand.client("alice")
    alice.send(connect("alice", "alice", secret("alice")))
    assert await alice.closed()


async def test_other_versions_and_protocols_are_told_so(make: MakeStand):
    stand = await make()
    for level in (3, 6):
        stranger = await stand.raw()
        stranger.send(connect("alice", "alice", secret("alice"), level=level))
        assert (await stranger.expect(CONNACK)).body == b"\x00\x01"
        assert await stranger.closed()


async def test_more_than_sixteen_filters_at_once_end_the_connection(make: MakeStand):
    stand = await make()
    alice = await stand.client("alice")
    alice.send(subscribe(*(f"things/alice/jobs/j{number}/get/accepted" for number in range(17))))
    assert await alice.closed()


async def test_the_fifty_first_subscription_is_refused_and_the_others_stay(make: MakeStand):
    stand = await make()
    alice = await stand.client("alice")
    codes = []
    for number in range(51):
        alice.send(subscribe(f"things/alice/jobs/j{number}/get/accepted", packet_id=number + 1))
        codes.append((await alice.expect(SUBACK)).body[-1])
    assert codes == [1] * 50 + [0x80]
    await stand.publish("things/alice/jobs/j0/get/accepted", b"{}")
    await alice.expect(PUBLISH)


async def test_qos_2_is_granted_as_1_and_not_taken(make: MakeStand):
    stand = await make()
    alice = await stand.client("alice")
    alice.send(subscribe(ACCEPTED, qos=2))
    assert (await alice.expect(SUBACK)).body[-1] == 1
    alice.send(publish(GET, qos=2))
    assert await alice.closed()


async def test_a_publish_elsewhere_ends_the_connection_and_is_not_passed_on(make: MakeStand):
    stand = await make()
    for topic in ("things/bob/jobs/get", "things/bob/shadow", "things/alice/jobs/notify", ACCEPTED, "$SYS/x"):
        alice = await stand.client("alice")
        alice.send(publish(topic, b"forged"))
        assert await alice.closed()
    assert stand.requests.empty()


async def test_only_so_many_requests_of_one_connection_are_open(make: MakeStand):
    stand = await make(hold=True, open_requests=3)
    alice = await stand.client("alice")
    for number in range(1, 7):
        alice.send(publish(GET, b"%d" % number, packet_id=number))
    alice.send(PINGREQ)
    await alice.expect(PINGRESP)  # what stands behind the requests is handled all the same
    assert [(await stand.request())[1] for _ in range(3)] == [b"1", b"2", b"3"]
    assert stand.requests.empty()


async def test_acknowledgements_go_out_in_the_order_of_the_requests(make: MakeStand):
    held: list[Any] = []
    stand = await make()
    stand.receive = held.append
    alice = await stand.client("alice")
    alice.send(publish(GET, packet_id=7), publish(GET, packet_id=3), publish(GET, packet_id=5), PINGREQ)
    await alice.expect(PINGRESP)
    for message in reversed(held):
        message.ack()
    assert [(await alice.expect(PUBACK)).packet_id for _ in range(3)] == [7, 3, 5]


async def test_a_client_that_never_acknowledges_gets_a_window_and_is_dropped(make: MakeStand):
    stand = await make(window=4, queue_messages=5)
    alice = await listening(stand)
    for number in range(9):
        await stand.publish(f"things/alice/jobs/j{number}/get/accepted", b"{}")
    for _ in range(4):
        await alice.expect(PUBLISH)
    assert len(await alice.quiet()) == 0
    await stand.publish("things/alice/jobs/one-too-many/get/accepted", b"{}")
    assert await alice.closed()


async def test_a_client_that_does_not_read_is_dropped_and_disturbs_nobody(make: MakeStand):
    stand = await make(window=10_000, flush=0.1)
    alice, bob = await listening(stand), await stand.client("bob")
    bob.send(subscribe("things/bob/jobs/#"))
    await bob.expect(SUBACK)
    for number in range(600):
        await stand.publish(f"things/alice/jobs/j{number}/get/accepted", b"x" * 30_000)
        if number % 20 == 0:
            await asyncio.sleep(0)
    await stand.publish("things/bob/jobs/notify", b"{}")
    assert (await bob.expect(PUBLISH)).payload == b"{}"
    assert await alice.closed()


async def test_acknowledged_messages_make_room_for_waiting_ones(make: MakeStand):
    stand = await make(window=2)
    alice = await listening(stand)
    for number in range(10):
        await stand.publish(f"things/alice/jobs/j{number}/get/accepted", b"%d" % number)
    heard = []
    for _ in range(10):
        message = await alice.expect(PUBLISH)
        heard.append(message.payload)
        alice.send(puback(message.packet_id))
    assert heard == [b"%d" % number for number in range(10)]


async def test_a_thing_has_so_many_sessions_and_no_more(make: MakeStand):
    stand = await make(sessions_per_thing=2)
    first = await stand.client("alice", client_id="alice:1")
    await stand.client("alice", client_id="alice:2")
    await stand.client("alice", client_id="alice:3")
    assert await first.closed()


async def test_sleeping_sessions_are_bounded(make: MakeStand):
    stand = await make(sleeping_sessions=1)
    for name in ("alice", "bob"):
        client = await stand.client(name, clean=False)
        client.send(DISCONNECT)
        assert await client.closed()
    for name, present in (("alice", 0), ("bob", 1)):
        client = await stand.raw()
        client.send(connect(name, name, secret(name), clean=False))
        assert (await client.expect(CONNACK)).body == bytes([present, 0])


async def test_an_empty_client_id_is_chosen_for_a_clean_session_only(make: MakeStand):
    stand = await make()
    await stand.client("alice", client_id="")
    other = await stand.raw()
    other.send(connect("", "alice", secret("alice"), clean=False))
    assert (await other.expect(CONNACK)).body[1] == 2


async def test_a_will_that_is_a_request_of_its_own_is_said_when_the_device_vanishes(make: MakeStand):
    stand = await make()
    will = ("things/alice/jobs/job-1/update", b'{"status":"FAILED"}', 1, False)
    alice = await stand.client("alice", will=will)
    alice.writer.transport.abort()
    assert await stand.request() == will[:2]
    again = await stand.client("alice", will=will)
    again.send(DISCONNECT)
    assert await again.closed()
    assert stand.requests.empty()


async def test_a_thing_that_lost_its_rights_leaves_nothing_behind(make: MakeStand):
    stand = await make()
    will = ("things/alice/jobs/job-1/update", b"{}", 1, False)
    alice = await listening(stand, clean=False, will=will)
    stand.link.disconnect("alice")
    assert await alice.closed()
    again = await stand.raw()
    again.send(connect("alice", "alice", secret("alice"), clean=False))
    assert (await again.expect(CONNACK)).body == b"\x00\x00"
    assert stand.requests.empty()


async def test_a_client_id_taken_twice_changes_hands_once_per_pause(make: MakeStand):
    stand = await make(take_over_pause=0.3)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(3):
        await stand.client("alice")
    assert loop.time() - began >= 0.3


async def test_many_wrong_guesses_slow_down_only_the_guesser(make: MakeStand):
    stand = await make(failures_per_minute=2, failure_delay=30.0)
    for _ in range(2):
        guess = await stand.raw()
        guess.send(connect("alice", "alice", "guess"))
        assert (await guess.expect(CONNACK)).body[1] == 4
    guess = await stand.raw()
    guess.send(connect("alice", "alice", "guess"))
    await stand.client("alice")
    with pytest.raises(TimeoutError):
        await guess.expect(CONNACK, 0.2)


async def test_an_address_in_use_is_a_link_that_is_down(make: MakeStand):
    stand = await make()
    other = Hardened(PLAIN)
    other.link._plain.port = stand.port
    with pytest.raises(LinkDown, match=rf"cannot listen for devices on 127\.0\.0\.1:{stand.port}"):
        await other.start()


async def test_a_restarted_broker_remembers_no_session(make: MakeStand):
    stand = await make()
    await stand.client("alice", clean=False)
    await stand.link.close()
    other = await make()
    again = await other.raw()
    again.send(connect("alice", "alice", secret("alice"), clean=False))
    assert (await again.expect(CONNACK)).body == b"\x00\x00"
