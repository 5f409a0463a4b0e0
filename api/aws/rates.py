"""How many calls of a kind go through in a second, where an operator wants a limit (contract 2.15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from domain.errors import Throttled


@dataclass(slots=True)
class Rates:
    """A bucket for each kind of call: full at first, and filled again at ``per_second``; 0 is no limit.

    ``clock`` tells seconds that only rise.
    """

    per_second: int
    clock: Callable[[], float]
    #: What is left in each, and when that was so.
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, kind: str) -> None:
        """Let one call through, or raise ``Throttled``: nothing has been done, and it may come again."""
        if not self.per_second:
            return
        now = self.clock()
        left, since = self._left.get(kind, (float(self.per_second), now))
        left = min(float(self.per_second), left + (now - since) * self.per_second)
        if left < 1:
            raise Throttled(f"{kind}: more than {self.per_second} calls a second; come again in a moment")
        self._left[kind] = left - 1, now
