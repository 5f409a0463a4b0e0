"""Whether an execution that failed is tried again (contract 1.5, 2.7)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, model_validator

from domain.config import WHOLE, Config
from domain.execution import Status

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
