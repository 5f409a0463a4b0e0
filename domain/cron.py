"""AWS's cron dialect, ``cron(minute hour day month weekday year)``, put onto cronsim (contract 2.11).

cronsim counts weekdays from 0 (Sunday), knows no year, no ``?`` and no ``W``: weekdays are translated here,
the others looked at here. It says which dates and times match; when that is in a zone is decided here, since
cronsim takes a time in the second of two equal hours for one in the first. An expression that names hours
runs once at each: at the time to which clocks skip if they skip it, the first time if they show it twice.
One with ``*`` for the hour runs whenever clocks show its minutes.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from cronsim import CronSim, CronSimError

_NAMES: Final = ("minute", "hour", "day-of-month", "month", "day-of-week", "year")
_WRAPPED: Final = re.compile(r"cron\((.*)\)", re.DOTALL)
#: The years that expressions and blackout dates may name.
YEARS: Final = range(1970, 2200)
_NEAREST: Final = re.compile(r"([1-9]|[12][0-9]|3[01])W")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
#: How far ahead and back to look for an occurrence before there is none.
_HORIZON: Final = timedelta(days=366 * 30)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression; ``nearest`` is the day of a ``15W``: the weekday nearest to it."""

    expression: str
    years: frozenset[int]
    nearest: int | None = None

    def in_month_of(self, day: date) -> bool:
        return day.month in _sim(self.expression).months and day.year in self.years

    def runs_on(self, day: date) -> bool:
        if not self.in_month_of(day) or not _sim(self.expression).match_day(day):
            return False
        return self.nearest is None or day == nearest_weekday(day.year, day.month, self.nearest)

    @property
    def minutes(self) -> list[int]:
        """The minutes of the day at which it runs."""
        sim = _sim(self.expression)
        return [60 * hour + minute for hour in sorted(sim.hours) for minute in sorted(sim.minutes)]

    @property
    def names_hours(self) -> bool:
        return not self.expression.split()[1].startswith("*")


@lru_cache(maxsize=1024)
def _sim(expression: str) -> CronSim:
    return CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))


@lru_cache(maxsize=1024)
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
        _sim(expression)
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
        first = YEARS.start if match[1] else int(match[2])
        last = int(match[3]) if match[3] else YEARS.stop - 1 if match[1] or match[4] else first
        if first not in YEARS or last not in YEARS or last < first:
            raise ValueError(f"bad year {term!r}: {YEARS.start} to {YEARS.stop - 1}")
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
    today = at.astimezone(zone).date()
    # What a whole skipped day had runs on the next one.
    for day in _days(cron, today - 2 * _DAY, today + _HORIZON):
        for moment in _moments(cron, day, zone):
            if moment > at:
                yield moment
                at = moment


def latest(cron: Cron, at: datetime, zone: tzinfo) -> datetime | None:
    """Return the last occurrence not later than ``at``, in UTC, or None."""
    today = at.astimezone(zone).date()
    for day in _days_back(cron, today + _DAY, today - _HORIZON):
        moments = _moments(cron, day, zone)
        if (place := bisect_right(moments, at)) > 0:
            return moments[place - 1]
    return None


def _days(cron: Cron, day: date, last: date) -> Iterator[date]:
    while day <= last:
        if cron.runs_on(day):
            yield day
        day += _DAY
        while day <= last and not cron.in_month_of(day):
            day = (day.replace(day=1) + 31 * _DAY).replace(day=1)


def _days_back(cron: Cron, day: date, first: date) -> Iterator[date]:
    while day >= first:
        if cron.runs_on(day):
            yield day
        day -= _DAY
        while day >= first and not cron.in_month_of(day):
            day = day.replace(day=1) - _DAY


@lru_cache(maxsize=1024)
def _moments(cron: Cron, day: date, zone: tzinfo) -> tuple[datetime, ...]:
    """Return when the expression runs by the clocks of one day, in UTC and in order."""
    midnight = datetime.combine(day, time())
    found: set[datetime] = set()
    for minute in cron.minutes:
        local = midnight + timedelta(minutes=minute)
        if cron.names_hours:
            found.add(instant(local, zone))
        else:
            found.update(shown(local, zone))
    return tuple(sorted(found))


def shown(local: datetime, zone: tzinfo) -> set[datetime]:
    """Return when clocks in a zone show a time, in UTC: never, once or twice."""
    found = {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return {moment for moment in found if moment.astimezone(zone).replace(tzinfo=None, fold=0) == local}


def instant(local: datetime, zone: tzinfo) -> datetime:
    """Return when clocks in a zone show a time first, or when they skip it if they never do; in UTC."""
    skipped_from = local.replace(tzinfo=zone)
    found = skipped_from.astimezone(UTC)
    there = found.astimezone(zone)
    if there.replace(tzinfo=None) == local:
        return found
    # By the old clocks it lies behind the change, so the change is at most the gap before.
    gap = there.replace(tzinfo=None) - local
    early, late = found - gap, found
    while late - early > _SECOND:
        middle = early + (late - early) // 2 // _SECOND * _SECOND
        if middle.astimezone(zone).utcoffset() == there.utcoffset():
            late = middle
        else:
            early = middle
    return late
