"""What devices say and hear over AWS's data plane; times are whole epoch seconds (contract 4.5, A.3)."""

from __future__ import annotations

from typing import Annotated, Any

from api.aws.repeats import InvocationId
from api.aws.shapes import IN_QUERY, DeviceInput, Output

#: What a device says goes to the reader of all devices' words as it came (domain.messages.request_from).
Said = Any
SaidInQuery = Annotated[Any, IN_QUERY]


class OfThing(DeviceInput):
    """Whoever asks, asks for a thing."""

    thing_name: str


class GetPendingInput(OfThing):
    """There is nothing more to say."""


class StartNextInput(OfThing):
    status_details: Said = None
    step_timeout_in_minutes: Said = None


class DescribeInput(OfThing):
    job_id: str
    include_job_document: SaidInQuery = None
    execution_number: SaidInQuery = None


class UpdateInput(OfThing):
    job_id: str
    status: Said = None
    status_details: Said = None
    step_timeout_in_minutes: Said = None
    expected_version: Said = None
    include_job_execution_state: Said = None
    include_job_document: Said = None
    execution_number: Said = None
    invocation_id: InvocationId = None


class JobExecutionSummary(Output):
    """An entry of the pending lists."""

    job_id: str
    queued_at: int
    started_at: int | None = None
    last_updated_at: int
    version_number: int
    execution_number: int


class JobExecution(JobExecutionSummary):
    """One execution; unlike over MQTT, the document is a string that holds the JSON text."""

    thing_name: str
    status: str
    status_details: dict[str, str] | None = None
    approximate_seconds_before_timed_out: int | None = None
    job_document: str | None = None


class JobExecutionState(Output):
    status: str
    status_details: dict[str, str] | None = None
    version_number: int


class PendingOutput(Output):
    """Both lists are always there."""

    in_progress_jobs: tuple[JobExecutionSummary, ...]
    queued_jobs: tuple[JobExecutionSummary, ...]


class ExecutionOutput(Output):
    """Without an execution nothing is pending."""

    execution: JobExecution | None = None


class UpdateOutput(Output):
    execution_state: JobExecutionState | None = None
    job_document: str | None = None
