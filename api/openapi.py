"""The OpenAPI 3.1 description, made from the table of routes and its models; nothing is written twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from aiohttp.hdrs import METH_DELETE
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.call import ApiOptions
from api.callers import HEADER
from api.fields import ARTIFACT_SCHEMA, JOB_SCHEMA, KEY_ID_SCHEMA, THING_SCHEMA
from api.guards import OPEN
from api.route import Route
from api.shapes import Answer, Error, Nothing, Request, Text
from domain.acts import HINT_PATTERN

Schema = dict[str, Any]

_REF: Final = "#/components/schemas/{model}"
_PATH_SCHEMAS: Final[Mapping[str, Schema]] = {
    "accessKeyId": KEY_ID_SCHEMA,
    "artifactName": ARTIFACT_SCHEMA,
    "jobId": JOB_SCHEMA,
    "jobTemplateId": JOB_SCHEMA,
    "thingName": THING_SCHEMA,
    "thingGroupName": THING_SCHEMA,
}
_EVERYWHERE: Final = (400, 403, 429, 500, 503)
_WITH_BODY: Final = (408, 413, 415)
#: Goes with everything that changes something.
_ACTOR: Final[Schema] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Whom the caller acts for, for the timeline; not checked",
    "schema": {"type": "string", "pattern": f"^{HINT_PATTERN}$"},
}
_ABOUT: Final = (
    'Jobs for device fleets. Every failure is `{"error": "<reason>"}`; lists are paged by `nextToken`, '
    "which is null on the last page."
)


def document(routes: tuple[Route, ...], options: ApiOptions) -> Schema:
    """Return the description of these routes."""
    schemas = _schemas(routes)
    paths: dict[str, Schema] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas, options)
    queries = {route.query.__name__ for route in routes}
    uploads = {route.body.__name__ for route in routes if route.body.binary}
    components: Schema = {
        "schemas": {name: schema for name, schema in schemas.items() if name not in queries | uploads},
        "responses": {str(status): _error(status) for status in _statuses(routes)},
    }
    described: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "Thingjobs", "version": options.version, "description": _ABOUT},
        "paths": paths,
        "components": components,
    }
    if options.api_key is not None:
        components["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer"},
            "link": {"type": "apiKey", "in": "query", "name": "signature"},
        }
        described["security"] = [{"key": []}]
    return described


@cache
def _schemas(routes: tuple[Route, ...]) -> Mapping[str, Schema]:
    """Ask the models once per process: it is half of what opening the door costs."""
    asked = {model for route in routes for model in (route.query, route.body)}
    answered = {route.answer for route in routes if not route.answer.binary} | {Error}
    wanted: list[tuple[type[BaseModel], Any]] = [
        *((model, "validation") for model in sorted(asked, key=_name)),
        *((model, "serialization") for model in sorted(answered, key=_name)),
    ]
    _, definitions = models_json_schema(wanted, ref_template=_REF)
    return {name: _tidy(schema) for name, schema in definitions["$defs"].items()}


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _tidy(node: Any) -> Any:
    """Drop what pydantic adds and nobody needs: titles made of names, and defaults that mean "not given"."""
    if isinstance(node, list):
        return [_tidy(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    return {
        name: {key: _tidy(entry) for key, entry in value.items()} if name == "properties" else _tidy(value)
        for name, value in node.items()
        if not (name == "title" and isinstance(value, str)) and not (name == "default" and value is None)
    }


def _operation(route: Route, schemas: Mapping[str, Schema], options: ApiOptions) -> Schema:
    operation: Schema = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.path.split("/")[1] or "server"],
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(schemas[route.query.__name__]),
            *([_ACTOR] if route.reads_body else []),
        ],
        "responses": _responses(route, options),
    }
    if options.api_key is not None and route.path in OPEN:
        operation["security"] = []
    elif options.api_key is not None and route.answer.binary:
        operation["security"] = [{"key": []}, {"link": []}]
    if route.body is not Nothing:
        required = bool(schemas[route.body.__name__].get("required"))
        anything = bool(schemas[route.body.__name__].get("anyOf"))
        operation["requestBody"] = {"required": required or anything, "content": _content(route.body)}
        if route.method == METH_DELETE:
            operation["description"] = "What the body may say may stand in the query as well, which wins."
    return operation


def _content(model: type[Request | Answer]) -> Schema:
    if issubclass(model, Text):
        return {model.media_type: {"schema": {"type": "string"}}}
    if model.binary:
        return {"application/octet-stream": {}}
    return {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}


def _path_parameters(route: Route) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS[name]}
        for name in re.findall(r"{(\w+)}", route.path)
    ]


def _query_parameters(schema: Schema) -> list[Schema]:
    return [
        {"name": name, "in": "query", "required": False, "schema": _not_null(member)}
        for name, member in schema.get("properties", {}).items()
    ]


def _not_null(schema: Schema) -> Schema:
    """A parameter is there or not; it is never null."""
    branches = [branch for branch in schema.get("anyOf", []) if branch != {"type": "null"}]
    if len(branches) != 1:
        return schema
    return {**branches[0], **{name: value for name, value in schema.items() if name != "anyOf"}}


def _responses(route: Route, options: ApiOptions) -> Schema:
    statuses = {*_EVERYWHERE, *route.errors}
    if route.reads_body:
        statuses |= set(_WITH_BODY)
    if options.api_key is not None and route.path not in OPEN:
        statuses.add(401)
    success: Schema = {"content": _content(route.answer)}
    if route.location is not None:
        success["headers"] = {"Location": {"schema": {"type": "string"}}}
    failures = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}
    answers = {str(status): {**success, "description": HTTPStatus(status).phrase} for status in route.answers}
    return {**failures, **answers}


def _statuses(routes: tuple[Route, ...]) -> list[int]:
    named = {status for route in routes for status in route.errors}
    return sorted({401, *_EVERYWHERE, *_WITH_BODY, *named})


def _error(status: int) -> Schema:
    content = {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}}
    return {"description": HTTPStatus(status).phrase, "content": content}
