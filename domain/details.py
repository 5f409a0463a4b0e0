"""The free name-value pairs an execution reports: limits and stringification (contract 1.6)."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from domain.errors import InvalidRequest

MAX_PAIRS: Final = 10
MAX_VALUE: Final = 1024
_KEY = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
#: Devices send raw program output, so these three are welcome although they are control characters.
_WELCOME: Final = frozenset("\t\n\r")


def status_details(raw: object, *, field: str = "statusDetails") -> dict[str, str]:
    """Return the map as it is stored, or raise ``InvalidRequest`` naming the pair at fault.

    Numbers and booleans become their JSON text; null and nested values are refused.
    """
    if not isinstance(raw, Mapping):
        raise InvalidRequest(f"{field} must be an object of name-value pairs, not {_kind(raw)}")
    if len(raw) > MAX_PAIRS:
        raise InvalidRequest(f"{field} has {len(raw)} pairs; at most {MAX_PAIRS} are allowed")
    return {
        _key(key, field): value if _is_plain(value) else _value(f"{field}.{key}", value)
        for key, value in raw.items()
    }


def _is_plain(value: object) -> bool:
    """Return whether a value is stored as it is: the short way for what devices nearly always send."""
    return isinstance(value, str) and 1 <= len(value) <= MAX_VALUE and value.isprintable()


def _key(key: object, field: str) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidRequest(f"{field}: name {str(key)[:64]!r} does not match {_KEY.pattern}")
    return key


def _value(field: str, value: object) -> str:
    if isinstance(value, bool | int | float):
        try:
            value = json.dumps(value, allow_nan=False)
        except ValueError:  # not finite, or thousands of digits
            raise InvalidRequest(f"{field} is a number out of range") from None
    if not isinstance(value, str):
        raise InvalidRequest(f"{field} must be a string, not {_kind(value)}")
    if not 1 <= len(value) <= MAX_VALUE:
        raise InvalidRequest(f"{field} has {len(value)} characters; 1 to {MAX_VALUE} are allowed")
    bad = first_control(value, allowed=_WELCOME)
    if bad is not None:
        raise InvalidRequest(f"{field} contains the character U+{ord(bad):04X}, which is not allowed")
    return value


def first_control(text: str, *, allowed: frozenset[str] = frozenset()) -> str | None:
    """Return the first character of Unicode category C that is not ``allowed``, or None."""
    if text.isprintable():
        return None
    return next((c for c in text if c not in allowed and unicodedata.category(c)[0] == "C"), None)


def _kind(value: Any) -> str:
    return {type(None): "null", dict: "an object", list: "an array"}.get(type(value), type(value).__name__)
