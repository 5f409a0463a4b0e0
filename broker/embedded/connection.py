"""One client of the broker: what it may send, and what that does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import structlog

from broker.embedded import hot, packets, v5
from broker.embedded.admission import Admitted, Refusal
from broker.embedded.dialects import V4, Dialect, open_dialect
from broker.embedded.frames import (
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PUBACK,
    PUBLISH,
    SUBSCRIBE,
    UNSUBSCRIBE,
    Frame,
    Properties,
    ProtocolError,
)
from broker.embedded.hot import Publish
from broker.embedded.intake import Intake
from broker.embedded.limits import Limits
from broker.embedded.line import Line
from broker.embedded.packets import Connect, Will
from broker.embedded.reasons import REFUSED, Reason
from broker.embedded.session import Message, Overflow, Session
from broker.link import Received
from broker.response import Wish, wish
from domain.permissions import goes_unheard, may_publish, may_subscribe
from domain.topics import Topics

log = structlog.get_logger(__name__)

#: What the code of a refused CONNECT does not say by itself.
_WHY: Final = {
    Refusal.CLIENT_ID: "the client id must be the thing's name, or that, a colon and anything",
    Refusal.UNAVAILABLE: "nobody can be looked up now; try again",
    Refusal.NOT_AUTHORIZED: "its right to be here has ended, or its will is no request of its own",
    Refusal.METHOD: "enhanced authentication is not offered here",
}
#: Stands for every topic that nobody listens to.
_NOWHERE: Final = ""


class House(Protocol):
    """What a connection asks of the broker it belongs to."""

    limits: Limits
    topics: Topics

    def enter(self, connection: Connection) -> bool:
        """Count a new connection; False if there is no room for it."""

    def knock(self, connection: Connection, connect: Connect) -> None:
        """Decide about a CONNECT; ends in ``welcome`` or ``refuse``."""

    def receive(self, message: Received) -> None:
        """Take a request."""

    def subscribed(self, session: Session, filters: list[str]) -> None:
        """Hear of granted filters, when the client has been told."""

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""


class Connection(Line):
    """Implements ``session.Wire`` for the session attached to it."""

    def __init__(self, house: House) -> None:
        super().__init__(house.limits)
        self.came_at = self.loop.time()
        self.session: Session | None = None
        #: What the client has shown on the listener for certificates.
        self.certificate_id: str | None = None
        self.will: Will | None = None
        self.dialect: Dialect = V4
        self._house = house
        self._knocking = False
        #: It publishes also what nobody here listens to.
        self._says_more = False
        self._intake = Intake(
            house.limits, pass_on=self._pass_on, acknowledge=self._acknowledge, busy=self._unsettled
        )

    def secured(self, transport: asyncio.Transport, *, certificate_id: str) -> None:
        """Begin to talk, over TLS: the handshake is through."""
        self.certificate_id = certificate_id
        self.replace(transport)

    # --- the broker's side ---

    def welcome(
        self, admitted: Admitted, session: Session, *, present: bool, keep_alive: int, given: v5.Given
    ) -> None:
        """Let the client in and give it what its session still owes it."""
        self._knocking = False
        self.session, self.will = session, admitted.will
        session.window = min(self.limits.window, self.dialect.terms.receive_maximum)
        self.write(self.dialect.connack(0, session_present=present, given=given))
        self.admit(keep_alive)
        session.attach(self)
        self.pace()

    def refuse(self, refusal: Refusal) -> None:
        given = v5.Given(packet_size=self.limits.packet, reason=_WHY.get(refusal))
        self.write(self.dialect.connack(refusal, session_present=False, given=given))
        shown = "" if self.certificate_id is None else f", with the certificate {self.certificate_id}"
        self.end(f"CONNECT refused: {refusal.name}{shown}")

    def deliver(self, message: Message, packet_id: int | None, *, dup: bool) -> None:
        packet = self.dialect.publish(message, packet_id, dup=dup)
        if packet:
            self.write(packet)
        elif packet_id is not None and self.session is not None:
            self.loop.call_soon(self.session.settle, packet_id)

    # --- the line's side ---

    def who(self) -> str | None:
        return None if self.session is None else self.session.client_id

    def enter(self) -> bool:
        return self._house.enter(self)

    def may_read(self) -> bool:
        return not self._knocking and not self._intake.full

    def unclogged(self) -> None:
        if self.session is not None:
            self.session.unclog()
            self._intake.release()

    def lost(self) -> None:
        self._intake.drop()
        self._house.leave(self)

    def farewell(self, code: Reason, reason: str) -> bytes:
        return b"" if self.session is None else self.dialect.disconnect(code, reason)

    def handle(self, frame: Frame) -> None:
        if self.session is None:
            self._knock(frame)
            return
        handler = _HANDLERS.get(frame.kind)
        if handler is None:
            raise ProtocolError(f"a packet of type {frame.kind} from a client that is connected")
        handler(self, self.session, self.dialect.plain(frame))

    def _knock(self, frame: Frame) -> None:
        if frame.kind != CONNECT:
            raise ProtocolError(f"the first packet is of type {frame.kind}, not CONNECT")
        self.dialect, plain = open_dialect(frame)
        if plain is None:
            self.refuse(Refusal.PROTOCOL_VERSION)
            return
        if self.dialect.terms.enhanced_authentication:
            self.refuse(Refusal.METHOD)
            return
        self._knocking = True
        self._house.knock(self, packets.connect(plain, password_alone=self.dialect.password_alone))

    # --- packets ---

    def on_publish(self, session: Session, frame: Frame) -> None:
        publish = hot.publish(frame)
        if publish.qos > 1:
            raise ProtocolError("PUBLISH at QoS 2: not offered here", Reason.NO_QOS_2)
        if not may_publish(self._house.topics, session.thing_name, publish.topic):
            publish = self._unheard(session, publish)
        elif publish.retain:
            raise ProtocolError("PUBLISH to be retained: not offered here", Reason.NO_RETAIN)
        if session.greeting.planned and self._house.topics.asks_what_is_next(publish.topic):
            session.greeting.spare()
        self._intake.take(publish)

    def _unheard(self, session: Session, publish: Publish) -> Publish:
        """Return what is to be taken and dropped; raises ``ProtocolError`` for what may not be said."""
        if not goes_unheard(self._house.topics, session.thing_name, publish.topic):
            raise ProtocolError(f"may not publish to {publish.topic[:256]!r}", Reason.NOT_AUTHORIZED)
        if not self._says_more:
            self._says_more = True
            log.warning("drops what is about no job", client=self.who(), topic=publish.topic[:256])
        return publish._replace(topic=_NOWHERE)

    def on_puback(self, session: Session, frame: Frame) -> None:
        session.settle(hot.puback(frame))
        self._intake.release()

    def on_subscribe(self, session: Session, frame: Frame) -> None:
        packet = packets.subscribe(frame)
        if len(packet.filters) > self.limits.filters_per_subscribe:
            raise ProtocolError(f"{len(packet.filters)} filters in one SUBSCRIBE", Reason.QUOTA)
        codes = [self._grant(session, topic_filter, qos) for topic_filter, qos in packet.filters]
        answered = [(each, code) for (each, _), code in zip(packet.filters, codes, strict=True)]
        why = "; ".join(f"{each[:256]}: {Reason(code).name}" for each, code in answered if code >= REFUSED)
        self.write(self.dialect.suback(packet.packet_id, codes, why))
        self._house.subscribed(session, [each for each, code in answered if code < REFUSED])

    def _grant(self, session: Session, topic_filter: str, qos: int) -> int:
        """Return the QoS, or the reason why not."""
        if topic_filter.startswith("$share/"):
            return self._deny(topic_filter, Reason.NO_SHARED_SUBSCRIPTION)
        if not may_subscribe(self._house.topics, session.thing_name, topic_filter):
            return self._deny(topic_filter, Reason.NOT_AUTHORIZED)
        if topic_filter not in session.filters and len(session.filters) >= self.limits.subscriptions:
            return self._deny(topic_filter, Reason.QUOTA)
        session.subscribe(topic_filter, min(qos, 1))
        return min(qos, 1)

    def _deny(self, topic_filter: str, reason: Reason) -> int:
        log.warning(
            "refuses a subscription", client=self.who(), filter=topic_filter[:256], reason=reason.name
        )
        return reason

    def on_unsubscribe(self, session: Session, frame: Frame) -> None:
        packet = packets.unsubscribe(frame)
        for topic_filter in packet.filters:
            session.unsubscribe(topic_filter)
        self.write(self.dialect.unsuback(packet.packet_id, len(packet.filters)))

    def on_ping(self, session: Session, frame: Frame) -> None:
        del session
        if frame.flags or frame.body:
            raise ProtocolError("PINGREQ with flags or a body", Reason.MALFORMED)
        self.write(packets.PINGRESP)

    def on_disconnect(self, session: Session, frame: Frame) -> None:
        if frame.flags:
            raise ProtocolError(f"reserved flags {frame.flags:#x} in a DISCONNECT", Reason.MALFORMED)
        with_will, expiry = self.dialect.farewell(frame)
        if expiry and not session.expiry:
            raise ProtocolError("DISCONNECT wants a session kept that CONNECT did not")
        if not with_will:
            self.will = None
        if expiry is not None:
            session.expiry = min(float(expiry), self.limits.session_expiry)
        self.end("it said good-bye")

    # --- requests ---

    def _pass_on(self, publish: Publish) -> None:
        if publish.topic == _NOWHERE:
            self._intake.done(publish.packet_id)
            return
        wanted = None if publish.properties is None else self._wish(publish.properties)
        answer = partial(self._answer, publish.qos, wanted)
        self._house.receive(
            Received(publish.topic, publish.payload, answer, partial(self._done, publish.packet_id))
        )

    def _wish(self, found: Properties) -> Wish | None:
        return None if self.session is None else wish(self._house.topics, self.session.thing_name, found)

    def _answer(self, qos: int, wanted: Wish | None, topic: str, payload: bytes) -> None:
        session = self.session
        if session is None or session.wire is not self or not self.open:
            return
        correlation = None
        if wanted is not None:
            topic, correlation = wanted.topic or topic, wanted.correlation
        granted = session.granted(topic)
        self.put(Message(topic, payload, qos if granted is None else granted, correlation=correlation))

    def put(self, message: Message) -> None:
        """Send a message to this client; one that takes none is disconnected."""
        if self.session is None:
            return
        try:
            self.session.put(message)
        except Overflow as overflow:
            self.end(f"takes its messages too slowly: {overflow}", Reason.QUOTA)

    def _done(self, packet_id: int | None) -> None:
        self._intake.done(packet_id)
        self.pace()

    def _acknowledge(self, packet_id: int) -> None:
        if self.open:
            self.write(hot.encode_puback(packet_id))

    def _unsettled(self) -> int:
        return 0 if self.session is None else self.session.unsettled


_HANDLERS: Final[dict[int, Callable[[Connection, Session, Frame], None]]] = {
    PUBLISH: Connection.on_publish,
    PUBACK: Connection.on_puback,
    SUBSCRIBE: Connection.on_subscribe,
    UNSUBSCRIBE: Connection.on_unsubscribe,
    PINGREQ: Connection.on_ping,
    DISCONNECT: Connection.on_disconnect,
}
