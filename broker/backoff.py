"""How long to wait before trying again: at random below a bound that doubles, so that crowds spread out."""

from __future__ import annotations

import random
from typing import Final

FIRST_SECONDS: Final = 0.2
CAP_SECONDS: Final = 5.0
STABLE_SECONDS: Final = 10.0
_MOST_DOUBLINGS: Final = 16


class Backoff:
    """Capped full jitter; the bound starts again only after a success that lasted.

    A peer that accepts and drops at once (two dispatchers with one client id do that to each other) is a
    failure like any other.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._failures = 0

    def after(self, uptime: float) -> float:
        """Return the seconds to wait, given how long the last attempt held (0 if it failed)."""
        if uptime > STABLE_SECONDS:
            self._failures = 0
        bound = min(CAP_SECONDS, FIRST_SECONDS * 2 ** min(self._failures, _MOST_DOUBLINGS))
        self._failures += 1
        return self._chance.uniform(0, bound)
