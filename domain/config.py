"""What all job configurations have in common: spelled as on the wire, frozen, and no member unknown."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Config(BaseModel):
    """A part of a job that an operator writes. Numbers are numbers: ``"5"`` and ``true`` are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=to_camel, validate_by_name=True
    )
