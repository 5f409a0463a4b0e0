"""What must be true of the tables between any two transactions: asked as ``thingjobs db check`` asks it."""

from collections.abc import Callable
from typing import Any, Protocol

from storage import audit


class Doing(Protocol):
    """Whatever runs verbs, each in a transaction of its own."""

    def do(self, verb: Callable[..., Any], *args: Any) -> Any: ...


def check(store: Doing, *only: str) -> None:
    """Raise ``AssertionError`` with the rows at fault, of these checks or of all."""
    found = store.do(lambda connection: list(audit.faults(connection, only=only or None)))
    assert not found, [(fault.check.name, fault.check.says, fault.offenders[:5]) for fault in found]
