"""What 1, 10 and 100 million things would need: arithmetic on measured unit costs and stated habits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

FLEETS = (1_000_000, 10_000_000, 100_000_000)
DAY = 86_400
HOUR = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What docs/performance.md prints; the tests hold these figures against it."""

    #: Bytes on PostgreSQL (l).
    thing: float = 575
    execution: float = 1_102
    event: float = 234
    #: Updates a second of one dispatcher on Mosquitto and SQLite, on two cores with the load (b).
    updates: float = 4_553
    #: Seconds until a job for 100,000 things is there (d).
    creation: float = 6.23


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What a fleet is taken to do. None of this is measured: put in your own."""

    jobs_a_month: float = 4
    #: How long executions and their events are kept.
    days_kept: int = 90
    #: Of an execution: created, begun, ended.
    events: int = 3
    #: A device asks for its work, says that it begins, says how it ended.
    requests: int = 3
    #: Its list changes twice, and so does what comes first in it.
    notifications: int = 4
    #: Of what a dispatcher can do; the rest is for bad moments.
    load: float = 0.5
    connections_a_node: int = 250_000
    #: Within which all come back after the broker was gone.
    minutes_to_return: int = 30


@dataclass(frozen=True, slots=True)
class Estimate:
    """One fleet."""

    things: int
    units: Units
    habits: Habits

    @property
    def executions(self) -> float:
        return self.things * self.habits.jobs_a_month * self.habits.days_kept / 30

    @property
    def events(self) -> float:
        return self.executions * self.habits.events

    @property
    def stored(self) -> float:
        units = self.units
        return self.things * units.thing + self.executions * units.execution + self.events * units.event

    def requests(self, seconds: float) -> float:
        """Return requests a second while a job goes through the whole fleet in this time."""
        return self.things * self.habits.requests / seconds

    def messages(self, seconds: float) -> float:
        """Return messages a second through the broker meanwhile: requests, replies, notifications."""
        return self.things * (2 * self.habits.requests + self.habits.notifications) / seconds

    def dispatchers(self, seconds: float) -> int:
        return ceil(self.requests(seconds) / (self.units.updates * self.habits.load))

    @property
    def creation(self) -> float:
        return self.things / 100_000 * self.units.creation

    @property
    def nodes(self) -> int:
        return ceil(self.things / self.habits.connections_a_node)

    @property
    def connects(self) -> float:
        return self.things / (self.habits.minutes_to_return * 60)


def _count(value: float) -> str:
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if value >= size:
            return f"{value / size:,.3g}{word}"
    return f"{value:,.0f}"


def _bytes(value: float) -> str:
    return f"{value / 1e12:,.2f} TB" if value >= 1e12 else f"{value / 1e9:,.1f} GB"


def _time(value: float) -> str:
    return f"{value / HOUR:,.1f} h" if value >= HOUR else f"{value / 60:,.1f} min"


LINES: Sequence[tuple[str, Callable[[Estimate], str]]] = (
    ("executions kept", lambda fleet: _count(fleet.executions)),
    ("events kept", lambda fleet: _count(fleet.events)),
    ("database", lambda fleet: _bytes(fleet.stored)),
    ("requests/s, a job a week for all", lambda fleet: _count(fleet.requests(7 * DAY))),
    ("requests/s, the whole fleet in a day", lambda fleet: _count(fleet.requests(DAY))),
    ("messages/s through the broker then", lambda fleet: _count(fleet.messages(DAY))),
    ("dispatchers then", lambda fleet: _count(fleet.dispatchers(DAY))),
    ("requests/s, the whole fleet in an hour", lambda fleet: _count(fleet.requests(HOUR))),
    ("messages/s through the broker then", lambda fleet: _count(fleet.messages(HOUR))),
    ("dispatchers then", lambda fleet: _count(fleet.dispatchers(HOUR))),
    ("until a job for all is there", lambda fleet: _time(fleet.creation)),
    ("broker nodes", lambda fleet: _count(fleet.nodes)),
    ("connects/s when all come back", lambda fleet: _count(fleet.connects)),
)


def table(units: Units | None = None, habits: Habits | None = None) -> str:
    """Return the table of docs/scaling.md."""
    fleets = [Estimate(things, units or Units(), habits or Habits()) for things in FLEETS]
    rows = [("", *(f"{_count(fleet.things)} things" for fleet in fleets)), ("---",) * (len(fleets) + 1)]
    rows += [(what, *(figure(fleet) for fleet in fleets)) for what, figure in LINES]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
