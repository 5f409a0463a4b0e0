"""Counts what a fleet does while it does it, and sums it up at the end."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from agent.events import Event, Kind
from domain.execution import Status

RECENT: Final = 8
#: Of how many jobs the durations are kept: the last ones.
TIMED: Final = 100_000
_SHOWN: Final = frozenset({Kind.FINISHED, Kind.GONE, Kind.RESUMED, Kind.DISCONNECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a fleet did. ``outcomes``: per reported status; durations in seconds, from start to report.

    ``connected``: things that were so at some time; ``connect_seconds``: until that was true of all of them.
    """

    things: int
    connected: int
    connect_seconds: float | None
    jobs_worked: int
    outcomes: dict[str, int]
    gone: int
    silent: int
    connects: int
    reconnects: int
    updates: int
    duration_p50: float
    duration_p99: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {
            "things": self.things,
            "connected": self.connected,
            "connectSeconds": self.connect_seconds,
            "jobsWorked": self.jobs_worked,
            "outcomes": self.outcomes,
            "gone": self.gone,
            "silent": self.silent,
            "connects": self.connects,
            "reconnects": self.reconnects,
            "updates": self.updates,
            "durationSeconds": {"p50": self.duration_p50, "p99": self.duration_p99},
            "seconds": self.seconds,
        }


@dataclass(slots=True)
class Tally:
    """An observer for any number of agents. ``changed`` is set at every event."""

    things: int
    connected: set[str] = field(default_factory=set)
    ever_connected: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    working: dict[str, Event] = field(default_factory=dict)
    muted: set[str] = field(default_factory=set)
    outcomes: Counter[Status] = field(default_factory=Counter)
    durations: deque[float] = field(default_factory=lambda: deque(maxlen=TIMED))
    recent: deque[Event] = field(default_factory=lambda: deque(maxlen=RECENT))
    began: float = 0.0
    all_connected_at: float | None = None
    connects: int = 0
    gone: int = 0
    silent: int = 0
    updates: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def worked(self) -> int:
        """Jobs that have come to an end, one way or the other, or gone silent."""
        return self.outcomes.total() + self.gone + len(self.muted)

    @property
    def busy(self) -> int:
        """Things that are working and will be heard of again."""
        return len(self.working.keys() - self.muted)

    @property
    def idle(self) -> bool:
        """Everybody is connected, has asked for work, and has none."""
        return len(self.connected) == len(self.asked) == self.things and not self.busy

    def observe(self, event: Event) -> None:
        name = event.thing_name
        match event.kind:
            case Kind.CONNECTED:
                self.connects += 1
                self.connected.add(name)
                self._arrive(name)
            case Kind.DISCONNECTED:
                self.connected.discard(name)
            case Kind.IDLE:
                self.asked.add(name)
            case Kind.STARTED | Kind.RESUMED:
                self.asked.add(name)
                self.working[name] = event
            case Kind.UPDATED:
                self.updates += 1
            case Kind.FINISHED | Kind.GONE:
                self._end(event)
            case Kind.PROGRESS:
                pass
        if event.kind in _SHOWN:
            self.recent.append(event)
        self.changed.set()

    def _arrive(self, name: str) -> None:
        self.ever_connected.add(name)
        if self.all_connected_at is None and len(self.ever_connected) == self.things:
            self.all_connected_at = asyncio.get_running_loop().time()

    def _end(self, event: Event) -> None:
        self.working.pop(event.thing_name, None)
        self.muted.discard(event.thing_name)
        if event.kind is Kind.GONE or event.status is None:
            self.gone += 1
            return
        self.outcomes[event.status] += 1
        self.durations.append(event.seconds)

    def mute(self, thing_name: str) -> None:
        """This thing will not be heard of again about its job."""
        self.muted.add(thing_name)
        self.silent += 1
        self.changed.set()

    def summary(self, now: float) -> Summary:
        arrived = self.all_connected_at
        return Summary(
            things=self.things,
            connected=len(self.ever_connected),
            connect_seconds=None if arrived is None else round(arrived - self.began, 3),
            jobs_worked=self.worked,
            outcomes={status.value: count for status, count in sorted(self.outcomes.items())},
            gone=self.gone,
            silent=self.silent,
            connects=self.connects,
            reconnects=self.connects - len(self.ever_connected),
            updates=self.updates,
            duration_p50=percentile(self.durations, 0.50),
            duration_p99=percentile(self.durations, 0.99),
            seconds=round(now - self.began, 3),
        )


def percentile(values: Collection[float], share: float) -> float:
    """Return the smallest value that ``share`` of all do not exceed; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    index = min(len(ordered) - 1, max(0, -(-len(ordered) * share // 1) - 1))
    return round(ordered[int(index)], 3)
