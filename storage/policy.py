"""Settings that verbs obey; given to them by whoever calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from domain.quarantine import NO_QUARANTINE, Quarantine
from domain.registry import Registration
from domain.schedule import LEAD
from domain.substitution import Placeholder


@dataclass(frozen=True, slots=True)
class Delivery:
    """To whom a document goes."""

    job_key: int
    thing_name: str


#: Makes the link that a placeholder asks for, good for one delivery; None if there is none to be had.
Mint = Callable[[Placeholder, Delivery], str | int | None]
#: Begins to make links: once for every transaction in which documents ask for some.
Minter = Callable[[Connection, datetime], Mint]


@dataclass(frozen=True, slots=True)
class Quotas:
    """How much of something AWS's dialect lets there be (contract 2.15); ours knows no end."""

    targets: int = 100
    open_jobs: int = 100_000
    leaving_jobs: int = 10
    templates: int = 100


@dataclass(frozen=True, slots=True)
class Policy:
    """What an installation allows."""

    registration: Registration = Registration.AUTO
    #: What is said further of a thing that would be registered, were that not strict.
    strictly: str = ", and registration is strict (create it first)"
    #: How far ahead a job's start and end must lie.
    schedule_lead: timedelta = LEAD
    #: When a thing that fails job after job gets no new work.
    quarantine: Quarantine = NO_QUARANTINE
    #: Who makes links to files; without one those of AWS stay as they are, and ours cannot be had.
    minter: Minter | None = None
    quotas: Quotas = Quotas()


#: Nothing is forbidden.
LENIENT: Final = Policy()
