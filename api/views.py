"""From domain values to the answers that show them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.registry_schema import GroupView, ThingView
from api.schema import (
    Details,
    ExecutionSummary,
    ExecutionView,
    JobProcessDetails,
    JobView,
    TemplateView,
)
from domain.config import Config
from domain.execution import Execution, Status
from domain.job import OPEN, Job, JobStatus, Template
from domain.names import Arns
from domain.pacing import UNPACED
from domain.registry import Group, Thing
from domain.timeouts import seconds_left


def job_view(job: Job, arns: Arns, *, extended: bool) -> JobView:
    """Show a job; it takes ``extended`` to see a status that the customer's document does not have."""
    hidden = job.status in OPEN
    paced = job.pacing or UNPACED
    return JobView(
        job_arn=arns.job(job.job_id),
        job_id=job.job_id,
        targets=job.targets,
        target_selection=job.target_selection,
        job_template_id=job.template_id,
        template_version=job.template_version,
        parameters=dict(job.parameters),
        description=job.description,
        status=JobStatus.IN_PROGRESS if hidden and not extended else job.status,
        created_at=job.created_at,
        last_updated_at=job.last_updated_at,
        completed_at=job.completed_at,
        comment=job.comment,
        reason_code=job.reason_code,
        force_canceled=job.force_canceled,
        is_concurrent=job.is_concurrent,
        timeout_config=job.timeout_config.members,
        job_executions_rollout_config=_config(paced.job_executions_rollout_config),
        abort_config=_config(paced.abort_config),
        job_executions_retry_config=_config(paced.job_executions_retry_config),
        scheduling_config=_config(paced.scheduling_config),
        staged_rollout_config=_config(paced.staged_rollout_config),
        retry_policy_config=_config(paced.retry_policy_config),
        presigned_url_config=_config(paced.presigned_url_config),
        excluded_targets=job.excluded_targets,
        priority=job.priority,
        exclusive_group=job.exclusive_group,
        job_process_details=_process_details(job),
    )


def _process_details(job: Job) -> JobProcessDetails:
    counts = {f"number_of_{status.value.lower()}_things": job.counts.get(status, 0) for status in Status}
    return JobProcessDetails(**counts)


def _config(config: Config | None) -> dict[str, Any]:
    """Show a configuration as it was written, what it left out with the value that holds."""
    return {} if config is None else config.model_dump(mode="json", by_alias=True, exclude_none=True)


def template_view(template: Template, arns: Arns) -> TemplateView:
    paced = template.pacing or UNPACED
    return TemplateView(
        job_template_arn=arns.template(template.template_id),
        job_template_id=template.template_id,
        version=template.version,
        document=template.document,
        description=template.description,
        parameters=dict(template.parameters),
        created_at=template.created_at,
        timeout_config=template.timeout_config.members,
        job_executions_rollout_config=_config(paced.job_executions_rollout_config),
        presigned_url_config=_config(paced.presigned_url_config),
        abort_config=_config(paced.abort_config),
        job_executions_retry_config=_config(paced.job_executions_retry_config),
        staged_rollout_config=_config(paced.staged_rollout_config),
        retry_policy_config=_config(paced.retry_policy_config),
        priority=template.priority,
        exclusive_group=template.exclusive_group,
        maintenance_windows=tuple(
            _config(window)
            for window in (paced.scheduling_config.maintenance_windows if paced.scheduling_config else ())
        ),
    )


def execution_view(execution: Execution, arns: Arns, *, at: datetime) -> ExecutionView:
    return ExecutionView(
        job_id=execution.job_id,
        status=execution.status,
        status_details=Details(details_map=dict(execution.status_details)),
        thing_arn=arns.thing(execution.thing_name),
        queued_at=execution.queued_at,
        started_at=execution.started_at,
        last_updated_at=execution.last_updated_at,
        execution_number=str(execution.execution_number),
        version_number=execution.version_number,
        force_canceled=execution.force_canceled,
        approximate_seconds_before_timed_out=seconds_left(execution, at=at),
    )


def summary(execution: Execution) -> ExecutionSummary:
    return ExecutionSummary(
        status=execution.status,
        queued_at=execution.queued_at,
        started_at=execution.started_at,
        last_updated_at=execution.last_updated_at,
        execution_number=str(execution.execution_number),
    )


def thing_view(thing: Thing, arns: Arns, *, at: datetime) -> ThingView:
    until = thing.quarantined_until
    return ThingView(
        thing_name=thing.thing_name,
        thing_arn=arns.thing(thing.thing_name),
        thing_id=thing.thing_id,
        thing_type_name=thing.thing_type,
        attributes=dict(thing.attributes),
        time_zone=thing.time_zone,
        version=thing.version,
        created_at=thing.created_at,
        failures=thing.failures,
        quarantined_until=until if until is not None and until > at else None,
        connected=thing.connected,
        connection_changed_at=thing.connection_changed_at,
        last_seen_at=thing.last_seen_at,
    )


def group_view(group: Group, arns: Arns) -> GroupView:
    return GroupView(
        thing_group_name=group.group_name,
        thing_group_arn=arns.group(group.group_name),
        thing_group_id=group.group_id,
        description=group.description,
        parent_group_name=group.parent_name,
        time_zone=group.time_zone,
        query_string=group.query,
        status=group.status,
        version=group.version,
        created_at=group.created_at,
    )
