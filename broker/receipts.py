"""What a broker still owes an acknowledgement for, by message number, and who waits for it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from broker.link import LinkDown

#: The numbers of messages; below them are those that the client library gives its own.
_FIRST: Final = 64
_LAST: Final = 65_535


class Receipts:
    """Waits that end in one of two ways: the broker answers, or the connection is lost for all of them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._owed: dict[int, asyncio.Future[Any] | None] = {}
        self._last = _FIRST
        self._lost: str | None = None
        self._quiet: asyncio.Future[None] | None = None

    @property
    def owed(self) -> int:
        """How many receipts are expected."""
        return len(self._owed)

    def unused(self) -> int:
        """Return a number for the next message under which nothing is owed."""
        while True:
            self._last = self._last + 1 if self._last < _LAST else _FIRST
            if self._last not in self._owed:
                return self._last

    def note(self, number: int) -> None:
        """Expect a receipt that nobody waits for."""
        self._owed[number] = None

    async def wait(self, number: int) -> Any:
        """Return what the broker answers to this message. Raises ``LinkDown`` when it no longer can."""
        if self._lost is not None:
            raise LinkDown(self._lost)
        waiter = self._owed[number] = self._loop.create_future()
        return await waiter

    def settle(self, number: int, answer: object = None) -> None:
        waiter = self._owed.pop(number, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(answer)
        if self._quiet is not None and not self._owed:
            self._end_quietly()

    def fail(self, number: int, error: LinkDown) -> None:
        """End the wait for a message that the broker has refused."""
        waiter = self._owed.get(number)
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        self.settle(number)

    def lose(self, reason: str) -> None:
        """End every wait, now and later: this connection will acknowledge nothing more."""
        self._lost = f"the connection to the broker was lost: {reason}"
        for waiter in self._owed.values():
            if waiter is not None and not waiter.done():
                waiter.set_exception(LinkDown(self._lost))
        self._owed.clear()
        self._end_quietly()

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing is owed, or until the time is over."""
        if self._owed:
            self._quiet = self._loop.create_future()
            await asyncio.wait({self._quiet}, timeout=seconds)

    def _end_quietly(self) -> None:
        if self._quiet is not None and not self._quiet.done():
            self._quiet.set_result(None)
