"""What an agent tells whoever watches it: a command line, a fleet's tally, a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from domain.execution import Status


class Kind(StrEnum):
    """What happened."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    IDLE = "idle"
    STARTED = "started"
    RESUMED = "resumed"
    PROGRESS = "progress"
    UPDATED = "updated"
    FINISHED = "finished"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """``status`` is the reported outcome, or for GONE what the server made of it, where it told."""

    kind: Kind
    thing_name: str
    job_id: str | None = None
    operation: str | None = None
    status: Status | None = None
    text: str = ""
    seconds: float = 0.0


Observer = Callable[[Event], None]


def unobserved(_: Event) -> None:
    """The default observer."""
