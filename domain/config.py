"""What all job configurations have in common: spelled as on the wire, frozen, and no member unknown."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core.core_schema import CoreSchema, no_info_before_validator_function


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


def _not_null(value: object) -> object:
    if value is None:
        raise ValueError("must not be null")
    return value


class _NotNull:
    """Annotates a member ``X | None`` that may be left out but not be null."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(_not_null, handler(source))

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        branches = [branch for branch in handler(core)["anyOf"] if branch != {"type": "null"}]
        schema: JsonSchemaValue = branches[0] if len(branches) == 1 else {"anyOf": branches}
        return schema


NOT_NULL: Final = _NotNull()
