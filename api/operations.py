"""What the server tells of itself: that it lives, whether it is ready, and where things are."""

from __future__ import annotations

from collections.abc import Mapping

from api.call import Call
from api.shapes import Answer, Nothing


class Alive(Answer):
    status: str = "ok"


class Ready(Answer):
    """503 while a part is not ready; `error` names those parts."""

    ready: bool
    parts: dict[str, bool]
    #: What can be done without: a replica that is false is passed over.
    optional: dict[str, bool]
    error: str | None = None

    @property
    def http_status(self) -> int:
        return 200 if self.ready else 503


class About(Answer):
    name: str = "thingjobs"
    version: str
    links: dict[str, str]


async def alive(call: Call[Nothing, Nothing]) -> Alive:
    del call
    return Alive()


async def ready(call: Call[Nothing, Nothing]) -> Ready:
    return readiness(call.options.ready(), call.options.optional())


def readiness(found: Mapping[str, bool], optional: Mapping[str, bool] | None = None) -> Ready:
    """Return what is said of these parts."""
    parts, others = dict(found), dict(optional or {})
    failing = [name for name, is_ready in parts.items() if not is_ready]
    if failing:
        return Ready(ready=False, parts=parts, optional=others, error=f"not ready: {', '.join(failing)}")
    return Ready(ready=True, parts=parts, optional=others)


async def about(call: Call[Nothing, Nothing]) -> About:
    own = {"openapi": "/openapi.json", "docs": "/docs", "health": "/healthz", "readiness": "/readyz"}
    return About(version=call.options.version, links={**own, **call.options.links})
