"""What is said and told about jobs over AWS's control plane (contract 1.4, 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, StringConstraints, model_validator

from api.aws import configurations as configs
from api.aws.labels import Tag
from api.aws.repeats import InvocationId
from api.aws.shapes import IN_QUERY, Approximated, Epoch, Input, Output, Paging
from api.fields import QueryFlag, Text
from domain.job import JobStatus, TargetSelection
from domain.pacing import Pacing

_Namespace = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$", max_length=256)]
Namespace = Annotated[
    _Namespace | None, Approximated("kept, shown and filtered by; there is no Greengrass behind it")
]
NamespaceInQuery = Annotated[Namespace, IN_QUERY]
FlagInQuery = Annotated[QueryFlag, IN_QUERY]
_Target = Annotated[str, StringConstraints(max_length=2048)]
Targets = Annotated[tuple[_Target, ...], Field(min_length=1)]


class ListedStatus(StrEnum):
    """The statuses that AWS knows."""

    IN_PROGRESS = "IN_PROGRESS"
    SCHEDULED = "SCHEDULED"
    CANCELED = "CANCELED"
    COMPLETED = "COMPLETED"
    DELETION_IN_PROGRESS = "DELETION_IN_PROGRESS"


class OneJobInput(Input):
    job_id: str


class CreateJobInput(OneJobInput):
    """A job. What a call that is sent again has in common with itself is the header of AWS's SDKs."""

    targets: Targets
    document_source: Annotated[
        str | None,
        Approximated(
            "fetched once, from artifacts of this server and from S3 buckets that it is set up with"
        ),
    ] = None
    document: Annotated[
        str | None, Approximated("placeholders for code signatures and package attributes stay as they are")
    ] = None
    description: Text | None = None
    presigned_url_config: configs.Presigned | None = None
    target_selection: TargetSelection = TargetSelection.SNAPSHOT
    job_executions_rollout_config: configs.Rollout | None = None
    abort_config: configs.Abort | None = None
    timeout_config: configs.Timeout | None = None
    tags: tuple[Tag, ...] = ()
    namespace_id: Namespace = None
    job_template_arn: Annotated[str, StringConstraints(min_length=1, max_length=1600)] | None = None
    job_executions_retry_config: configs.Retry | None = None
    document_parameters: dict[str, str] = Field(default_factory=dict)
    scheduling_config: configs.Scheduling | None = None
    destination_package_versions: configs.PackageVersions | None = None
    invocation_id: InvocationId = None

    @property
    def pacing(self) -> Pacing:
        return configs.pacing_of(self)

    @model_validator(mode="after")
    def _has_one_document(self) -> CreateJobInput:
        if self.document is not None and self.document_source is not None:
            raise ValueError("document and documentSource are both given; one of them is enough")
        if self.document is None and self.document_source is None and self.job_template_arn is None:
            raise ValueError("document is required, or documentSource, or jobTemplateArn")
        return self


class DescribeJobInput(OneJobInput):
    before_substitution: FlagInQuery = False


class UpdateJobInput(OneJobInput):
    description: Text | None = None
    presigned_url_config: configs.Presigned | None = None
    job_executions_rollout_config: configs.Rollout | None = None
    abort_config: configs.Abort | None = None
    timeout_config: configs.Timeout | None = None
    namespace_id: NamespaceInQuery = None
    job_executions_retry_config: configs.Retry | None = None

    @property
    def pacing(self) -> Pacing:
        return configs.pacing_of(self)


class CancelJobInput(OneJobInput):
    reason_code: str | None = None
    comment: Text | None = None
    force: FlagInQuery = False


class DeleteJobInput(OneJobInput):
    force: FlagInQuery = False
    namespace_id: NamespaceInQuery = None


class ListJobsInput(Paging):
    status: Annotated[ListedStatus | None, IN_QUERY] = None
    target_selection: Annotated[TargetSelection | None, IN_QUERY] = None
    thing_group_name: Annotated[str | None, IN_QUERY] = None
    thing_group_id: Annotated[str | None, IN_QUERY] = None
    namespace_id: NamespaceInQuery = None


class AssociateInput(OneJobInput):
    targets: Targets
    comment: Text | None = None
    namespace_id: NamespaceInQuery = None


class JobNamed(Output):
    """Which job it was; its description only if it has one."""

    job_arn: str
    job_id: str
    description: str | None = None


class JobProcessDetails(Output):
    """How many things stand where, by their latest execution; ``processing_targets`` still go out."""

    processing_targets: tuple[str, ...] | None = None
    number_of_canceled_things: int
    number_of_succeeded_things: int
    number_of_failed_things: int
    number_of_rejected_things: int
    number_of_queued_things: int
    number_of_in_progress_things: int
    number_of_removed_things: int
    number_of_timed_out_things: int


class ScheduledRollout(Output):
    start_time: str


class JobDescription(JobNamed):
    """All of a job but its document."""

    APPROXIMATED: ClassVar[Mapping[str, str]] = {
        "status": "a job that is paused or waits for approval, which AWS has not, is shown as IN_PROGRESS",
        "abortConfig": "shows the action PAUSE, which AWS has not, if the job was made with it elsewhere",
        "scheduledJobRollouts": "of windows that each thing keeps in its own time zone, those in UTC",
    }

    target_selection: TargetSelection
    status: JobStatus
    force_canceled: bool | None = None
    reason_code: str | None = None
    comment: str | None = None
    targets: tuple[str, ...]
    presigned_url_config: dict[str, Any]
    job_executions_rollout_config: dict[str, Any]
    abort_config: dict[str, Any] | None = None
    created_at: Epoch
    last_updated_at: Epoch
    completed_at: Epoch | None = None
    job_process_details: JobProcessDetails
    timeout_config: dict[str, Any]
    namespace_id: str | None = None
    job_template_arn: str | None = None
    job_executions_retry_config: dict[str, Any] | None = None
    document_parameters: dict[str, str] | None = None
    is_concurrent: bool
    scheduling_config: dict[str, Any] | None = None
    scheduled_job_rollouts: tuple[ScheduledRollout, ...] | None = None
    destination_package_versions: tuple[str, ...] | None = None


class JobDescribed(Output):
    document_source: str | None = None
    job: JobDescription


class GotDocument(Output):
    document: str


class JobSummary(Output):
    """What a list tells of a job."""

    APPROXIMATED: ClassVar[Mapping[str, str]] = {"status": JobDescription.APPROXIMATED["status"]}

    job_arn: str
    job_id: str
    thing_group_id: str | None = None
    target_selection: TargetSelection
    status: JobStatus
    created_at: Epoch
    last_updated_at: Epoch
    completed_at: Epoch | None = None
    is_concurrent: bool


class JobList(Output):
    jobs: tuple[JobSummary, ...]
    next_token: str | None = None


#: Windows that a description looks ahead to.
ROLLOUTS_AHEAD: Final = 7
