"""What 1, 10 and 100 million things would need: arithmetic on measured unit costs and stated habits."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from bench import ROOT

PERFORMANCE = ROOT / "docs" / "performance.md"
FLEETS = (1_000_000, 10_000_000, 100_000_000)
DAY = 86_400
HOUR = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What one of each costs on Mosquitto and PostgreSQL, as it was measured."""

    #: Bytes in the database.
    thing: float
    execution: float
    event: float
    #: Updates a second of one dispatcher, with the broker, the database and the load on the same two cores.
    updates: float
    #: Microseconds of processor time that an update costs each of the three.
    dispatcher_us: float
    database_us: float
    broker_us: float
    #: Seconds until a thing has its execution, and until it has been told, in a job for many.
    creation: float
    notification: float
    #: Answers a second of one API to a broker that asks who comes in.
    admissions: float
    #: KiB that Mosquitto takes for a connected thing.
    connection: float


def measured(text: str) -> Units:
    """Read the units from the tables of docs/performance.md. Raises ``ValueError`` for a missing row."""
    updates = _row(text, "b, updates: Mosquitto + PostgreSQL")
    created = _row(text, "d, a job for ([\\d,]+) things, [^|]*: all executions exist")
    told = _row(text, "e, create to last notified, ([\\d,]+) things: Mosquitto + PostgreSQL")
    return Units(
        thing=_row(text, "l, a thing with its token in a group, PostgreSQL").figure,
        execution=_row(text, "l, an execution, ended, PostgreSQL").figure,
        event=_row(text, "l, an event, PostgreSQL").figure,
        updates=updates.figure,
        dispatcher_us=updates.of("server"),
        database_us=updates.of("database"),
        broker_us=updates.of("broker"),
        creation=created.figure / created.count,
        notification=told.figure / told.count,
        admissions=_row(text, "q, who a client is, its token, PostgreSQL").figure,
        connection=_row(text, "h, memory of the broker for each of 5,000 connected things").figure,
    )


class _Row(NamedTuple):
    """A line of a table: the number in its name, its first figure, all that it says."""

    count: float
    figure: float
    words: str

    def of(self, process: str) -> float:
        """Return the figure behind a process's name."""
        found = re.search(rf"\b{process} (\d+)", self.words)
        if found is None:
            raise ValueError(f"docs/performance.md does not say what {process} spends: {self.words}")
        return float(found[1])


def _row(text: str, what: str) -> _Row:
    """Return the last row of this name, which is a pattern but for its plus signs."""
    found = re.findall(rf"^(\| {what.replace(' + ', ' [+] ')}[^|]*\| ([\d,.]+).*)$", text, re.MULTILINE)
    if not found:
        raise ValueError(f"docs/performance.md has no row {what!r}")
    words, *count, value = found[-1]
    return _Row(_number(count[0]) if count else 1, _number(value), words)


def _number(spelled: str) -> float:
    return float(spelled.replace(",", ""))


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

    def cores(self, micros: float, seconds: float) -> int:
        """Return how many cores are needed where each request costs so many microseconds."""
        return ceil(self.requests(seconds) * micros / 1e6 / self.habits.load)

    @property
    def creation(self) -> float:
        return self.things * self.units.creation

    @property
    def notification(self) -> float:
        return self.things * self.units.notification

    @property
    def memory(self) -> float:
        """Bytes of all brokers together."""
        return self.things * self.units.connection * 1024

    @property
    def admitting(self) -> int:
        """Return how many APIs answer a broker that asks, when all come back."""
        return ceil(self.connects / (self.units.admissions * self.habits.load))

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


def _cores(seconds: float) -> Sequence[tuple[str, Callable[[Estimate], str]]]:
    return (
        ("dispatchers then", lambda fleet: _count(fleet.dispatchers(seconds))),
        ("cores of the dispatchers", lambda fleet: _count(fleet.cores(fleet.units.dispatcher_us, seconds))),
        ("cores of PostgreSQL", lambda fleet: _count(fleet.cores(fleet.units.database_us, seconds))),
        ("cores of the broker", lambda fleet: _count(fleet.cores(fleet.units.broker_us, seconds))),
    )


LINES: Sequence[tuple[str, Callable[[Estimate], str]]] = (
    ("executions kept", lambda fleet: _count(fleet.executions)),
    ("events kept", lambda fleet: _count(fleet.events)),
    ("database", lambda fleet: _bytes(fleet.stored)),
    ("requests/s, a job a week for all", lambda fleet: _count(fleet.requests(7 * DAY))),
    ("requests/s, the whole fleet in a day", lambda fleet: _count(fleet.requests(DAY))),
    ("messages/s through the broker then", lambda fleet: _count(fleet.messages(DAY))),
    *_cores(DAY),
    ("requests/s, the whole fleet in an hour", lambda fleet: _count(fleet.requests(HOUR))),
    ("messages/s through the broker then", lambda fleet: _count(fleet.messages(HOUR))),
    *_cores(HOUR),
    ("until a job for all is there", lambda fleet: _time(fleet.creation)),
    ("until all could have been told of it", lambda fleet: _time(fleet.notification)),
    ("broker nodes", lambda fleet: _count(fleet.nodes)),
    ("memory of the brokers, as Mosquitto takes it", lambda fleet: _bytes(fleet.memory)),
    ("connects/s when all come back", lambda fleet: _count(fleet.connects)),
    ("APIs that a broker asks then", lambda fleet: _count(fleet.admitting)),
)


def table(units: Units | None = None, habits: Habits | None = None) -> str:
    """Return the table of docs/scaling.md; without units, from what docs/performance.md says."""
    known = units or measured(PERFORMANCE.read_text(encoding="utf-8"))
    fleets = [Estimate(things, known, habits or Habits()) for things in FLEETS]
    rows = [("", *(f"{_count(fleet.things)} things" for fleet in fleets)), ("---",) * (len(fleets) + 1)]
    rows += [(what, *(figure(fleet) for fleet in fleets)) for what, figure in LINES]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
