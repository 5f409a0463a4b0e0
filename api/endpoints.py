"""Where clients find this server, as they are told by name and without a scheme (contract 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Host names, with a port where a client could not know it."""

    #: Where devices connect, and where requests go.
    mqtt: str
    http: str


LOCAL: Final = Endpoints("localhost", "localhost")
