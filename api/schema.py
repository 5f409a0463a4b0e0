"""The customer's answers, spelled as in the customer's document: its oddities live here and nowhere else.

Members that the document does not know are additions (``createdAt``, …) or the right spelling beside the
printed one (``jobTemplateArn`` beside ``jobTeplateArn``); nothing the document prints is ever left out.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, computed_field

from api.fields import Time
from api.shapes import Answer
from domain.execution import Status
from domain.job import JobStatus, TargetSelection


class Associated(Answer):
    """S1."""

    associated: Literal[True] = True


class Canceled(Answer):
    """S2, S3."""

    canceled: Literal[True] = True


class Deleted(Answer):
    """S6, S7, S8."""

    deleted: Literal[True] = True


class Updated(Answer):
    """S17."""

    updated: Literal[True] = True


class JobCreated(Answer):
    """S4; the document forgot the id."""

    created: Literal[True] = True
    job_id: str
    job_arn: str


class TemplateCreated(Answer):
    """S5; the document forgot the id."""

    created: Literal[True] = True
    job_template_id: str
    job_template_arn: str


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
    """A job. ``jobId`` is the id, though the document describes it as the ARN."""

    job_arn: str
    job_id: str
    targets: tuple[str, ...]
    target_selection: TargetSelection
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
    job_process_details: JobProcessDetails


class GotJob(Answer):
    """S9."""

    job: JobView


class GotDocument(Answer):
    """S10."""

    document: str


class JobList(Answer):
    """S13."""

    jobs: tuple[JobView, ...]
    next_token: str | None


class TemplateView(Answer):
    """A job template; configurations that are not set are empty, not absent."""

    job_template_arn: str
    job_template_id: str
    document: str
    description: str
    created_at: Time
    timeout_config: dict[str, Any]
    presigned_url_config: dict[str, Any] = Field(default_factory=dict)
    job_executions_rollout_config: dict[str, Any] = Field(default_factory=dict)

    @computed_field(alias="jobTeplateArn")  # type: ignore[prop-decorator]
    @property
    def as_printed(self) -> str:
        return self.job_template_arn


class GotTemplate(Answer):
    """S11."""

    job_template: TemplateView


class TemplateList(Answer):
    """S16, with its capital J and without."""

    job_templates: tuple[TemplateView, ...]
    next_token: str | None

    @computed_field(alias="JobTemplates")  # type: ignore[prop-decorator]
    @property
    def as_printed(self) -> tuple[TemplateView, ...]:
        return self.job_templates


class Details(Answer):
    """The pairs a device has reported, one level down as the document has it."""

    details_map: dict[str, str]


class ExecutionView(Answer):
    """One job on one thing. The number is a string and the version a number, as the document has them."""

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
    """S12."""

    execution: ExecutionView


class ExecutionSummary(Answer):
    """What lists tell of an execution."""

    status: Status
    queued_at: Time
    started_at: Time | None
    last_updated_at: Time
    execution_number: str


class ExecutionOnThing(Answer):
    """An entry of S14."""

    thing_arn: str
    job_execution: ExecutionSummary


class ExecutionOfJob(Answer):
    """An entry of S15."""

    job_id: str
    job_execution: ExecutionSummary


class JobExecutions(Answer):
    """S14."""

    job_executions: tuple[ExecutionOnThing, ...]
    next_token: str | None


class ThingExecutions(Answer):
    """S15, whose list has a singular name; the plural is there too."""

    job_executions: tuple[ExecutionOfJob, ...]
    next_token: str | None

    @computed_field(alias="jobExecution")  # type: ignore[prop-decorator]
    @property
    def as_printed(self) -> tuple[ExecutionOfJob, ...]:
        return self.job_executions
