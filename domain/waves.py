"""Waves: parts of a job's targets that go out one after the other, each behind a gate; and the in-flight cap.

A wave takes what it names (groups, things) or a share of everything the job has; what no wave takes goes out
with the last one, which has no gate. A gate is judged by its own wave's things, by their latest execution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from domain.config import WHOLE, Config
from domain.errors import InvalidRequest
from domain.execution import Status
from domain.job import Counts
from domain.names import THING_PATTERN

MOST_WAVES: Final = 20
MOST_NAMED: Final = 1000
#: Two weeks.
LONGEST_BAKE_MINUTES: Final = 20160
MOST_IN_FLIGHT: Final = 1_000_000
_SIZES: Final = ("percent", "count", "groups", "things")

_Share = Annotated[float, Field(ge=0, le=100, strict=False)]
_Name = Annotated[str, StringConstraints(pattern=f"^{THING_PATTERN}$")]
_Names = Annotated[tuple[_Name, ...], Field(min_length=1, max_length=MOST_NAMED, strict=False)]


class Gate(Config):
    """What must hold before the next wave goes out. Shares are percentages of the wave's things."""

    success_percentage: _Share = 100
    failure_percentage: Annotated[float | None, Field(gt=0, le=100, strict=False)] = None
    bake_minutes: Annotated[int, Field(ge=0, le=LONGEST_BAKE_MINUTES), WHOLE] = 0
    approval: bool = False

    @property
    def bake(self) -> timedelta:
        return timedelta(minutes=self.bake_minutes)


class Wave(Config):
    """One wave: its size in exactly one of four ways, and the gate behind it."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": kind}}}
                for name, kind in (
                    ("percent", "number"),
                    ("count", "integer"),
                    ("groups", "array"),
                    ("things", "array"),
                )
            ]
        }
    )

    percent: Annotated[float | None, Field(gt=0, le=100, strict=False)] = None
    count: Annotated[int, Field(ge=1, le=MOST_IN_FLIGHT), WHOLE] | None = None
    groups: _Names | None = None
    things: _Names | None = None
    gate: Gate = Gate()

    @model_validator(mode="after")
    def _has_one_size(self) -> Wave:
        given = [name for name in _SIZES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(_SIZES)}, not {' and '.join(given) or 'none'}")
        return self

    @property
    def is_named(self) -> bool:
        return self.groups is not None or self.things is not None


class Choice(StrEnum):
    """Who goes into a wave that takes a share."""

    REGISTERED = "REGISTERED"
    ONLINE_FIRST = "ONLINE_FIRST"
    SEEDED = "SEEDED"


class StagedRolloutConfig(Config):
    """Waves, who goes first, and how many may be under way at once."""

    waves: Annotated[tuple[Wave, ...], Field(max_length=MOST_WAVES, strict=False)] = ()
    choice: Annotated[Choice, Field(strict=False)] = Choice.REGISTERED
    seed: Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE] = 0
    maximum_in_flight: Annotated[int, Field(ge=1, le=MOST_IN_FLIGHT), WHOLE] | None = None

    @model_validator(mode="after")
    def _shares_fit(self) -> StagedRolloutConfig:
        total = sum(wave.percent or 0 for wave in self.waves)
        if total > 100 + 1e-9:
            raise ValueError(f"waves: the percentages add up to {total:g}; at most 100 are there")
        return self

    @property
    def last(self) -> int:
        """The number of the wave without a gate, which takes the rest; 0 where there are no waves."""
        return len(self.waves) + 1 if self.waves else 0

    @property
    def mix(self) -> int:
        """Return a number of 31 bits that has little in common with that of the next seed."""
        return int.from_bytes(blake2b(str(self.seed).encode(), digest_size=4).digest()) >> 1

    def gate(self, number: int) -> Gate | None:
        """Return the gate behind a wave, None behind the last one."""
        return self.waves[number - 1].gate if 1 <= number <= len(self.waves) else None


#: A job without waves and without a cap.
UNSTAGED: Final = StagedRolloutConfig()


def refuse_other_waves(now: StagedRolloutConfig, wanted: StagedRolloutConfig) -> None:
    """Raise ``InvalidRequest`` unless only gates and the cap are other: who is in which wave is settled."""
    same = [wave.model_copy(update={"gate": Gate()}) for wave in now.waves]
    other = [wave.model_copy(update={"gate": Gate()}) for wave in wanted.waves]
    if (same, now.choice, now.seed) != (other, wanted.choice, wanted.seed):
        raise InvalidRequest(
            "stagedRolloutConfig: only gates and maximumInFlight can change once a job is there; "
            "waves, choice and seed must be given as they are"
        )


def share(wave: Wave, total: int) -> int:
    """Return how many of ``total`` things belong into a wave that takes a share."""
    if wave.count is not None:
        return min(wave.count, total)
    return math.ceil((wave.percent or 0) * total / 100 - 1e-9)


def filled(
    config: StagedRolloutConfig, members: Sequence[int], newcomers: int, *, current: int = 1
) -> list[int]:
    """Return how many newcomers go into each wave, the last one included, in order.

    Waves that have passed take nobody any more; the others fill up to their share of all there are so far.
    """
    total, left, found = sum(members) + newcomers, newcomers, []
    for number, (wave, has) in enumerate(zip(config.waves, members, strict=False), 1):
        wanted = 0 if wave.is_named or number < current else max(0, share(wave, total) - has)
        found.append(min(wanted, left))
        left -= found[-1]
    return [*found, left]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the open wave stands.

    ``waiting``: things that have not had an execution. ``owed``: failures that will be tried again.
    ``forgiven``: failures an operator has seen and resumed after.
    """

    number: int
    waiting: int
    counts: Counts
    owed: int = 0
    forgiven: int = 0
    passed_at: datetime | None = None
    approved: bool = False

    @property
    def things(self) -> int:
        """How many things the gate is judged by: those that have left are not among them."""
        gone = self.counts.get(Status.REMOVED, 0) + self.counts.get(Status.CANCELED, 0)
        return max(0, self.waiting + sum(self.counts.values()) - gone - self.forgiven)

    @property
    def succeeded(self) -> int:
        return self.counts.get(Status.SUCCEEDED, 0)

    @property
    def failed(self) -> int:
        return max(0, failures(self.counts) - self.owed - self.forgiven)


_FAILED: Final = (Status.FAILED, Status.TIMED_OUT, Status.REJECTED)


def failures(counts: Counts) -> int:
    """Return how many things failed, in whatever way."""
    return sum(counts.get(status, 0) for status in _FAILED)


class Verdict(StrEnum):
    """What a gate says."""

    #: Not enough have succeeded yet.
    CLOSED = "CLOSED"
    FAILED = "FAILED"
    BAKING = "BAKING"
    WAITING_FOR_APPROVAL = "WAITING_FOR_APPROVAL"
    PASSED = "PASSED"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A gate's verdict, in words, and until when it holds if only time changes it."""

    verdict: Verdict
    words: str
    until: datetime | None = None


def needed(gate: Gate, things: int) -> int:
    """Return how many of so many things must have succeeded."""
    return math.ceil(gate.success_percentage * things / 100 - 1e-9)


def judge(gate: Gate, standing: Standing, now: datetime) -> Judgement:
    """Return what the gate behind a wave says now. Failures count until the next wave is open."""
    things, failed, wanted = standing.things, standing.failed, needed(gate, standing.things)
    name = f"wave {standing.number}"
    if failed and gate.failure_percentage is not None and failed * 100 >= gate.failure_percentage * things:
        words = f"{name}: {failed} of {things} things failed; the limit is {gate.failure_percentage:g} %"
        return Judgement(Verdict.FAILED, words)
    if failed and things - failed < wanted:
        words = f"{name}: {failed} of {things} things failed, so {wanted} can no longer succeed"
        return Judgement(Verdict.FAILED, words)
    if standing.succeeded < wanted:
        words = f"{name}: {standing.succeeded} of {things} things succeeded; {wanted} are needed"
        return Judgement(Verdict.CLOSED, words)
    # Reached just now, its time begins now.
    baked_at = (standing.passed_at or now) + gate.bake
    if now < baked_at:
        return Judgement(Verdict.BAKING, f"{name} bakes for {gate.bake_minutes} minutes", baked_at)
    if gate.approval and not standing.approved:
        return Judgement(Verdict.WAITING_FOR_APPROVAL, f"{name} waits for a person's approval")
    return Judgement(Verdict.PASSED, f"{name} has passed its gate")
