"""Operations on jobs over AWS's control plane: thin translations onto the verbs of the store."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from api.aws import document_source, jobs_views, labels, names, repeats
from api.aws.errors import AwsError
from api.aws.jobs_shapes import (
    AssociateInput,
    CancelJobInput,
    CreateJobInput,
    DeleteJobInput,
    DescribeJobInput,
    GotDocument,
    JobDescribed,
    JobList,
    JobNamed,
    ListJobsInput,
    UpdateJobInput,
)
from api.aws.operation import READS, AwsCall, Operation, errors
from api.aws.shapes import Empty
from domain import managed
from domain.errors import AlreadyExists, InvalidRequest, MissingParameter
from domain.job import JobStatus, NewJob
from domain.names import Arns, template_id
from domain.roles import Role
from storage import descriptions, jobs, summaries


async def create(call: AwsCall[CreateJobInput]) -> JobNamed:
    given, arns = call.given, call.options.arns
    document = given.document
    if given.document_source is not None:
        document = await document_source.fetch(given.document_source, store=call.store, options=call.options)
    wanted = NewJob(
        job_id=names.job(given.job_id, arns=arns),
        targets=_targets(given.targets, arns),
        target_selection=given.target_selection,
        document=document,
        document_source=given.document_source,
        description=given.description,
        timeout_config=given.timeout_config,
        pacing=given.pacing,
        namespace_id=given.namespace_id,
        template_id=None if given.job_template_arn is None else _template(given.job_template_arn, arns),
        document_parameters=given.document_parameters,
        package_versions=given.destination_package_versions,
        tags=labels.pairs(given.tags),
        client_token=_token(given),
    )
    try:
        job = await call.store.write(
            jobs.create,
            wanted,
            policy=call.policy,
            by_token=True,
            quotas=call.policy.quotas,
            actor=call.actor,
            at=call.at,
        )
    except AlreadyExists as error:
        taken = wanted.job_id or ""
        raise AwsError(
            "ResourceAlreadyExistsException", str(error), resourceId=taken, resourceArn=arns.job(taken)
        ) from None
    except MissingParameter as error:
        raise InvalidRequest(
            f"documentParameters: the document names the parameter {error.name}, and only the document of a "
            "managed job template, given by jobTemplateArn, has parameters here"
        ) from None
    return jobs_views.named(job, arns)


def _token(given: CreateJobInput) -> str | None:
    token = repeats.token(given.invocation_id)
    # With the job's id: whoever numbers all calls the same is not to be told that another job is there.
    return None if token is None else sha256(f"{token}/{given.job_id}".encode()).hexdigest()


def _targets(said: tuple[str, ...], arns: Arns) -> tuple[str, ...]:
    """Return targets as they were said; raises ``InvalidRequest`` for what is no ARN of ours."""
    for target in said:
        names.target(target, arns=arns)
    return said


def _template(said: str, arns: Arns) -> str:
    """Return the id of a template of one's own, or the reference of a managed one."""
    if not said.startswith("arn:"):
        raise InvalidRequest(f"jobTemplateArn {said[:64]!a} is not the ARN of a job template")
    ownerless = managed.is_managed(said.partition("/")[2])
    name = names.plain(said, "jobtemplate", member="jobTemplateArn", arns=arns, ownerless=ownerless)
    return name if ownerless else template_id(name)


async def describe(call: AwsCall[DescribeJobInput]) -> JobDescribed:
    arns = call.options.arns
    found = await call.store.read(descriptions.describe, names.job(call.given.job_id, arns=arns))
    return jobs_views.described(found, arns, at=call.at)


async def document(call: AwsCall[DescribeJobInput]) -> GotDocument:
    given = call.given
    name = names.job(given.job_id, arns=call.options.arns)
    return GotDocument(
        document=await call.store.read(jobs.document, name, original=given.before_substitution)
    )


async def update(call: AwsCall[UpdateJobInput]) -> Empty:
    given = call.given
    await call.store.write(
        jobs.update,
        names.job(given.job_id, arns=call.options.arns),
        description=given.description,
        timeout_config=given.timeout_config,
        pacing=given.pacing,
        namespace_id=given.namespace_id,
        actor=call.actor,
        at=call.at,
    )
    return Empty()


async def cancel(call: AwsCall[CancelJobInput]) -> JobNamed:
    given, arns = call.given, call.options.arns
    job = await call.store.write(
        jobs.cancel,
        names.job(given.job_id, arns=arns),
        comment=given.comment,
        reason_code=given.reason_code,
        force=given.force,
        actor=call.actor,
        at=call.at,
    )
    return jobs_views.named(job, arns)


async def delete(call: AwsCall[DeleteJobInput]) -> Empty:
    given = call.given
    await call.store.write(
        jobs.delete,
        names.job(given.job_id, arns=call.options.arns),
        force=given.force,
        namespace_id=given.namespace_id,
        quotas=call.policy.quotas,
        actor=call.actor,
        at=call.at,
    )
    return Empty()


async def page(call: AwsCall[ListJobsInput]) -> JobList:
    given, arns = call.given, call.options.arns
    group = given.thing_group_name
    asked = summaries.Asked(
        status=None if given.status is None else JobStatus(given.status),
        target_selection=given.target_selection,
        group_name=None if group is None else _group_name(group, arns),
        group_id=given.thing_group_id,
        namespace_id=given.namespace_id,
    )
    found = await call.store.browse(
        summaries.page, asked, max_results=given.max_results, next_token=given.next_token
    )
    return JobList(
        jobs=tuple(jobs_views.summarized(job, arns) for job in found.items), next_token=found.next_token
    )


def _group_name(said: str, arns: Arns) -> str:
    return names.plain(said, "thinggroup", member="thingGroupName", arns=arns)


async def associate(call: AwsCall[AssociateInput]) -> JobNamed:
    given, arns = call.given, call.options.arns
    job = await call.store.write(
        jobs.associate,
        names.job(given.job_id, arns=arns),
        _targets(given.targets, arns),
        comment=given.comment,
        namespace_id=given.namespace_id,
        quotas=call.policy.quotas,
        policy=call.policy,
        actor=call.actor,
        at=call.at,
    )
    return jobs_views.named(job, arns)


_JOB: Final = "/jobs/{jobId}"
#: A document as large as may be, each of its characters escaped, beside a hundred targets.
MOST_BYTES: Final = 512 * 1024
OPERATIONS: Final = (
    Operation(
        "CreateJob", "PUT", _JOB, create,
        errors=errors("IR RNF RAE LE TH SU"), role=Role.OPERATOR, limit=MOST_BYTES,
    ),
    Operation("DescribeJob", "GET", _JOB, describe, errors=READS),
    Operation("GetJobDocument", "GET", f"{_JOB}/job-document", document, errors=READS),
    Operation("UpdateJob", "PATCH", _JOB, update, errors=READS, role=Role.OPERATOR),
    Operation(
        "CancelJob", "PUT", f"{_JOB}/cancel", cancel, errors=errors("IR RNF TH SU LE"), role=Role.OPERATOR
    ),
    Operation(
        "DeleteJob", "DELETE", _JOB, delete, errors=errors("IR IST RNF LE TH SU"), role=Role.OPERATOR
    ),
    Operation("ListJobs", "GET", "/jobs", page, errors=READS),
    Operation(
        "AssociateTargetsWithJob", "POST", f"{_JOB}/targets", associate,
        errors=errors("IR RNF LE TH SU"), role=Role.OPERATOR,
    ),
)  # fmt: skip
