"""Headers that every answer carries, whoever makes it."""

from __future__ import annotations

import uuid
from typing import Final

from aiohttp import web

REQUEST_ID: Final = "X-Request-Id"
#: Where a request carries its id, for answers that begin before they are dressed from outside.
REQUEST_ID_OF: Final = web.RequestKey("request id", str)

#: Set unless the answer has its own (the docs page needs another policy).
_HEADERS: Final = {
    # Instead of the versions of Python and aiohttp.
    "Server": "thingjobs",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def dress(response: web.StreamResponse, request_id: str) -> None:
    """Add what is missing."""
    response.headers[REQUEST_ID] = request_id
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def new_id() -> str:
    """Return an id for a request whose caller has not named it."""
    return uuid.uuid4().hex
