"""Operations on job templates: thin translations onto the verbs of the store."""

from __future__ import annotations

from typing import Any

from api.call import Call
from api.schema import Deleted, GotTemplate, TemplateCreated, TemplateList
from api.shapes import Nothing, Paging
from api.template_requests import CreateTemplate, NewVersion, TemplateVersion
from api.views import template_view
from domain.job import Template
from storage import templates


async def create(call: Call[Nothing, CreateTemplate]) -> TemplateCreated:
    return _created(call, await _keep(call, call.body.job_template_id, again=False))


async def create_version(call: Call[Nothing, NewVersion]) -> TemplateCreated:
    return _created(call, await _keep(call, call.path["jobTemplateId"], again=True))


async def _keep(call: Call[Nothing, Any], template_id: str | None, *, again: bool) -> Template:
    asked: NewVersion = call.body
    return await call.store.write(
        templates.create,
        template_id=template_id,
        document=asked.document,
        description=asked.description,
        parameters=asked.parameters,
        timeout_config=asked.timeout_config,
        pacing=asked.pacing,
        priority=asked.priority,
        exclusive_group=asked.exclusive_group,
        from_job=asked.job_id,
        again=again,
        at=call.at,
    )


def _created(call: Call[Nothing, Any], kept: Template) -> TemplateCreated:
    return TemplateCreated(
        job_template_id=kept.template_id,
        job_template_arn=call.options.arns.template(kept.template_id),
        version=kept.version,
    )


async def get(call: Call[TemplateVersion, Nothing]) -> GotTemplate:
    found = await call.store.read(templates.get, call.path["jobTemplateId"], version=call.query.version)
    return GotTemplate(job_template=template_view(found, call.options.arns))


async def page(call: Call[Paging, Nothing]) -> TemplateList:
    found = await call.store.browse(
        templates.page, max_results=call.query.max_results, next_token=call.query.next_token
    )
    views = tuple(template_view(template, call.options.arns) for template in found.items)
    return TemplateList(job_templates=views, next_token=found.next_token)


async def versions(call: Call[Paging, Nothing]) -> TemplateList:
    found = await call.store.browse(
        templates.versions,
        call.path["jobTemplateId"],
        max_results=call.query.max_results,
        next_token=call.query.next_token,
    )
    views = tuple(template_view(template, call.options.arns) for template in found.items)
    return TemplateList(job_templates=views, next_token=found.next_token)


async def delete(call: Call[TemplateVersion, Nothing]) -> Deleted:
    await call.store.write(templates.delete, call.path["jobTemplateId"], version=call.query.version)
    return Deleted()
