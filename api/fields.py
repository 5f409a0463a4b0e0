"""The kinds of value that bodies and queries are made of, each with its JSON Schema and its check.

A schema here says exactly what the check accepts. Patterns keep to ASCII classes, which mean the same in JSON
Schema, in Rust (pydantic) and in Python; what a pattern cannot say has a ``format`` of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core.core_schema import ValidationInfo

from domain import details, job, query, registry
from domain.access_keys import KEY_ID_PATTERN
from domain.config import WHOLE, whole
from domain.documents import MAX_BYTES, document_text
from domain.job import MAX_TARGETS, MAX_TEXT
from domain.names import (
    ARTIFACT_PATTERN,
    ATTRIBUTE_NAME_PATTERN,
    ATTRIBUTE_VALUE_PATTERN,
    JOB_PATTERN,
    THING_PATTERN,
    parse_target,
)
from domain.queue import HIGHEST_PRIORITY, LOWEST_PRIORITY
from domain.substitution import placeholders

#: 18 digits: the longest that fit a signed 64-bit column whatever they are.
_MOST: Final = 10**18 - 1
_DIGITS: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")

THING_SCHEMA: Final = {"type": "string", "pattern": f"^{THING_PATTERN}$"}
ARTIFACT_SCHEMA: Final = {"type": "string", "pattern": f"^{ARTIFACT_PATTERN}$"}
JOB_SCHEMA: Final = {"type": "string", "pattern": f"^{JOB_PATTERN}$"}
KEY_ID_SCHEMA: Final = {"type": "string", "pattern": f"^{KEY_ID_PATTERN}$"}

ThingName = Annotated[str, StringConstraints(pattern=f"^{THING_PATTERN}$")]
JobId = Annotated[str, StringConstraints(pattern=f"^{JOB_PATTERN}$")]
#: Any name that a thing group could have.
GroupName = Annotated[str, StringConstraints(pattern=f"^{THING_PATTERN}$")]
Priority = Annotated[int, Field(ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY), WHOLE]
TemplateArn = Annotated[
    str, StringConstraints(pattern=rf"^arn:aws[a-z-]*:iot:[a-z0-9-]*:[0-9]*:jobtemplate/{JOB_PATTERN}$")
]
ClientToken = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,64}$")]
AttributeName = Annotated[str, StringConstraints(pattern=f"^{ATTRIBUTE_NAME_PATTERN}$")]
AttributeValue = Annotated[str, StringConstraints(pattern=f"^{ATTRIBUTE_VALUE_PATTERN}$")]


def _text(value: str, info: ValidationInfo) -> str:
    return job.text(to_camel(info.field_name or "text"), value)


Text = Annotated[
    str,
    AfterValidator(_text),
    WithJsonSchema({"type": "string", "maxLength": MAX_TEXT, "format": "printable-text"}),
]


def _target(value: str) -> str:
    parse_target(value)
    return value


_ARN: Final = f"arn:aws[a-z-]*:iot:[a-z0-9-]*:[0-9]*:(thing|thinggroup)/{THING_PATTERN}"
#: The plain name comes last and may hold colons, but does not begin like an ARN.
Target = Annotated[
    str,
    AfterValidator(_target),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^({_ARN}|(thing|thinggroup)/{THING_PATTERN}|(?!arn:){THING_PATTERN})$",
            "description": "Thing name, group name, thing/NAME, thinggroup/NAME, or an ARN of either",
        }
    ),
]
Targets = Annotated[list[Target], Field(min_length=1, max_length=MAX_TARGETS)]
ExcludedTargets = Annotated[tuple[Target, ...], Field(max_length=MAX_TARGETS, strict=False)]
Members = Annotated[list[ThingName], Field(min_length=1, max_length=registry.MAX_MEMBERS_A_CALL)]


def _document(value: object) -> str:
    text = document_text(value)
    # Raises for what is unknown, malformed, or in the wrong place.
    placeholders(text)
    return text


Document = Annotated[
    str,
    BeforeValidator(_document),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "json-object", "maxLength": MAX_BYTES},
                {"type": "object"},
            ],
            "description": "The job document: a JSON object, or a string that holds one, kept to the letter. "
            "At most 32,768 bytes and 20 levels, without U+0000",
        }
    ),
]


def flag(value: object) -> object:
    """Read true, false, "true" or "false"."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("must be true or false")


Flag = Annotated[
    bool, BeforeValidator(flag), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]})
]
QueryFlag = Annotated[bool, BeforeValidator(flag), WithJsonSchema({"type": "boolean"})]


def digits(value: object) -> int:
    """Read what a query says about a whole number."""
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number")
    return int(value)


def _counter(value: object) -> int:
    number = digits(value) if isinstance(value, str) else whole(value)
    if not 0 <= number <= _MOST:
        raise ValueError(f"must be from 0 to {_MOST}")
    return number


#: A version or an execution number: a number, or digits in a string.
Counter = Annotated[
    int,
    BeforeValidator(_counter),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": _MOST},
                {"type": "string", "pattern": "^(0|[1-9][0-9]{0,17})$"},
            ]
        }
    ),
]
QueryCounter = Annotated[
    int, BeforeValidator(_counter), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": _MOST})
]


def _attributes(value: object) -> object:
    return registry.attributes(value)


Attributes = Annotated[
    dict[str, str],
    BeforeValidator(_attributes),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": registry.MAX_ATTRIBUTES,
            "propertyNames": {"pattern": f"^{ATTRIBUTE_NAME_PATTERN}$"},
            "additionalProperties": {"type": "string", "pattern": f"^{ATTRIBUTE_VALUE_PATTERN}$"},
        }
    ),
]
TimeZone = Annotated[
    str, BeforeValidator(registry.time_zone), WithJsonSchema({"type": "string", "format": "iana-time-zone"})
]


def _query(value: str) -> str:
    return query.parse(value).text


ThingQuery = Annotated[
    str,
    AfterValidator(_query),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": query.MAX_LENGTH,
            "format": "thing-query",
            "description": "Terms over thingName, thingTypeName, attributes.NAME and connectivity.connected, "
            f"at most {query.MAX_TERMS}; joined by AND (which may be left out), OR, NOT, - and parentheses",
        }
    ),
]


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


NextToken = Annotated[
    Annotated[
        str, StringConstraints(max_length=1024), WithJsonSchema({"type": "string", "format": "next-token"})
    ]
    | None,
    BeforeValidator(_empty_is_none),
]


def iso(moment: datetime) -> str:
    """Return ISO-8601 in UTC with milliseconds and ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


Time = Annotated[
    datetime, PlainSerializer(iso, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]


def pairs(**more: Any) -> Mapping[str, Any]:
    """Return the schema of name-value pairs as ``domain.details`` accepts them."""
    return {
        "type": "object",
        "maxProperties": details.MAX_PAIRS,
        "propertyNames": {"pattern": r"^[a-zA-Z0-9:_-]{1,128}$"},
        "additionalProperties": DETAIL_SCHEMA,
        **more,
    }


DETAIL_SCHEMA: Final = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": details.MAX_VALUE, "format": "detail-text"},
        {"type": ["number", "boolean"]},
    ]
}
