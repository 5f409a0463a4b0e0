"""Operations on job templates of one's own: made once and never changed (contract 1.7, 4.3)."""

from __future__ import annotations

from typing import Final

from api.aws import document_source, labels, names
from api.aws.configurations import configurations_of, printed
from api.aws.errors import AwsError
from api.aws.operation import AwsCall, Operation, errors
from api.aws.shapes import Empty, Paging
from api.aws.template_shapes import (
    CreateTemplateInput,
    OneTemplateInput,
    TemplateCreated,
    TemplateDescribed,
    TemplateList,
    TemplateSummary,
)
from domain.errors import AlreadyExists
from domain.job import Template
from domain.names import job_id, template_id
from domain.pacing import UNPACED
from domain.roles import Role
from storage import templates


async def create(call: AwsCall[CreateTemplateInput]) -> TemplateCreated:
    given, arns = call.given, call.options.arns
    document = given.document
    if given.document_source is not None:
        document = await document_source.fetch(given.document_source, store=call.store, options=call.options)
    from_job = given.job_arn and job_id(names.plain(given.job_arn, "job", member="jobArn", arns=arns))
    name = _named(call, given.job_template_id)
    try:
        kept = await call.store.write(
            templates.create,
            template_id=name,
            document=document,
            description=given.description,
            timeout_config=given.timeout_config,
            pacing=given.pacing,
            from_job=from_job,
            document_source=given.document_source,
            package_versions=given.destination_package_versions,
            labels=labels.pairs(given.tags),
            quotas=call.policy.quotas,
            at=call.at,
        )
    except AlreadyExists as error:
        raise AwsError("ConflictException", str(error), resourceId=name) from None
    return TemplateCreated(job_template_arn=arns.template(kept.template_id), job_template_id=kept.template_id)


def _named(call: AwsCall[CreateTemplateInput] | AwsCall[OneTemplateInput], said: str) -> str:
    arns = call.options.arns
    return template_id(names.plain(said, "jobtemplate", member="jobTemplateId", arns=arns))


async def describe(call: AwsCall[OneTemplateInput]) -> TemplateDescribed:
    found = await call.store.read(templates.get, _named(call, call.given.job_template_id))
    times = (found.pacing or UNPACED).scheduling_config
    windows = () if times is None else times.maintenance_windows
    return TemplateDescribed(
        **_summary(call, found).model_dump(by_alias=False),
        **configurations_of(found),
        document_source=found.document_source,
        document=found.document,
        maintenance_windows=tuple(printed(window) for window in windows) or None,
        destination_package_versions=found.package_versions or None,
    )


async def page(call: AwsCall[Paging]) -> TemplateList:
    found = await call.store.browse(
        templates.page, max_results=call.given.max_results, next_token=call.given.next_token
    )
    return TemplateList(
        job_templates=tuple(_summary(call, template) for template in found.items),
        next_token=found.next_token,
    )


def _summary(call: AwsCall[OneTemplateInput] | AwsCall[Paging], template: Template) -> TemplateSummary:
    return TemplateSummary(
        job_template_arn=call.options.arns.template(template.template_id),
        job_template_id=template.template_id,
        description=template.description,
        created_at=template.created_at,
    )


async def delete(call: AwsCall[OneTemplateInput]) -> Empty:
    await call.store.write(templates.delete, _named(call, call.given.job_template_id))
    return Empty()


OPERATIONS: Final = (
    Operation(
        "CreateJobTemplate", "PUT", "/job-templates/{jobTemplateId}", create,
        errors=errors("IR RNF CF LE TH IF"), role=Role.OPERATOR,
    ),
    Operation(
        "DescribeJobTemplate", "GET", "/job-templates/{jobTemplateId}", describe,
        errors=errors("IR RNF TH IF"),
    ),
    Operation("ListJobTemplates", "GET", "/job-templates", page, errors=errors("IR TH IF")),
    Operation(
        "DeleteJobTemplate", "DELETE", "/job-templates/{jobTemplateId}", delete,
        errors=errors("IR RNF TH IF"), role=Role.OPERATOR,
    ),
)  # fmt: skip
