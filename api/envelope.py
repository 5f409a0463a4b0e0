"""The outermost layer: every answer has a request id and safe headers, every failure the one form."""

from __future__ import annotations

import logging
import re
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from api.aws.planes import Planes
from api.connection import Connection
from api.errors import Refusal, failure, shown, status_of
from api.headers import REQUEST_ID, REQUEST_ID_OF, dress, new_id
from domain.errors import JobsError

_log = logging.getLogger(__name__)
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_READS: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


def envelope(aws: Planes) -> Middleware:
    """Return the middleware that must come first; what is for a plane of AWS's dialects goes there."""

    @web.middleware
    async def wrap(request: web.Request, handler: Handler) -> web.StreamResponse:
        response: web.StreamResponse
        request_id = request[REQUEST_ID_OF] = _request_id(request)
        with Connection.busy(request):
            plane = aws.of(request)
            if plane is not None:
                response = await plane[0].answer(request, plane[1])
            else:
                response = await _answer(request, handler, request_id)
        dress(response, request_id)
        level = logging.DEBUG if request.method in _READS else logging.INFO
        path = shown(request.rel_url.raw_path)
        _log.log(level, "%s %s -> %d [%s]", request.method, path, response.status, request_id)
        return response

    return wrap


async def _answer(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except JobsError as error:
        status = status_of(error)
        if status == 500:
            return _internal(request, request_id)
        return failure(status, str(error))
    except Refusal as refusal:
        return _refused(refusal)
    except web.HTTPException as error:
        return _from_aiohttp(request, error)
    except Exception:  # noqa: BLE001 - the border: whatever it is, the caller gets an answer and we the trace
        return _internal(request, request_id)


def _refused(refusal: Refusal) -> web.Response:
    response = failure(refusal.status, str(refusal), refusal.headers)
    if refusal.close:
        response.force_close()
    return response


def _internal(request: web.Request, request_id: str) -> web.Response:
    _log.exception("%s %s failed [%s]", request.method, shown(request.rel_url.raw_path), request_id)
    return failure(500, f"internal error, request id {request_id}")


def _from_aiohttp(request: web.Request, error: web.HTTPException) -> web.Response:
    path = shown(request.path)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return failure(
            405, f"{request.method} is not allowed on {path}; allowed: {allowed}", {"Allow": allowed}
        )
    if isinstance(error, web.HTTPNotFound):
        return failure(404, f"There is nothing at {path}")
    return failure(error.status, error.reason)


def _request_id(request: web.Request) -> str:
    given = request.headers.get(REQUEST_ID, "")
    return given if _SANE_ID.fullmatch(given) else new_id()
