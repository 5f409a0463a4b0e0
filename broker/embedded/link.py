"""The embedded broker: devices connect to this process, and their requests go straight to the engine.

Each request is handed over without a fan-out, its PUBACK waits for the engine, and its answer goes to the
connection that asked. Everything happens in turns of one event loop, so no two packets ever race; only the
decision about a CONNECT waits for something (decision 0003).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterator
from functools import partial
from typing import Final

import structlog

from broker.embedded.admission import Admission, Admitted, Refusal
from broker.embedded.audience import Audience
from broker.embedded.bans import Bans
from broker.embedded.connection import Connection
from broker.embedded.limits import Limits
from broker.embedded.listener import Listener, Secure
from broker.embedded.packets import Connect, Will
from broker.embedded.parting import Parting
from broker.embedded.places import places
from broker.embedded.reasons import Reason
from broker.embedded.session import Message, Overflow, Session, matches
from broker.embedded.sessions import Sessions
from broker.embedded.v5 import Given
from broker.identity import Authenticate
from broker.link import Door, LinkDown, Received
from domain.permissions import is_monitor
from domain.topics import Topics

log = structlog.get_logger(__name__)

_NO_DOOR: Final = "the embedded broker is not running"


class EmbeddedLink:
    """Implements ``broker.link.Link`` and ``connection.House``. ``port`` 0 means any free one.

    With ``secure`` it also listens for devices with certificates; nothing above it notices.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        topics: Topics,
        authenticate: Authenticate,
        secure: Secure | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.topics = topics
        self._plain = Listener(host, port)
        self._secure = None if secure is None else Listener(secure.host, secure.port, secure)
        self._loop = asyncio.get_running_loop()
        self._admission = Admission(authenticate, topics, self.limits, self._loop.time)
        self._sessions = Sessions(self.limits, self._loop.time)
        self._audience = Audience(self.limits, self._give)
        self._places = 0
        self._connections: set[Connection] = set()
        self._strangers: OrderedDict[Connection, None] = OrderedDict()
        self._decisions: set[asyncio.Task[None]] = set()
        #: Until when a client id stays with who took it last, and who waits for it.
        self._taken_over: dict[tuple[str, str], float] = {}
        self._contenders: dict[tuple[str, str], Connection] = {}
        self._bans = Bans()
        self._listens = False
        self._door: Door | None = None
        self._takes_requests = False
        self._emptied = asyncio.Event()

    # --- the link ---

    @property
    def connected(self) -> bool:
        return self._listens

    @property
    def port(self) -> int:
        return self._plain.port

    @property
    def secure_port(self) -> int | None:
        """Where devices with certificates come in, if they do."""
        return None if self._secure is None else self._secure.port

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    def connected_things(self) -> Iterator[str]:
        """Yield the names of things with a live connection, each once."""
        names = {each.session.thing_name for each in self._connections if each.session is not None}
        yield from (name for name in names if not is_monitor(name))

    async def start(self, door: Door) -> None:
        """Listen. Raises ``LinkDown`` if the address cannot be had."""
        self._door, self._takes_requests = door, True
        self._places = places(self.limits.connections)
        self._audience.open()
        for listener in self._listeners():
            await listener.open(lambda: Connection(self))
            self._listens = True

    def _listeners(self) -> list[Listener]:
        return [each for each in (self._plain, self._secure) if each is not None]

    async def publish(self, topic: str, payload: bytes) -> None:
        """Give a message to the sessions of its thing, each keeps the newest; an event to who listens."""
        if not self._listens:
            raise LinkDown(_NO_DOOR)
        found = self.topics.segments(topic)
        if found is None:
            await self._audience.tell(topic, payload)
            return
        for session in self._sessions.of(found[0]):
            qos = session.granted(topic)
            if qos is not None:
                self._give(session, Message(topic, payload, qos, newest_only=True))

    def disconnect(self, thing_name: str) -> None:
        """End the connections and forget the sessions of a thing."""
        self._bans.note(thing_name, self._loop.time())
        for session in self._sessions.of(thing_name):
            self._end(session, "its right to be here has ended", Reason.NOT_AUTHORIZED)

    def confine(self, certificate_id: str, things: Collection[str]) -> None:
        """End what came with a certificate and is of another thing than these."""
        self._bans.note(certificate_id, self._loop.time())
        for connection in tuple(self._connections):
            session = connection.session if connection.certificate_id == certificate_id else None
            if session is not None and session.wire is connection and session.thing_name not in things:
                self._end(session, "its certificate is not for it any more", Reason.NOT_AUTHORIZED)

    async def stop_intake(self) -> None:
        """Accept no connection and pass on no request; what is unacknowledged the devices send again."""
        self._takes_requests = False
        for listener in self._listeners():
            listener.close()

    async def close(self) -> None:
        listened, self._listens = self._listens, False
        await self.stop_intake()
        if not listened:
            return
        for decision in self._decisions:
            decision.cancel()
        await asyncio.gather(*self._decisions, return_exceptions=True)
        await self._until_taken()
        for connection in tuple(self._connections):
            connection.end("the broker stops", Reason.SHUTTING_DOWN)
        await self._until_empty()
        for listener in self._listeners():
            await listener.wait_closed()

    # --- the house ---

    def enter(self, connection: Connection) -> bool:
        if not self._takes_requests or not self._has_room():
            log.warning("refuses a connection", address=connection.address, connected=len(self._connections))
            return False
        self._connections.add(connection)
        self._strangers[connection] = None
        return True

    def _has_room(self) -> bool:
        """In a full house the connection that has been silent for longest goes, if one is silent."""
        if len(self._connections) < self._places:
            return True
        if not self._strangers:
            return False
        silent, _ = self._strangers.popitem(last=False)
        self._connections.discard(silent)
        silent.abort()
        return True

    def knock(self, connection: Connection, connect: Connect) -> None:
        self._strangers.pop(connection, None)
        decision = self._loop.create_task(self._decide(connection, connect), name="decide about a CONNECT")
        self._decisions.add(decision)
        decision.add_done_callback(self._decisions.discard)

    def receive(self, message: Received) -> None:
        if self._takes_requests and self._door is not None:
            self._door.receive(message)

    def subscribed(self, session: Session, filters: list[str]) -> None:
        if is_monitor(session.thing_name):
            self._audience.add(session)
            return
        topic = self.topics.notify_next(session.thing_name)
        if self._door is not None and any(matches(each, topic) for each in filters):
            session.greeting.plan(partial(self._door.subscribed, session.thing_name))

    def leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._strangers.pop(connection, None)
        session, will = connection.session, connection.will
        delay = connection.dialect.terms.will_delay
        if session is not None and session.wire is connection:
            session.detach()
            if will is not None and delay:
                session.parting = Parting(self._loop, min(delay, session.expiry), partial(self._say, will))
                will = None
            self._sessions.sleep(session)
        if will is not None and not (delay and session is not None and session.wire is not None):
            self._say(will)
        if session is not None and all(each.wire is None for each in self._sessions.of(session.thing_name)):
            self._tell_of_parting(session.thing_name)
        if not self._connections:
            self._emptied.set()

    def _tell_of_parting(self, thing_name: str) -> None:
        if self._door is not None and not is_monitor(thing_name):
            self._door.disconnected(thing_name)

    def _say(self, will: Will) -> None:
        self.receive(Received(will.topic, will.payload, _nobody_listens, _nobody_waits))

    # --- admission ---

    async def _decide(self, connection: Connection, connect: Connect) -> None:
        try:
            decision = await self._admission.decide(connect, connection.address, connection.certificate_id)
            if isinstance(decision, Admitted):
                await self._wait_for_turn(connection, decision)
        except Exception:
            log.exception("a CONNECT could not be decided", address=connection.address)
            decision = Refusal.UNAVAILABLE
        if not connection.open:
            return
        if isinstance(decision, Refusal):
            connection.refuse(decision)
        elif any(
            self._bans.cover(each, connection.came_at)
            for each in (decision.thing_name, connection.certificate_id)
        ):
            connection.refuse(Refusal.NOT_AUTHORIZED)
        else:
            self._let_in(connection, connect, decision)

    def _let_in(self, connection: Connection, connect: Connect, admitted: Admitted) -> None:
        old = self._sessions.find(admitted.thing_name, admitted.client_id)
        if old is not None and isinstance(old.wire, Connection):
            self._take_over(old, old.wire)
        session, crowded_out, present = self._sessions.open(
            admitted.thing_name, admitted.client_id, fresh=connect.clean
        )
        if crowded_out is not None:
            self._end(crowded_out, "too many sessions of this thing", Reason.TAKEN_OVER)
        if session.parting is not None:
            session.parting.cancel()
        wanted = connection.dialect.expiry(connect)
        session.expiry = min(wanted, self.limits.session_expiry)
        keep_alive = min(connect.keep_alive or self.limits.keep_alive, self.limits.keep_alive)
        given = Given(
            packet_size=self.limits.packet,
            keep_alive=None if keep_alive == connect.keep_alive else keep_alive,
            expiry=None if wanted == session.expiry else int(session.expiry),
            client_id=None if connect.client_id else admitted.client_id,
        )
        connection.welcome(admitted, session, present=present, keep_alive=keep_alive, given=given)
        if self._door is not None and not is_monitor(session.thing_name):
            self._door.connected(session.thing_name)

    async def _wait_for_turn(self, connection: Connection, admitted: Admitted) -> None:
        """Two clients with one id take it from each other once a second, not in a loop (F26).

        Of those that wait, the last wins at once: one thing cannot fill the house with its queue.
        """
        key = (admitted.thing_name, admitted.client_id)
        while (left := self._taken_over.get(key, 0.0) - self._loop.time()) > 0 and connection.open:
            earlier = self._contenders.get(key)
            if earlier is not None and earlier is not connection:
                earlier.end("another connection wants this client id", Reason.TAKEN_OVER)
            self._contenders[key] = connection
            await asyncio.sleep(left)
        if self._contenders.get(key) is connection:
            del self._contenders[key]

    def _take_over(self, session: Session, old: Connection) -> None:
        key = (session.thing_name, session.client_id)
        pause = self.limits.take_over_pause
        self._taken_over[key] = self._loop.time() + pause
        # Later than the pause, so that who waited for it finds the next entry and not none.
        self._loop.call_later(2 * pause, self._forget_take_over, key)
        log.warning("takes over", client=session.client_id, old=old.address)
        session.detach()
        old.end("taken over by a new connection", Reason.TAKEN_OVER)

    def _forget_take_over(self, key: tuple[str, str]) -> None:
        if self._taken_over.get(key, 0.0) <= self._loop.time():
            self._taken_over.pop(key, None)

    # --- messages out, and ends ---

    def _give(self, session: Session, message: Message) -> None:
        if isinstance(session.wire, Connection):
            session.wire.put(message)
            return
        try:
            session.put(message)
        except Overflow as overflow:
            log.warning("forgets a session", client=session.client_id, reason=str(overflow))
            self._sessions.end(session)

    def _end(self, session: Session, reason: str, code: Reason) -> None:
        if isinstance(session.wire, Connection):
            session.wire.will = None
            session.wire.end(reason, code)
        if session.parting is not None:
            session.parting.cancel()
        session.detach()
        self._sessions.end(session)

    async def _until_taken(self) -> None:
        """Wait until every connected client has what waits for it, or for the flush time."""
        deadline = self._loop.time() + self.limits.flush
        # Watching every PUBACK for the sake of this moment would cost the hot path.
        while self._loop.time() < deadline and any(  # noqa: ASYNC110
            each.open and each.session is not None and each.session.unsettled for each in self._connections
        ):
            await asyncio.sleep(0.02)

    async def _until_empty(self) -> None:
        self._emptied.clear()
        if not self._connections:
            return
        try:
            async with asyncio.timeout(self.limits.flush):
                await self._emptied.wait()
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.abort()
            await asyncio.sleep(0)


def _nobody_listens(topic: str, payload: bytes) -> None:
    """A will has no asker."""


def _nobody_waits() -> None:
    """A will is acknowledged to nobody."""
