"""The timers of an execution: queued and in-progress (from the job), step (from the device); contract 2.8."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

from domain.execution import PENDING, Cause, Execution, Status

MIN_MINUTES: Final = 1
MAX_MINUTES: Final = 10080
#: The device's word for "no step timer".
REMOVE_STEP: Final = -1


def queued_until(limit: timedelta | None, *, at: datetime) -> datetime | None:
    """Return until when an execution may stay QUEUED that comes into its device's sight now."""
    return None if limit is None else at + limit


def start_timer(execution: Execution, limit: timedelta | None, *, at: datetime) -> Execution:
    """Arm the in-progress timer once, at the first transition to IN_PROGRESS."""
    if limit is None or execution.in_progress_deadline_at is not None:
        return execution
    return execution._replace(in_progress_deadline_at=at + limit)


def step_timer(execution: Execution, minutes: int | None, *, at: datetime) -> Execution:
    """Arm, replace (``minutes``), remove (-1) or keep (None) the step timer of a running execution."""
    if minutes is None or execution.status is not Status.IN_PROGRESS:
        return execution
    deadline = None if minutes == REMOVE_STEP else at + timedelta(minutes=minutes)
    return execution._replace(step_deadline_at=deadline)


def is_due(execution: Execution, *, at: datetime) -> bool:
    """Return whether the deadline of a pending execution has passed."""
    deadline = execution.deadline_at
    return execution.status in PENDING and deadline is not None and deadline <= at


def expire(execution: Execution, *, at: datetime) -> Execution:
    """Return the execution as TIMED_OUT; the caller has checked ``is_due``."""
    return execution.advance(Status.TIMED_OUT, cause=Cause.TIMEOUT, at=at)


def seconds_left(execution: Execution, *, at: datetime) -> int | None:
    """Return ``approximateSecondsBeforeTimedOut``, None when no timer runs."""
    if execution.status is not Status.IN_PROGRESS or execution.deadline_at is None:
        return None
    return max(0, math.ceil((execution.deadline_at - at).total_seconds()))
