"""Packets no broker should take, by name: what is sent and what has to be the answer to it."""

from typing import Final, NamedTuple

from raw import DISCONNECT, PINGREQ, connect, packet, puback, publish, subscribe, text, unsubscribe
from stands import secret

ROOT: Final = "things/alice/jobs"
GET: Final = f"{ROOT}/get"
ALL: Final = f"{ROOT}/#"
MINE: Final = ("alice", "alice", secret("alice"))
WILL: Final = (f"{ROOT}/j/update", b"{}", 1, False)
USER: Final = b"\x26" + text("k") + text("v")
#: The head of a CONNECT up to its flags, which are to follow.
HEAD: Final = text("MQTT") + b"\x04"


class Silence(NamedTuple):
    """The connection is closed without a word."""


class Connack(NamedTuple):
    """A CONNACK with this code, and then the connection is closed."""

    code: int


class Farewell(NamedTuple):
    """A DISCONNECT of MQTT 5 with this reason, and then the connection is closed."""

    reason: int


SILENCE = Silence()

#: Sent by one who is not let in yet.
STRANGERS: Final[dict[str, tuple[bytes, object]]] = {
    "nothing but zeros": (bytes(64), SILENCE),
    "http": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", SILENCE),
    "tls hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), SILENCE),
    "connect without a body": (packet(0x10, b""), SILENCE),
    "connect with reserved flags": (b"\x11" + connect(*MINE)[1:], SILENCE),
    "connect with the reserved connect flag": (
        packet(0x10, HEAD + b"\x03\x00\x3c" + text("alice")),
        SILENCE,
    ),
    "length of five bytes": (b"\x10\xff\xff\xff\xff\x01", SILENCE),
    "first packet of 4097 bytes": (b"\x10\x81\x20", SILENCE),
    "publish first": (publish(GET), SILENCE),
    "publish first, of 64 KiB": (b"\x32\x80\x80\x04", SILENCE),
    "subscribe first": (subscribe(ALL), SILENCE),
    "ping first": (PINGREQ, SILENCE),
    "disconnect first": (DISCONNECT, SILENCE),
    "packet type 0": (packet(0x00, b""), SILENCE),
    "packet type 15": (packet(0xF0, b""), SILENCE),
    "connack from a client": (packet(0x20, b"\x00\x00"), SILENCE),
    "version 3": (connect(*MINE, level=3), Connack(1)),
    "version 6": (connect(*MINE, level=6), Connack(1)),
    "version 3.1 by its old name": (
        packet(0x10, text("MQIsdp") + b"\x03\x02\x00\x3c" + text("alice")),
        Connack(1),
    ),
    "another protocol": (packet(0x10, text("AMQP") + b"\x04\x02\x00\x3c" + text("alice")), SILENCE),
    "connect cut in the client id": (packet(0x10, HEAD + b"\x02\x00\x3c\x00\xff" + b"al"), SILENCE),
    "connect with bytes behind it": (
        packet(0x10, HEAD + b"\x02\x00\x3c" + text("alice") + b"more"),
        SILENCE,
    ),
    "connect with a client id that is not UTF-8": (
        packet(0x10, HEAD + b"\x02\x00\x3c" + text(b"\xff\xfe")),
        SILENCE,
    ),
    "password without a user name": (
        packet(0x10, HEAD + b"\x42\x00\x3c" + text("alice") + text("x")),
        SILENCE,
    ),
    "user name that is not there": (packet(0x10, HEAD + b"\x82\x00\x3c" + text("alice")), SILENCE),
    "will that is not there": (packet(0x10, HEAD + b"\x06\x00\x3c" + text("alice") + text("t")), SILENCE),
    "password that is not there": (
        packet(0x10, HEAD + b"\xc2\x00\x3c" + text("alice") + text("alice")),
        SILENCE,
    ),
    "will flags without a will": (packet(0x10, HEAD + b"\x1a\x00\x3c" + text("alice")), SILENCE),
    "will at qos 3": (
        packet(0x10, HEAD + b"\x1e\x00\x3c" + text("alice") + text("t") + text("p")),
        SILENCE,
    ),
    "no credentials": (connect("alice"), Connack(4)),
    "wrong password": (connect("alice", "alice", "guess"), Connack(4)),
    "empty password": (connect("alice", "alice", ""), Connack(4)),
    "client id of another thing": (connect("bob", "alice", secret("alice")), Connack(2)),
    "client id that only begins like ours": (connect("alice2", "alice", secret("alice")), Connack(2)),
    "empty client id and a lasting session": (connect("", *MINE[1:], clean=False), Connack(2)),
    "will for another thing": (connect(*MINE, will=("things/bob/jobs/get", b"", 1, False)), Connack(5)),
    "will to a notification": (connect(*MINE, will=(f"{ROOT}/notify", b"", 1, False)), Connack(5)),
    "will to be retained": (connect(*MINE, will=(*WILL[:3], True)), Connack(5)),
    "will at qos 2": (connect(*MINE, will=(*WILL[:2], 2, False)), Connack(5)),
    "v5 wrong password": (connect("alice", "alice", "guess", properties=b""), Connack(0x86)),
    "v5 client id of another thing": (connect("bob", *MINE[1:], properties=b""), Connack(0x85)),
    "v5 will for another thing": (
        connect(*MINE, will=("things/bob/jobs/get", b"", 1, False), properties=b""),
        Connack(0x87),
    ),
    "v5 enhanced authentication": (
        connect(*MINE, properties=b"\x15" + text("SCRAM") + b"\x16" + text(b"\xff")),
        Connack(0x8C),
    ),
    "v5 properties longer than the packet": (
        packet(0x10, text("MQTT") + b"\x05\x02\x00\x3c\x7f" + text("alice")),
        SILENCE,
    ),
    "v5 length of properties of five bytes": (
        packet(0x10, text("MQTT") + b"\x05\x02\x00\x3c\xff\xff\xff\xff\x01" + text("alice")),
        SILENCE,
    ),
    "v5 unknown property": (connect(*MINE, properties=b"\x7e\x00"), SILENCE),
    "v5 property of another packet": (connect(*MINE, properties=b"\x23\x00\x01"), SILENCE),
    "v5 receive maximum twice": (connect(*MINE, properties=b"\x21\x00\x01\x21\x00\x01"), SILENCE),
    "v5 receive maximum 0": (connect(*MINE, properties=b"\x21\x00\x00"), SILENCE),
    "v5 packet size 0": (connect(*MINE, properties=b"\x27" + bytes(4)), SILENCE),
    "v5 flag of 2": (connect(*MINE, properties=b"\x17\x02"), SILENCE),
    "v5 user property cut short": (connect(*MINE, properties=b"\x26\x00\x01k\x00\x09v"), SILENCE),
    "v5 user property that is not UTF-8": (
        connect(*MINE, properties=b"\x26" + text(b"\xff") + text("v")),
        SILENCE,
    ),
    "v5 will with a connect's property": (
        connect(*MINE, will=WILL, properties=b"", will_properties=b"\x21\x00\x01"),
        SILENCE,
    ),
}

#: Sent by alice, who is let in and speaks 3.1.1: always the end, without a word.
KNOWN: Final[dict[str, bytes]] = {
    "connect again": connect(*MINE),
    "connack": packet(0x20, b"\x00\x00"),
    "suback": packet(0x90, b"\x00\x01\x00"),
    "pingresp": packet(0xD0, b""),
    "type 0": packet(0x00, b""),
    "type 15": packet(0xF0, b""),
    "pubrec": packet(0x50, b"\x00\x01"),
    "pubrel": packet(0x62, b"\x00\x01"),
    "pubcomp": packet(0x70, b"\x00\x01"),
    "ping with flags": packet(0xC1, b""),
    "ping with a body": packet(0xC0, b"x"),
    "disconnect with flags": packet(0xE1, b""),
    "disconnect with a body": packet(0xE0, b"\x00"),
    "length of five bytes": b"\x32\xff\xff\xff\xff\x01",
    "publish of 256 MiB": b"\x32\xff\xff\xff\x7f",
    "publish over the limit": b"\x32\x81\x80\x10",
    "publish without a body": packet(0x32, b""),
    "publish cut in the topic": packet(0x32, b"\x00\x20thi"),
    "publish without its packet id": packet(0x32, text(GET)),
    "publish with packet id 0": publish(GET, packet_id=0),
    "publish at qos 2": publish(GET, qos=2),
    "publish at qos 3": publish(GET, qos=3),
    "publish to be retained": publish(GET, retain=True),
    "publish with an empty topic": publish(""),
    "publish with a wildcard": publish("things/+/jobs/get"),
    "publish with a NUL": publish("things/alice/jobs/a\0b/get"),
    "publish with a topic that is not UTF-8": publish(b"things/alice/jobs/\xff/get"),
    "publish with a surrogate": publish(b"things/alice/jobs/\xed\xa0\x80/get"),
    "publish with a topic of 257 bytes": publish(f"{ROOT}/{'x' * 235}/get"),
    "publish for another thing": publish("things/bob/jobs/get"),
    "publish to its own notification": publish(f"{ROOT}/notify-next"),
    "publish to its own answer": publish(f"{ROOT}/get/accepted"),
    "publish to no operation": publish(f"{ROOT}/j/stop"),
    "publish above things": publish("things/bob"),
    "publish to the broker": publish("$SYS/broker/uptime"),
    "subscribe without a filter": packet(0x82, b"\x00\x01"),
    "subscribe with flags": packet(0x80, b"\x00\x01" + text(ALL) + b"\x01"),
    "subscribe with packet id 0": subscribe(ALL, packet_id=0),
    "subscribe at qos 3": subscribe(ALL, qos=3),
    "subscribe without its qos": packet(0x82, b"\x00\x01" + text(ALL)),
    "subscribe that is not UTF-8": subscribe(b"things/alice/jobs/\xff"),
    "subscribe to seventeen": subscribe(*(f"{ROOT}/j{number}/get/accepted" for number in range(17))),
    "subscribe of 9 KiB": subscribe(*["x" * 250] * 36),
    "unsubscribe without a filter": packet(0xA2, b"\x00\x01"),
    "unsubscribe with flags": packet(0xA0, b"\x00\x01" + text(ALL)),
    "unsubscribe of 9 KiB": unsubscribe(*["x" * 250] * 36),
    "puback with packet id 0": puback(0),
    "puback of one byte": packet(0x40, b"\x00"),
    "puback of three bytes": packet(0x40, b"\x00\x01\x00"),
}

#: Filters that are refused one by one, in SUBACK; the connection goes on.
FILTERS: Final[dict[str, bytes]] = {
    "everything": b"#",
    "everything below a level": b"+/#",
    "all things": b"things/#",
    "a wildcard for the thing": b"things/+/jobs/#",
    "another thing": b"things/bob/jobs/#",
    "more than jobs": b"things/alice/#",
    "jobs itself": b"things/alice/jobs",
    "the broker": b"$SYS/#",
    "shared": b"$share/g/things/alice/jobs/#",
    "queue": b"$queue/things/alice/jobs/#",
    "nothing": b"",
    "a hash inside": b"things/alice/jobs/#/get",
    "a hash in a level": b"things/alice/jobs/a#",
    "a plus in a level": b"things/alice/jobs/a+/get",
    "a NUL": b"things/alice/jobs/a\0b",
    "257 bytes": b"things/alice/jobs/" + b"x" * 239,
    "a name that only begins alike": b"things/alice2/jobs/#",
    "another case": b"things/Alice/jobs/#",
    "an empty level": b"things/alice/jobs//get",
}

#: Sent by alice, who is let in and speaks MQTT 5: the end, with a reason.
V5: Final[dict[str, tuple[bytes, int]]] = {
    "v5 connect again": (connect(*MINE, properties=b""), 0x82),
    "v5 auth": (packet(0xF0, b"\x18\x00"), 0x82),
    "v5 publish at qos 2": (publish(GET, qos=2, properties=b""), 0x9B),
    "v5 publish to be retained": (publish(GET, retain=True, properties=b""), 0x9A),
    "v5 publish for another thing": (publish("things/bob/jobs/get", properties=b""), 0x87),
    "v5 publish to be answered at a wildcard": (publish(GET, properties=b"\x08\x00\x01+"), 0x82),
    "v5 publish to be answered nowhere": (publish(GET, properties=b"\x08\x00\x00"), 0x82),
    "v5 publish over the limit": (b"\x32\x81\x80\x10", 0x95),
    "v5 publish without properties": (packet(0x32, text(GET) + b"\x00\x01"), 0x81),
    "v5 topic alias": (publish(GET, properties=b"\x23\x00\x01"), 0x94),
    "v5 topic alias and no topic": (publish("", properties=b"\x23\x00\x01"), 0x94),
    "v5 publish with a subscription id": (publish(GET, properties=b"\x0b\x01"), 0x82),
    "v5 publish with an expiry cut short": (publish(GET, properties=b"\x02\x00\x00"), 0x81),
    "v5 publish with a format of 2": (publish(GET, properties=b"\x01\x02"), 0x82),
    "v5 subscription id": (subscribe(ALL, properties=b"\x0b\x01"), 0xA1),
    "v5 subscription id of 0": (subscribe(ALL, properties=b"\x0b\x00"), 0x82),
    "v5 reserved options": (subscribe(ALL, qos=0x41, properties=b""), 0x82),
    "v5 retain handling 3": (subscribe(ALL, qos=0x31, properties=b""), 0x82),
    "v5 subscribe at qos 3": (subscribe(ALL, qos=3, properties=b""), 0x82),
    "v5 seventeen filters": (subscribe(*[ALL] * 17, properties=b""), 0x97),
    "v5 unsubscribe with a property of publish": (unsubscribe(ALL, properties=b"\x01\x00"), 0x82),
    "v5 puback with bytes behind its properties": (packet(0x40, b"\x00\x01\x00\x00x"), 0x81),
    "v5 disconnect with a property of connect": (packet(0xE0, b"\x00\x03\x21\x00\x01"), 0x82),
    "v5 disconnect that wants a session kept": (packet(0xE0, b"\x00\x05\x11\x00\x00\x00\x01"), 0x82),
    "v5 ping with a body": (packet(0xC0, b"x"), 0x81),
}
