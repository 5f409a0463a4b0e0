"""What operators and the clock do to a job, in the words of its timeline, and who did it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

from domain.errors import InvalidRequest

#: Who a caller may say it acts for: printable ASCII, since it ends up on terminals and in headers.
HINT_PATTERN: Final = r"[!-~]([ -~]{0,62}[!-~])?"
_HINT = re.compile(HINT_PATTERN)


class Act(StrEnum):
    """One word per kind of act; what moves one execution on is a transition and no act."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    ASSOCIATE = "ASSOCIATE"
    CANCEL = "CANCEL"
    FORCE_CANCEL = "FORCE_CANCEL"
    DELETE = "DELETE"
    DELETE_EXECUTION = "DELETE_EXECUTION"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    PROMOTE = "PROMOTE"
    APPROVE = "APPROVE"
    ABORT = "ABORT"
    RETRY_FAILED = "RETRY_FAILED"
    RELEASE = "RELEASE"
    WAVE_OPENED = "WAVE_OPENED"
    GATE_PASSED = "GATE_PASSED"
    GATE_FAILED = "GATE_FAILED"
    OPEN = "OPEN"
    SHUT = "SHUT"
    END = "END"
    COMPLETE = "COMPLETE"


class Actor(NamedTuple):
    """Who asked: what the door knows, and what the caller says without proof ('' where it says nothing)."""

    principal: str
    hint: str = ""

    @property
    def text(self) -> str:
        """Return it as the store keeps it."""
        return f"{self.principal}/{self.hint}" if self.hint else self.principal


def actor(text: str) -> Actor:
    """Read what the store keeps; '' is nobody: a device or the clock."""
    principal, _, hint = text.partition("/")
    return Actor(principal, hint)


def hint(value: str) -> str:
    """Return ``value``, or raise ``InvalidRequest`` if it cannot say who somebody acts for."""
    if not _HINT.fullmatch(value):
        raise InvalidRequest(f"{value[:64]!r} is not 1 to 64 printable ASCII characters")
    return value
