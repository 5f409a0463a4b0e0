"""What is asked and answered when a running job is steered: pause, resume, promote, approve, abort, retry."""

from __future__ import annotations

from typing import Annotated, Literal

from api.fields import Flag, Text, Time
from api.presence import NOT_NULL
from api.shapes import Answer, Request


class Steer(Request):
    """Why; kept on the job and in its timeline."""

    comment: Text | None = None


class Promote(Steer):
    """How far: the next wave, or with ``full`` all of them."""

    full: Annotated[Flag | None, NOT_NULL] = None


class Paused(Answer):
    """Nothing more begins; what runs goes on."""

    paused: Literal[True] = True


class Resumed(Answer):
    """The job goes on."""

    resumed: Literal[True] = True


class Promoted(Answer):
    """The next wave is open."""

    promoted: Literal[True] = True


class Approved(Answer):
    """The gate has a person's yes."""

    approved: Literal[True] = True


class Aborted(Answer):
    """The job is canceled; what runs may finish."""

    aborted: Literal[True] = True


class RetriedFailed(Answer):
    """So many things get another execution."""

    retried: int


class WaveView(Answer):
    """One wave; the last one takes what no other does, and has no gate."""

    number: int
    open: bool
    things: int
    waiting: int
    succeeded: int
    failed: int
    passed_at: Time | None


class WaveList(Answer):
    """The waves of a job in order; none where it has none."""

    waves: tuple[WaveView, ...]
