"""What an operator says about the pace of a job: rollout, abort, retry, schedule; each may be left out."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from pydantic import ValidationError, model_validator

from domain.abort import AbortConfig
from domain.config import Config
from domain.errors import InvalidRequest
from domain.presigned import PresignedUrlConfig
from domain.retry import RetryConfig, said_once
from domain.retry_policy import RetryPolicyConfig
from domain.rollout import RolloutConfig
from domain.schedule import SchedulingConfig
from domain.waves import StagedRolloutConfig


class Pacing(Config):
    """The configurations: four under their names in the contract (1.5), the others ours."""

    job_executions_rollout_config: RolloutConfig | None = None
    abort_config: AbortConfig | None = None
    job_executions_retry_config: RetryConfig | None = None
    scheduling_config: SchedulingConfig | None = None
    staged_rollout_config: StagedRolloutConfig | None = None
    retry_policy_config: RetryPolicyConfig | None = None
    presigned_url_config: PresignedUrlConfig | None = None

    @model_validator(mode="after")
    def _retries_are_said_once(self) -> Pacing:
        said_once(self.job_executions_retry_config, self.retry_policy_config)
        return self

    @property
    def text(self) -> str:
        """Return it as JSON, what is not set left out; the inverse of ``parse``."""
        return self.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True)

    def over(self, other: Pacing) -> Pacing:
        """Return ``other`` with whatever is set here laid over it, configuration by configuration.

        One way to ask for retries takes the place of the other.
        """
        update = {name: getattr(self, name) for name in self.model_fields_set}
        for said, unsaid in (_RETRIES, _RETRIES[::-1]):
            if update.get(said) is not None:
                update[unsaid] = None
        return other.model_copy(update=update)


_RETRIES: Final = ("job_executions_retry_config", "retry_policy_config")


#: A job about which nothing is said: everything at once, and no end but its executions'.
UNPACED: Final = Pacing()


@lru_cache(maxsize=1024)
def parse(text: str) -> Pacing:
    """Return what was stored. Remembered: the same few texts are read for every execution that changes."""
    return UNPACED if text == "{}" else Pacing.model_validate_json(text)


def checked(raw: object) -> Pacing:
    """Return what a caller gave as plain values, or raise ``InvalidRequest`` naming the member."""
    try:
        return Pacing.model_validate(raw)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise InvalidRequest(f"{where}: {fault['msg']}") from None
