"""A publish and a CONNECT cost the same however many things are connected (finding E14).

Counted in function calls, not in seconds: a walk over sessions or filters shows whatever the machine does.
"""

import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import FrameType

import pytest
from amqtt.broker import Broker
from raw import CONNACK, SUBACK, Raw, connect, subscribe
from stands import PLAIN, Hardened, secret

from broker.embedded.limits import Limits

FEW, MANY = 10, 400


async def _calls(work: Callable[[], Awaitable[object]]) -> int:
    """Return how many Python and C functions are called while this is done."""
    count = 0

    def count_one(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(count_one)
    try:
        await work()
    finally:
        sys.setprofile(None)
    return count


async def _populate(stand: Hardened, names: range) -> None:
    for number in names:
        client = await stand.client(f"t{number}")
        client.send(subscribe(f"things/t{number}/jobs/#"))
        await client.expect(SUBACK)


@pytest.fixture
async def stand() -> AsyncIterator[Hardened]:
    made = Hardened(PLAIN, Limits(take_over_pause=0.0))
    await made.start()
    async with made.stack:
        yield made


async def _costs(stand: Hardened) -> tuple[int, int]:
    async def newcomer() -> None:
        client = await Raw.open(stand.port)
        client.send(connect("alice", "alice", secret("alice")))
        assert (await client.expect(CONNACK)).body[1] == 0
        await client.close()

    await newcomer()
    publishing = min([await _calls(lambda: stand.publish("things/t3/jobs/notify", b"{}")) for _ in range(5)])
    return publishing, min([await _calls(newcomer) for _ in range(5)])


async def test_a_publish_and_a_connect_cost_the_same_among_many_things(stand: Hardened):
    await _populate(stand, range(FEW))
    publish_few, connect_few = await _costs(stand)
    await _populate(stand, range(FEW, MANY))
    publish_many, connect_many = await _costs(stand)
    assert publish_many == publish_few
    assert connect_many <= connect_few * 1.5


async def test_stock_amqtt_walks_over_every_filter():
    broker = Broker({"listeners": {"default": {"type": "external"}}, "plugins": {}})

    async def cost(filters: int) -> int:
        broker._subscriptions.clear()
        broker._subscriptions.update({f"things/t{number}/jobs/get": [] for number in range(filters)})
        await broker.internal_message_broadcast("things/t3/jobs/notify", b"{}", 1)
        return await _calls(lambda: broker._run_broadcast(deque()))

    assert await cost(MANY) > await cost(FEW) * 5
