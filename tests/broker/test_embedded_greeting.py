"""Who has subscribed and asks nothing is told what is next; who asks by itself, or has been told, is not.

Some of AWS's SDKs give their program each execution they hear of: told besides, it would do the job twice.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from raw import PUBLISH, SUBACK, Raw, publish, subscribe
from stands import Hardened

from broker.embedded.limits import Limits
from domain.topics import Topics

TOPICS = Topics()
NEXT = TOPICS.notify_next("alice")


@pytest.fixture
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Hardened]:
    """A broker that greets after so many seconds, soon unless a test has something to do before."""
    stand = Hardened(TOPICS, Limits(greeting=getattr(request, "param", 0.05)))
    async with stand.stack:
        await stand.start()
        yield stand


async def greeted(stand: Hardened) -> str:
    async with asyncio.timeout(10):
        return await stand.subscriptions.get()


async def first_greeted_after(stand: Hardened) -> str:
    """Return who is greeted first when bob comes now: whoever was to be greeted before has been."""
    bob = await stand.client("bob")
    bob.send(subscribe(TOPICS.notify_next("bob")))
    return await greeted(stand)


async def subscribed(stand: Hardened, *more: bytes) -> Raw:
    alice = await stand.client("alice")
    alice.send(subscribe(NEXT), *more)
    await alice.expect(SUBACK)
    return alice


@pytest.mark.parametrize("topic_filter", [NEXT, TOPICS.everything("alice"), "$aws/things/alice/jobs/+"])
async def test_who_asks_nothing_is_greeted(stand: Hardened, topic_filter: str):
    alice = await stand.client("alice")
    alice.send(subscribe(topic_filter))
    assert await greeted(stand) == "alice"


async def test_who_cannot_hear_of_the_next_job_is_not(stand: Hardened):
    alice = await stand.client("alice")
    alice.send(subscribe(TOPICS.notify("alice")))
    await alice.expect(SUBACK)
    assert await first_greeted_after(stand) == "bob"


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("question", ["get", "start-next", "$next/get"])
async def test_who_asks_what_is_next_is_not(stand: Hardened, question: str, qos: int):
    await subscribed(stand, publish(TOPICS.jobs("alice") + question, qos=qos))
    await stand.request()
    assert await first_greeted_after(stand) == "bob"


@pytest.mark.parametrize("request_name", ["j/get", "j/update", "get/update", "start-next/get"])
async def test_who_asks_of_one_job_is_greeted_all_the_same(stand: Hardened, request_name: str):
    await subscribed(stand, publish(TOPICS.jobs("alice") + request_name))
    assert await first_greeted_after(stand) == "alice"


@pytest.mark.parametrize("stand", [0.5], indirect=True)
async def test_who_has_been_told_meanwhile_is_not(stand: Hardened):
    alice = await subscribed(stand)
    await stand.publish(NEXT, b"{}")
    await alice.expect(PUBLISH)
    assert await first_greeted_after(stand) == "bob"


async def test_one_that_asks_takes_nothing_from_another_connection(stand: Hardened):
    other = await stand.client("alice", client_id="alice:other")
    other.send(subscribe(NEXT))
    await other.expect(SUBACK)
    await subscribed(stand, publish(TOPICS.jobs("alice") + "get"))
    await stand.request()
    assert await first_greeted_after(stand) == "alice"


async def test_subscribing_twice_at_once_is_greeted_once(stand: Hardened):
    await subscribed(stand, subscribe(TOPICS.everything("alice"), packet_id=2))
    assert await greeted(stand) == "alice"
    assert await first_greeted_after(stand) == "bob"
    assert stand.subscriptions.empty()
