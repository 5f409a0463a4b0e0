"""Clients that are let in and behave badly, or only oddly: what it costs them, and nobody else."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from bad_packets import ALL, GET, MINE
from raw import (
    CONNACK,
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
from stands import PLAIN, Hardened, admit, secret
from whole import whole

from broker.embedded.limits import Limits
from broker.identity import Authenticate, Credentials, Identity
from broker.link import Received

Make = Callable[..., Awaitable[Hardened]]
BOBS = "things/bob/jobs/get"


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        async def make(*, authenticate: Authenticate = admit, **limits: Any) -> Hardened:
            stand = Hardened(
                PLAIN,
                Limits(**{"take_over_pause": 0.0, "failure_delay": 0.0, **limits}),
                authenticate=authenticate,
            )
            await stand.start()
            stack.push_async_callback(stand.stack.aclose)
            return stand

        yield make


class Engine:
    """Keeps requests until told to answer, as one does that waits for its store, or ``soon`` by itself."""

    def __init__(self, stand: Hardened, *, soon: bool = False) -> None:
        self.waiting: deque[Received] = deque()
        self._soon = soon
        self.most = 0
        stand.receive = self._take  # type: ignore[method-assign]

    def _take(self, message: Received) -> None:
        self.waiting.append(message)
        self.most = max(self.most, len(self.waiting))
        if self._soon:
            asyncio.get_running_loop().call_soon(self.answer_all)

    def answer_all(self) -> None:
        for _ in range(len(self.waiting)):
            message = self.waiting.popleft()
            message.answer(f"{message.topic}/accepted", message.payload)
            message.ack()


async def test_requests_at_qos_0_have_the_same_bound_as_others(make: Make):
    stand = await make(open_requests=8)
    engine = Engine(stand)
    mallory, bob = await stand.client("mallory"), await stand.client("bob")
    mallory.send(publish("things/mallory/jobs/get", qos=0) * 500, PINGREQ)
    await mallory.expect(PINGRESP)
    bob.send(publish(BOBS), PINGREQ)
    await bob.expect(PINGRESP)
    assert [each.topic for each in engine.waiting].count(BOBS) == 1
    assert len(engine.waiting) == 9


async def test_one_who_floods_is_not_read_while_the_engine_works_for_it(make: Make):
    stand = await make(open_requests=8, packet=8 * 1024)
    engine = Engine(stand)
    mallory = await stand.client("mallory")
    mallory.send(publish("things/mallory/jobs/get", b"x" * 1000, qos=0) * 2000)
    mallory.send(PINGREQ)
    alice = await stand.client("alice")
    alice.send(publish(GET))
    for _ in range(200):
        engine.answer_all()
        await asyncio.sleep(0)
    await alice.expect(PUBACK)
    while not any(each.kind == PINGRESP for each in [await mallory.read()] if each):
        engine.answer_all()
    assert engine.most <= 9


async def test_acknowledgements_behind_many_requests_are_reached(make: Make):
    """All answers wait for PUBACKs that stand behind further requests in the stream."""
    stand = await make(open_requests=4, window=4, packet=8 * 1024)
    Engine(stand, soon=True)
    alice = await stand.client("alice")
    alice.send(subscribe(ALL))
    await alice.expect(SUBACK)
    alice.send(*(publish(GET, b"%d" % number, qos=0) for number in range(60)))
    heard: list[bytes] = []
    while len(heard) < 60:
        alice.send(PINGREQ)  # goes to the end of the stream, as the PUBACKs do
        while (got := await alice.read()) is not None and got.kind != PINGRESP:
            heard.append(got.payload)
            alice.send(puback(got.packet_id))
        assert got is not None, "cut off"
    assert heard == [b"%d" % number for number in range(60)]


async def test_one_who_only_asks_and_never_takes_an_answer_is_cut_off(make: Make):
    stand = await make(open_requests=4, window=4, packet=8 * 1024)
    engine = Engine(stand)
    alice, bob = await stand.client("alice"), await stand.client("bob")
    alice.send(subscribe(ALL))
    await alice.expect(SUBACK)
    for _ in range(300):
        alice.send(publish(GET, b"x" * 200, qos=0))
        await asyncio.sleep(0)
        engine.answer_all()
    assert await alice.closed()
    bob.send(PINGREQ)
    await bob.expect(PINGRESP)


async def test_an_engine_that_refuses_at_once_is_no_recursion(make: Make):
    stand = await make(open_requests=2)
    held: list[Received] = []
    stand.receive = held.append  # type: ignore[method-assign]
    alice = await stand.client("alice")
    alice.send(*(publish(GET, packet_id=number) for number in range(1, 1001)), PINGREQ)
    await alice.expect(PINGRESP)
    stand.receive = lambda message: message.ack()  # type: ignore[method-assign]
    for message in held:
        message.ack()
    assert [(await alice.expect(PUBACK)).packet_id for _ in range(1000)] == [*range(1, 1001)]


async def test_a_packet_id_in_use_is_an_error_and_its_repetition_is_not(make: Make):
    stand = await make(open_requests=1)
    engine = Engine(stand)
    alice = await stand.client("alice")
    alice.send(publish(GET, b"1", packet_id=1), publish(GET, b"2", packet_id=2))
    alice.send(publish(GET, b"2", packet_id=2, dup=True), PINGREQ)
    await alice.expect(PINGRESP)
    alice.send(publish(GET, b"3", packet_id=2))
    assert await alice.closed()
    assert [each.payload for each in engine.waiting] == [b"1"]


async def test_a_byte_now_and_then_does_not_hold_off_the_deadline(make: Make):
    stand = await make(connect_deadline=0.4)
    slow = await stand.raw()
    hello = iter(connect(*MINE)[:-1])

    async def dribble() -> None:
        for byte in hello:
            slow.send(bytes([byte]))
            await asyncio.sleep(0.02)

    dribbling = asyncio.create_task(dribble())
    assert await slow.closed()
    assert len(list(hello)) > 0, "it was closed before it had said all"
    dribbling.cancel()


async def test_a_stranger_may_send_only_so_much_ahead(make: Make):
    async def never(_: object) -> None:
        await asyncio.Event().wait()

    stand = await make(authenticate=never)
    stranger = await stand.raw()
    stranger.send(connect(*MINE), publish(GET, b"x" * 1000) * 20)
    assert await stranger.closed(5)


async def test_what_is_sent_ahead_of_the_connack_counts(make: Make):
    stand = await make()
    alice = await stand.raw()
    alice.send(connect(*MINE), subscribe(ALL), publish(GET, b"x" * 2000))
    for kind in (CONNACK, SUBACK, PUBACK):
        await alice.expect(kind)
    assert (await stand.request())[1] == b"x" * 2000


async def test_of_many_contenders_for_one_client_id_the_last_wins(make: Make):
    stand = await make(take_over_pause=0.3)
    owners = [await stand.client("alice"), await stand.client("alice")]
    assert await owners[0].closed()
    contenders = [await stand.raw() for _ in range(4)]
    for each in contenders:
        each.send(connect(*MINE))
        await asyncio.sleep(0.01)
    assert [await each.read() for each in contenders[:3]] == [None] * 3
    owners[1].send(PINGREQ)
    await owners[1].expect(PINGRESP)  # and until its turn comes the owner stays
    assert (await contenders[3].expect(CONNACK)).body[1] == 0
    assert await owners[1].closed()


async def test_a_crowd_at_the_door_leaves_the_store_to_others(make: Make):
    asked, answer = asyncio.Semaphore(0), asyncio.Event()

    async def look_up(credentials: Credentials) -> Identity:
        asked.release()
        await answer.wait()
        return Identity(credentials.username or "")

    stand = await make(authenticate=look_up, questions=4)
    crowd = [await stand.raw() for _ in range(20)]
    for number, each in enumerate(crowd):
        each.send(connect(f"t{number}", f"t{number}", "x"))
    for _ in range(4):
        await asked.acquire()
    for _ in range(50):
        await asyncio.sleep(0)
    assert asked.locked(), "a fifth was looked up"
    answer.set()
    assert [(await each.expect(CONNACK)).body[1] for each in crowd] == [0] * 20


async def test_a_stop_waits_for_no_decision(make: Make):
    asked, ended = asyncio.Event(), asyncio.Event()

    async def slow(_: object) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    stand = await make(authenticate=slow)
    stranger = await stand.raw()
    stranger.send(connect(*MINE))
    await asked.wait()
    await stand.link.close()
    assert ended.is_set()
    assert await stranger.closed()


async def test_a_door_that_fails_costs_the_asker_its_connection_and_nothing_else(make: Make):
    stand = await make()

    def broken(_: Received) -> None:
        raise RuntimeError("planted")

    alice, bob = await stand.client("alice"), await stand.client("bob")
    stand.receive, works = broken, stand.receive  # type: ignore[method-assign]
    alice.send(publish(GET))
    assert await alice.closed()
    stand.receive = works  # type: ignore[method-assign]
    bob.send(publish(BOBS))
    await bob.expect(PUBACK)


async def test_many_large_documents_asked_for_at_once_all_arrive(tmp_path: Path):
    document = json.dumps({"firmware": "x" * 32_000})
    async with whole("embedded", tmp_path, "t1") as server:
        await server.job("j", "t1", document=document)
        client = await Raw.open(server.port)
        client.send(connect("t1", "t1", server.secrets["t1"]), subscribe("$aws/things/t1/jobs/+/get/+"))
        await client.expect(SUBACK)
        client.send(*(publish("$aws/things/t1/jobs/j/get", packet_id=n) for n in range(1, 201)))
        for _ in range(200):
            message = await client.expect(PUBLISH)
            assert message.topic == "$aws/things/t1/jobs/j/get/accepted"
            assert json.loads(message.payload)["execution"]["jobDocument"] == json.loads(document)
            client.send(puback(message.packet_id))
        await client.close()


async def test_a_list_of_filters_cannot_keep_the_broker_busy(make: Make):
    stand = await make()
    for kind in (0x82, 0xA2):
        alice = await stand.client("alice")
        alice.send(packet(kind, b"\0\1" + b"\0\1x\0" * 60_000)[:9000])
        assert await alice.closed()


async def test_a_login_with_the_right_name_and_wrong_secret_disturbs_nothing(make: Make):
    stand = await make()
    alice = await stand.client("alice", clean=False)
    for clean in (True, False):
        thief = await stand.raw()
        thief.send(connect("alice", "mallory", secret("mallory"), clean=clean))
        assert (await thief.expect(CONNACK)).body[1] == 2
    alice.send(publish(GET))
    await alice.expect(PUBACK)
