"""Maintenance windows: when one is open, and when the next one opens (contract 1.5, 2.11)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
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


def open_span(windows: Sequence[MaintenanceWindow], at: datetime, zone: tzinfo = UTC) -> Span | None:
    """Return the span that ``at`` lies in, None outside; of several that overlap the one that closes last.

    The length of a window is real time: it does not change when clocks do.
    """
    spans = [span for window in windows if (span := _latest(window, at, zone)) and at < span.closes_at]
    return max(spans, key=lambda span: span.closes_at, default=None)


def openings(windows: Sequence[MaintenanceWindow], at: datetime, zone: tzinfo = UTC) -> Iterator[datetime]:
    """Yield when windows open after ``at``, soonest first, each moment once."""
    starts = (cron.after(cron.parse(window.start_time), at, zone) for window in windows)
    for moment, _ in groupby(merge(*starts)):
        yield moment


def next_change(windows: Sequence[MaintenanceWindow], at: datetime, zone: tzinfo = UTC) -> datetime | None:
    """Return when being open or shut may change after ``at``: the close of the open span, or an opening."""
    span = open_span(windows, at, zone)
    return span.closes_at if span is not None else next(openings(windows, at, zone), None)


def _latest(window: MaintenanceWindow, at: datetime, zone: tzinfo) -> Span | None:
    opened = cron.latest(cron.parse(window.start_time), at, zone)
    return None if opened is None else Span(opened, opened + window.duration)
