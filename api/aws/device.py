"""Operations of the devices' plane: what devices ask over MQTT, asked over HTTP (contract 4.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from api.aws import repeats
from api.aws.device_shapes import (
    DescribeInput,
    ExecutionOutput,
    GetPendingInput,
    JobExecution,
    JobExecutionState,
    JobExecutionSummary,
    OfThing,
    PendingOutput,
    StartNextInput,
    UpdateInput,
    UpdateOutput,
)
from api.aws.operation import AwsCall, Operation, errors
from domain import messages, names, topics
from domain.errors import JobsError
from domain.execution import Status
from domain.messages import request_from
from domain.roles import Role
from domain.topics import NEXT, RequestTopic
from storage import device
from storage.device import Described, Pending, Updated


async def get_pending(call: AwsCall[GetPendingInput]) -> PendingOutput:
    pending = await _ask(call, topics.Operation.GET_PENDING)
    assert isinstance(pending, Pending)
    by_status: dict[Status, list[JobExecutionSummary]] = {Status.IN_PROGRESS: [], Status.QUEUED: []}
    for execution in pending.executions:
        summary = JobExecutionSummary.model_validate(messages.summary_members(execution))
        by_status[execution.status].append(summary)
    return PendingOutput(
        in_progress_jobs=tuple(by_status[Status.IN_PROGRESS]), queued_jobs=tuple(by_status[Status.QUEUED])
    )


async def start_next(call: AwsCall[StartNextInput]) -> ExecutionOutput:
    return _execution(call, await _ask(call, topics.Operation.START_NEXT))


async def describe(call: AwsCall[DescribeInput]) -> ExecutionOutput:
    job_id = call.given.job_id if call.given.job_id == NEXT else names.job_id(call.given.job_id)
    return _execution(call, await _ask(call, topics.Operation.DESCRIBE, job_id))


async def update(call: AwsCall[UpdateInput]) -> UpdateOutput:
    answer = await _ask(call, topics.Operation.UPDATE, names.job_id(call.given.job_id))
    assert isinstance(answer, Updated)
    state = None if answer.state is None else messages.state_members(answer.state)
    return UpdateOutput(
        execution_state=None if state is None else JobExecutionState.model_validate(state),
        job_document=answer.document,
    )


async def _ask(call: AwsCall[Any], operation: topics.Operation, job_id: str | None = None) -> device.Answer:
    """Return the answer of the verb that devices' doors share, or raise the error it is."""
    given: OfThing = call.given
    topic = RequestTopic(names.thing_name(given.thing_name), operation, job_id)
    said = given.model_dump(by_alias=True, exclude_none=True, exclude={"invocation_id"})
    # There is no client token over HTTP (contract 4.5); an SDK's own number of the call serves as one.
    token = repeats.token(getattr(given, "invocation_id", None))
    digest = "" if token is None else _digest(said)
    request = request_from(topic, said)._replace(client_token=token, digest=digest)
    (answer,) = await call.store.write(device.answer, [request], policy=call.policy, at=call.at)
    if isinstance(answer, JobsError):
        raise answer
    return answer


def _digest(said: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=12).hexdigest()


def _execution(call: AwsCall[Any], answer: device.Answer) -> ExecutionOutput:
    assert isinstance(answer, Described)
    if answer.execution is None:
        return ExecutionOutput()
    members = messages.execution_members(answer.execution, at=call.at)
    return ExecutionOutput(execution=JobExecution.model_validate({**members, "jobDocument": answer.document}))


_ERRORS: Final = errors("IR RNF TH SU CV")
#: Counted together, as AWS counts them (contract 2.15).
_READS: Final = "DescribeJobExecution and GetPendingJobExecutions"
_CHANGES: Final = "StartNextPendingJobExecution and UpdateJobExecution"
OPERATIONS: Final = (
    Operation(
        "GetPendingJobExecutions", "GET", "/things/{thingName}/jobs", get_pending,
        errors=_ERRORS, role=Role.DEVICE, rate=_READS,
    ),
    Operation(
        "StartNextPendingJobExecution", "PUT", "/things/{thingName}/jobs/$next", start_next,
        errors=_ERRORS, role=Role.DEVICE, rate=_CHANGES,
    ),
    Operation(
        "DescribeJobExecution", "GET", "/things/{thingName}/jobs/{jobId}", describe,
        errors=(*_ERRORS, "TS"), role=Role.DEVICE, rate=_READS,
    ),
    Operation(
        "UpdateJobExecution", "POST", "/things/{thingName}/jobs/{jobId}", update,
        errors=(*_ERRORS, "IST"), role=Role.DEVICE, rate=_CHANGES,
    ),
)  # fmt: skip
