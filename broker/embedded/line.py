"""A client's TCP connection: whole packets in, bytes out once per turn of the loop, deadlines, an end."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Final

import structlog

from broker.embedded.frames import Frame, Framer, ProtocolError
from broker.embedded.limits import Limits
from broker.embedded.reasons import Reason

log = structlog.get_logger(__name__)

_GRACE: Final = 1.5
#: How far a peer may send ahead of being let in, in first packets.
_AHEAD: Final = 4


class Line(asyncio.Protocol):
    """Subclasses say what a packet means; this class never looks into one."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.address = "unknown"
        #: Whether the peer reads too slowly for more to be written.
        self.clogged = False
        self.loop = asyncio.get_running_loop()
        self.framer = Framer(limits.first_packet)
        self._transport: asyncio.Transport | None = None
        self._ending = False
        self._stalled = False
        self._out: list[bytes] = []
        self._heard_at = self.loop.time()
        self._patience = limits.connect_deadline
        self._known = False
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def open(self) -> bool:
        return not self._ending and self._transport is not None

    # --- what a subclass says ---

    @abstractmethod
    def enter(self) -> bool:
        """Return whether there is room for this connection."""

    @abstractmethod
    def handle(self, frame: Frame) -> None:
        """Act on a packet. May raise ``ProtocolError``, which ends the connection."""

    @abstractmethod
    def may_read(self) -> bool:
        """Return whether further packets can be handled now."""

    @abstractmethod
    def unclogged(self) -> None:
        """The peer reads again."""

    @abstractmethod
    def lost(self) -> None:
        """The connection has ended."""

    @abstractmethod
    def farewell(self, code: Reason, reason: str) -> bytes:
        """Return the last words to the peer, if its version of MQTT has any."""

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        if peer:
            self.address = str(peer[0])
        if self.enter():
            self._alarm = self.loop.call_later(self._patience, self._look)
        else:
            self.abort()

    def data_received(self, data: bytes) -> None:
        if self._known:  # the deadline of a stranger does not move, or a byte now and then would hold it off
            self._heard_at = self.loop.time()
        self.framer.feed(data)
        self.work()

    def pause_writing(self) -> None:
        # Who does not read is not read either: its requests must not pile up answers.
        self.clogged = True
        self.pace()

    def resume_writing(self) -> None:
        self.clogged = False
        self.unclogged()
        self.pace()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ending = True
        self._transport = None
        if self._alarm is not None:
            self._alarm.cancel()
        self.lost()

    # --- for the subclass ---

    def replace(self, transport: asyncio.Transport) -> None:
        """Go on over another transport; the time for the first packet begins anew."""
        self._transport = transport
        self._heard_at = self.loop.time()

    def admit(self, keep_alive: float) -> None:
        """The peer is no stranger any more, but must be heard of once in one and a half times this."""
        self._known = True
        self.framer.publish_limit = self.limits.packet
        self.framer.limit = self.limits.control_packet
        self._heard_at, self._patience = self.loop.time(), keep_alive * _GRACE
        if self._alarm is not None:
            self._alarm.cancel()
        self._look()

    def write(self, data: bytes) -> None:
        """Send at the end of this turn of the loop: an answer and its PUBACK make one segment."""
        if not self._out:
            self.loop.call_soon(self._flush)
        self._out.append(data)

    def work(self) -> None:
        """Handle the packets that are there, as far as they may be handled."""
        try:
            while not self._ending:
                self._stalled = self.clogged or not self.may_read()
                if self._stalled or (frame := self.framer.next()) is None:
                    break
                self.handle(frame)
        except ProtocolError as error:
            self.end(str(error), error.reason)
        except Exception:  # what one peer brings about must not reach the others
            log.exception("a packet could not be handled", client=self.who(), address=self.address)
            self.abort()
        if not self._known and self.framer.waiting > _AHEAD * self.limits.first_packet:
            self.end("sends too much before it is let in", Reason.QUOTA)
        self._throttle()

    def pace(self) -> None:
        """Go on, or stop, reading: something that decides about it has changed."""
        if self._stalled and not self.clogged and self.may_read():
            self._stalled = False
            self.loop.call_soon(self.work)
        self._throttle()

    def end(self, reason: str, code: Reason = Reason.PROTOCOL_ERROR) -> None:
        """Close when what is written has gone out. The reason is for the log, and a peer that can hear it."""
        if self._ending or self._transport is None:
            return
        self._ending = True
        log.info("disconnects", client=self.who(), address=self.address, reason=reason)
        self._out.append(self.farewell(code, reason))
        self._flush()
        self._transport.close()
        # A peer that never reads must not keep the socket.
        self.loop.call_later(self.limits.flush, self.abort)

    def abort(self) -> None:
        self._ending = True
        if self._transport is not None:
            self._transport.abort()

    def who(self) -> str | None:
        """Return what the log may call the peer."""
        return None

    def _throttle(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self.clogged or not self.may_read():
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def _look(self) -> None:
        """Look again when patience would be over; hearing from the peer costs no timer."""
        left = self._heard_at + self._patience - self.loop.time()
        if left <= 0:
            self.end("silent for too long", Reason.KEEP_ALIVE)
        else:
            self._alarm = self.loop.call_later(left, self._look)
