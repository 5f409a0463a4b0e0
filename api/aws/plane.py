"""One plane of AWS's HTTP API: finds the operation, admits the caller, checks the input, answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web
from pydantic import ValidationError

from api import bodies
from api.aws import guard
from api.aws.errors import AwsError, failure, internal, refused, told
from api.aws.operation import AwsCall, Operation
from api.aws.rates import Rates
from api.aws.shapes import Input
from api.call import ApiOptions
from api.errors import Refusal, invalid, shown
from api.headers import REQUEST_ID_OF
from api.route import DEFAULT_LIMIT
from domain.errors import InvalidRequest, JobsError
from storage.store import Store

_log = logging.getLogger(__name__)
#: Bytes of body that are checked without making the other callers wait; more go to a thread.
_AT_ONCE: Final = 64 * 1024
_NO_ERRORS: Final = ("IR",)
_QUESTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Found:
    """An operation and the members that its path says."""

    operation: Operation
    path: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """``service`` is what requests to it are signed for; ``data`` marks the devices' plane."""

    prefix: str
    service: str
    operations: Sequence[Operation]
    store: Store
    options: ApiOptions
    #: Counts what goes on at a time.
    in_flight: AbstractContextManager[Any]
    rates: Rates
    data: bool = False
    #: Keys looked up at a time, whoever asks.
    _questions: asyncio.Semaphore = field(init=False, default_factory=lambda: asyncio.Semaphore(_QUESTIONS))
    _by_shape: dict[tuple[str, int], list[Operation]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for operation in self.operations:
            key = (operation.method, len(operation.segments))
            self._by_shape.setdefault(key, []).append(operation)
        for choices in self._by_shape.values():
            # What is written out goes before what a name stands for.
            choices.sort(key=lambda each: [piece.startswith("{") for piece in each.segments])

    def find(self, method: str, raw_path: str) -> Found | None:
        """Return the operation at an undecoded path below the prefix, so that ``%2F`` divides nothing."""
        said = tuple(unquote(piece) for piece in raw_path.strip("/").split("/"))
        for operation in self._by_shape.get((method, len(said)), ()):
            pairs = list(zip(operation.segments, said, strict=True))
            if all(piece.startswith("{") or piece == text for piece, text in pairs):
                path = {piece[1:-1]: text for piece, text in pairs if piece.startswith("{")}
                labels = operation.labels
                return Found(operation, {labels.get(name, name): text for name, text in path.items()})
        return None

    async def answer(self, request: web.Request, raw_path: str) -> web.Response:
        """Answer one request whatever happens; ``raw_path`` is its path below the prefix."""
        found = self.find(request.method, raw_path)
        codes = _NO_ERRORS if found is None else found.operation.errors
        request_id = request[REQUEST_ID_OF]
        try:
            async with self._questions:
                known = await guard.recognise(
                    request, service=self.service, store=self.store, options=self.options
                )
            with self.in_flight:
                response = await self._answer(request, found, known)
        except AwsError as error:
            response = failure(error)
        except JobsError as error:
            response = failure(told(error, codes, data=self.data))
        except Refusal as refusal:
            response = failure(refused(refusal))
            if refusal.close:
                response.force_close()
        except Exception:  # noqa: BLE001 - the border: whatever it is, the caller gets an answer and we the trace
            _log.exception("%s %s failed [%s]", request.method, shown(raw_path), request_id)
            response = failure(internal(request_id, codes))
        response.headers["x-amzn-requestid"] = request_id
        return response

    async def _answer(
        self, request: web.Request, found: Found | None, known: guard.Known | None
    ) -> web.Response:
        limit = DEFAULT_LIMIT if found is None else found.operation.limit
        raw = await bodies.read(request, limit=limit, seconds=self.options.body_seconds)
        principal = await guard.admit(request, raw, known, store=self.store, options=self.options)
        if found is None:
            where = f"{request.method} {shown(request.rel_url.raw_path)}"
            reason = f"{where} is no operation of this server; docs/aws.md lists those that are"
            raise AwsError("UnknownOperationException", reason, status=404)
        operation = found.operation
        guard.authorize(principal, operation, found.path)
        self.rates.take(operation.rate or operation.name)
        said = {**_query(request, operation), **_headers(request, operation), **found.path}
        given = await _given(operation.given, said, raw)
        call = AwsCall(
            store=self.store,
            options=self.options,
            at=self.options.clock(),
            principal=principal,
            actor=principal.actor,
            given=given,
        )
        answer = await operation.handler(call)
        return web.Response(
            body=answer.model_dump_json(by_alias=True, exclude_none=True).encode(),
            content_type="application/json",
        )


def _query(request: web.Request, operation: Operation) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, value in request.query.items():
        if name.lower().startswith("x-amz-"):
            continue
        if name not in operation.query:
            if operation.given.model_config.get("extra") == "ignore":
                continue
            raise InvalidRequest(f"unknown query parameter {shown(name)}")
        member = operation.query[name]
        if member in said:
            raise InvalidRequest(f"query parameter {shown(name)} is given more than once")
        said[member] = value
    return said


def _headers(request: web.Request, operation: Operation) -> dict[str, Any]:
    return {
        member: request.headers[name] for name, member in operation.headers.items() if name in request.headers
    }


async def _given(model: type[Input], said: Mapping[str, Any], raw: bytes) -> Input:
    if len(raw) <= _AT_ONCE:
        return _parsed(model, said, raw)
    return await asyncio.to_thread(_parsed, model, said, raw)


def _parsed(model: type[Input], said: Mapping[str, Any], raw: bytes) -> Input:
    found = bodies.parse(raw) if raw.strip() else {}
    if not isinstance(found, dict):
        raise InvalidRequest("the body must be a JSON object")
    # As AWS reads it: null is absent. Path, query and headers win over a body that repeats them.
    body = {name: value for name, value in found.items() if value is not None}
    try:
        return model.model_validate({**body, **said})
    except ValidationError as error:
        raise invalid(error, noun="member") from None
