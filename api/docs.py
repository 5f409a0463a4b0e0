"""The documentation page: Swagger UI out of an installed package, so that it works without a network.

Its files come with the extra ``docs``; of that package only the folder is used, it is never imported. Without
it the page is a plain one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

_PACKAGE: Final = "aiohttp_apischema"
_FILES: Final[Mapping[str, str]] = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
#: Swagger UI writes styles into the page and carries pictures as data; nothing else is let in.
_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
)
_HEAD: Final = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Thingjobs API</title>'
_PAGE: Final = (
    f'{_HEAD}<link rel="stylesheet" href="/docs/swagger-ui.css"><link rel="icon" '
    'href="/docs/favicon-32x32.png"></head><body><div id="page"></div>'
    '<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>\n'
)
_PLAIN: Final = (
    f'{_HEAD}</head><body><h1>Thingjobs API</h1><p>The description of this API is at <a href="/openapi.json">'
    "/openapi.json</a>. For pages to click through install the extra <code>docs</code>.</p></body></html>\n"
)
_START: Final = (
    'SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", validatorUrl: null, deepLinking: true});\n'
)


def add(app: web.Application, *, assets: Path | None) -> None:
    """Serve ``/docs`` and what it loads from ``assets``, the folder of Swagger UI (None: there is none)."""
    app.router.add_get("/docs", _text(_PLAIN if assets is None else _PAGE, "text/html"))
    if assets is None:
        return
    app.router.add_get("/docs/start.js", _text(_START, "text/javascript"))
    for name, kind in _FILES.items():
        app.router.add_get(f"/docs/{name}", _file(assets / name, kind))


def installed() -> Path | None:
    """Return the folder with Swagger UI's files if the extra is installed."""
    spec = find_spec(_PACKAGE)
    places = [] if spec is None else spec.submodule_search_locations or []
    folders = [Path(place) / "swagger-ui" for place in places]
    return next((folder for folder in folders if all((folder / name).is_file() for name in _FILES)), None)


def _text(text: str, kind: str) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(text=text, content_type=kind, headers={"Content-Security-Policy": _POLICY})

    return handle


def _file(path: Path, kind: str) -> Handler:
    """Serve a file whole: answering to ranges and conditions has failures of its own form."""

    async def handle(request: web.Request) -> web.StreamResponse:
        del request
        content = await asyncio.to_thread(path.read_bytes)
        return web.Response(body=content, content_type=kind, headers={"Cache-Control": "no-cache"})

    return handle
