"""No packet, however bad, gets more than its table says, and nobody else notices it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from bad_packets import ALL, FILTERS, GET, KNOWN, MINE, SILENCE, STRANGERS, USER, V5, Connack
from raw import CONNACK, DISCONNECTED, PINGREQ, PINGRESP, PUBACK, SUBACK, Raw, connect, publish, subscribe
from stands import PLAIN, Hardened
from structlog.testing import capture_logs

from broker.embedded.limits import Limits


@pytest.fixture
async def stand() -> AsyncIterator[Hardened]:
    """A broker that must still serve bob and alice afterwards, with no error logged and no task left."""
    made = Hardened(PLAIN, Limits(take_over_pause=0.0, failure_delay=0.0))
    raised: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    before = asyncio.all_tasks()
    with capture_logs() as logs:
        await made.start()
        async with made.stack:
            bob = await made.client("bob")
            yield made
            assert made.requests.empty(), "a bad packet reached the engine"
            await _works(made, bob, "things/bob/jobs/get")
            await _works(made, await made.client("alice"), GET)
    assert [entry for entry in logs if entry["log_level"] in ("error", "critical")] == []
    assert raised == []
    assert asyncio.all_tasks() - before - {asyncio.current_task()} == set()


async def _works(stand: Hardened, client: Raw, topic: str) -> None:
    client.send(publish(topic, b"{}", packet_id=9))
    assert (await client.expect(PUBACK)).packet_id == 9
    assert await stand.request() == (topic, b"{}")


@pytest.mark.parametrize("name", STRANGERS)
async def test_a_stranger_with_a_bad_packet_is_sent_away(stand: Hardened, name: str):
    sent, expected = STRANGERS[name]
    stranger = await stand.raw()
    stranger.send(sent)
    if expected is SILENCE:
        stranger.writer.write_eof()  # some of these promise bytes that never come
        assert await stranger.read() is None
        return
    assert isinstance(expected, Connack)
    answer = await stranger.expect(CONNACK)
    assert answer.body[:2] == bytes([0, expected.code])
    assert await stranger.read() is None


@pytest.mark.parametrize("name", KNOWN)
async def test_a_known_client_with_a_bad_packet_is_cut_off(stand: Hardened, name: str):
    alice = await stand.client("alice")
    alice.send(KNOWN[name], PINGREQ)
    assert await alice.read() is None


@pytest.mark.parametrize("name", V5)
async def test_a_client_of_mqtt_5_is_told_why(stand: Hardened, name: str):
    sent, reason = V5[name]
    alice = await stand.raw()
    alice.send(connect(*MINE, properties=b""))
    assert (await alice.expect(CONNACK)).body[1] == 0
    alice.send(sent, PINGREQ)
    end = await alice.read()
    assert end is not None
    assert (end.kind, end.body[0]) == (DISCONNECTED, reason)
    # Nothing but a reason string, which says what the code alone does not.
    length = len(end.body) - 5
    assert length > 0
    assert end.body[1:5] == bytes([length + 3, 0x1F]) + length.to_bytes(2)
    assert await alice.read() is None


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("version", [4, 5])
async def test_a_filter_beyond_its_own_jobs_is_refused_and_the_next_is_granted(
    stand: Hardened, name: str, version: int
):
    alice = await stand.raw()
    properties = b"" if version == 5 else None
    alice.send(connect(*MINE, properties=properties))
    alice.send(subscribe(FILTERS[name], ALL, properties=properties), PINGREQ)
    codes = (await alice.expect(SUBACK)).body[-2:]
    refusal = 0x80 if version == 4 else 0x9E if name == "shared" else 0x87
    assert codes == bytes([refusal, 1])
    await alice.expect(PINGRESP)


async def test_what_mqtt_5_lets_a_client_say_besides_is_passed_over(stand: Hardened):
    alice = await stand.raw()
    alice.send(connect(*MINE, properties=USER * 3 + b"\x17\x00\x19\x01\x22\x00\x0a"))
    assert (await alice.expect(CONNACK)).body[1] == 0
    said = b"\x01\x01\x02\x00\x00\x00\x05\x03" + b"\x00\x01x\x08\x00\x01y\x09\x00\x02\xff\x00" + USER * 2
    alice.send(publish(GET, b"{}", packet_id=3, properties=said))
    assert (await alice.expect(PUBACK)).packet_id == 3
    assert await stand.request() == (GET, b"{}")
    alice.send(subscribe(ALL, qos=0x2D, properties=USER))  # no local, retain as published, handling 2
    assert (await alice.expect(SUBACK)).body[-1] == 1
