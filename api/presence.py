"""Members that may be left out but not be null, and members that may be there but say nothing."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core.core_schema import ValidationInfo

from domain.config import NOT_NULL

__all__ = ["NOT_NULL", "NotHonoured"]


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
