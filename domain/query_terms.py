"""What queries are made of: terms about one fact of a thing, and what joins them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from operator import ge, gt, le, lt
from typing import Any, Final, NamedTuple

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


class Facts(NamedTuple):
    """What a query can ask about a thing."""

    thing_name: str
    attributes: Mapping[str, str]
    connected: bool
    thing_type: str | None = None


class Node(ABC):
    """A term, or terms that are joined."""

    #: What the lower-case name of every thing that meets it begins with.
    prefix: str = ""
    asks_connectivity: bool = False
    terms: int = 1

    @abstractmethod
    def meets(self, facts: Facts) -> bool:
        """Tell whether a thing with these facts meets it."""


class Field(Enum):
    """What every query can ask, in its own words."""

    THING_NAME = "thingName"
    THING_TYPE = "thingTypeName"


@dataclass(frozen=True)
class Subject:
    """A text that a thing has: its name, that of its type, or the attribute of this name."""

    field: Field | str

    def of(self, facts: Facts) -> str | None:
        """Return the text in lower case; None if the thing has no such attribute, or no type."""
        match self.field:
            case Field.THING_NAME:
                found: str | None = facts.thing_name
            case Field.THING_TYPE:
                found = facts.thing_type
            case attribute:
                found = facts.attributes.get(attribute)
        return None if found is None else found.lower()


@dataclass(frozen=True)
class Pattern(Node):
    """The text is this one, where ``*`` is any number of characters and ``?`` is one."""

    subject: Subject
    regex: re.Pattern[str]
    prefix: str

    @classmethod
    def of(cls, subject: Subject, parts: Sequence[str | None]) -> Pattern:
        """Take characters, "" where any may stand, None where any number may. Raises ``ValueError``."""
        if parts[:1] == (None,) and len(parts) > 1:
            raise ValueError("* cannot come first, unless it stands alone")
        literal = next((n for n, part in enumerate(parts) if not part), len(parts))
        prefix = "".join(part or "" for part in parts[:literal]).lower()
        return cls(
            subject, re.compile(_regex(parts), re.DOTALL), prefix if subject.field is Field.THING_NAME else ""
        )

    def meets(self, facts: Facts) -> bool:
        text = self.subject.of(facts)
        return text is not None and self.regex.fullmatch(text) is not None


def _regex(parts: Sequence[str | None]) -> str:
    runs: list[str] = [""]
    for part in parts:
        if part is None:
            runs.append("")
        else:
            runs[-1] += re.escape(part.lower()) if part else "."
    first, *later = runs
    if not later:
        return first
    # Atomic: the first place that fits a run is as good as any, and no pattern can make the search go back.
    return first + "".join(f"(?>.*?{run})" for run in later[:-1] if run) + f".*{later[-1]}"


@dataclass(frozen=True)
class Bound:
    """What a text is compared with: a number, a text in lower case, or (None) nothing, the open end."""

    value: Decimal | str | None

    @classmethod
    def of(cls, text: str, *, is_text: bool) -> Bound:
        return cls(Decimal(text) if not is_text and _NUMBER.fullmatch(text) else text.lower())

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, Decimal)

    def holds(self, comparison: str, text: str) -> bool:
        """Compare as numbers if this is one: what is none then is neither more nor less."""
        if self.value is None:
            return True
        if isinstance(self.value, str):
            return _COMPARISONS[comparison](text, self.value)
        return bool(_NUMBER.fullmatch(text)) and _COMPARISONS[comparison](Decimal(text), self.value)


@dataclass(frozen=True)
class Ranged(Node):
    """The text is between two ends."""

    subject: Subject
    low: Bound
    high: Bound
    takes_low: bool
    takes_high: bool

    def meets(self, facts: Facts) -> bool:
        text = self.subject.of(facts)
        return (
            text is not None
            and self.low.holds(">=" if self.takes_low else ">", text)
            and self.high.holds("<=" if self.takes_high else "<", text)
        )


@dataclass(frozen=True)
class Compared(Node):
    """The text is more or less than something."""

    subject: Subject
    comparison: str
    bound: Bound

    def meets(self, facts: Facts) -> bool:
        text = self.subject.of(facts)
        return text is not None and self.bound.holds(self.comparison, text)


@dataclass(frozen=True)
class Connected(Node):
    """The thing is there, or is not."""

    wanted: bool
    asks_connectivity = True

    def meets(self, facts: Facts) -> bool:
        return facts.connected is self.wanted


@dataclass(frozen=True)
class Not(Node):
    """What the inner one is not."""

    inner: Node

    @property
    def asks_connectivity(self) -> bool:  # type: ignore[override]
        return self.inner.asks_connectivity

    @property
    def terms(self) -> int:  # type: ignore[override]
        return self.inner.terms

    def meets(self, facts: Facts) -> bool:
        return not self.inner.meets(facts)


@dataclass(frozen=True)
class Joined(Node):
    """Several, joined in one way or the other."""

    nodes: tuple[Node, ...]

    @property
    def asks_connectivity(self) -> bool:  # type: ignore[override]
        return any(node.asks_connectivity for node in self.nodes)

    @property
    def terms(self) -> int:  # type: ignore[override]
        return sum(node.terms for node in self.nodes)

    def meets(self, facts: Facts) -> bool:
        raise NotImplementedError


class AllOf(Joined):
    """Every one of these."""

    @property
    def prefix(self) -> str:  # type: ignore[override]
        return max((node.prefix for node in self.nodes), key=len)

    def meets(self, facts: Facts) -> bool:
        return all(node.meets(facts) for node in self.nodes)


class AnyOf(Joined):
    """At least one of these."""

    @property
    def prefix(self) -> str:  # type: ignore[override]
        shortest, *others = sorted((node.prefix for node in self.nodes), key=len)
        for length in range(len(shortest), 0, -1):
            if all(other.startswith(shortest[:length]) for other in others):
                return shortest[:length]
        return ""

    def meets(self, facts: Facts) -> bool:
        return any(node.meets(facts) for node in self.nodes)
