"""Tags as AWS's calls say them; their members alone are capitalised (contract 1.4)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

from domain import tags


class Tag(BaseModel):
    """A key and what it says; without a value that is the empty string."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_pascal)

    key: str
    value: str = ""


def pairs(said: Sequence[Tag]) -> dict[str, str]:
    """Return tags by key, or raise ``InvalidRequest`` for a key that comes twice."""
    return tags.gathered((tag.key, tag.value) for tag in said)
