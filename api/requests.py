"""What operators ask about jobs, executions and templates: bodies and queries of the customer's document."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel

from api.document_fields import Parameters, ThingRows, ValuesCsv, Version
from api.fields import (
    DETAIL_SCHEMA,
    ClientToken,
    Counter,
    Document,
    ExcludedTargets,
    Flag,
    GroupName,
    JobId,
    Priority,
    QueryCounter,
    QueryFlag,
    Targets,
    TemplateArn,
    Text,
    pairs,
)
from api.presence import NOT_NULL, NotHonoured
from api.shapes import Paging, Request
from domain.abort import AbortConfig
from domain.details import status_details
from domain.execution import Status
from domain.job import JobStatus, TargetSelection
from domain.pacing import Pacing
from domain.presigned import PresignedUrlConfig
from domain.retry import RetryConfig, said_once
from domain.retry_policy import RetryPolicyConfig
from domain.rollout import RolloutConfig
from domain.schedule import SchedulingConfig
from domain.timeout_config import TimeoutConfig
from domain.values import Values, together
from domain.waves import StagedRolloutConfig

_RETRIES = ("jobExecutionsRetryConfig", "retryPolicyConfig")
#: One way to ask for retries excludes the other.
_ONE_WAY: dict[str, Any] = {
    "not": {"required": list(_RETRIES), "properties": {name: {"type": "object"} for name in _RETRIES}}
}


class Configured(Request):
    """The configurations that go with jobs and templates alike."""

    model_config = ConfigDict(json_schema_extra=_ONE_WAY)

    timeout_config: TimeoutConfig | None = None
    abort_config: AbortConfig | None = None
    job_executions_retry_config: RetryConfig | None = None
    job_executions_rollout_config: RolloutConfig | None = None
    staged_rollout_config: StagedRolloutConfig | None = None
    retry_policy_config: RetryPolicyConfig | None = None
    priority: Annotated[Priority | None, NOT_NULL] = None
    exclusive_group: Annotated[GroupName | None, NOT_NULL] = None
    presigned_url_config: PresignedUrlConfig | None = None

    @model_validator(mode="after")
    def _retries_are_said_once(self) -> Configured:
        said_once(self.job_executions_retry_config, self.retry_policy_config)
        return self

    @property
    def pacing(self) -> Pacing:
        """Return the rollout, abort, retry and scheduling configurations that are given."""
        given = {name: getattr(self, name, None) for name in Pacing.model_fields}
        return Pacing(**{name: config for name, config in given.items() if config is not None})


class ThingValues(Request):
    """Values for the placeholders of a document, by thing."""

    things: ThingRows = Field(default_factory=dict)


def values_of(table: ThingValues | None, rows: Values | None) -> Values:
    """Return the values given either way."""
    return together({} if table is None else table.things, rows or {})


class CreateJob(Configured):
    """A job for things and thing groups. Made from a template it may leave the document out."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["document"], "properties": {"document": {"not": {"type": "null"}}}},
                {"required": ["jobTemplateId"], "properties": {"jobTemplateId": {"type": "string"}}},
                {"required": ["jobTemplateArn"], "properties": {"jobTemplateArn": {"type": "string"}}},
            ],
            **_ONE_WAY,
        }
    )

    targets: Targets
    target_selection: TargetSelection
    excluded_targets: ExcludedTargets = ()
    document: Document | None = None
    description: Text | None = None
    job_id: JobId | None = None
    client_token: ClientToken | None = None
    job_template_id: JobId | None = None
    job_template_arn: TemplateArn | None = None
    template_version: Annotated[Version | None, NOT_NULL] = None
    parameters: Parameters = Field(default_factory=dict)
    thing_values: Annotated[ThingValues | None, NOT_NULL] = None
    values_csv: Annotated[ValuesCsv | None, NOT_NULL] = None
    destination_package_versions: NotHonoured = None
    document_parameters: NotHonoured = None
    document_source: NotHonoured = None
    namespace_id: NotHonoured = None
    scheduling_config: SchedulingConfig | None = None
    tags: NotHonoured = None

    @property
    def template_id(self) -> str | None:
        from_arn = self.job_template_arn and self.job_template_arn.rpartition("/")[2]
        return self.job_template_id or from_arn

    @property
    def values(self) -> Values:
        return values_of(self.thing_values, self.values_csv)

    @model_validator(mode="after")
    def _has_one_document(self) -> CreateJob:
        if self.document is None and self.template_id is None:
            raise ValueError("document is required, unless jobTemplateId or jobTemplateArn names a template")
        if self.template_version is not None and self.template_id is None:
            raise ValueError("templateVersion is given without a template")
        if self.job_template_id and self.job_template_arn:
            named = self.job_template_arn.rpartition("/")[2]
            if named != self.job_template_id:
                raise ValueError(f"jobTemplateId {self.job_template_id} and jobTemplateArn {named} differ")
        return self


class UpdateJob(Request):
    """What changes about a job; at least one member is needed, and null is none."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [to_camel(name)]}
                for name in (
                    "description",
                    "timeout_config",
                    "abort_config",
                    "job_executions_retry_config",
                    "job_executions_rollout_config",
                    "staged_rollout_config",
                    "retry_policy_config",
                    "presigned_url_config",
                    "priority",
                )
            ],
            **_ONE_WAY,
        }
    )

    description: Annotated[Text | None, NOT_NULL] = None
    timeout_config: Annotated[TimeoutConfig | None, NOT_NULL] = None
    abort_config: Annotated[AbortConfig | None, NOT_NULL] = None
    job_executions_retry_config: Annotated[RetryConfig | None, NOT_NULL] = None
    job_executions_rollout_config: Annotated[RolloutConfig | None, NOT_NULL] = None
    staged_rollout_config: Annotated[StagedRolloutConfig | None, NOT_NULL] = None
    retry_policy_config: Annotated[RetryPolicyConfig | None, NOT_NULL] = None
    priority: Annotated[Priority | None, NOT_NULL] = None
    presigned_url_config: Annotated[PresignedUrlConfig | None, NOT_NULL] = None

    @property
    def pacing(self) -> Pacing:
        given = self.model_fields_set & Pacing.model_fields.keys()
        return Pacing(**{name: getattr(self, name) for name in given})

    @model_validator(mode="after")
    def _says_something(self) -> UpdateJob:
        said_once(self.job_executions_retry_config, self.retry_policy_config)
        if not self.model_fields_set:
            raise ValueError("description is required (or timeoutConfig, or another configuration)")
        return self


class Associate(Request):
    """Things or thing groups to add to the targets of a continuous job, and values for things."""

    targets: Targets
    thing_values: Annotated[ThingValues | None, NOT_NULL] = None
    values_csv: Annotated[ValuesCsv | None, NOT_NULL] = None

    @property
    def values(self) -> Values:
        return values_of(self.thing_values, self.values_csv)


class CancelJob(Request):
    """Why a job is canceled, and whether also things already at work on it are to stop."""

    comment: Text | None = None
    force: Annotated[Flag | None, NOT_NULL] = None


class DeleteJob(Request):
    """Whether a job goes that is still IN_PROGRESS."""

    force: Annotated[Flag | None, NOT_NULL] = None


class DeleteJobQuery(Request):
    """The same in the query, which wins."""

    force: QueryFlag | None = None


class DeleteExecution(Request):
    """Which execution goes, the latest by default; one that is IN_PROGRESS only by force."""

    execution_number: Counter | None = None
    force: Annotated[Flag | None, NOT_NULL] = None


class DeleteExecutionQuery(Request):
    """The same in the query, which wins."""

    execution_number: QueryCounter | None = None
    force: QueryFlag | None = None


_Details = Annotated[
    dict[str, Any],
    WithJsonSchema(pairs(properties={"detailsMap": pairs()})),
]
_DetailsMap = Annotated[dict[str, Any], WithJsonSchema(pairs())]
_Detail = Annotated[Any, WithJsonSchema(DETAIL_SCHEMA)]


class CancelExecution(Request):
    """Its four ways to say details make one map; what is said more directly wins."""

    expected_version: Counter | None = None
    status_details: _Details | None = None
    details_map: _DetailsMap | None = None
    action: _Detail | None = None
    progress: _Detail | None = None
    force: Annotated[Flag | None, NOT_NULL] = None

    @property
    def merged(self) -> dict[str, Any]:
        """Return all pairs given; the later way of saying wins (contract 5.3, A14)."""
        flat = dict(self.status_details or {})
        nested = flat.pop("detailsMap", None)
        if nested is not None and not isinstance(nested, dict):
            raise ValueError("statusDetails.detailsMap must be an object of name-value pairs")
        single = {"action": self.action, "progress": self.progress}
        return {
            **(nested or {}),
            **flat,
            **(self.details_map or {}),
            **{name: value for name, value in single.items() if value is not None},
        }

    @model_validator(mode="after")
    def _details_are_legal(self) -> CancelExecution:
        status_details(self.merged)
        return self


class ListJobs(Paging):
    """Filters of the list of jobs."""

    status: JobStatus | None = None
    target_selection: TargetSelection | None = None
    extended: QueryFlag | None = None


class ListExecutions(Paging):
    """The status is an execution's (the customer's document calls it the job's)."""

    status: Status | None = None


class ReadJob(Request):
    """Whether SCHEDULED is shown as such."""

    extended: QueryFlag | None = None
