"""The operators' HTTP door as one application: the table of routes behind the guards."""

from __future__ import annotations

from aiohttp import web
from pydantic_core import to_json

from api import docs, openapi
from api.aws.planes import planes
from api.binding import bind
from api.call import ApiOptions
from api.envelope import envelope
from api.guards import Gauge, guards
from api.routes import ROUTES
from storage.store import Store

__all__ = ["ApiOptions", "build"]


def build(store: Store, options: ApiOptions) -> web.Application:
    """Return the application; serve it with ``api.server.ApiServer``."""
    in_flight = Gauge(options.in_flight, "requests are being answered")
    aws = planes(store, options, in_flight)
    app = web.Application(middlewares=[envelope(aws), guards(options, in_flight)])
    for route in ROUTES:
        handler = bind(route, store, options)
        if route.method == "GET":
            app.router.add_get(route.path, handler, allow_head=True)
        else:
            app.router.add_route(route.method, route.path, handler)
    description = to_json(openapi.document(ROUTES, options))

    async def describe(request: web.Request) -> web.Response:
        del request
        return web.Response(body=description, content_type="application/json")

    app.router.add_get("/openapi.json", describe)
    docs.add(app, assets=docs.installed())
    return app
