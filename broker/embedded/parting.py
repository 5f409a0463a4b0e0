"""What a device wants said when it vanishes: at once, or after the delay MQTT 5 lets it ask for."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable


class Parting:
    """Said once: when the delay is over or the session ends, and never if the device is back before."""

    def __init__(self, loop: AbstractEventLoop, delay: float, say: Callable[[], None]) -> None:
        self._say: Callable[[], None] | None = say
        self._timer = loop.call_later(delay, self.say)

    def say(self) -> None:
        say, self._say = self._say, None
        self._timer.cancel()
        if say is not None:
            say()

    def cancel(self) -> None:
        self._say = None
        self._timer.cancel()
