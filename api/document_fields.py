"""What goes into documents, as bodies say it: parameters, their schema, and values by thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from api.fields import digits
from domain import parameters, values
from domain.config import WHOLE
from domain.errors import InvalidRequest
from domain.names import THING_PATTERN, thing_name
from domain.substitution import PARAMETER_PATTERN
from domain.values import MAX_COLUMNS, MAX_TEXT, MAX_THINGS, Value

#: As much as the column holds.
_MOST: Final = 2**31 - 1

Version = Annotated[int, Field(ge=1, le=_MOST), WHOLE]
QueryVersion = Annotated[int, Field(ge=1, le=_MOST), BeforeValidator(digits)]


def _object(raw: object) -> object:
    if not isinstance(raw, Mapping):
        raise InvalidRequest("parameters must be an object")
    return raw


Parameters = Annotated[
    dict[str, Any],
    BeforeValidator(_object),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{PARAMETER_PATTERN}$"},
            "description": "Values of the parameters that the document names, for all things alike: "
            "any JSON that the template's schema takes",
        }
    ),
]


def _schema(raw: object) -> object:
    return parameters.checked(raw)


ParametersSchema = Annotated[
    dict[str, Any],
    BeforeValidator(_schema),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "type": {"const": "object"},
                "properties": {"type": "object", "propertyNames": {"pattern": f"^{PARAMETER_PATTERN}$"}},
                "required": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            },
            "description": "A JSON Schema (2020-12, without references) of the parameters that jobs give",
        }
    ),
]


def _things(raw: object) -> dict[str, dict[str, Value]]:
    if not isinstance(raw, Mapping):
        raise InvalidRequest("thingValues.things must be an object of things")
    return values.bounded({thing_name(thing): _row(thing, row) for thing, row in raw.items()})


def _row(thing: str, row: object) -> dict[str, Value]:
    where = f"thingValues.things.{thing}"
    if not isinstance(row, Mapping):
        raise InvalidRequest(f"{where} must be an object of values")
    return {
        values.check_name(where, name): values.value(f"{where}.{name}", value) for name, value in row.items()
    }


ThingRows = Annotated[
    dict[str, Any],
    BeforeValidator(_things),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAX_THINGS,
            "propertyNames": {"pattern": f"^{THING_PATTERN}$"},
            "additionalProperties": {
                "type": "object",
                "maxProperties": MAX_COLUMNS,
                "propertyNames": {"pattern": f"^{PARAMETER_PATTERN}$"},
                "additionalProperties": {"type": ["string", "number", "boolean"], "maxLength": MAX_TEXT},
            },
        }
    ),
]


def _csv(raw: object) -> dict[str, dict[str, Value]]:
    if not isinstance(raw, str):
        raise InvalidRequest("valuesCsv must be a string")
    return values.from_csv(raw)


ValuesCsv = Annotated[
    dict[str, Any],
    BeforeValidator(_csv),
    WithJsonSchema(
        {
            "type": "string",
            "format": "values-csv",
            "description": "CSV, its first line `thingName,NAME,…`; all values are strings, empty cells none",
        }
    ),
]
