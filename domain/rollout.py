"""How fast a job goes out: constant and exponential rates, in executions a minute (contract 1.5, 2.9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import ConfigDict, Field, model_validator

from domain.config import WHOLE, Config

#: Executions a minute, where nothing else is said and at most.
FASTEST: Final = 1000
MINUTE: Final = timedelta(minutes=1)
#: A threshold beyond it is none that a fleet reaches.
MOST: Final = 2**31 - 1
#: Factors have one decimal, so tenths are exact.
_TENTHS: Final = 10

Rate = Annotated[int, Field(ge=1, le=FASTEST), WHOLE]
_Threshold = Annotated[int, Field(ge=1, le=MOST), WHOLE]


class RateIncreaseCriteria(Config):
    """Each time so many more things were told, or have succeeded, the rate goes up; either suffices."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "integer"}}}
                for name in ("numberOfNotifiedThings", "numberOfSucceededThings")
            ]
        }
    )

    number_of_notified_things: _Threshold | None = None
    number_of_succeeded_things: _Threshold | None = None

    @model_validator(mode="after")
    def _says_when(self) -> RateIncreaseCriteria:
        if self.number_of_notified_things is None and self.number_of_succeeded_things is None:
            raise ValueError("needs numberOfNotifiedThings or numberOfSucceededThings")
        return self


class ExponentialRate(Config):
    """Begins with a base and is multiplied at each increase."""

    base_rate_per_minute: Rate
    increment_factor: Annotated[
        float, Field(ge=1.1, le=5, strict=False, json_schema_extra={"multipleOf": 0.1})
    ]
    rate_increase_criteria: RateIncreaseCriteria

    @model_validator(mode="after")
    def _factor_has_one_decimal(self) -> ExponentialRate:
        if abs(self.increment_factor * _TENTHS - round(self.increment_factor * _TENTHS)) > 1e-9:
            raise ValueError(f"incrementFactor {self.increment_factor} has more than one decimal")
        return self


class RolloutConfig(Config):
    """How many executions may go out in a minute."""

    maximum_per_minute: Rate = FASTEST
    exponential_rate: ExponentialRate | None = None


def rate(config: RolloutConfig, *, notified: int, succeeded: int) -> int:
    """Return how many executions may go out in a minute after so many were released and have succeeded."""
    growing = config.exponential_rate
    if growing is None:
        return config.maximum_per_minute
    criteria = growing.rate_increase_criteria
    steps = max(
        notified // criteria.number_of_notified_things if criteria.number_of_notified_things else 0,
        succeeded // criteria.number_of_succeeded_things if criteria.number_of_succeeded_things else 0,
    )
    tenths = round(growing.increment_factor * _TENTHS)
    numerator, denominator = growing.base_rate_per_minute, 1
    for _ in range(steps):
        numerator, denominator = numerator * tenths, denominator * _TENTHS
        if numerator >= config.maximum_per_minute * denominator:
            return config.maximum_per_minute
    return min(config.maximum_per_minute, numerator // denominator)


@dataclass(frozen=True, slots=True)
class Minute:
    """The running minute of a job's rollout: when it began, how many went out in it, how many may in all.

    ``rate`` None: what the configuration says now.
    """

    began_at: datetime
    released: int
    rate: int | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many may go out now, as part of which minute, and when the next minute begins."""

    count: int
    minute: Minute
    renewed_at: datetime

    def with_released(self, count: int) -> Minute:
        """Return the minute after so many of the allowance went out."""
        return replace(self.minute, released=self.minute.released + count)


def allowance(
    config: RolloutConfig, minute: Minute | None, *, notified: int, succeeded: int, at: datetime
) -> Allowance:
    """Return what may go out at ``at``. A minute's executions may go out at once when it begins.

    Never more than the rate in the minute that a release belongs to; a clock that was set back keeps the
    running minute, so that no minute is counted twice. A minute keeps the rate it began with: what goes out
    or succeeds in it raises the rate of the next.
    """
    current = minute if minute is not None and at < minute.began_at + MINUTE else Minute(at, 0)
    if current.rate is None:
        now = rate(config, notified=notified - current.released, succeeded=succeeded)
        current = replace(current, rate=now)
    left = (current.rate or 0) - current.released
    return Allowance(max(0, left), current, current.began_at + MINUTE)
