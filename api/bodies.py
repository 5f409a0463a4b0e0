"""Reading a JSON body that is not trusted: bounded in every direction, without ambiguities."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from aiohttp import web
from pydantic_core import from_json

from api.errors import Refusal, shown
from domain.documents import distinct
from domain.errors import InvalidJson

#: A document has 20 levels at most and lies one level down.
MAX_DEPTH: Final = 24
#: No document of 32 KB has as many members in one object.
MAX_MEMBERS: Final = 10_000


async def read(request: web.Request, *, limit: int, seconds: float) -> bytes:
    """Return the body, whatever type it claims to be; raises ``Refusal`` for size, encoding and slowness."""
    refuse_encoded(request)
    too_large = Refusal(413, f"the body is larger than {limit} bytes", close=True)
    if (request.content_length or 0) > limit:
        raise too_large
    raw = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                raw += chunk
                if len(raw) > limit:
                    raise too_large
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {seconds:g} seconds", close=True) from None
    except (web.RequestPayloadError, ConnectionError) as error:
        raise Refusal(400, "the body is not framed as HTTP asks", close=True) from error
    return bytes(raw)


def refuse_encoded(request: web.Request) -> None:
    """Raise ``Refusal`` for a body that would have to be inflated."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise Refusal(415, f"Content-Encoding {shown(encoding)} is not supported; send it plain", close=True)


def parse(raw: bytes) -> object:
    """Return what the JSON text says; raises ``InvalidJson`` where readers could differ about that."""
    try:
        # The Rust parser refuses what the standard one lets through: NaN, lone surrogates, bad UTF-8.
        parsed = from_json(raw, allow_inf_nan=False)
        json.loads(raw, object_pairs_hook=_object)
    except ValueError as error:
        if "recursion limit" in str(error):
            raise InvalidJson(f"the body is nested deeper than {MAX_DEPTH} levels") from None
        raise InvalidJson(f"the body is not valid JSON: {error}") from None
    if _depth(parsed) > MAX_DEPTH:
        raise InvalidJson(f"the body is nested deeper than {MAX_DEPTH} levels")
    return parsed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_MEMBERS:
        raise ValueError(f"an object has {len(pairs)} members; at most {MAX_MEMBERS} are allowed")
    return distinct(pairs)


def _depth(node: object) -> int:
    """Return the depth, walking level by level: no recursion, however deep."""
    depth, level = 0, [node]
    while level:
        depth += 1
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return depth - 1
