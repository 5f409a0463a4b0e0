"""Jobs as AWS's control plane shows them."""

from __future__ import annotations

from datetime import UTC, datetime

from api.aws.configurations import configurations_of, printed
from api.aws.jobs_shapes import (
    ROLLOUTS_AHEAD,
    JobDescribed,
    JobDescription,
    JobNamed,
    JobProcessDetails,
    JobSummary,
    ScheduledRollout,
)
from domain import managed
from domain.execution import Status
from domain.job import CONTRACT_STATUS, OPEN, Job, JobStatus
from domain.names import Arns, Target
from domain.opening import openings_ahead
from domain.pacing import UNPACED
from storage.descriptions import Description
from storage.summaries import Summary


def named(job: Job, arns: Arns) -> JobNamed:
    return JobNamed(job_arn=arns.job(job.job_id), job_id=job.job_id, description=job.description)


def described(found: Description, arns: Arns, *, at: datetime) -> JobDescribed:
    job = found.job
    schedule = (job.pacing or UNPACED).scheduling_config
    description = JobDescription(
        job_arn=arns.job(job.job_id),
        job_id=job.job_id,
        description=job.description,
        target_selection=job.target_selection,
        status=CONTRACT_STATUS[job.status],
        force_canceled=job.force_canceled if job.status is JobStatus.CANCELED else None,
        reason_code=job.reason_code,
        comment=job.comment,
        targets=tuple(_arn(target, arns) for target in found.targets),
        created_at=job.created_at,
        last_updated_at=job.last_updated_at,
        completed_at=job.completed_at,
        job_process_details=_process_details(found, arns),
        namespace_id=job.namespace_id,
        job_template_arn=_template_arn(job.template_id, arns),
        document_parameters=dict(job.document_parameters) or None,
        is_concurrent=job.is_concurrent,
        scheduling_config=printed(schedule) or None,
        scheduled_job_rollouts=_rollouts(job, at),
        destination_package_versions=job.package_versions or None,
        **configurations_of(job),
    )
    return JobDescribed(document_source=job.document_source, job=description)


def _arn(target: Target, arns: Arns) -> str:
    return arns.thing(target.name) if target.kind == "thing" else arns.group(target.name)


def _template_arn(template_id: str | None, arns: Arns) -> str | None:
    if template_id is None:
        return None
    is_managed = managed.is_managed(template_id)
    return arns.managed_template(template_id) if is_managed else arns.template(template_id)


def _process_details(found: Description, arns: Arns) -> JobProcessDetails:
    counts = {
        f"number_of_{status.value.lower()}_things": found.job.counts.get(status, 0) for status in Status
    }
    processing = tuple(_arn(target, arns) for target in found.processing)
    return JobProcessDetails(processing_targets=processing or None, **counts)


def _rollouts(job: Job, at: datetime) -> tuple[ScheduledRollout, ...] | None:
    schedule = (job.pacing or UNPACED).scheduling_config
    if job.status not in OPEN or schedule is None or not schedule.maintenance_windows:
        return None
    ahead = openings_ahead(schedule, at, most=ROLLOUTS_AHEAD)
    return tuple(ScheduledRollout(start_time=f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}") for moment in ahead)


def summarized(job: Summary, arns: Arns) -> JobSummary:
    return JobSummary(
        job_arn=arns.job(job.job_id),
        job_id=job.job_id,
        thing_group_id=job.group_id,
        target_selection=job.target_selection,
        status=CONTRACT_STATUS[job.status],
        created_at=job.created_at,
        last_updated_at=job.last_updated_at,
        completed_at=job.completed_at,
        is_concurrent=job.is_concurrent,
    )
