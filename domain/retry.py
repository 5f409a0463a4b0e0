"""Whether an execution that failed is tried again, and when (contract 1.5, 2.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, model_validator

from domain.config import WHOLE, Config
from domain.execution import Status
from domain.retry_policy import End, RetryPolicyConfig, class_of

#: For one thing, whatever the criteria say.
MOST: Final = 10


class RetriedType(StrEnum):
    """Which ends are tried again."""

    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ALL = "ALL"


class RetryCriteria(Config):
    """One budget."""

    failure_type: Annotated[RetriedType, Field(strict=False)]
    number_of_retries: Annotated[int, Field(ge=0, le=MOST), WHOLE]


class RetryConfig(Config):
    """How often an execution is tried again; ALL stands alone, and ten retries are the most."""

    criteria_list: Annotated[tuple[RetryCriteria, ...], Field(min_length=1, max_length=2, strict=False)]

    @property
    def retries(self) -> int:
        return sum(criterion.number_of_retries for criterion in self.criteria_list)

    @model_validator(mode="after")
    def _fits_together(self) -> RetryConfig:
        types = [criterion.failure_type for criterion in self.criteria_list]
        if len(set(types)) < len(types):
            raise ValueError(f"criteriaList names failureType {types[0]} twice")
        if RetriedType.ALL in types and len(types) > 1:
            raise ValueError("criteriaList: failureType ALL stands alone")
        if self.retries > MOST:
            raise ValueError(
                f"criteriaList allows {self.retries} retries together; at most {MOST} are allowed"
            )
        return self


def is_owed(config: RetryConfig | None, ended: Status, spent: Mapping[Status, int]) -> bool:
    """Return whether an execution that ended so is to be tried again.

    ``spent`` counts the retries this thing has had in this job, by the status that each was owed to.
    """
    if config is None or ended not in (Status.FAILED, Status.TIMED_OUT):
        return False
    total = sum(spent.values())
    return total < MOST and any(
        (total if criterion.failure_type is RetriedType.ALL else spent.get(ended, 0))
        < criterion.number_of_retries
        for criterion in config.criteria_list
        if criterion.failure_type in (RetriedType.ALL, ended.value)
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether another execution is owed, not before when, and why (not) in words."""

    ready_at: datetime | None
    words: str


def judge(
    contract: RetryConfig | None,
    policy: RetryPolicyConfig | None,
    ends: Sequence[End],
    *,
    thing: int,
    left: int | None = None,
    at: datetime,
) -> Verdict:
    """Return what follows the last of a thing's ends, each of which but the first was a retry.

    ``left``: how many retries the job may still give (None: no limit of its own). ``at``: when the last one
    ended.
    """
    *before, last = ends
    if policy is None:
        owed = is_owed(contract, last.status, Counter(end.status for end in before))
        words = f"{last.status} is tried again" if owed else f"no retry is left for {last.status}"
        return Verdict(at if owed else None, words)
    kind = class_of(policy, last)
    if kind is None:
        return Verdict(None, f"{last.status} is not tried again")
    given = policy.of(kind)
    if given is None:
        return Verdict(None, f"failures of class {kind} are not tried again")
    number = sum(class_of(policy, end) is kind for end in before)
    if number >= given.number_of_retries:
        return Verdict(None, f"all {given.number_of_retries} retries for class {kind} are spent")
    if left is not None and left <= 0:
        return Verdict(None, "the job's budget of retries is spent")
    wait = given.back_off.wait(number, thing=thing, attempt=len(ends))
    words = f"retry {number + 1} of {given.number_of_retries} for class {kind}"
    return Verdict(at + wait, words)


def said_once(contract: RetryConfig | None, policy: RetryPolicyConfig | None) -> None:
    """Raise ``ValueError`` where both ways to ask for retries are used at once."""
    if contract is not None and policy is not None:
        raise ValueError("jobExecutionsRetryConfig and retryPolicyConfig exclude each other")
