"""Settings that verbs obey; given to them by whoever calls."""

from __future__ import annotations

from dataclasses import dataclass

from domain.registry import Registration


@dataclass(frozen=True, slots=True)
class Policy:
    """What an installation allows."""

    registration: Registration = Registration.AUTO
