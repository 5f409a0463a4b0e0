"""One clock for all of a process: the machine's, without its steps (docs/decisions/0005).

Between two readings as much time passes as has really passed. Small differences from the machine's clock are
made good by going a little faster or slower, a step forward by one leap that takes all running timers along,
a step back by going slower until both agree: time never runs backwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

log = structlog.get_logger(__name__)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: A difference from the machine's clock that is no drift any more: it was set.
STEP: Final = timedelta(seconds=10)
#: How much faster the clock goes at most, as one part in so many: a timer is never shorter by more.
FASTER: Final = 1000
#: How much slower: an hour too much is made good in twenty, and timers take a twentieth longer.
SLOWER: Final = 20


def _passing() -> int:
    """Nanoseconds that have passed, those asleep among them where the system counts them."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """Call it for the time. For one thread: that of the event loop.

    ``not_before``: the newest time in the store, where a machine goes on that does not know the time yet.
    """

    def __init__(
        self,
        *,
        not_before: datetime | None = None,
        machine: Callable[[], int] = time.time_ns,
        passing: Callable[[], int] = _passing,
    ) -> None:
        self._machine = machine
        self._passing = passing
        self._read_at = passing()
        now = machine()
        self._now = now if not_before is None else max(now, _nanos(not_before))
        self._is_ahead = False

    def __call__(self) -> datetime:
        self._read()
        return _EPOCH + timedelta(microseconds=self._now // 1000)

    def leap(self) -> timedelta | None:
        """Take over a machine's clock that was set forward: return by how much time has leapt, if it has.

        The caller moves every running timer by as much, before anybody acts on the new time.
        """
        machine = self._read()
        off = timedelta(microseconds=(machine - self._now) // 1000)
        if off > STEP:
            self._now = machine
            log.warning("the machine's clock was set forward; running timers move along", seconds=_whole(off))
            return off
        if off < -STEP and not self._is_ahead:
            log.warning(
                "the machine's clock is behind ours; ours goes slower until they agree",
                seconds=_whole(-off),
                agree_in_seconds=_whole(-off * SLOWER),
            )
        self._is_ahead = off < -STEP
        return None

    def _read(self) -> int:
        """Bring the time up to date; return the machine's."""
        machine, passing = self._machine(), self._passing()
        passed, self._read_at = max(0, passing - self._read_at), passing
        latest = self._now + passed + passed // FASTER
        self._now = min(max(machine, self._now + passed - passed // SLOWER), latest)
        return machine


def _nanos(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _whole(span: timedelta) -> int:
    return round(span.total_seconds())
