"""Operations on the job templates that come with us (contract 1.7, 4.3)."""

from __future__ import annotations

from typing import Final

from api.aws import names
from api.aws.operation import AwsCall, Operation, errors
from api.aws.template_shapes import (
    DocumentParameter,
    ListManagedInput,
    ManagedDescribed,
    ManagedList,
    ManagedSummary,
    OneManagedInput,
)
from domain import managed
from domain.managed import ManagedTemplate
from domain.names import Arns
from storage import pages


async def page(call: AwsCall[ListManagedInput]) -> ManagedList:
    given, arns = call.given, call.options.arns
    if given.template_name is None:
        listed = list(managed.TEMPLATES.values())
    else:
        listed = [managed.find(_named(given.template_name, arns))]
    found = await call.store.browse(
        pages.of,
        ("managed templates", given.template_name),
        [(template.name, template) for template in listed],
        max_results=given.max_results,
        next_token=given.next_token,
    )
    return ManagedList(
        managed_job_templates=tuple(_summary(template, arns) for template in found.items),
        next_token=found.next_token,
    )


async def describe(call: AwsCall[OneManagedInput]) -> ManagedDescribed:
    given, arns = call.given, call.options.arns
    template = managed.find(_named(given.template_name, arns), given.template_version)
    parameters = (
        DocumentParameter(
            key=parameter.key,
            description=parameter.description,
            regex=parameter.regex,
            example=parameter.example,
            optional=parameter.optional,
        )
        for parameter in template.parameters
    )
    return ManagedDescribed(
        **_summary(template, arns).model_dump(by_alias=False),
        document_parameters=tuple(parameters),
        document=template.document,
    )


def _named(said: str, arns: Arns) -> str:
    return names.plain(said, "jobtemplate", member="templateName", arns=arns, ownerless=True)


def _summary(template: ManagedTemplate, arns: Arns) -> ManagedSummary:
    return ManagedSummary(
        template_arn=arns.managed_template(template.reference),
        template_name=template.name,
        description=template.description,
        environments=template.environments,
        template_version=template.version,
    )


_ERRORS: Final = errors("IR RNF TH IS")
OPERATIONS: Final = (
    Operation("ListManagedJobTemplates", "GET", "/managed-job-templates", page, errors=_ERRORS),
    Operation(
        "DescribeManagedJobTemplate", "GET", "/managed-job-templates/{templateName}", describe,
        errors=_ERRORS,
    ),
)  # fmt: skip
