"""The queue of one thing: which execution comes first, and which may not begin yet (contract 2.12).

What is IN_PROGRESS comes first, then what has the higher priority, then what was queued earlier. Of jobs with
the same exclusive group only one is at work on a thing at once: while it is, the others are out of sight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from domain.errors import InvalidRequest, InvalidStateTransition
from domain.execution import PENDING, Execution, Status
from domain.names import group_name

LOWEST_PRIORITY: Final = -1000
HIGHEST_PRIORITY: Final = 1000


class Place(NamedTuple):
    """A pending execution in the queue; ``is_shown`` says that its job lets its thing see it."""

    key: int
    execution: Execution
    is_shown: bool = True
    priority: int = 0
    exclusive_group: str | None = None


def order(place: Place) -> tuple[bool, int, int, int]:
    """Return what a thing's queue is sorted by."""
    execution = place.execution
    queued_at = round(execution.queued_at.timestamp() * 1000)
    return (execution.status is Status.QUEUED, -place.priority, queued_at, place.key)


def visible(places: Iterable[Place]) -> list[Place]:
    """Return what a thing may see of its pending executions, in the order they come."""
    shown = [place for place in places if place.is_shown and place.execution.status in PENDING]
    return sorted((place for place in shown if holder(place, shown) is None), key=order)


def holder(place: Place, places: Sequence[Place]) -> Place | None:
    """Return the execution of the same exclusive group that has to end before this one may begin."""
    if place.exclusive_group is None or place.execution.status is not Status.QUEUED:
        return None
    return next(
        (
            other
            for other in places
            if other.exclusive_group == place.exclusive_group
            and other.execution.status is Status.IN_PROGRESS
            and other.is_shown
        ),
        None,
    )


def refuse_start(place: Place, places: Sequence[Place]) -> None:
    """Raise ``InvalidStateTransition`` while another job of the same exclusive group is at work."""
    other = holder(place, places)
    if other is not None:
        raise InvalidStateTransition(
            f"Job {place.execution.job_id} cannot begin on thing {place.execution.thing_name} while job "
            f"{other.execution.job_id} of the same exclusiveGroup {place.exclusive_group} is IN_PROGRESS",
            place.execution.state,
        )


def priority(raw: object) -> int:
    """Return a checked priority, or raise ``InvalidRequest``."""
    if not isinstance(raw, int) or isinstance(raw, bool) or not LOWEST_PRIORITY <= raw <= HIGHEST_PRIORITY:
        raise InvalidRequest(
            f"priority {raw!r:.64} is not an integer from {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}"
        )
    return raw


def exclusive_group(raw: str) -> str:
    """Return a checked name of an exclusive group, or raise ``InvalidRequest``."""
    try:
        return group_name(raw)
    except InvalidRequest:
        raise InvalidRequest(f"exclusiveGroup {raw[:64]!r} is not a name like that of a group") from None
