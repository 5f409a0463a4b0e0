"""What the broker remembers of one client: its filters, what it has not acknowledged, what waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple, Protocol

from broker.embedded.greeting import Greeting
from broker.embedded.limits import Limits
from broker.embedded.parting import Parting

_LAST_PACKET_ID: Final = 65_535


class Message(NamedTuple):
    """A message for a client. Of several with the same topic and ``newest_only``, the last is enough."""

    topic: str
    payload: bytes
    qos: int
    newest_only: bool = False
    #: Done when the client has it, or has gone.
    taken: asyncio.Future[None] | None = None
    #: What a client of MQTT 5 wants back with its answer.
    correlation: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes that it keeps while it waits; the topic is short."""
        if self.correlation is None:
            return len(self.payload)
        return len(self.payload) + len(self.correlation)


class Overflow(Exception):
    """More waits for this client than one client may cost."""


class Wire(Protocol):
    """The connection a session talks through."""

    @property
    def clogged(self) -> bool:
        """Whether the peer reads too slowly for more to be written now."""

    def deliver(self, message: Message, packet_id: int | None, *, dup: bool) -> None:
        """Write a PUBLISH."""


class Session:
    """Belongs to one thing and one client id; lives longer than a connection if the client wants that."""

    def __init__(self, thing_name: str, client_id: str, limits: Limits) -> None:
        self.thing_name = thing_name
        self.client_id = client_id
        self.window = limits.window
        self.queue_messages = limits.queue_messages
        self.queue_bytes = limits.queue_bytes
        #: Whether it has been forgotten.
        self.ended = False
        #: Seconds it is kept without a connection.
        self.expiry = 0.0
        self.filters: dict[str, int] = {}
        self.wire: Wire | None = None
        self._limits = limits
        self._grants: dict[str, int | None] = {}
        #: What is to be said for the device that vanished, while it may still come back.
        self.parting: Parting | None = None
        self.greeting = Greeting(limits.greeting)
        self._unacknowledged: dict[int, Message] = {}
        # Of these, the ones an earlier connection was sent and this one was not yet.
        self._owed: dict[int, None] = {}
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._packet_id = 0

    @property
    def unsettled(self) -> int:
        """How many messages are on their way or wait."""
        return len(self._unacknowledged) + len(self._waiting)

    def subscribe(self, topic_filter: str, qos: int) -> None:
        self.filters[topic_filter] = qos
        self._grants.clear()

    def unsubscribe(self, topic_filter: str) -> None:
        self.filters.pop(topic_filter, None)
        self._grants.clear()

    def granted(self, topic: str) -> int | None:
        """Return the QoS this client hears a topic at, or None if it does not."""
        if topic not in self._grants:
            if len(self._grants) > self._limits.subscriptions:
                self._grants.clear()
            self._grants[topic] = max(
                (qos for each, qos in self.filters.items() if matches(each, topic)), default=None
            )
        return self._grants[topic]

    def put(self, message: Message) -> None:
        """Send now, or when the client has room. Raises ``Overflow`` if it never makes any."""
        if message.newest_only:
            self._drop_older(message.topic)
            if message.topic.endswith("/notify-next"):
                self.greeting.spare()
        self._waiting.append(message)
        self._waiting_bytes += message.size
        self._pump()
        if len(self._waiting) > self.queue_messages or self._waiting_bytes > self.queue_bytes:
            raise Overflow(f"{len(self._waiting)} messages, {self._waiting_bytes} bytes wait for it")

    def settle(self, packet_id: int) -> None:
        """Note a PUBACK; one for nothing is harmless."""
        self._owed.pop(packet_id, None)
        message = self._unacknowledged.pop(packet_id, None)
        if message is not None:
            _let_go(message)
            self._pump()

    def attach(self, wire: Wire) -> None:
        """Talk through this connection from now on, beginning with what the last one left open."""
        self.wire = wire
        self._owed = dict.fromkeys(self._unacknowledged)
        self._pump()

    def detach(self) -> None:
        self.wire = None
        for message in (*self._unacknowledged.values(), *self._waiting):
            _let_go(message)

    def unclog(self) -> None:
        self._pump()

    def _pump(self) -> None:
        wire = self.wire
        while wire is not None and not wire.clogged and (self._owed or self._waiting):
            at_qos_1 = bool(self._owed) or self._waiting[0].qos > 0
            if at_qos_1 and len(self._unacknowledged) - len(self._owed) >= self.window:
                return
            if self._owed:
                packet_id = next(iter(self._owed))
                del self._owed[packet_id]
                wire.deliver(self._unacknowledged[packet_id], packet_id, dup=True)
            else:
                self._send(wire, self._waiting.popleft())

    def _send(self, wire: Wire, message: Message) -> None:
        self._waiting_bytes -= message.size
        packet_id = None
        if message.qos:
            packet_id = self._next_packet_id()
            self._unacknowledged[packet_id] = message
        wire.deliver(message, packet_id, dup=False)

    def _next_packet_id(self) -> int:
        while True:
            self._packet_id = self._packet_id % _LAST_PACKET_ID + 1
            if self._packet_id not in self._unacknowledged:
                return self._packet_id

    def _drop_older(self, topic: str) -> None:
        for older in [each for each in self._waiting if each.newest_only and each.topic == topic]:
            self._waiting.remove(older)
            self._waiting_bytes -= older.size


def _let_go(message: Message) -> None:
    if message.taken is not None and not message.taken.done():
        message.taken.set_result(None)


def matches(topic_filter: str, topic: str) -> bool:
    """Return whether a filter covers a topic. A wildcard first level never covers a ``$`` topic."""
    if topic_filter == topic:
        return True
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    if wanted[-1] == "#":
        wanted.pop()
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(
        w in ("+", level) for w, level in zip(wanted, levels, strict=True)
    )
