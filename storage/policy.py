"""Settings that verbs obey; given to them by whoever calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from domain.quarantine import NO_QUARANTINE, Quarantine
from domain.registry import Registration
from domain.schedule import LEAD


@dataclass(frozen=True, slots=True)
class Policy:
    """What an installation allows."""

    registration: Registration = Registration.AUTO
    #: How far ahead a job's start and end must lie.
    schedule_lead: timedelta = LEAD
    #: When a thing that fails job after job gets no new work.
    quarantine: Quarantine = NO_QUARANTINE


#: Nothing is forbidden.
LENIENT: Final = Policy()
