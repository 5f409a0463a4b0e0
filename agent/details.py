"""Status details made fit for the wire: whatever a handler says, the report itself is never refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from domain.details import MAX_PAIRS, MAX_VALUE, first_control

_WELCOME: Final = frozenset("\t\n\r")
_UNFIT: Final = re.compile(r"[^a-zA-Z0-9:_-]")
_MARK: Final = "\N{REPLACEMENT CHARACTER}"


def fit(details: Mapping[str, object], *, keep_end: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return at most ten clean pairs; empty values go, long ones are cut (``keep_end``: at the front)."""
    pairs = ((_UNFIT.sub("_", str(name))[:128], _text(value)) for name, value in details.items())
    kept = [(name, text) for name, text in pairs if name and text][:MAX_PAIRS]
    return {name: text[-MAX_VALUE:] if name in keep_end else _cut(text) for name, text in kept}


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def _spelled(value: object) -> str:
    """Write numbers, truths, lists and objects as the job document would."""
    if isinstance(value, bool | int | float | dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else _spelled(value)
    if first_control(text, allowed=_WELCOME) is None:
        return text
    return "".join(_MARK if first_control(c, allowed=_WELCOME) else c for c in text)
