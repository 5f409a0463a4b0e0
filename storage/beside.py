"""Which verbs may run beside others where several can write at once.

A verb reads, decides and writes as if nobody else wrote meanwhile. On SQLite nobody does. On PostgreSQL a
verb runs alone too, unless it is marked here: then it runs beside other marked ones, and must hold what its
decisions rest on by row locks, taken in this order: things by key, executions by key, the log of
transitions, jobs by key (``storage.locks``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

V = TypeVar("V", bound=Callable[..., Any])

_NAME: Final = "may_run_beside"


def beside(verb: V) -> V:
    """Mark a verb as one that may run beside other marked ones."""
    setattr(verb, _NAME, True)
    return verb


def may_run_beside(verb: Callable[..., Any]) -> bool:
    """Tell whether a verb is marked; what wraps one is not."""
    return bool(getattr(verb, _NAME, False))
