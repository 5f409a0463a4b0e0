"""What is said and told about job executions over AWS's control plane (contract 1.6, 4.2)."""

from __future__ import annotations

from typing import Annotated, Any

from api.aws.jobs_shapes import FlagInQuery, NamespaceInQuery, OneJobInput
from api.aws.shapes import IN_QUERY, Epoch, Output, Paging
from api.fields import Counter
from domain.execution import Status

_StatusInQuery = Annotated[Status | None, IN_QUERY]


class OneExecutionInput(OneJobInput):
    thing_name: str


class DescribeExecutionInput(OneExecutionInput):
    execution_number: Annotated[Counter | None, IN_QUERY] = None


class CancelExecutionInput(OneExecutionInput):
    """Details replace those that are there; left out, those stay."""

    force: FlagInQuery = False
    expected_version: Counter | None = None
    status_details: dict[str, Any] | None = None


class DeleteExecutionInput(OneExecutionInput):
    execution_number: Counter
    force: FlagInQuery = False
    namespace_id: NamespaceInQuery = None


class ListForJobInput(Paging):
    job_id: str
    status: _StatusInQuery = None


class ListForThingInput(Paging):
    thing_name: str
    status: _StatusInQuery = None
    namespace_id: NamespaceInQuery = None
    job_id: Annotated[str | None, IN_QUERY] = None


class StatusDetails(Output):
    """The pairs a device has reported; here, and here alone, they lie one level deeper."""

    details_map: dict[str, str]


class ExecutionDescription(Output):
    job_id: str
    status: Status
    force_canceled: bool | None = None
    status_details: StatusDetails | None = None
    thing_arn: str
    queued_at: Epoch
    started_at: Epoch | None = None
    last_updated_at: Epoch
    execution_number: int
    version_number: int
    approximate_seconds_before_timed_out: int | None = None


class ExecutionDescribed(Output):
    execution: ExecutionDescription


class ExecutionSummary(Output):
    """What lists tell; which retry it is only if its job has anything to say about retries."""

    status: Status
    queued_at: Epoch
    started_at: Epoch | None = None
    last_updated_at: Epoch
    execution_number: int
    retry_attempt: int | None = None


class SummaryForJob(Output):
    thing_arn: str
    job_execution_summary: ExecutionSummary


class SummaryForThing(Output):
    job_id: str
    job_execution_summary: ExecutionSummary


class JobExecutions(Output):
    execution_summaries: tuple[SummaryForJob, ...]
    next_token: str | None = None


class ThingExecutions(Output):
    execution_summaries: tuple[SummaryForThing, ...]
    next_token: str | None = None
