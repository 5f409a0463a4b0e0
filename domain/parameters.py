"""Parameters of job documents: a template's JSON Schema, a safe part of 2020-12, and values that meet it.

What is left out of JSON Schema is what could make a check slow or reach outside: references, and patterns
that backtrack (a pattern here is one of Rust's, which take linear time).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema

from domain.documents import MAX_BYTES, MAX_DEPTH
from domain.errors import InvalidRequest, MissingParameter
from domain.substitution import PARAMETER_PATTERN

MAX_SCHEMA_BYTES: Final = 16_384
MAX_SCHEMA_DEPTH: Final = 12
#: How many schemas there may be in one, itself among them.
MAX_SCHEMAS: Final = 200
MAX_PATTERN: Final = 256
#: How many values all parameters together may hold, each member and element counted.
MAX_NODES: Final = 1000
#: How much a check may cost: the parts of the schema times the values. About half a second at the very worst.
MAX_WORK: Final = 50_000
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final = re.compile(PARAMETER_PATTERN)
_SHOWN: Final = 200

#: The keywords a schema may have, by what they hold.
_SCHEMA: Final = frozenset(
    {"items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else"}
)
_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED: Final = frozenset({"properties", "dependentSchemas"})
_PLAIN: Final = frozenset(
    {
        "$schema", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly",
        "writeOnly", "format", "type", "enum", "const", "required", "dependentRequired", "pattern",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
        "minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties",
    }
)  # fmt: skip
KEYWORDS: Final = _SCHEMA | _SCHEMAS | _NAMED | _PLAIN

Schema = Mapping[str, Any]


def checked(raw: object) -> Schema:
    """Return a template's schema of parameters, or raise ``InvalidRequest`` naming what is wrong with it."""
    if not isinstance(raw, Mapping):
        raise InvalidRequest(f"parameters must be a JSON Schema (an object), not {type(raw).__name__}")
    schema = dict(raw)
    if schema:
        text = _json("parameters", schema)
        size = len(text.encode())
        if size > MAX_SCHEMA_BYTES:
            raise InvalidRequest(
                f"parameters: the schema has {size} bytes; at most {MAX_SCHEMA_BYTES} are allowed"
            )
        _check(text)
    return schema


@lru_cache(maxsize=64)
def _check(text: str) -> None:
    """Raise ``InvalidRequest`` for a bad schema. What the door has checked costs the store nothing."""
    schema = json.loads(text)
    for number, (where, part) in enumerate(_parts("parameters", schema, 1), start=1):
        if number > MAX_SCHEMAS:
            raise InvalidRequest(f"parameters: more than {MAX_SCHEMAS} schemas are in the schema")
        _check_part(where, part)
    try:
        _Validator.check_schema(schema)
    except SchemaError as error:
        raise InvalidRequest(f"parameters: {_where(error)}{error.message[:_SHOWN]}") from None
    except re.error as error:
        raise InvalidRequest(f"parameters: a pattern is none: {error}") from None
    if schema.get("type", "object") != "object":
        raise InvalidRequest("parameters: the schema's type must be object: parameters have names")
    for name, part in schema.get("properties", {}).items():
        _check_name(name)
        if isinstance(part, Mapping) and "default" in part:
            _validate(part, part["default"], f"parameters.properties.{name}.default")


def declared(schema: Schema) -> Collection[str]:
    """Return the names of the parameters that a schema knows."""
    return frozenset(schema.get("properties", {}))


def is_closed(schema: Schema) -> bool:
    """Return whether only declared parameters may be given; a schema that does not say means so."""
    return schema.get("additionalProperties", False) is False


def values(schema: Schema, given: Mapping[str, Any], needed: Collection[str]) -> dict[str, Any]:
    """Return the values of a job's parameters, defaults filled in; ``needed`` are those its document names.

    Raises ``InvalidRequest`` naming the parameter that is unknown, wrong or missing.
    """
    _bound(given)
    known = declared(schema) if schema else frozenset(needed)
    for name in given:
        _check_name(name)
        if name not in known and (not schema or is_closed(schema)):
            what = "the template's schema" if schema else "the document"
            raise InvalidRequest(f"parameters.{name} is not known to {what}")
    defaults = {
        name: part["default"]
        for name, part in schema.get("properties", {}).items()
        if isinstance(part, Mapping) and "default" in part
    }
    found = {**defaults, **given}
    missing = [name for name in (*schema.get("required", ()), *sorted(needed)) if name not in found]
    if missing:
        raise MissingParameter(missing[0])
    if schema:
        _validate(schema, found, "parameters")
    return found


def _parts(where: str, part: object, depth: int) -> Iterator[tuple[str, Schema]]:
    """Walk the schemas inside a schema."""
    if isinstance(part, bool):
        return
    if not isinstance(part, Mapping):
        raise InvalidRequest(f"{where} must be a schema, not {type(part).__name__}")
    if depth > MAX_SCHEMA_DEPTH:
        raise InvalidRequest(f"{where}: schemas are nested deeper than {MAX_SCHEMA_DEPTH} levels")
    yield where, part
    for keyword, value in part.items():
        here = f"{where}.{keyword}"
        if keyword in _SCHEMA:
            yield from _parts(here, value, depth + 1)
        elif keyword in _SCHEMAS and isinstance(value, list):
            for number, inner in enumerate(value):
                yield from _parts(f"{here}[{number}]", inner, depth + 1)
        elif keyword in _NAMED and isinstance(value, Mapping):
            for name, inner in value.items():
                yield from _parts(f"{here}.{name}", inner, depth + 1)


def _check_part(where: str, part: Schema) -> None:
    for keyword in part:
        if keyword not in KEYWORDS:
            raise InvalidRequest(f"{where}: the keyword {keyword[:64]!a} is unknown, or not allowed here")
    if part.get("$schema", DIALECT) != DIALECT:
        raise InvalidRequest(f"{where}.$schema: the only one is {DIALECT}")
    pattern = part.get("pattern")
    if isinstance(pattern, str):
        if len(pattern) > MAX_PATTERN:
            raise InvalidRequest(f"{where}.pattern is longer than {MAX_PATTERN} characters")
        try:
            _compiled(pattern)
        except PatternError as error:
            reason = " ".join(str(error).split())[:_SHOWN]
            raise InvalidRequest(f"{where}.pattern {pattern[:64]!a} is not usable: {reason}") from None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern))


def _pattern(_: Any, pattern: str, instance: object, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _compiled(pattern).isinstance_python(instance):
        yield ValidationError(f"{instance[:64]!a} does not match {pattern!a}")


#: Of the whole standard only this is ours.
_Validator: Final = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]


def _validate(schema: Schema, value: object, where: str) -> None:
    if _nodes(schema) * _nodes(value) > MAX_WORK:
        raise InvalidRequest(f"{where}: the schema is too large to check so many values by it")
    try:
        error = best_match(_Validator(schema).iter_errors(value))
    except (ArithmeticError, RecursionError) as failure:
        raise InvalidRequest(f"{where} cannot be checked: {failure}") from None
    if error is not None:
        raise InvalidRequest(f"{where}{_path(error)}: {error.message[:_SHOWN]}")


def _path(error: ValidationError) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)


def _where(error: SchemaError) -> str:
    return "".join(f"{part}." for part in error.absolute_path).removesuffix(".") + ": "


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequest(f"parameters: the name {str(name)[:64]!a} does not match {PARAMETER_PATTERN}")


def _bound(given: Mapping[str, Any]) -> None:
    """Raise ``InvalidRequest`` for values that no document could hold, or no check would bear."""
    size = len(_json("parameters", dict(given)).encode())
    if size > MAX_BYTES:
        raise InvalidRequest(f"parameters have {size} bytes; at most {MAX_BYTES} are allowed")
    if _nodes(given) > MAX_NODES:
        raise InvalidRequest(
            f"parameters hold more than {MAX_NODES} values, or are nested deeper than {MAX_DEPTH} levels"
        )


def _nodes(value: object) -> int:
    """Return how many values a value holds, itself among them; as good as infinite if it is too deep."""
    level, found, depth = [value], 0, 0
    while level:
        depth, found = depth + 1, found + len(level)
        if depth > MAX_DEPTH + MAX_SCHEMA_DEPTH:
            return MAX_BYTES * MAX_WORK
        level = [
            child
            for parent in level
            if isinstance(parent, Mapping | list)
            for child in (parent.values() if isinstance(parent, Mapping) else parent)
        ]
    return found


def _json(where: str, value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"{where} cannot be written as JSON: {error}") from None
