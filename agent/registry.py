"""Which handler works which job document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.job import Handler

#: Works documents whose operation nobody else works.
ANY: Final = "*"
#: Works documents of AWS's device client, which name steps and no operation.
STEPS: Final = "steps"


@dataclass(frozen=True, slots=True)
class Registration:
    """``resume``: may be called again for a job that an earlier life of the agent began."""

    handler: Handler
    resume: bool = False


class Registry:
    """Handlers by operation."""

    def __init__(self) -> None:
        self._by_operation: dict[str, Registration] = {}

    def add(self, operation: str, registration: Registration) -> None:
        if operation in self._by_operation:
            raise ValueError(f"there is a handler for {operation!r} already")
        self._by_operation[operation] = registration

    def find(self, document: Mapping[str, Any]) -> Registration | None:
        known = self._by_operation
        return known.get(operation_of(document)) or known.get(ANY)


def operation_of(document: Mapping[str, Any]) -> str:
    """Return what a document asks for; "" if it does not say."""
    operation = document.get("operation")
    if isinstance(operation, str):
        return operation
    return STEPS if "steps" in document else ""
