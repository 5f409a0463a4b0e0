"""Tags: labels that operators put on what has an ARN (contract 1.4, 2.15)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from domain.errors import InvalidRequest

MAX_TAGS: Final = 50
MAX_KEY: Final = 128
MAX_VALUE: Final = 256
_SIGNS: Final = frozenset("_.:/=+-@")
#: Letters, separators, numbers.
_CATEGORIES: Final = frozenset("LZN")
_RESERVED: Final = "aws:"


def checked(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return tags that may be put on something, or raise ``InvalidRequest`` naming the tag."""
    for key, value in pairs.items():
        if not 1 <= len(key) <= MAX_KEY or not _is_plain(key):
            raise InvalidRequest(f"tags: key {key[:64]!r} is not 1 to {MAX_KEY} {_ALLOWED}")
        if key.lower().startswith(_RESERVED):
            raise InvalidRequest(f"tags: key {key[:64]!r} begins with {_RESERVED}, which is reserved")
        if len(value) > MAX_VALUE or not _is_plain(value):
            raise InvalidRequest(
                f"tags: value {value[:64]!r} of {key[:64]!r} is not up to {MAX_VALUE} {_ALLOWED}"
            )
    return dict(pairs)


def gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a list of keys and values as a mapping. Raises ``InvalidRequest`` for a key that comes twice."""
    found: dict[str, str] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidRequest(f"tags: key {key[:64]!r} comes more than once")
        found[key] = value
    return found


_ALLOWED: Final = "letters, digits, spaces and any of _ . : / = + - @"


def _is_plain(text: str) -> bool:
    return all(one in _SIGNS or unicodedata.category(one)[0] in _CATEGORIES for one in text)
