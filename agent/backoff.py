"""How long to wait before trying again: capped exponential back-off with full jitter."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Seconds before the next try, anywhere between 0 and a ceiling that doubles up to ``cap``.

    Full jitter spreads a fleet that lost its broker at the same instant.
    """

    base: float = 1.0
    cap: float = 30.0
    rng: random.Random = field(default_factory=random.Random, repr=False)
    tries: int = 0

    def next(self) -> float:
        # The exponent is bounded: a device may be offline for months.
        ceiling = min(self.cap, self.base * 2 ** min(self.tries, 32))
        self.tries += 1
        return self.rng.uniform(0, ceiling)

    def reset(self) -> None:
        self.tries = 0
