"""What was asked of a server and what it answered, and what its database says afterwards: plain values."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple


@dataclass
class Said:
    """One update of a device, however often it was sent. ``mark`` is in its details and nowhere else."""

    thing: str
    job: str
    mark: str
    status: str
    begun: int
    ended: int | None = None
    #: Every accepted answer, byte by byte, in the order heard, and the version each names.
    replies: list[bytes] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    #: How often it was acknowledged (PUBACK) and then not answered.
    hushed: int = 0
    #: The code of an answer after which a device does not try again.
    refused: str | None = None
    #: Which execution of the job on the thing it is about.
    number: int = 1


@dataclass
class Asked:
    """One call of an operator; ``done`` once the server has said 2xx."""

    job: str
    targets: frozenset[str] = frozenset()
    done: bool = False


@dataclass
class History:
    """Grows while a test runs. The ordinals of ``tick`` are the test's real time."""

    said: list[Said] = field(default_factory=list)
    created: list[Asked] = field(default_factory=list)
    canceled: list[Asked] = field(default_factory=list)
    deleted: list[Asked] = field(default_factory=list)
    ticks: Iterator[int] = field(default_factory=lambda: count(1))

    def tick(self) -> int:
        return next(self.ticks)


class Job(NamedTuple):
    name: str
    status: str
    selection: str
    sweep: str
    waiting: int
    counts: dict[str, int]
    targets: frozenset[str]
    #: How often a thing may try again; whether the job has a rate, and things wait for their minute.
    retries: int = 0
    rated: bool = False
    #: The things that are targets now if there are groups among the targets; None if there are none.
    members: frozenset[str] | None = None
    #: Targets that a large job has not come to yet.
    ahead: frozenset[str] = frozenset()


class Execution(NamedTuple):
    job: str
    thing: str
    number: int
    version: int
    status: str


class Event(NamedTuple):
    """One transition; ``mark`` is what the device put into the details."""

    job: str
    thing: str
    number: int
    version: int
    before: str | None
    after: str
    mark: str | None
    at: int


@dataclass
class Ledger:
    """A database at rest. ``untold`` are the things that are marked to be told something."""

    jobs: list[Job] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    #: Rows that point at a job that is not there, by table.
    orphans: dict[str, int] = field(default_factory=dict)
    #: What ``PRAGMA integrity_check`` says; nothing when all is well.
    damage: list[str] = field(default_factory=list)
