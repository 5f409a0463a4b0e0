"""Operations on job executions over AWS's control plane: thin translations onto the verbs of the store."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from api.aws import names
from api.aws.executions_shapes import (
    CancelExecutionInput,
    DeleteExecutionInput,
    DescribeExecutionInput,
    ExecutionDescribed,
    ExecutionDescription,
    ExecutionSummary,
    JobExecutions,
    ListForJobInput,
    ListForThingInput,
    OneExecutionInput,
    StatusDetails,
    SummaryForJob,
    SummaryForThing,
    ThingExecutions,
)
from api.aws.operation import READS, AwsCall, Operation, errors
from api.aws.shapes import Empty
from domain.details import status_details
from domain.execution import Execution
from domain.names import Arns, thing_name
from domain.roles import Role
from domain.timeouts import seconds_left
from storage import execution_lists, executions
from storage.rows import Stored


async def describe(call: AwsCall[DescribeExecutionInput]) -> ExecutionDescribed:
    given, arns = call.given, call.options.arns
    found = await call.store.read(
        executions.get, *_named(given, arns), execution_number=given.execution_number
    )
    return ExecutionDescribed(execution=_description(found, arns, at=call.at))


def _named(given: OneExecutionInput, arns: Arns) -> tuple[str, str]:
    return names.job(given.job_id, arns=arns), _thing(given.thing_name, arns)


def _thing(said: str, arns: Arns) -> str:
    return thing_name(names.plain(said, "thing", member="thingName", arns=arns))


def _description(execution: Execution, arns: Arns, *, at: datetime) -> ExecutionDescription:
    details = dict(execution.status_details)
    return ExecutionDescription(
        job_id=execution.job_id,
        status=execution.status,
        force_canceled=execution.force_canceled or None,
        status_details=StatusDetails(details_map=details) if details else None,
        thing_arn=arns.thing(execution.thing_name),
        queued_at=execution.queued_at,
        started_at=execution.started_at,
        last_updated_at=execution.last_updated_at,
        execution_number=execution.execution_number,
        version_number=execution.version_number,
        approximate_seconds_before_timed_out=seconds_left(execution, at=at),
    )


async def cancel(call: AwsCall[CancelExecutionInput]) -> Empty:
    given = call.given
    details = None if given.status_details is None else status_details(given.status_details)
    await call.store.write(
        executions.cancel,
        *_named(given, call.options.arns),
        expected_version=given.expected_version,
        status_details=details,
        force=given.force,
        actor=call.actor,
        at=call.at,
    )
    return Empty()


async def delete(call: AwsCall[DeleteExecutionInput]) -> Empty:
    given = call.given
    await call.store.write(
        executions.delete,
        *_named(given, call.options.arns),
        execution_number=given.execution_number,
        force=given.force,
        namespace_id=given.namespace_id,
        actor=call.actor,
        at=call.at,
    )
    return Empty()


async def page_for_job(call: AwsCall[ListForJobInput]) -> JobExecutions:
    given, arns = call.given, call.options.arns
    found = await call.store.browse(
        execution_lists.of_job,
        names.job(given.job_id, arns=arns),
        status=given.status,
        max_results=given.max_results,
        next_token=given.next_token,
    )
    entries = tuple(
        SummaryForJob(thing_arn=arns.thing(entry.execution.thing_name), job_execution_summary=_summary(entry))
        for entry in found.items
    )
    return JobExecutions(execution_summaries=entries, next_token=found.next_token)


async def page_for_thing(call: AwsCall[ListForThingInput]) -> ThingExecutions:
    given, arns = call.given, call.options.arns
    found = await call.store.browse(
        execution_lists.on_thing,
        _thing(given.thing_name, arns),
        status=given.status,
        job_id=None if given.job_id is None else names.job(given.job_id, arns=arns),
        namespace_id=given.namespace_id,
        max_results=given.max_results,
        next_token=given.next_token,
    )
    entries = tuple(
        SummaryForThing(job_id=entry.execution.job_id, job_execution_summary=_summary(entry))
        for entry in found.items
    )
    return ThingExecutions(execution_summaries=entries, next_token=found.next_token)


def _summary(entry: Stored) -> ExecutionSummary:
    execution = entry.execution
    return ExecutionSummary(
        status=execution.status,
        queued_at=execution.queued_at,
        started_at=execution.started_at,
        last_updated_at=execution.last_updated_at,
        execution_number=execution.execution_number,
        retry_attempt=execution.attempt if entry.may_be_retried else None,
    )


_ONE: Final = "/things/{thingName}/jobs/{jobId}"
OPERATIONS: Final = (
    Operation("ListJobExecutionsForJob", "GET", "/jobs/{jobId}/things", page_for_job, errors=READS),
    Operation("ListJobExecutionsForThing", "GET", "/things/{thingName}/jobs", page_for_thing, errors=READS),
    Operation("DescribeJobExecution", "GET", _ONE, describe, errors=READS),
    Operation(
        "CancelJobExecution", "PUT", f"{_ONE}/cancel", cancel,
        errors=errors("IR IST RNF TH SU VC"), role=Role.OPERATOR,
    ),
    Operation(
        "DeleteJobExecution", "DELETE", f"{_ONE}/executionNumber/{{executionNumber}}", delete,
        errors=errors("IR IST RNF TH SU"), role=Role.OPERATOR,
    ),
)  # fmt: skip
