"""Who waits for the broker's word, and how every such wait ends."""

import asyncio

import pytest

from broker.link import LinkDown
from broker.receipts import Receipts


async def test_an_answer_ends_the_wait_for_it_and_no_other():
    receipts = Receipts()
    first, second = (asyncio.create_task(receipts.wait(number)) for number in (1, 2))
    await asyncio.sleep(0)
    receipts.settle(2, "granted")
    assert await second == "granted"
    assert not first.done()
    receipts.settle(1)
    assert await first is None


async def test_an_answer_to_nothing_is_ignored():
    Receipts().settle(7)


async def test_a_wait_that_was_given_up_may_still_be_answered():
    receipts = Receipts()
    waiting = asyncio.create_task(receipts.wait(1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    receipts.settle(1)


async def test_a_loss_ends_every_wait_now_and_later():
    receipts = Receipts()
    waits = [asyncio.create_task(receipts.wait(number)) for number in range(3)]
    await asyncio.sleep(0)
    receipts.note(9)
    receipts.lose("planted")
    outcomes = await asyncio.gather(*waits, return_exceptions=True)
    assert [type(each) for each in outcomes] == [LinkDown] * 3
    with pytest.raises(LinkDown, match="planted"):
        await receipts.wait(4)
    await receipts.quiet(15)


async def test_quiet_comes_when_the_last_receipt_is_in():
    receipts = Receipts()
    receipts.note(1)
    receipts.note(2)
    quiet = asyncio.create_task(receipts.quiet(15))
    await asyncio.sleep(0)
    receipts.settle(1)
    await asyncio.sleep(0)
    assert not quiet.done()
    receipts.settle(2)
    await quiet


async def test_quiet_does_not_wait_longer_than_told():
    receipts = Receipts()
    receipts.note(1)
    async with asyncio.timeout(15):
        await receipts.quiet(0.01)


async def test_a_loss_ends_the_wait_for_quiet():
    receipts = Receipts()
    receipts.note(1)
    quiet = asyncio.create_task(receipts.quiet(15))
    await asyncio.sleep(0)
    receipts.lose("planted")
    async with asyncio.timeout(5):
        await quiet
