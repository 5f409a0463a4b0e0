"""What whoever holds a key may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Each may do what those after it may, but for DEVICE, which speaks for one thing only."""

    ADMIN = "ADMIN"
    OPERATOR = "OPERATOR"
    VIEWER = "VIEWER"
    DEVICE = "DEVICE"
