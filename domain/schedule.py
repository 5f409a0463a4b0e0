"""When a job begins and ends, and what its end does to what is left (contract 1.5, 2.11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from domain.config import Config
from domain.errors import InvalidRequest
from domain.job import TargetSelection
from domain.registry import zone_names
from domain.windows import MaintenanceWindow, dates

MOST_WINDOWS: Final = 10
MOST_BLACKOUTS: Final = 100
#: In place of a zone's name: the zone of each thing.
THING_ZONE: Final = "thing"
LATEST_START: Final = timedelta(days=366)
LATEST_END: Final = timedelta(days=2 * 366)
#: Between now and a start or an end, and between the two; a setting, since tests cannot wait.
LEAD: Final = timedelta(minutes=30)
_FORMS: Final = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


class EndBehavior(StrEnum):
    """What happens at the end to executions that have not ended."""

    STOP_ROLLOUT = "STOP_ROLLOUT"
    CANCEL = "CANCEL"
    FORCE_CANCEL = "FORCE_CANCEL"


class CloseBehavior(StrEnum):
    """What happens to work in progress when a window closes."""

    FINISH = "FINISH"
    TIME_OUT = "TIME_OUT"


def _zone(name: str) -> str:
    if name != THING_ZONE and name not in zone_names():
        raise ValueError(f"{name[:64]!r} is not an IANA time zone, nor the word {THING_ZONE!r}")
    return name


def _dates(text: str) -> str:
    dates(text)
    return text


_Zone = Annotated[
    str, AfterValidator(_zone), Field(json_schema_extra={"format": "time-zone-or-thing", "minLength": 1})
]
_Dates = Annotated[str, AfterValidator(_dates), Field(json_schema_extra={"format": "blackout-dates"})]
_Moment = Annotated[str, Field(min_length=1, max_length=64, json_schema_extra={"format": "job-time"})]


class SchedulingConfig(Config):
    """When a job begins, ends and goes out in between.

    Start and end are UTC unless they name an offset; windows and blackout dates are in the time zone.
    """

    start_time: _Moment | None = None
    end_time: _Moment | None = None
    end_behavior: Annotated[EndBehavior | None, Field(strict=False)] = None
    maintenance_windows: Annotated[
        tuple[MaintenanceWindow, ...], Field(max_length=MOST_WINDOWS, strict=False)
    ] = ()
    time_zone: _Zone = "UTC"
    blackout_dates: Annotated[tuple[_Dates, ...], Field(max_length=MOST_BLACKOUTS, strict=False)] = ()
    close_behavior: Annotated[CloseBehavior, Field(strict=False)] = CloseBehavior.FINISH

    @model_validator(mode="after")
    def _fits_together(self) -> SchedulingConfig:
        for name, text in (("startTime", self.start_time), ("endTime", self.end_time)):
            if text is not None:
                moment(name, text)
        if self.end_behavior is not None and self.end_time is None:
            raise ValueError(f"endBehavior {self.end_behavior} needs endTime")
        if self.close_behavior is CloseBehavior.TIME_OUT and not (
            self.maintenance_windows or self.blackout_dates
        ):
            raise ValueError("closeBehavior TIME_OUT needs maintenanceWindows or blackoutDates")
        return self

    @property
    def is_local(self) -> bool:
        """Whether each thing keeps its windows in its own zone."""
        return self.time_zone == THING_ZONE

    @property
    def starts_at(self) -> datetime | None:
        return None if self.start_time is None else moment("startTime", self.start_time)

    @property
    def ends_at(self) -> datetime | None:
        return None if self.end_time is None else moment("endTime", self.end_time)


def moment(name: str, text: str) -> datetime:
    """Return the time an operator wrote, or raise ``ValueError`` naming the member."""
    for form in _FORMS:
        for zone in ("", "%z"):
            try:
                found = datetime.strptime(text, form + zone)  # noqa: DTZ007 - given one below
            except ValueError:
                continue
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    raise ValueError(f"{name} {text!r} is not YYYY-MM-DD HH:MM (UTC)")


def check(
    config: SchedulingConfig, selection: TargetSelection, *, at: datetime, lead: timedelta = LEAD
) -> None:
    """Raise ``InvalidRequest`` if the schedule cannot be that of a job created at ``at``."""
    starts, ends = config.starts_at, config.ends_at
    if starts is not None:
        _within("startTime", starts, at + lead, at + LATEST_START)
    if ends is not None:
        _within("endTime", ends, (starts or at) + lead, at + LATEST_END)
    if config.maintenance_windows and selection is not TargetSelection.CONTINUOUS:
        raise InvalidRequest(
            f"schedulingConfig.maintenanceWindows needs targetSelection CONTINUOUS, not {selection}"
        )


def _within(name: str, found: datetime, earliest: datetime, latest: datetime) -> None:
    if not earliest <= found <= latest:
        raise InvalidRequest(
            f"schedulingConfig.{name} {found:%Y-%m-%d %H:%M} is not from {earliest:%Y-%m-%d %H:%M} "
            f"to {latest:%Y-%m-%d %H:%M} (UTC)"
        )
