"""What a measure returns: rows with a figure, the rounds behind it, and the goal it is held against."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

_RELATIONS = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


class Goal(NamedTuple):
    """What a figure should be."""

    relation: str
    limit: float

    def reached(self, value: float) -> bool:
        return bool(_RELATIONS[self.relation](value, self.limit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. The figure is the median of the rounds."""

    letter: str
    what: str
    unit: str
    rounds: Sequence[float]
    goal: Goal | None = None
    notes: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return median(self.rounds)

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "reached" if self.goal.reached(self.value) else "MISSED"

    def as_json(self) -> dict[str, Any]:
        return {
            "letter": self.letter,
            "what": self.what,
            "unit": self.unit,
            "median": self.value,
            "rounds": list(self.rounds),
            "goal": None if self.goal is None else f"{self.goal.relation} {self.goal.limit:g}",
            "verdict": self.verdict,
            "notes": self.notes,
            **self.details,
        }


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that this machine cannot measure."""

    letter: str
    what: str
    reason: str
