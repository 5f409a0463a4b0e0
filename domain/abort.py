"""When a job is given up because too many of its executions fail (contract 1.5, 2.10)."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, field_validator

from domain.config import WHOLE, Config
from domain.execution import Status
from domain.job import Counts
from domain.rollout import MOST

#: What the job says of itself afterwards.
REASON: Final = "JOB_ABORT_CRITERIA_MET"
#: Executions that ran: ended by their device or by a time-out. Canceled and removed ones did not.
EXECUTED: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.REJECTED, Status.TIMED_OUT})


class FailureType(StrEnum):
    """Which ends count as failed."""

    FAILED = "FAILED"
    REJECTED = "REJECTED"
    TIMED_OUT = "TIMED_OUT"
    ALL = "ALL"


class AbortAction(StrEnum):
    """What then happens to the job; PAUSE is not AWS's."""

    CANCEL = "CANCEL"
    PAUSE = "PAUSE"


_COUNTED: Final = {
    FailureType.FAILED: frozenset({Status.FAILED}),
    FailureType.REJECTED: frozenset({Status.REJECTED}),
    FailureType.TIMED_OUT: frozenset({Status.TIMED_OUT}),
    FailureType.ALL: frozenset({Status.FAILED, Status.REJECTED, Status.TIMED_OUT}),
}
_HUNDREDTHS: Final = 100
_WORDS: Final = {AbortAction.CANCEL: "Aborted", AbortAction.PAUSE: "Paused"}


class AbortCriteria(Config):
    """One rule; ``threshold_percentage`` of those executed, once so many were."""

    failure_type: Annotated[FailureType, Field(strict=False)]
    action: Annotated[AbortAction, Field(strict=False)]
    threshold_percentage: Annotated[
        float, Field(ge=0.01, le=100, strict=False, json_schema_extra={"multipleOf": 0.01})
    ]
    min_number_of_executed_things: Annotated[int, Field(ge=1, le=MOST), WHOLE]

    @field_validator("threshold_percentage")
    @classmethod
    def _has_two_decimals(cls, value: float) -> float:
        if abs(value * _HUNDREDTHS - round(value * _HUNDREDTHS)) > 1e-7:
            raise ValueError("has more than two decimals")
        return value


class AbortConfig(Config):
    """When a job is given up because too many of its executions fail; the first rule that is met counts."""

    criteria_list: Annotated[tuple[AbortCriteria, ...], Field(min_length=1, max_length=10, strict=False)]


def met(
    config: AbortConfig, counts: Counts, actions: Collection[AbortAction] = frozenset(AbortAction)
) -> AbortCriteria | None:
    """Return the first rule with one of these actions that these counts fulfil, in the order given."""
    executed = sum(counts.get(status, 0) for status in EXECUTED)
    rules = (rule for rule in config.criteria_list if rule.action in actions)
    return next((rule for rule in rules if _met(rule, counts, executed)), None)


def _met(rule: AbortCriteria, counts: Counts, executed: int) -> bool:
    failed = sum(counts.get(status, 0) for status in _COUNTED[rule.failure_type])
    threshold = round(rule.threshold_percentage * _HUNDREDTHS)
    enough = executed >= rule.min_number_of_executed_things
    return enough and failed * 100 * _HUNDREDTHS >= threshold * executed


def comment(rule: AbortCriteria, counts: Counts) -> str:
    """Return the words an operator reads on a job that was given up."""
    executed = sum(counts.get(status, 0) for status in EXECUTED)
    failed = sum(counts.get(status, 0) for status in _COUNTED[rule.failure_type])
    return (
        f"{_WORDS[rule.action]}: {failed} of {executed} executions ended as {rule.failure_type}; "
        f"the limit is {rule.threshold_percentage:g} % after {rule.min_number_of_executed_things}"
    )
