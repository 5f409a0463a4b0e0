"""Operations on job templates: thin translations onto the verbs of the store."""

from __future__ import annotations

from api.call import Call
from api.requests import CreateTemplate
from api.schema import Deleted, GotTemplate, TemplateCreated, TemplateList
from api.shapes import Nothing, Paging
from api.views import template_view
from domain.timeout_config import UNLIMITED
from storage import templates


async def create(call: Call[Nothing, CreateTemplate]) -> TemplateCreated:
    asked = call.body
    kept = await call.store.write(
        templates.create,
        template_id=asked.job_template_id,
        document=asked.document,
        description=asked.description,
        timeout_config=asked.timeout_config or UNLIMITED,
        pacing=asked.pacing,
        priority=asked.priority or 0,
        exclusive_group=asked.exclusive_group,
        at=call.at,
    )
    return TemplateCreated(
        job_template_id=kept.template_id, job_template_arn=call.options.arns.template(kept.template_id)
    )


async def get(call: Call[Nothing, Nothing]) -> GotTemplate:
    found = await call.store.read(templates.get, call.path["jobTemplateId"])
    return GotTemplate(job_template=template_view(found, call.options.arns))


async def page(call: Call[Paging, Nothing]) -> TemplateList:
    found = await call.store.read(
        templates.page, max_results=call.query.max_results, next_token=call.query.next_token
    )
    views = tuple(template_view(template, call.options.arns) for template in found.items)
    return TemplateList(job_templates=views, next_token=found.next_token)


async def delete(call: Call[Nothing, Nothing]) -> Deleted:
    await call.store.write(templates.delete, call.path["jobTemplateId"])
    return Deleted()
