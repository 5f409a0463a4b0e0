"""What the timeline of a job is asked for, and how it answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from api.fields import Time
from api.schema import Details
from api.shapes import Answer, Paging
from domain.acts import Act
from domain.execution import Status
from storage.timeline import Kind


class Order(StrEnum):
    """Which end a list begins with."""

    OLDEST = "oldest"
    NEWEST = "newest"


class ListEvents(Paging):
    """One kind or both, from the oldest on unless it says otherwise."""

    kind: Kind | None = None
    order: Order = Order.OLDEST


_Actor = Annotated[str | None, Field(description="Who did it, as far as the server knows; null is nobody")]
_ActingFor = Annotated[str | None, Field(description="Whom the caller said it acts for; not checked")]


class TransitionView(Answer):
    """One version of one execution; `fromStatus` is null where it began."""

    kind: Literal["TRANSITION"] = "TRANSITION"
    at: Time
    thing_name: str
    execution_number: str
    version_number: int
    from_status: Status | None
    to_status: Status
    cause: Annotated[
        str,
        Field(description="DEVICE, RELEASE, CANCEL, FORCED_CANCEL, REMOVAL, TIMEOUT or another such word"),
    ]
    actor: _Actor
    acting_for: _ActingFor
    status_details: Details


class ActView(Answer):
    """What an operator or the clock did to the job, or an operator to one execution of it (`thingName`)."""

    kind: Literal["ACT"] = "ACT"
    at: Time
    act: Act
    thing_name: str | None
    actor: _Actor
    acting_for: _ActingFor
    comment: str | None
    details: dict[str, Any]


class EventList(Answer):
    """A page of the timeline."""

    events: tuple[TransitionView | ActView, ...]
    next_token: str | None
