"""What became of a job: runs its handler, stops it when there is no use any more, judges how it ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.details import fit
from agent.errors import ExecutionGone, JobEnded, JobRejected
from agent.job import Handler, Job
from domain.execution import Status

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the server is told that a job ended."""

    status: Status
    details: dict[str, str]


def failed(reason: str, **details: object) -> Outcome:
    return Outcome(Status.FAILED, fit({"reason": reason, **details}))


def refused(reason: str) -> Outcome:
    return Outcome(Status.REJECTED, fit({"reason": reason}))


async def attend(handler: Handler, job: Job, watch: Awaitable[None]) -> Outcome:
    """Run the handler while progress goes out and ``watch`` looks whether the execution is still ours.

    Raises ``ExecutionGone`` after the handler was cancelled and has cleaned up.
    """
    work = asyncio.ensure_future(_call(handler, job))
    attendants = [asyncio.ensure_future(job.report()), asyncio.ensure_future(watch)]
    try:
        await asyncio.wait([work, *attendants], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await _stop(work)
            for attendant in attendants:
                if attendant.done():
                    attendant.result()
        async with job.quiet():
            await _stop(*attendants)
        return _judged(work, job)
    finally:
        await _stop(work, *attendants)


async def _call(handler: Handler, job: Job) -> Mapping[str, object]:
    """Return what a handler has to tell, also one that returns something else than it should."""
    returned: object = await handler(job)
    if returned is None or isinstance(returned, Mapping):
        return returned or {}
    return {"result": returned}


def _judged(work: asyncio.Future[Mapping[str, object]], job: Job) -> Outcome:
    try:
        returned = work.result()
    except ExecutionGone:
        raise
    except JobRejected as error:
        return Outcome(Status.REJECTED, fit({"reason": error.reason, **error.details}))
    except JobEnded as error:
        return Outcome(Status.FAILED, fit({"reason": error.reason, **error.details, **job.details}))
    except asyncio.CancelledError:
        return Outcome(Status.FAILED, fit({"reason": "the handler cancelled itself", **job.details}))
    except Exception as error:  # noqa: BLE001 - a handler may raise anything; its job has failed
        # The operator gets the reason; the trace stays on the device.
        _log.exception("%s: the handler of %r failed", job.job_id, job.operation)
        return Outcome(Status.FAILED, fit({"reason": f"{type(error).__name__}: {error}", **job.details}))
    told = {**job.details, "progress": "100%"} if "progress" in job.details else job.details
    return Outcome(
        Status.SUCCEEDED, fit({**returned, **{k: v for k, v in told.items() if k not in returned}})
    )


async def _stop(*tasks: asyncio.Future[Any]) -> None:
    """Cancel and wait for the clean-up."""
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            _log.debug("while stopping: %r", ended)
