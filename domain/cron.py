"""AWS's cron dialect, ``cron(minute hour day month weekday year)``, put onto cronsim (contract 2.11).

cronsim counts weekdays from 0 (Sunday), knows no year, no ``?`` and no ``W``: weekdays are translated here,
the others looked at here. Times are those of the zone asked for, daylight saving time included: what falls
into the hour that is left out runs when it ends, what falls into the doubled hour runs once.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from cronsim import CronSim, CronSimError

_NAMES: Final = ("minute", "hour", "day-of-month", "month", "day-of-week", "year")
_WRAPPED: Final = re.compile(r"cron\((.*)\)", re.DOTALL)
_YEARS: Final = range(1970, 2200)
_NEAREST: Final = re.compile(r"([1-9]|[12][0-9]|3[01])W")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
#: How far ahead to look for an occurrence before there is none.
_HORIZON: Final = timedelta(days=366 * 30)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression; ``nearest`` is the day of a ``15W``: the weekday nearest to it."""

    expression: str
    years: frozenset[int]
    nearest: int | None = None

    def allows(self, day: date) -> bool:
        return day.year in self.years and (
            self.nearest is None or day == nearest_weekday(day.year, day.month, self.nearest)
        )


def parse(text: str) -> Cron:
    """Return the parsed expression; raises ``ValueError`` with the field at fault."""
    wrapped = _WRAPPED.fullmatch(text.strip())
    fields = (wrapped[1] if wrapped else text).upper().split()
    if len(fields) != len(_NAMES):
        raise ValueError(f"has {len(fields)} fields; six are needed: {' '.join(_NAMES)}")
    minute, hour, day, month, weekday, year = fields
    if (day == "?") is (weekday == "?"):
        raise ValueError("exactly one of day-of-month and day-of-week must be ?")
    nearest = _NEAREST.fullmatch(day)
    expression = " ".join(
        (
            minute,
            hour,
            "*" if day == "?" or nearest else day,
            month,
            "*" if weekday == "?" else _weekday(weekday),
        )
    )
    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"{str(error).lower()} in {text.strip()!r}") from None
    return Cron(expression, _years(year), int(nearest[1]) if nearest else None)


def _weekday(text: str) -> str:
    """Translate 1 (Sunday) to 7 into names, which mean the same to both; ``L`` alone is Saturday."""
    return ",".join(_one_weekday(term) for term in text.split(","))


def _one_weekday(term: str) -> str:
    if term == "L":
        return "6"
    found = re.fullmatch(r"(\w{1,3}?)(L|#[1-5])?|(\*|\w+-\w+|\w+)(/\d+)?", term)
    if found is None:
        raise ValueError(f"bad day-of-week {term!r}")
    if found[1] is not None:
        return f"{_day_number(found[1])}{found[2] or ''}"
    if found[3] == "*":
        return term
    return "-".join(str(_day_number(end)) for end in found[3].split("-")) + (found[4] or "")


def _day_number(name: str) -> int:
    if name in _DAYS:
        return _DAYS.index(name)
    if name.isdigit() and 1 <= int(name) <= 7:
        return int(name) - 1
    raise ValueError(f"bad day-of-week {name!r}: 1 (SUN) to 7 (SAT)")


def _years(text: str) -> frozenset[int]:
    found: set[int] = set()
    for term in text.split(","):
        match = re.fullmatch(r"(?:(\*)|(\d{4})(?:-(\d{4}))?)(?:/(\d+))?", term)
        if match is None or match[4] == "0":
            raise ValueError(f"bad year {term!r}")
        first = _YEARS.start if match[1] else int(match[2])
        last = int(match[3]) if match[3] else _YEARS.stop - 1 if match[1] or match[4] else first
        if first not in _YEARS or last not in _YEARS or last < first:
            raise ValueError(f"bad year {term!r}: {_YEARS.start} to {_YEARS.stop - 1}")
        found.update(range(first, last + 1, int(match[4] or 1)))
    return frozenset(found)


def nearest_weekday(year: int, month: int, day: int) -> date | None:
    """Return the Monday to Friday nearest to a day, in the same month; None if the month has no such day."""
    last = calendar.monthrange(year, month)[1]
    if day > last:
        return None
    found = date(year, month, day)
    if found.weekday() == calendar.SATURDAY:
        return found + timedelta(days=2 if day == 1 else -1)
    if found.weekday() == calendar.SUNDAY:
        return found + timedelta(days=-2 if day == last else 1)
    return found


def after(cron: Cron, at: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Yield the occurrences later than ``at``, in UTC, soonest first; ends after thirty years."""
    yield from _walk(cron, at, zone, reverse=False)


def latest(cron: Cron, at: datetime, zone: tzinfo) -> datetime | None:
    """Return the last occurrence not later than ``at``, in UTC, or None."""
    just_after = at + timedelta(microseconds=1)
    return next(_walk(cron, just_after, zone, reverse=True), None)


def _walk(cron: Cron, at: datetime, zone: tzinfo, *, reverse: bool) -> Iterator[datetime]:
    # UTC as cronsim knows it: by identity it takes the short way.
    local = at.astimezone(UTC if zone is UTC else zone)
    for found in CronSim(cron.expression, local, reverse=reverse):
        if abs(found - local) > _HORIZON:
            return
        if cron.allows(found.date()):
            yield found.astimezone(UTC)
