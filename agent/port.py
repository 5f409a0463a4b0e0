"""What the agent needs of a connection; ``agent.link`` gives it over MQTT, tests by a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

#: Takes one message: topic, payload. Must neither block nor raise.
Receive = Callable[[str, bytes], None]


class Link(Protocol):
    """One live connection. It ends once and is never revived."""

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Return when the broker has granted all. Raises ``LinkDown``, ``LinkRefused`` if one is not."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 1; return when the broker has it. Raises ``LinkDown``."""

    async def lost(self) -> str:
        """Return the reason when the connection has ended, however it did."""

    def abort(self) -> None:
        """Drop the connection without a word, as a cut cable would."""


#: Opens a connection whose messages go to the one reader given; closes it at the end of the block.
Connect = Callable[[Receive], AbstractAsyncContextManager[Link]]
