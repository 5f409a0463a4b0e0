"""The greeting of who can hear of jobs from now on: a moment later, and only if it is still of use.

A device that asks when it has subscribed, as those written for AWS do, has its answer; some would do the job
twice if they were told of it besides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Greeting:
    """Belongs to one session. ``pause`` is in seconds."""

    __slots__ = ("_pause", "_timer")

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._timer: asyncio.TimerHandle | None = None

    @property
    def planned(self) -> bool:
        return self._timer is not None

    def plan(self, say: Callable[[], None]) -> None:
        """Call ``say`` when the pause is over; a second subscription meanwhile needs no second greeting."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._over, say)

    def spare(self) -> None:
        """It asks by itself, or has been told."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self, say: Callable[[], None]) -> None:
        self._timer = None
        say()
