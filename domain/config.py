"""What all job configurations have in common: spelled as on the wire, frozen, and no member unknown."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel


class Config(BaseModel):
    """A part of a job that an operator writes. Numbers are numbers: ``"5"`` and ``true`` are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=to_camel, validate_by_name=True
    )


def whole(value: object) -> int:
    """Read a number without a fraction, however it is written; in ``Annotated`` it comes after the bounds."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("must be a whole number")


#: JSON knows one kind of number: 5.0 is 5.
WHOLE: Final = BeforeValidator(whole)
