"""Any bytes at all: packets or a protocol error, cut however one likes, and never anything for the others."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from bad_packets import ALL, GET, KNOWN, MINE, STRANGERS, USER, V5, WILL
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from raw import DISCONNECT, PINGREQ, PUBACK, connect, packet, puback, publish, subscribe, unsubscribe
from stands import PLAIN, Hardened
from structlog.testing import capture_logs

from broker.embedded import hot, packets, v5
from broker.embedded.dialects import open_dialect
from broker.embedded.frames import Frame, Framer, ProtocolError
from broker.embedded.limits import Limits

LIMIT: Final = 4096
V4_IN: Final = connect(*MINE)
V5_IN: Final = connect(*MINE, properties=USER)
GOOD: Final = [
    V4_IN,
    V5_IN,
    connect(*MINE, will=WILL, clean=False),
    connect(*MINE, will=WILL, properties=b"\x11\x00\x00\x00\x09", will_properties=b"\x18\x00\x00\x00\x05"),
    publish(GET, b'{"clientToken":"t"}'),
    publish(GET, b"{}", qos=0),
    publish(GET, b"{}", properties=USER + b"\x02\x00\x00\x00\x05"),
    subscribe(ALL, f"{ALL[:-1]}notify"),
    subscribe(ALL, properties=USER),
    unsubscribe(ALL),
    unsubscribe(ALL, properties=b""),
    puback(1),
    packet(0x40, b"\x00\x01\x00\x00"),
    PINGREQ,
    DISCONNECT,
    packet(0xE0, b"\x04\x05\x11\x00\x00\x00\x00"),
]
BAD: Final = [*(sent for sent, _ in STRANGERS.values()), *KNOWN.values(), *(sent for sent, _ in V5.values())]
DECODERS: Final[list[Callable[[Frame], Any]]] = [
    packets.connect,
    hot.publish,
    packets.subscribe,
    packets.unsubscribe,
    hot.puback,
    v5.plain,
    v5.farewell,
    open_dialect,
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Valid packets in a row, with some bytes changed, removed, repeated or put in."""
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(GOOD), min_size=1, max_size=4))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["change", "remove", "repeat", "insert"])):
            case "change":
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "remove":
                del data[at : at + draw(st.integers(1, 8))]
            case "repeat":
                data[at:at] = data[at : at + draw(st.integers(1, 16))]
            case _:
                data[at:at] = draw(st.binary(max_size=8))
    return bytes(data)


ANY: Final = st.one_of(st.binary(max_size=200), mutated(), st.sampled_from(BAD))


def frames(chunks: list[bytes]) -> tuple[list[Frame], str | None]:
    """Return all packets in these bytes, and the error that ended them, if one did."""
    framer, found = Framer(LIMIT), []
    try:
        for chunk in chunks:
            framer.feed(chunk)
            while (frame := framer.next()) is not None:
                found.append(frame)
    except ProtocolError as error:
        return found, str(error)
    return found, None


@settings(max_examples=400, deadline=None)
@given(data=ANY, cuts=st.lists(st.integers(1, 40), max_size=20))
def test_however_the_stream_is_cut_the_packets_are_the_same(data: bytes, cuts: list[int]):
    chunks, at = [], 0
    for cut in cuts:
        chunks.append(data[at : at + cut])
        at += cut
    whole = frames([data])
    assert frames([*chunks, data[at:]]) == whole
    assert frames([data[at : at + 1] for at in range(len(data))]) == whole


@settings(max_examples=800, deadline=None)
@given(data=ANY)
def test_every_decoder_returns_or_raises_a_protocol_error(data: bytes):
    for frame in [*frames([data])[0], *(Frame(kind, 0, data) for kind in range(16))]:
        for decode in DECODERS:
            try:
                decode(frame)
            except ProtocolError:
                continue


@settings(max_examples=300, deadline=None)
@given(data=ANY)
def test_what_is_read_as_3_1_1_is_exactly_what_was_sent(data: bytes):
    """A packet that is taken encodes back to its own bytes: nothing in it was skipped or repaired."""
    for frame in frames([data])[0]:
        if frame.kind != 3:
            continue
        try:
            read = hot.publish(frame)
        except ProtocolError:
            continue
        sent = publish(
            read.topic,
            read.payload,
            packet_id=read.packet_id or 0,
            qos=read.qos,
            retain=read.retain,
            dup=read.dup,
        )
        assert frames([sent])[0] == [frame]


@settings(max_examples=200, deadline=None)
@given(
    topic=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="+#"), max_size=40),
    payload=st.binary(max_size=300),
    qos=st.integers(0, 2),
    packet_id=st.integers(1, 65_535),
    dup=st.booleans(),
)
def test_what_is_written_by_hand_is_what_the_codec_writes(
    topic: str, payload: bytes, qos: int, packet_id: int, *, dup: bool
):
    number = packet_id if qos else None
    written = hot.encode_publish(topic, payload, qos, number, dup=dup)
    assert written == PublishPacket.build(topic, payload, number, dup, qos, retain=False).to_bytes()
    (frame,), _ = frames([written])
    assert hot.publish(frame) == (topic, payload, qos, False, dup, number, None)
    assert hot.encode_puback(packet_id) == PubackPacket.build(packet_id).to_bytes()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.parametrize("greeting", [b"", V4_IN, V5_IN], ids=["stranger", "v4", "v5"])
def test_no_stream_of_bytes_reaches_another_client_or_the_loop(runner: asyncio.Runner, greeting: bytes):
    stand = runner.run(_started())
    raised: list[Any] = []
    runner.get_loop().set_exception_handler(lambda _, context: raised.append(context))

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=ANY, cut=st.integers(0, 60))
    @example(data=b"".join(GOOD), cut=1)
    def check(data: bytes, cut: int) -> None:
        runner.run(_attack(stand, [greeting + data[:cut], data[cut:]]))

    with capture_logs() as logs:
        check()
    runner.run(stand.stack.aclose())
    assert [entry for entry in logs if entry["log_level"] in ("error", "critical")] == []
    assert raised == []
    assert asyncio.all_tasks(runner.get_loop()) == set()


async def _started() -> Hardened:
    stand = Hardened(PLAIN, Limits(take_over_pause=0.0, failure_delay=0.0))
    await stand.start()
    stand.bob = await stand.client("bob")  # type: ignore[attr-defined]
    return stand


async def _attack(stand: Any, pieces: list[bytes]) -> None:
    mallory = await stand.raw()
    for piece in pieces:
        mallory.send(piece)
        await asyncio.sleep(0)
    mallory.writer.write_eof()
    assert await mallory.closed(), "still open after the last byte"
    await mallory.close()
    while not stand.requests.empty():  # some of what was sent is a fine request of alice's
        assert stand.requests.get_nowait()[0].startswith("things/alice/jobs/")
    stand.bob.send(publish("things/bob/jobs/get", b"{}", packet_id=9))
    assert (await stand.bob.expect(PUBACK)).packet_id == 9
    assert await stand.request() == ("things/bob/jobs/get", b"{}")
    assert stand.link.connection_count == 1
