"""The cutter of a broker's stream: however it is torn, the same packets in the same order."""

import random
from collections.abc import Callable

import pytest

from broker.embedded.hot import encode_puback, encode_publish
from broker.stream import Stream

CONNACK = b"\x20\x02\x01\x00"
PINGRESP = b"\xd0\x00"
LONG = random.Random(1).randbytes(200_000)
PACKETS = [
    (CONNACK, ("other", CONNACK)),
    (encode_publish("a/b", b"one", 1, 7, dup=False), ("publish", b"a/b", b"one", 7, False)),
    (encode_puback(513), ("puback", 513)),
    (encode_publish("a", b"x" * 300, 1, 65535, dup=True), ("publish", b"a", b"x" * 300, 65535, False)),
    (PINGRESP, ("other", PINGRESP)),
    (encode_publish("ä", b"", 0, None, dup=False), ("publish", "ä".encode(), b"", 0, False)),
    (b"\x31\x05\x00\x01aok", ("publish", b"a", b"ok", 0, True)),
    (encode_publish("c", LONG, 1, 1, dup=False), ("publish", b"c", LONG, 1, False)),
    (b"\x34\x05\x00\x01a\x00\x09", ("other", b"\x34\x05\x00\x01a\x00\x09")),
    (encode_puback(1), ("puback", 1)),
]


def cut(*pieces: bytes) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    stream = Stream(
        publish=lambda *packet: found.append(("publish", *packet)),
        puback=lambda number: found.append(("puback", number)),
        other=lambda packet: found.append(("other", packet)),
    )
    for piece in pieces:
        stream.feed(piece)
    return found


def _in(size: Callable[[], int]) -> list[bytes]:
    whole, pieces = b"".join(packet for packet, _ in PACKETS), []
    while whole:
        taken = size()
        pieces.append(whole[:taken])
        whole = whole[taken:]
    return pieces


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100, 4_096, 1_000_000])
def test_packets_come_whole_and_in_order_whatever_the_pieces(size):
    assert cut(*_in(lambda: size)) == [expected for _, expected in PACKETS]


@pytest.mark.parametrize("seed", range(20))
def test_packets_come_whole_and_in_order_from_random_pieces(seed):
    dice = random.Random(seed)
    assert cut(*_in(lambda: dice.choice([1, 2, 7, 64, 50_000]))) == [expected for _, expected in PACKETS]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x32\x80\x80\x80\x80\x01",  # a length of five bytes
        b"\x32\x03\x00\x01a",  # no room for its number
        b"\x32\x04\x00\x09ab",  # a topic longer than the packet
        b"\x30\x01\x00",
        b"\x30\x00",
        b"\x40\x03\x00\x01\x00",
        b"\x42\x02\x00\x01",
    ],
)
def test_what_is_no_mqtt_is_handed_on_as_it_is(nonsense):
    assert cut(encode_puback(2), nonsense) == [("puback", 2), ("other", nonsense)]
