"""The cutter of a stream of MQTT 5: however it is torn, and whatever properties its messages have."""

import random

import pytest

from broker.embedded.hot import encode_puback, encode_publish
from broker.embedded.properties import (
    CORRELATION_DATA,
    MESSAGE_EXPIRY,
    RESPONSE_TOPIC,
    TOPIC_ALIAS,
    encode,
    sized,
)
from broker.stream5 import Stream5

BARE = b"\x00"
ALIAS_7 = bytes([TOPIC_ALIAS, 0, 7])
EXPIRY = bytes([MESSAGE_EXPIRY, 0, 0, 0, 9])
WISH = sized(encode(RESPONSE_TOPIC, b"r/t"), encode(CORRELATION_DATA, b"\x00\xff"))
LONG = random.Random(1).randbytes(100_000)
SAID_PUBACK = b"\x40\x04\x00\x05\x10\x00"


def message(topic, payload, number, properties, *, qos=1):
    return encode_publish(topic, payload, qos, number, dup=False, properties=properties)


PACKETS = [
    (message("a/b", b"one", 7, BARE), ("publish", b"a/b", b"one", 7, False)),
    (encode_puback(9), ("puback", 9)),
    (
        message("a/b", b"two", 8, WISH),
        ("dressed", b"a/b", b"two", 8, False, {RESPONSE_TOPIC: b"r/t", CORRELATION_DATA: b"\x00\xff"}),
    ),
    (SAID_PUBACK, ("other", SAID_PUBACK)),
    (message("ä", b"", None, BARE, qos=0), ("publish", "ä".encode(), b"", 0, False)),
    (message("c", LONG, 65_535, BARE), ("publish", b"c", LONG, 65_535, False)),
    (message("x/y", b"1", 1, sized(ALIAS_7)), ("dressed", b"x/y", b"1", 1, False, {TOPIC_ALIAS: 7})),
    (
        message("", b"2", 2, sized(EXPIRY, ALIAS_7)),
        ("dressed", b"x/y", b"2", 2, False, {MESSAGE_EXPIRY: 9, TOPIC_ALIAS: 7}),
    ),
    (message("z", b"3", 3, sized(ALIAS_7)), ("dressed", b"z", b"3", 3, False, {TOPIC_ALIAS: 7})),
    # At QoS 2, which paho takes, the alias is resolved, too.
    (message("", b"4", 4, sized(ALIAS_7), qos=2), ("other", message("z", b"4", 4, BARE, qos=2))),
    (message("q", b"5", 5, WISH, qos=2), ("other", message("q", b"5", 5, BARE, qos=2))),
    (message("", b"6", 6, sized(ALIAS_7)), ("dressed", b"z", b"6", 6, False, {TOPIC_ALIAS: 7})),
]


def cut(*pieces):
    found = []
    stream = Stream5(
        publish=lambda *packet: found.append(("publish", *packet)),
        dressed=lambda *packet: found.append(("dressed", *packet)),
        puback=lambda number: found.append(("puback", number)),
        other=lambda packet: found.append(("other", packet)),
    )
    for piece in pieces:
        stream.feed(piece)
    return found


@pytest.mark.parametrize("size", [1, 3, 7, 100, 1_000_000])
def test_packets_come_whole_and_in_order_whatever_the_pieces(size):
    whole = b"".join(packet for packet, _ in PACKETS)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert cut(*pieces) == [expected for _, expected in PACKETS]


@pytest.mark.parametrize(
    "nonsense",
    [
        message("", b"x", 1, sized(ALIAS_7)),  # an alias that stands for nothing
        message("", b"x", 1, BARE),
        message("a", b"", 1, b"\x05"),  # properties longer than the packet
        message("a", b"", 1, b""),  # none, not even their length
        message("a", b"", 1, sized(b"\x7f\x00")),
        b"\x32\x03\x00\x01a",
        b"\x30\x00",
        b"\x34\x01\x00",
        b"\x34\x04\x00\x09ab",
    ],
)
def test_what_is_no_mqtt_5_is_handed_on_as_it_is(nonsense):
    assert cut(encode_puback(2), nonsense) == [("puback", 2), ("other", nonsense)]
