"""The customer's answers, spelled as in the customer's document: its oddities live here and nowhere else.

Members that the document does not know are additions (``createdAt``, …) or the right spelling beside the
printed one (``jobTemplateArn`` beside ``jobTeplateArn``); nothing the document prints is ever left out.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, computed_field

from api.fields import Time
from api.plan_schema import PlanView
from api.shapes import Answer
from domain.execution import Status
from domain.job import JobStatus, TargetSelection


class Associated(Answer):
    """The targets belong to the job now."""

    associated: Literal[True] = True


class Canceled(Answer):
    """The job or execution is canceled."""

    canceled: Literal[True] = True


class Deleted(Answer):
    """It is gone, or will be once its executions are."""

    deleted: Literal[True] = True


class Updated(Answer):
    """The change is made."""

    updated: Literal[True] = True


class JobCreated(Answer):
    """The job is there, under this id; after a dry run it is not, and there is its plan instead."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    created: bool
    job_id: str | None
    job_arn: str | None
    plan: PlanView | None = None

    @property
    def left_out(self) -> frozenset[str]:
        return frozenset({"plan"} if self.plan is None else ())


class TemplateCreated(Answer):
    """The template is there, under this id."""

    created: Literal[True] = True
    job_template_id: str
    job_template_arn: str
    version: int


class JobProcessDetails(Answer):
    """How many things stand where, by their latest execution."""

    number_of_queued_things: int
    number_of_in_progress_things: int
    number_of_succeeded_things: int
    number_of_failed_things: int
    number_of_timed_out_things: int
    number_of_rejected_things: int
    number_of_removed_things: int
    number_of_canceled_things: int


class JobView(Answer):
    """A job. Its `jobId` is the id, not the ARN."""

    job_arn: str
    job_id: str
    targets: tuple[str, ...]
    target_selection: TargetSelection
    job_template_id: str | None
    template_version: int | None
    parameters: dict[str, Any]
    description: str | None
    status: JobStatus
    created_at: Time
    last_updated_at: Time
    completed_at: Time | None
    comment: str | None
    reason_code: str | None
    force_canceled: bool
    is_concurrent: bool
    timeout_config: dict[str, Any]
    job_executions_rollout_config: dict[str, Any]
    abort_config: dict[str, Any]
    job_executions_retry_config: dict[str, Any]
    scheduling_config: dict[str, Any]
    staged_rollout_config: dict[str, Any]
    retry_policy_config: dict[str, Any]
    presigned_url_config: dict[str, Any]
    excluded_targets: tuple[str, ...]
    priority: int
    exclusive_group: str | None
    job_process_details: JobProcessDetails


class GotJob(Answer):
    """One job."""

    job: JobView


class GotDocument(Answer):
    """The job document, to the letter as it was given, but for its parameters, which are filled in."""

    document: str


class JobList(Answer):
    """A page of jobs."""

    jobs: tuple[JobView, ...]
    next_token: str | None


class TemplateView(Answer):
    """A job template; configurations that are not set are empty, not absent."""

    job_template_arn: str
    job_template_id: str
    version: int
    document: str
    description: str
    parameters: dict[str, Any]
    created_at: Time
    timeout_config: dict[str, Any]
    presigned_url_config: dict[str, Any]
    job_executions_rollout_config: dict[str, Any]
    abort_config: dict[str, Any]
    job_executions_retry_config: dict[str, Any]
    staged_rollout_config: dict[str, Any]
    retry_policy_config: dict[str, Any]
    maintenance_windows: tuple[dict[str, Any], ...]
    priority: int
    exclusive_group: str | None

    @computed_field(alias="jobTeplateArn")  # type: ignore[prop-decorator]
    @property
    def as_printed(self) -> str:
        return self.job_template_arn


class GotTemplate(Answer):
    """One job template."""

    job_template: TemplateView


class TemplateList(Answer):
    """A page of job templates, under both spellings of the list's name."""

    job_templates: tuple[TemplateView, ...]
    next_token: str | None

    @computed_field(alias="JobTemplates")  # type: ignore[prop-decorator]
    @property
    def as_printed(self) -> tuple[TemplateView, ...]:
        return self.job_templates


class Details(Answer):
    """The pairs a device has reported."""

    details_map: dict[str, str]


class ExecutionView(Answer):
    """One job on one thing. The execution number is a string, the version a number."""

    job_id: str
    status: Status
    status_details: Details
    thing_arn: str
    queued_at: Time
    started_at: Time | None
    last_updated_at: Time
    execution_number: str
    version_number: int
    force_canceled: bool
    approximate_seconds_before_timed_out: int | None


class GotExecution(Answer):
    """One job execution."""

    execution: ExecutionView


class ExecutionSummary(Answer):
    """What lists tell of an execution."""

    status: Status
    queued_at: Time
    started_at: Time | None
    last_updated_at: Time
    execution_number: str


class ExecutionOnThing(Answer):
    """An execution of the job in question."""

    thing_arn: str
    job_execution: ExecutionSummary


class ExecutionOfJob(Answer):
    """An execution on the thing in question."""

    job_id: str
    job_execution: ExecutionSummary


class JobExecutions(Answer):
    """A page of executions of one job."""

    job_executions: tuple[ExecutionOnThing, ...]
    next_token: str | None


class ThingExecutions(Answer):
    """A page of executions on one thing, under both spellings of the list's name."""

    job_executions: tuple[ExecutionOfJob, ...]
    next_token: str | None

    @computed_field(alias="jobExecution")  # type: ignore[prop-decorator]
    @property
    def as_printed(self) -> tuple[ExecutionOfJob, ...]:
        return self.job_executions
