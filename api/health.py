"""The door of a process that serves no operators: whether it lives, and whether it is ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from api.operations import readiness


def health(ready: Callable[[], Mapping[str, bool]], is_active: Callable[[], bool]) -> web.Application:
    """Return the application. ``active`` is false of a ready process that stands by for another one."""

    async def alive(request: web.Request) -> web.Response:
        del request
        return web.json_response({"status": "ok"})

    async def tell(request: web.Request) -> web.Response:
        del request
        found = readiness(ready())
        body = {**found.model_dump(mode="json"), "active": is_active()}
        return web.json_response(body, status=found.http_status)

    app = web.Application()
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", tell)
    return app
