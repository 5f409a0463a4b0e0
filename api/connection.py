"""One client's connection, with deadlines: whoever neither asks nor reads is not waited for.

aiohttp itself would keep a silent or half-spoken client for an hour.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from api.errors import failure
from api.headers import dress, new_id

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds that a client has."""

    #: For the head of a request.
    head: float = 10.0
    #: To begin a next request, or to take some of an answer.
    idle: float = 75.0
    #: To notice that the rest of its body is not wanted.
    linger: float = 2.0


class Connection(web.RequestHandler):
    """aiohttp's connection, watched. ``forget`` is called with it when it is gone."""

    def __init__(
        self, server: web.Server, *, deadlines: Deadlines, forget: Callable[[Connection], None], **more: Any
    ) -> None:
        super().__init__(server, **more)
        self._deadlines = deadlines
        self._forget = forget
        self._timer: asyncio.TimerHandle | None = None
        self._at_work = 0
        #: The first bytes of a request are there, or are due since the connection was made.
        self._begun = True
        self._unsent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._arm(self._deadlines.head)

    def data_received(self, data: bytes) -> None:
        if not self._at_work and not self._begun:
            # The first bytes of a next request: from now on it is its head that is awaited.
            self._begun = True
            self._arm(self._deadlines.head)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._disarm()
        self._forget(self)
        super().connection_lost(exc)

    @staticmethod
    @contextmanager
    def busy(request: web.BaseRequest) -> Iterator[None]:
        """Stop the clock while a request is being answered; its body has a deadline of its own."""
        connection = request.protocol
        if not isinstance(connection, Connection):
            yield
            return
        connection.start_work()
        try:
            yield
        finally:
            connection.end_work()

    def start_work(self) -> None:
        self._at_work += 1
        self._disarm()

    def end_work(self) -> None:
        self._at_work -= 1
        self._begun = False
        if not self._at_work:
            self._arm(self._deadlines.idle)

    def _arm(self, seconds: float) -> None:
        self._disarm()
        if self.transport is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        transport = self.transport
        if transport is None:
            return
        left = unsent(transport)
        if 0 < left != self._unsent:
            # An answer is on its way and moves: slow is not dead.
            self._unsent = left
            self._arm(self._deadlines.idle)
            return
        transport.abort()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; a failure from outside our middlewares (Expect) gets the form of every other."""
        if isinstance(resp, web.HTTPException):
            resp = _undressed(resp.status, resp.reason)
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never became a request (malformed HTTP) in the form of every failure."""
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        level = logging.DEBUG if status < 500 else logging.ERROR
        _log.log(level, "%d outside of any operation for %s", status, request.remote, exc_info=exc)
        if isinstance(exc, LineTooLong):
            return _undressed(431, f"a line of the request's head is longer than {exc.args[1]} bytes")
        return _undressed(
            status, "the request is not well-formed HTTP" if status == 400 else "internal error"
        )


def unsent(transport: asyncio.BaseTransport) -> int:
    """Return how many bytes the client has not taken, those with the kernel among them where it tells.

    Without these a slow reader looks dead: the kernel takes more only when much of what it has is gone.
    """
    assert isinstance(transport, asyncio.Transport)
    ours = transport.get_write_buffer_size()
    try:
        queued = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return ours
    return ours + int.from_bytes(queued, sys.byteorder)


def _undressed(status: int, reason: str) -> web.Response:
    """Return the answer to what no middleware has seen; nothing more is read from that client."""
    response = failure(status, reason)
    dress(response, new_id())
    response.force_close()
    return response
