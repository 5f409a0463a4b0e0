"""From a row of the table to what aiohttp calls: check every part of the request, call, send the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import ValidationError

from api import bodies, callers
from api.artifact_stream import Content, Upload
from api.call import ApiOptions, Call
from api.errors import RETRY_AFTER, invalid, shown
from api.route import Route
from api.shapes import Answer, Nothing, Request, Text
from domain import access_keys, names
from domain.errors import InvalidRequest, NotFound
from storage.store import Store

M = TypeVar("M", bound=Request)

#: The parameters of all paths: how they are checked, and what is missing when they cannot exist.
PATH: Final[Mapping[str, tuple[Callable[[str], str], str]]] = {
    "accessKeyId": (access_keys.key_id, "access key"),
    "artifactName": (names.artifact_name, "artifact"),
    "jobId": (names.job_id, "job"),
    "jobTemplateId": (names.template_id, "job template"),
    "thingName": (names.thing_name, "thing"),
    "thingGroupName": (names.group_name, "thing group"),
}


#: Bytes of body that are checked without making the other callers wait; more go to a thread.
_AT_ONCE: Final = 64 * 1024


def bind(route: Route, store: Store, options: ApiOptions) -> Handler:
    """Return the handler of one row."""

    async def handle(request: web.Request) -> web.StreamResponse:
        call = Call(
            store=store,
            options=options,
            path=_path(request.match_info),
            query=_query(request, route.query),
            body=await _body(request, route, options),
            at=options.clock(),
            actor=callers.actor(request, options) if route.reads_body else "",
        )
        answer = await route.handler(call)
        if isinstance(answer, Text):
            return web.Response(body=answer.text.encode(), content_type=answer.media_type)
        return await answer.send(request) if isinstance(answer, Content) else _respond(answer, route)

    return handle


def _path(found: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in found.items():
        check, noun = PATH[name]
        try:
            check(value)
        except InvalidRequest:
            # A name that no such thing can have is a name that no such thing has.
            raise NotFound(f"There is no {noun} {shown(value)}") from None
    return dict(found)


def _query(request: web.Request, model: type[M]) -> M:
    given = request.query
    twice = next((name for name in given if len(given.getall(name)) > 1), None)
    if twice is not None:
        raise InvalidRequest(f"query parameter {shown(twice)} is given more than once")
    return _validated(model, dict(given), noun="query parameter")


async def _body(request: web.Request, route: Route, options: ApiOptions) -> Request:
    if not route.reads_body:
        return Nothing()
    if route.body is Upload:
        return Upload.of(request, seconds=options.body_seconds)
    raw = await bodies.read(request, limit=route.limit, seconds=options.body_seconds)
    if len(raw) <= _AT_ONCE:
        return _parsed(route.body, raw)
    return await asyncio.to_thread(_parsed, route.body, raw)


def _parsed(model: type[M], raw: bytes) -> M:
    found = bodies.parse(raw) if raw.strip() else {}
    if not isinstance(found, dict):
        raise InvalidRequest("the body must be a JSON object")
    return _validated(model, found, noun="member")


def _validated(model: type[M], raw: Mapping[str, object], *, noun: str) -> M:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise invalid(error, noun=noun) from None


def _respond(answer: Answer, route: Route) -> web.Response:
    retry_after = RETRY_AFTER.get(answer.http_status)
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    if route.location is not None and getattr(answer, "created", True):
        headers["Location"] = route.location.format_map(answer.model_dump())
    return web.Response(
        status=answer.http_status,
        body=answer.model_dump_json(exclude=set(answer.left_out)).encode(),
        content_type="application/json",
        headers=headers,
    )
