"""Members that may be left out but not be null, and members that may be there but say nothing."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core.core_schema import CoreSchema, ValidationInfo, no_info_before_validator_function


def _not_honoured(value: object, info: ValidationInfo) -> object:
    if value in (None, {}, []):
        return None
    raise ValueError(f"this version does not honour {to_camel(info.field_name or '')}; leave it out")


#: A member of the AWS model that we know and do not act on: better refused than silently ignored.
NotHonoured = Annotated[
    Any,
    BeforeValidator(_not_honoured),
    WithJsonSchema(
        {
            "type": ["object", "array", "null"],
            "maxProperties": 0,
            "maxItems": 0,
            "description": "Not honoured by this version: anything but an empty value is refused",
        }
    ),
]


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
