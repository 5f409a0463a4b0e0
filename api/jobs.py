"""Operations on jobs: thin translations onto the verbs of the store."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from api import plans
from api.call import Call
from api.plan_schema import CreateQuery, PlanView
from api.requests import (
    Associate,
    CancelJob,
    CreateJob,
    DeleteJob,
    DeleteJobQuery,
    ListJobs,
    ReadJob,
    UpdateJob,
)
from api.schema import (
    Associated,
    Canceled,
    Deleted,
    GotDocument,
    GotJob,
    JobCreated,
    JobList,
    Updated,
)
from api.shapes import Nothing
from api.views import job_view
from domain.job import NewJob
from storage import jobs
from storage import plans as plans_of


async def create(call: Call[CreateQuery, CreateJob]) -> JobCreated:
    if call.query.dry_run:
        return JobCreated(created=False, job_id=None, job_arn=None, plan=await _plan(call))
    wanted, policy = _wanted(call.body), call.options.policy
    job = await call.store.write(jobs.create, wanted, policy=policy, actor=call.actor, at=call.at)
    return JobCreated(created=True, job_id=job.job_id, job_arn=call.options.arns.job(job.job_id))


async def _plan(call: Call[CreateQuery, CreateJob]) -> PlanView:
    minutes = call.query.assumed_minutes
    try:
        await call.store.write(plans_of.dry_run, _wanted(call.body), policy=call.options.policy, at=call.at)
    except plans_of.DryRun as dry:
        assumed = timedelta(minutes=minutes)
        draft = await call.store.read(plans_of.draft, dry.seen, at=call.at, assumed=assumed)
    # A forecast may take a second, and others are served meanwhile.
    return await asyncio.to_thread(plans.view, draft, assumed_minutes=minutes, at=call.at)


def _wanted(asked: CreateJob) -> NewJob:
    return NewJob(
        targets=tuple(asked.targets),
        excluded_targets=tuple(asked.excluded_targets),
        target_selection=asked.target_selection,
        job_id=asked.job_id,
        document=asked.document,
        template_id=asked.template_id,
        description=asked.description,
        timeout_config=asked.timeout_config,
        pacing=asked.pacing,
        priority=asked.priority,
        exclusive_group=asked.exclusive_group,
        client_token=asked.client_token,
        template_version=asked.template_version,
        parameters=asked.parameters,
        values=asked.values,
    )


async def get(call: Call[ReadJob, Nothing]) -> GotJob:
    job = await call.store.read(jobs.get, call.path["jobId"])
    return GotJob(job=job_view(job, call.options.arns, extended=bool(call.query.extended)))


async def document(call: Call[Nothing, Nothing]) -> GotDocument:
    return GotDocument(document=await call.store.read(jobs.document, call.path["jobId"]))


async def page(call: Call[ListJobs, Nothing]) -> JobList:
    asked = call.query
    found = await call.store.browse(
        jobs.page,
        status=asked.status,
        target_selection=asked.target_selection,
        max_results=asked.max_results,
        next_token=asked.next_token,
    )
    views = tuple(job_view(job, call.options.arns, extended=bool(asked.extended)) for job in found.items)
    return JobList(jobs=views, next_token=found.next_token)


async def update(call: Call[Nothing, UpdateJob]) -> Updated:
    asked = call.body
    await call.store.write(
        jobs.update,
        call.path["jobId"],
        description=asked.description,
        timeout_config=asked.timeout_config,
        pacing=asked.pacing,
        priority=asked.priority,
        actor=call.actor,
        at=call.at,
    )
    return Updated()


async def associate(call: Call[Nothing, Associate]) -> Associated:
    await call.store.write(
        jobs.associate,
        call.path["jobId"],
        call.body.targets,
        values=call.body.values,
        policy=call.options.policy,
        actor=call.actor,
        at=call.at,
    )
    return Associated()


async def cancel(call: Call[Nothing, CancelJob]) -> Canceled:
    await call.store.write(
        jobs.cancel,
        call.path["jobId"],
        comment=call.body.comment,
        reason_code=None,
        force=bool(call.body.force),
        actor=call.actor,
        at=call.at,
    )
    return Canceled()


async def delete(call: Call[DeleteJobQuery, DeleteJob]) -> Deleted:
    force = call.body.force if call.query.force is None else call.query.force
    await call.store.write(jobs.delete, call.path["jobId"], force=bool(force), actor=call.actor, at=call.at)
    return Deleted()
