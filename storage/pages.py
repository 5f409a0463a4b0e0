"""Pages by keyset: a list goes on after the last key seen, so page n costs what page 1 costs.

``nextToken`` is that key, signed together with the question it belongs to: it cannot be changed, and it
cannot be used for another list or other filters.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, text

from domain.errors import InvalidRequest

T = TypeVar("T")
MAX_RESULTS: Final = 250
_MAC: Final = 16


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some entries of a list; ``next_token`` is None on the last page."""

    items: tuple[T, ...]
    next_token: str | None


def start(
    connection: Connection, question: Sequence[Any], next_token: str | None, *, member: str = "nextToken"
) -> Any:
    """Return the key after which the page begins, None for the first page.

    Raises ``InvalidRequest`` for a token that is not ours or belongs to another question; ``member`` is what
    callers of this list know it as.
    """
    if next_token is None:
        return None
    problem = InvalidRequest(f"{member} {next_token[:64]!r} is not one this list has given out")
    try:
        raw = base64.b64decode(next_token.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        raise problem from None
    mac, body = raw[:_MAC], raw[_MAC:]
    # Several spellings decode to the same bytes; only the one we gave out is ours.
    ours = _encoded(raw) == next_token and hmac.compare_digest(mac, _mac(connection, question, body))
    if not ours:
        raise problem
    return from_json(body)


def cut(
    connection: Connection, question: Sequence[Any], found: Sequence[tuple[Any, T]], size: int
) -> Page[T]:
    """Return the page out of up to ``size + 1`` (key, entry) pairs; the extra one tells that more follow."""
    items = tuple(entry for _, entry in found[:size])
    if len(found) <= size:
        return Page(items, None)
    return Page(items, token(connection, question, found[size - 1][0]))


def of(
    connection: Connection,
    question: Sequence[Any],
    entries: Sequence[tuple[str, T]],
    *,
    max_results: int,
    next_token: str | None,
    member: str = "nextToken",
) -> Page[T]:
    """Return a page of (key, entry) pairs that are all at hand, in the order of their keys."""
    after = start(connection, question, next_token, member=member)
    left = [pair for pair in entries if after is None or pair[0] > after]
    return cut(connection, question, left[: size(max_results) + 1], max_results)


def token(connection: Connection, question: Sequence[Any], key: object) -> str:
    """Return the ``next_token`` of a page after which the list goes on behind ``key``."""
    body = to_json(key)
    return _encoded(_mac(connection, question, body) + body)


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw, altchars=b"-_").decode("ascii")


def size(max_results: int) -> int:
    """Return ``max_results``, or raise ``InvalidRequest``."""
    if not 1 <= max_results <= MAX_RESULTS:
        raise InvalidRequest(f"maxResults {max_results} is not from 1 to {MAX_RESULTS}")
    return max_results


def create_key(connection: Connection) -> None:
    """Make the signing key of a new database."""
    connection.execute(
        text("INSERT INTO meta (name, value) VALUES ('page-key', :value) ON CONFLICT (name) DO NOTHING"),
        {"value": secrets.token_bytes(32)},
    )


def _mac(connection: Connection, question: Sequence[Any], body: bytes) -> bytes:
    key = connection.execute(text("SELECT value FROM meta WHERE name = 'page-key'")).scalar_one()
    asked = to_json(list(question))
    return hmac.digest(bytes(key), hashlib.sha256(asked).digest() + body, "sha256")[:_MAC]
