"""Rights that have just ended, remembered against a CONNECT that was being decided at that moment."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_MEMORY: Final = 60.0


class Bans:
    """Of things and certificates alike, by name. Times are monotonic, in seconds."""

    def __init__(self) -> None:
        self._since: OrderedDict[str, float] = OrderedDict()

    def note(self, name: str, now: float) -> None:
        self._since[name] = now
        self._since.move_to_end(name)
        while now - next(iter(self._since.values())) > _MEMORY:
            self._since.popitem(last=False)

    def cover(self, name: str | None, came_at: float) -> bool:
        """Return whether what a connection shows ended after it came."""
        return name is not None and self._since.get(name, -1.0) >= came_at
