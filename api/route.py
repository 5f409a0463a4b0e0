"""A row of the table of routes. Its models are those of the handler's signature, said once and checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, get_args, get_type_hints

from aiohttp.hdrs import METH_GET

from api.call import Call
from api.shapes import Answer, Request

#: A document of 32 KB inside a JSON string, its every character escaped.
DEFAULT_LIMIT: Final = 128 * 1024
#: 10,000 ARNs with names of 128 characters, one per indented line.
LISTS_LIMIT: Final = 3 * 1024 * 1024

#: Usual sets of statuses that an operation may fail with.
INVALID: Final = (422,)
CONFLICT: Final = (404, 409, 422)

Handler = Callable[[Call[Any, Any]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. ``errors`` are the statuses beside those that every operation may answer with."""

    method: str
    path: str
    name: str
    handler: Handler
    summary: str = field(kw_only=True)
    errors: tuple[int, ...] = field(kw_only=True, default=(404, 422))
    #: Statuses that ``answer`` comes with.
    answers: tuple[int, ...] = field(kw_only=True, default=(200,))
    #: Bytes of body.
    limit: int = field(kw_only=True, default=DEFAULT_LIMIT)
    #: Where what was created is found, in terms of the answer's members.
    location: str | None = field(kw_only=True, default=None)
    query: type[Request] = field(init=False)
    body: type[Request] = field(init=False)
    answer: type[Answer] = field(init=False)

    @property
    def reads_body(self) -> bool:
        """Whether a body is read, be it to refuse what it says; that of a GET means nothing (RFC 9110)."""
        return self.method != METH_GET

    def __post_init__(self) -> None:
        hints = get_type_hints(self.handler)
        query, body = get_args(hints["call"])
        for name, model in (("query", query), ("body", body), ("answer", hints["return"])):
            object.__setattr__(self, name, model)
