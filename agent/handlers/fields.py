"""Reads members of a job document; what does not fit rejects the job and names the member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.errors import JobRejected

#: Seconds that one program or one wait may take.
LONGEST: Final = 7 * 24 * 3600


def text(document: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = document.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise JobRejected(f"{name} must be a non-empty string")
    return value


def number(
    document: Mapping[str, Any], name: str, default: float | None = None, *, least: float, most: float
) -> float:
    value = document.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise JobRejected(f"{name} must be a number from {least:.15g} to {most:.15g}")
    return float(value)


def words(document: Mapping[str, Any], name: str) -> list[str]:
    value = document.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise JobRejected(f"{name} must be a non-empty list of strings")
    if not value[0] or any("\0" in word for word in value):
        raise JobRejected(f"{name} must name a program and hold no NUL")
    return list(value)
