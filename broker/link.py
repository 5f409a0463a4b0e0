"""The port between the engine and a broker: what arrives, what is answered, what is published.

Two adapters implement ``Link``: ``broker.embedded.link`` and ``broker.mqtt``. One contract suite
(``tests/broker/test_link_contract.py``) holds both. Everything here runs on one event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from domain.errors import Unavailable


class LinkDown(Unavailable):
    """The broker could not take a message; the store still knows what is owed."""


class Received(NamedTuple):
    """One request of a device, not acknowledged to it yet.

    ``answer(topic, payload)`` never blocks and reaches the asker: on the embedded broker exactly the
    connection that asked, subscribed or not; on an external one whoever may read the topic. A request in
    MQTT 5 may have said another topic of its thing, and the link sees to that.
    ``ack()`` releases the message (PUBACK); call it once, after the commit and after ``answer``.
    Both are harmless when the connection is gone.
    """

    topic: str
    payload: bytes
    answer: Callable[[str, bytes], None]
    ack: Callable[[], None]


class Door(Protocol):
    """What a link tells the engine. No method may block or raise."""

    def receive(self, message: Received) -> None:
        """Take one request; messages of one thing come in the order it sent them."""

    def connected(self, thing_name: str) -> None:
        """A thing has a connection (external brokers say so only if they tell of their clients)."""

    def disconnected(self, thing_name: str) -> None:
        """A thing has no connection any more."""

    def subscribed(self, thing_name: str) -> None:
        """A connection of this thing can now hear notify-next (embedded only: others hide it)."""

    def session_lost(self) -> None:
        """The broker has forgotten what it held for us and for devices: announce all open work again."""


class Link(Protocol):
    """A way to reach devices."""

    @property
    def connected(self) -> bool:
        """Whether messages flow right now."""

    async def start(self, door: Door) -> None:
        """Begin to deliver; returns when requests can arrive. Raises ``LinkDown`` if that cannot be."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 1, never retained; returns when the broker has it. Raises ``LinkDown``."""

    def disconnect(self, thing_name: str) -> None:
        """Drop live connections of a thing whose right to be here has ended (where the link can)."""

    def confine(self, certificate_id: str, things: Collection[str]) -> None:
        """Drop live connections made with a certificate, but for those of these things (where it can)."""

    async def stop_intake(self) -> None:
        """Take no further requests; answers and acks of earlier ones still go out."""

    async def close(self) -> None:
        """Flush, disconnect, release every socket and task. Safe to call twice."""
