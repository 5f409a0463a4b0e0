"""What whoever holds a key may do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """Of one who calls, and of an operation: the least that its caller must be."""

    #: Everything, credentials included.
    ADMIN = "ADMIN"
    #: Jobs, templates, things and groups; may speak for any device.
    OPERATOR = "OPERATOR"
    #: Looks, and changes nothing.
    VIEWER = "VIEWER"
    #: Speaks for one thing, and does nothing else.
    DEVICE = "DEVICE"


_COVERS: Final[Mapping[Role, frozenset[Role]]] = {
    Role.ADMIN: frozenset(Role),
    Role.OPERATOR: frozenset({Role.OPERATOR, Role.VIEWER, Role.DEVICE}),
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.DEVICE: frozenset({Role.DEVICE}),
}


def covers(role: Role, least: Role) -> bool:
    """Return whether who has ``role`` may do what asks for ``least``.

    Which thing a DEVICE may speak for is not told here.
    """
    return least in _COVERS[role]
