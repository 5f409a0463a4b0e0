"""Whether a job's schedule lets it go out in a zone now, why not, and when that changes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import cache, lru_cache
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from domain.schedule import CloseBehavior, SchedulingConfig
from domain.windows import Span, blackouts, open_span, openings

#: How many windows in a row without a gap are followed to where they end.
_FOLLOWED: Final = 100
#: How many answers are remembered, one for a schedule in a zone.
_REMEMBERED: Final = 4096


class Hold(StrEnum):
    """What keeps a schedule shut."""

    START = "START"
    BLACKOUT = "BLACKOUT"
    WINDOW = "WINDOW"


@dataclass(frozen=True, slots=True)
class Opening:
    """Open or shut, and until when (None: for good); ``hold`` says what keeps it shut."""

    is_open: bool
    changes_at: datetime | None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """An opening and the time it holds for, from when it was asked for (``until`` None: for good)."""

    since: datetime
    until: datetime | None
    opening: Opening


_answers: dict[tuple[SchedulingConfig, str], _Answer] = {}


def opening(schedule: SchedulingConfig, zone: str, now: datetime) -> Opening:
    """Return whether the schedule is open in a zone; the end of the job is not looked at.

    ``zone`` counts where each thing has its own (``schedule.is_local``); elsewhere the schedule's does.
    """
    name = zone if schedule.is_local else schedule.time_zone
    known = _answers.get((schedule, name))
    if known is None or now < known.since or (known.until is not None and known.until <= now):
        known = _answer(schedule, zone_named(name), now)
        if len(_answers) >= _REMEMBERED:
            _answers.clear()
        _answers[schedule, name] = known
    return known.opening


def closes_at(schedule: SchedulingConfig, zone: str, now: datetime) -> datetime | None:
    """Return when the schedule will next be shut in a zone, None if never."""
    found = opening(schedule, zone, now)
    if found.is_open or found.changes_at is None:
        return found.changes_at
    return opening(schedule, zone, found.changes_at).changes_at


def time_to_work(schedule: SchedulingConfig | None, zone: str, now: datetime) -> timedelta | None:
    """Return how long work that begins now may go on by its schedule, None for ever."""
    if schedule is None or schedule.close_behavior is CloseBehavior.FINISH:
        return None
    shut_at = closes_at(schedule, zone, now)
    return None if shut_at is None else shut_at - now


def openings_ahead(schedule: SchedulingConfig, now: datetime, *, most: int) -> list[datetime]:
    """Return when the schedule's windows open next, at most so many; those in blackouts are passed over.

    Where each thing keeps its windows in its own zone: when they open in UTC.
    """
    zone = zone_named("" if schedule.is_local else schedule.time_zone)
    starts, ends = schedule.starts_at, schedule.ends_at
    # One that opens with the start counts.
    since = now if starts is None or starts <= now else starts - _MOMENT
    found: list[datetime] = []
    for opens_at in islice(openings(schedule.maintenance_windows, since, zone), _FOLLOWED * most):
        if len(found) == most or (ends is not None and opens_at >= ends):
            break
        if _blackout(schedule, zone, opens_at) is None:
            found.append(opens_at)
    return found


_MOMENT: Final = timedelta(microseconds=1)


@cache
def zone_named(name: str) -> tzinfo:
    """Return a zone by its IANA name. UTC is Python's own, by which rules take the short way."""
    return UTC if name in ("", "UTC") else ZoneInfo(name)


def _answer(schedule: SchedulingConfig, zone: tzinfo, now: datetime) -> _Answer:
    hold, moment, until = _hold(schedule, zone, now), now, None
    for _ in range(_FOLLOWED):
        edge = _edge(schedule, zone, moment)
        if edge is None:
            return _Answer(now, until, Opening(hold is None, None, hold))
        moment, later = edge, _hold(schedule, zone, edge)
        if until is None and later is not hold:
            until = edge
        if (later is None) is not (hold is None):
            break
    return _Answer(now, until or moment, Opening(hold is None, moment, hold))


def _hold(schedule: SchedulingConfig, zone: tzinfo, at: datetime) -> Hold | None:
    starts = schedule.starts_at
    if starts is not None and at < starts:
        return Hold.START
    if _blackout(schedule, zone, at) is not None:
        return Hold.BLACKOUT
    if schedule.maintenance_windows and _span(schedule, zone, at) is None:
        return Hold.WINDOW
    return None


def _edge(schedule: SchedulingConfig, zone: tzinfo, at: datetime) -> datetime | None:
    """Return the next moment after ``at`` at which open may become shut or the other way round."""
    starts = schedule.starts_at
    if starts is not None and at < starts:
        return starts
    dark = _blackout(schedule, zone, at)
    if dark is not None:
        return dark.closes_at
    darkens_at = _next_blackout(schedule, zone, at)
    if schedule.maintenance_windows:
        span = _span(schedule, zone, at)
        if span is None:
            return next(openings(schedule.maintenance_windows, at, zone), None)
        return span.closes_at if darkens_at is None else min(span.closes_at, darkens_at)
    return darkens_at


def _span(schedule: SchedulingConfig, zone: tzinfo, at: datetime) -> Span | None:
    return open_span(schedule.maintenance_windows, at, zone, since=schedule.starts_at)


def _blackout(schedule: SchedulingConfig, zone: tzinfo, at: datetime) -> Span | None:
    spans = _blackouts(schedule.blackout_dates, zone)
    place = bisect_right(spans, at, key=lambda span: span.opens_at)
    return spans[place - 1] if place and at < spans[place - 1].closes_at else None


def _next_blackout(schedule: SchedulingConfig, zone: tzinfo, at: datetime) -> datetime | None:
    spans = _blackouts(schedule.blackout_dates, zone)
    place = bisect_right(spans, at, key=lambda span: span.opens_at)
    return spans[place].opens_at if place < len(spans) else None


@lru_cache(maxsize=1024)
def _blackouts(dates: tuple[str, ...], zone: tzinfo) -> tuple[Span, ...]:
    return blackouts(dates, zone)
