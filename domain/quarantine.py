"""Quarantine: a thing that fails job after job gets no new work for a while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.execution import Status

MOST_FAILURES: Final = 1000
#: A year.
LONGEST_MINUTES: Final = 525_600
_FAILED: Final = frozenset({Status.FAILED, Status.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Quarantine:
    """After so many failures in a row, across jobs, for so long; after 0: never."""

    after: int = 0
    period: timedelta = timedelta(hours=1)


NO_QUARANTINE: Final = Quarantine()


def in_a_row(before: int, ends: Iterable[Status]) -> int:
    """Return how many failures in a row there are after these ends, given in order.

    A success begins anew. What was rejected, removed or canceled tells nothing about the thing.
    """
    for end in ends:
        if end in _FAILED:
            before += 1
        elif end is Status.SUCCEEDED:
            before = 0
    return before


def until(rule: Quarantine, before: int, after: int, *, at: datetime) -> datetime | None:
    """Return the end of a quarantine that begins now, by a failure that was one too many; else None."""
    due = 0 < rule.after <= after and after > before
    return at + rule.period if due else None
