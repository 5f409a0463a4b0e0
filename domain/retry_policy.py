"""Retries by class of failure: what a device says went wrong decides how often and how soon it tries again.

Ours, beside the contract's ``jobExecutionsRetryConfig``: a job has one of the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Final, NamedTuple

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from domain.config import WHOLE, Config
from domain.execution import Status

MOST_RETRIES: Final = 100
MOST_CODES: Final = 100
LONGEST_INITIAL_SECONDS: Final = 86_400
#: A week.
LONGEST_BACK_OFF_SECONDS: Final = 604_800
STEEPEST: Final = 10
MOST_BUDGET: Final = 2**31 - 1
#: The names of a device's status details that are read.
CLASS_KEY: Final = "failureClass"
CODE_KEY: Final = "errorCode"


class FailureClass(StrEnum):
    """Whether it helps to try again: perhaps, never, or later (the device cannot just now)."""

    RETRYABLE = "retryable"
    PERMANENT = "permanent"
    BUSY = "busy"


_WORDS: Final = {kind.value: kind for kind in FailureClass}


class BackOff(Config):
    """How long to wait before each retry: ``initialSeconds``, then ``factor`` times as long each time.

    ``jitter`` takes up to this share off, so that things which failed together come back one by one.
    """

    initial_seconds: Annotated[int, Field(ge=0, le=LONGEST_INITIAL_SECONDS), WHOLE] = 60
    factor: Annotated[float, Field(ge=1, le=STEEPEST, strict=False)] = 2
    max_seconds: Annotated[int, Field(ge=1, le=LONGEST_BACK_OFF_SECONDS), WHOLE] = 3600
    jitter: Annotated[float, Field(ge=0, le=1, strict=False)] = 0

    def longest(self, number: int) -> timedelta:
        """Return the wait before the retry of this number (0 is the first), no jitter taken off."""
        return timedelta(seconds=min(self.max_seconds, self.initial_seconds * self.factor**number))

    def wait(self, number: int, *, thing: int, attempt: int) -> timedelta:
        """Return the wait for this thing: the same whenever it is asked for."""
        return self.longest(number) * (1 - self.jitter * _share(thing, attempt))


def _share(thing: int, attempt: int) -> float:
    """Return a number from 0 to below 1 that differs from thing to thing and from attempt to attempt."""
    digest = blake2b(f"{thing}:{attempt}".encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48


class ClassRetries(Config):
    """How often a thing may try again after failures of one class, and how soon."""

    number_of_retries: Annotated[int, Field(ge=0, le=MOST_RETRIES), WHOLE]
    back_off: BackOff = BackOff()


class Budget(Config):
    """How many retries the whole job may give: a count, or a percentage of its things."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": kind}}}
                for name, kind in (("count", "integer"), ("percent", "number"))
            ]
        }
    )

    count: Annotated[int, Field(ge=0, le=MOST_BUDGET), WHOLE] | None = None
    percent: Annotated[float | None, Field(ge=0, le=100, strict=False)] = None

    @model_validator(mode="after")
    def _has_one_size(self) -> Budget:
        if (self.count is None) is (self.percent is None):
            raise ValueError("budget needs exactly one of count and percent")
        return self

    def allowed(self, things: int) -> int:
        """Return how many retries a job for so many things may give in all."""
        return self.count if self.count is not None else int((self.percent or 0) * things / 100 + 1e-9)


_CODE_PATTERN: Final = "^[ -~]{1,64}$"
_Code = Annotated[str, StringConstraints(pattern=_CODE_PATTERN)]
_Class = Annotated[FailureClass, Field(strict=False)]


class RetryPolicyConfig(Config):
    """Retries by class of failure; a class that is left out is not tried again, ``permanent`` never is.

    ``codes`` gives classes to what a device reports as ``errorCode``.
    """

    retryable: ClassRetries | None = None
    busy: ClassRetries | None = None
    codes: Annotated[
        dict[_Code, _Class],
        Field(
            max_length=MOST_CODES,
            default_factory=dict,
            json_schema_extra={"propertyNames": {"pattern": _CODE_PATTERN}},
        ),
    ]
    budget: Budget | None = None

    def of(self, kind: FailureClass) -> ClassRetries | None:
        return {FailureClass.RETRYABLE: self.retryable, FailureClass.BUSY: self.busy}.get(kind)


class End(NamedTuple):
    """How an execution ended, and what its device last said."""

    status: Status
    details: Mapping[str, str]


def class_of(policy: RetryPolicyConfig, end: End) -> FailureClass | None:
    """Return the class of a failure, None if the end is none that is tried again.

    The job's own codes go before the device's word; without either a failure is retryable. A time-out is
    retryable whatever was said before it. What a device rejects counts only if it says that it is busy.
    """
    if end.status is Status.TIMED_OUT:
        return FailureClass.RETRYABLE
    if end.status not in (Status.FAILED, Status.REJECTED):
        return None
    said = policy.codes.get(end.details.get(CODE_KEY, "")) or _WORDS.get(end.details.get(CLASS_KEY, ""))
    if end.status is Status.REJECTED and said is not FailureClass.BUSY:
        return None
    return said or FailureClass.RETRYABLE
