"""The configurations of jobs as AWS's calls say and hear them: our own models, without what AWS has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from api.aws.shapes import Approximated
from domain.abort import AbortAction, AbortConfig
from domain.config import Config
from domain.job import Job, Template
from domain.pacing import UNPACED, Pacing
from domain.presigned import PresignedUrlConfig
from domain.retry import RetryConfig
from domain.rollout import RolloutConfig
from domain.schedule import MOST_WINDOWS, SchedulingConfig
from domain.timeout_config import TimeoutConfig
from domain.windows import MaintenanceWindow

#: Members that AWS has, of those models that have more.
MEMBERS: Final[Mapping[type[Config], frozenset[str]]] = {
    TimeoutConfig: frozenset({"inProgressTimeoutInMinutes"}),
    SchedulingConfig: frozenset({"startTime", "endTime", "endBehavior", "maintenanceWindows"}),
}


def _only(model: type[Config]) -> BeforeValidator:
    def check(value: object) -> object:
        ours = sorted(set(value) - MEMBERS[model]) if isinstance(value, dict) else []
        if ours:
            raise ValueError(f"unknown member {ours[0][:64]!a}")
        return value

    return BeforeValidator(check)


def _beside(value: object) -> object:
    """Read ``maximumPerMinute`` where some put it, inside of ``exponentialRate`` (contract 1.5)."""
    if isinstance(value, dict) and isinstance(rate := value.get("exponentialRate"), dict):
        inside = {name: rate[name] for name in ("maximumPerMinute",) if name in rate}
        if inside and not inside.keys() & value.keys():
            rest = {name: said for name, said in rate.items() if name not in inside}
            return {**value, **inside, "exponentialRate": rest}
    return value


def _cancels(config: AbortConfig) -> AbortConfig:
    for number, rule in enumerate(config.criteria_list):
        if rule.action is not AbortAction.CANCEL:
            raise ValueError(f"criteriaList[{number}].action {rule.action} is not CANCEL")
    return config


Presigned = Annotated[
    PresignedUrlConfig,
    Approximated("the role is kept and shown; links are made as whom the server speaks to S3 as"),
]
Rollout = Annotated[RolloutConfig, BeforeValidator(_beside)]
Abort = Annotated[AbortConfig, AfterValidator(_cancels)]
Timeout = Annotated[TimeoutConfig, _only(TimeoutConfig)]
Retry = RetryConfig
Scheduling = Annotated[
    SchedulingConfig, _only(SchedulingConfig), Approximated(f"at most {MOST_WINDOWS} windows")
]
Windows = Annotated[
    tuple[MaintenanceWindow, ...],
    Field(max_length=MOST_WINDOWS),
    Approximated(f"at most {MOST_WINDOWS} windows"),
]
_PackageArn = Annotated[str, StringConstraints(max_length=1600, pattern=r"^arn:[!-~]+$")]
PackageVersions = Annotated[
    tuple[_PackageArn, ...],
    Field(max_length=25),
    Approximated("kept and shown; there is no software package catalog that they could mean anything to"),
]


def pacing_of(given: Any) -> Pacing:
    """Return those configurations that an input has as members and the caller has set."""
    said = {name: getattr(given, name, None) for name in Pacing.model_fields}
    return Pacing(**{name: config for name, config in said.items() if config is not None})


def printed(config: Config | None) -> dict[str, Any]:
    """Show a configuration with AWS's members alone, those that say something."""
    if config is None:
        return {}
    members = MEMBERS.get(type(config))
    shown = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        name: value
        for name, value in shown.items()
        if (members is None or name in members) and value not in ([], {})
    }


def configurations_of(described: Job | Template) -> dict[str, dict[str, Any] | None]:
    """Return the members that show a job's or a template's configurations (contract 1.4).

    Three are empty where nothing is said, the others are left out.
    """
    paced = described.pacing or UNPACED
    return {
        "presigned_url_config": printed(paced.presigned_url_config),
        "job_executions_rollout_config": printed(paced.job_executions_rollout_config),
        "timeout_config": printed(described.timeout_config),
        "abort_config": printed(paced.abort_config) or None,
        "job_executions_retry_config": printed(paced.job_executions_retry_config) or None,
    }
