"""Operations on job executions: thin translations onto the verbs of the store."""

from __future__ import annotations

from api.call import Call
from api.requests import CancelExecution, DeleteExecution, DeleteExecutionQuery, ListExecutions
from api.schema import (
    Canceled,
    Deleted,
    ExecutionOfJob,
    ExecutionOnThing,
    GotExecution,
    JobExecutions,
    ThingExecutions,
)
from api.shapes import Nothing
from api.views import execution_view, summary
from domain.details import status_details
from storage import executions


async def get(call: Call[Nothing, Nothing]) -> GotExecution:
    found = await call.store.read(executions.get, call.path["jobId"], call.path["thingName"])
    return GotExecution(execution=execution_view(found, call.options.arns, at=call.at))


async def page_for_job(call: Call[ListExecutions, Nothing]) -> JobExecutions:
    found = await call.store.browse(
        executions.page_for_job,
        call.path["jobId"],
        status=call.query.status,
        max_results=call.query.max_results,
        next_token=call.query.next_token,
    )
    arns = call.options.arns
    entries = tuple(
        ExecutionOnThing(thing_arn=arns.thing(item.thing_name), job_execution=summary(item))
        for item in found.items
    )
    return JobExecutions(job_executions=entries, next_token=found.next_token)


async def page_for_thing(call: Call[ListExecutions, Nothing]) -> ThingExecutions:
    found = await call.store.browse(
        executions.page_for_thing,
        call.path["thingName"],
        status=call.query.status,
        max_results=call.query.max_results,
        next_token=call.query.next_token,
    )
    entries = tuple(ExecutionOfJob(job_id=item.job_id, job_execution=summary(item)) for item in found.items)
    return ThingExecutions(job_executions=entries, next_token=found.next_token)


async def cancel(call: Call[Nothing, CancelExecution]) -> Canceled:
    asked = call.body
    # No pairs at all means that the stored ones stay.
    details = status_details(asked.merged) or None
    await call.store.write(
        executions.cancel,
        call.path["jobId"],
        call.path["thingName"],
        expected_version=asked.expected_version,
        status_details=details,
        force=bool(asked.force),
        actor=call.actor,
        at=call.at,
    )
    return Canceled()


async def delete(call: Call[DeleteExecutionQuery, DeleteExecution]) -> Deleted:
    query, body = call.query, call.body
    number = body.execution_number if query.execution_number is None else query.execution_number
    force = body.force if query.force is None else query.force
    await call.store.write(
        executions.delete,
        call.path["jobId"],
        call.path["thingName"],
        execution_number=number,
        force=bool(force),
        actor=call.actor,
        at=call.at,
    )
    return Deleted()
