"""Why a connection ends, as MQTT 5 numbers it; a client of 3.1.1 only sees that it does."""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """Reason codes of DISCONNECT, SUBACK and PUBACK. From 0x80 on they mean no."""

    MALFORMED = 0x81
    PROTOCOL_ERROR = 0x82
    NOT_AUTHORIZED = 0x87
    SHUTTING_DOWN = 0x8B
    KEEP_ALIVE = 0x8D
    TAKEN_OVER = 0x8E
    BAD_TOPIC = 0x90
    NO_TOPIC_ALIAS = 0x94
    TOO_LARGE = 0x95
    QUOTA = 0x97
    BAD_PAYLOAD = 0x99
    NO_RETAIN = 0x9A
    NO_QOS_2 = 0x9B
    NO_SHARED_SUBSCRIPTION = 0x9E
    NO_SUBSCRIPTION_ID = 0xA1


#: From here on a code is a refusal, in every packet and version.
REFUSED = 0x80
