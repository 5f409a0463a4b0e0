"""Routes of ours beside the customer's: jobs are steered and tell their history, templates have versions."""

from __future__ import annotations

from typing import Final

from aiohttp.hdrs import METH_GET as GET
from aiohttp.hdrs import METH_POST as POST

from api import events, plans, steering, templates
from api.route import CONFLICT, Route

_JOB: Final = "/jobs/{jobId}"
_EXECUTION: Final = "/jobs/{jobId}/things/{thingName}"
_TEMPLATE: Final = "/job-templates/{jobTemplateId}"

TIMELINES: Final = (
    Route(
        GET,
        f"{_JOB}/events",
        "listJobEvents",
        events.page_for_job,
        summary="List what happened to a job: transitions of its executions and acts on it, oldest first",
    ),
    Route(
        GET,
        f"{_EXECUTION}/events",
        "listJobExecutionEvents",
        events.page_for_thing,
        summary="List what happened to a job on one thing, oldest first",
    ),
)

VERSIONS: Final = (
    Route(
        POST,
        f"{_TEMPLATE}/versions",
        "createJobTemplateVersion",
        templates.create_version,
        summary="Keep another version of a job template; the older ones stay as they are",
        errors=CONFLICT,
    ),
    Route(
        GET,
        f"{_TEMPLATE}/versions",
        "listJobTemplateVersions",
        templates.versions,
        summary="List versions of a job template, newest first",
    ),
)

STEERING: Final = (
    Route(
        POST, f"{_JOB}/pause", "pauseJob", steering.pause, summary="Let nothing more begin", errors=CONFLICT
    ),
    Route(
        POST,
        f"{_JOB}/resume",
        "resumeJob",
        steering.resume,
        summary="Let a paused job go on",
        errors=CONFLICT,
    ),
    Route(
        POST,
        f"{_JOB}/promote",
        "promoteJob",
        steering.promote,
        summary="Open the next wave whatever its gate says",
        errors=CONFLICT,
    ),
    Route(
        POST,
        f"{_JOB}/approve",
        "approveJob",
        steering.approve,
        summary="Let a gate pass that waits for a person",
        errors=CONFLICT,
    ),
    Route(
        POST,
        f"{_JOB}/abort",
        "abortJob",
        steering.abort,
        summary="Cancel as an abort criterion does: what runs may finish",
        errors=CONFLICT,
    ),
    Route(
        POST,
        f"{_JOB}/retry-failed",
        "retryFailedExecutions",
        steering.retry_failed,
        summary="Give every thing whose execution failed another one",
        errors=CONFLICT,
    ),
    Route(
        GET,
        f"{_EXECUTION}/explain",
        "explainExecution",
        plans.explain,
        summary="Why a thing is not (yet) running a job",
    ),
    Route(GET, f"{_JOB}/waves", "listJobWaves", steering.waves, summary="How the waves of a job stand"),
)

#: All of them.
OURS: Final = (*STEERING, *TIMELINES, *VERSIONS)
