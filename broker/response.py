"""Where a device that speaks MQTT 5 wants its answer, and what it wants to know it by."""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from broker.embedded import properties
from broker.embedded.frames import Properties
from domain.permissions import may_be_answered
from domain.topics import Topics

_MOST_SHOWN: Final = 256
_log = logging.getLogger(__name__)


class Wish(NamedTuple):
    """``topic`` None means the ordinary one; ``correlation`` goes back byte for byte."""

    topic: str | None
    correlation: bytes | None


def wish(topics: Topics, thing_name: str, found: Properties) -> Wish | None:
    """Return what a request's properties ask for, None if nothing.

    A topic that is not the thing's own to be answered at is passed over, or one thing could have us write to
    another.
    """
    correlation = properties.data(found, properties.CORRELATION_DATA)
    raw = properties.data(found, properties.RESPONSE_TOPIC)
    topic = None if raw is None else raw.decode()
    if topic is not None and not may_be_answered(topics, thing_name, topic):
        _log.debug("%s is not answered at %r: that is not for it", thing_name, topic[:_MOST_SHOWN])
        topic = None
    return None if topic is None and correlation is None else Wish(topic, correlation)


def answering(correlation: bytes) -> bytes:
    """Return the properties of an answer to whoever sent this."""
    return properties.sized(properties.encode(properties.CORRELATION_DATA, correlation))
