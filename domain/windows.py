"""Maintenance windows: when one is open, and when the next one opens (contract 1.5, 2.11)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from heapq import merge
from itertools import groupby
from typing import Annotated, Final

from pydantic import Field, field_validator

from domain import cron
from domain.config import WHOLE, Config

#: 23 hours and 50 minutes: a window ends before the same window of the next day begins.
LONGEST_MINUTES: Final = 1430


class MaintenanceWindow(Config):
    """One recurring window."""

    start_time: Annotated[str, Field(min_length=1, max_length=256, json_schema_extra={"format": "aws-cron"})]
    duration_in_minutes: Annotated[int, Field(ge=1, le=LONGEST_MINUTES), WHOLE]

    @field_validator("start_time")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        cron.parse(value)
        return value

    @property
    def duration(self) -> timedelta:
        return timedelta(minutes=self.duration_in_minutes)


@dataclass(frozen=True, slots=True)
class Span:
    """One time a window is open: from ``opens_at`` up to but not at ``closes_at``, both UTC."""

    opens_at: datetime
    closes_at: datetime


def open_span(
    windows: Sequence[MaintenanceWindow], at: datetime, zone: tzinfo = UTC, *, since: datetime | None = None
) -> Span | None:
    """Return the span that ``at`` lies in, None outside; of several that overlap the one that closes last.

    The length of a window is real time: it does not change when clocks do. Those that opened before
    ``since`` do not count.
    """
    spans = [span for window in windows if (span := _latest(window, at, zone)) and at < span.closes_at]
    counted = [span for span in spans if since is None or span.opens_at >= since]
    return max(counted, key=lambda span: span.closes_at, default=None)


def openings(windows: Sequence[MaintenanceWindow], at: datetime, zone: tzinfo = UTC) -> Iterator[datetime]:
    """Yield when windows open after ``at``, soonest first, each moment once."""
    starts = (cron.after(cron.parse(window.start_time), at, zone) for window in windows)
    for moment, _ in groupby(merge(*starts)):
        yield moment


def dates(text: str) -> tuple[date, date]:
    """Return the first and the last of ``YYYY-MM-DD`` or ``YYYY-MM-DD/YYYY-MM-DD``; raises ``ValueError``."""
    first, slash, last = text.partition("/")
    found = _date(text, first), _date(text, last if slash else first)
    if found[1] < found[0]:
        raise ValueError(f"{text!r} ends before it begins")
    return found


def _date(text: str, part: str) -> date:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", part) is None:
        raise ValueError(f"{text!r} is not YYYY-MM-DD or YYYY-MM-DD/YYYY-MM-DD")
    try:
        found = date.fromisoformat(part)
    except ValueError:
        raise ValueError(f"{text!r}: there is no {part}") from None
    if found.year not in cron.YEARS:
        raise ValueError(f"{text!r} is not within {cron.YEARS.start} and {cron.YEARS.stop - 1}")
    return found


def blackouts(texts: Sequence[str], zone: tzinfo) -> tuple[Span, ...]:
    """Return when these dates are in a zone, in order, those that touch as one; a skipped date is nowhere."""
    found: list[Span] = []
    for first, last in sorted(dates(text) for text in texts):
        span = Span(_begin(first, zone), _begin(last + timedelta(days=1), zone))
        if found and span.opens_at <= found[-1].closes_at:
            found[-1] = Span(found[-1].opens_at, max(found[-1].closes_at, span.closes_at))
        elif span.opens_at < span.closes_at:
            found.append(span)
    return tuple(found)


def _begin(day: date, zone: tzinfo) -> datetime:
    """Return the first moment of a day: midnight, or when clocks skip that, the time to which they skip."""
    return cron.instant(datetime.combine(day, time()), zone)


def _latest(window: MaintenanceWindow, at: datetime, zone: tzinfo) -> Span | None:
    opened = cron.latest(cron.parse(window.start_time), at, zone)
    return None if opened is None else Span(opened, opened + window.duration)
