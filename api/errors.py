"""Errors at this border: which class answers with which status, and how a reason reads."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from domain.errors import Conflict, InvalidRequest, JobsError, LimitExceeded, NotFound, Throttled, Unavailable

#: The customer's dialect (contract 5.4). A class that is not here counts as its nearest ancestor.
STATUS: Final[Mapping[type[JobsError], int]] = {
    InvalidRequest: 422,
    NotFound: 404,
    Conflict: 409,
    LimitExceeded: 422,
    Throttled: 429,
    Unavailable: 503,
    JobsError: 500,
}
#: Whoever gets one of these may come again after as many seconds.
RETRY_AFTER: Final[Mapping[int, str]] = {429: "1", 503: "1"}
_SHOWN_FAULTS: Final = 5
_SHOWN_VALUE: Final = 64


class Refusal(Exception):
    """A request that HTTP itself gives a word for: too large, wrong type, not allowed here."""

    def __init__(self, status: int, reason: str, *, close: bool = False, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        #: Whether the rest of the request is not worth reading.
        self.close = close
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def status_of(error: JobsError) -> int:
    """Return the status of the nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def failure(status: int, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return the one form that every failure has."""
    retry = {"Retry-After": RETRY_AFTER[status]} if status in RETRY_AFTER else {}
    # ASCII only: a reason may quote what is no text at all, such as a lone surrogate.
    body = json.dumps({"error": reason}).encode()
    return web.Response(
        status=status, body=body, content_type="application/json", headers={**retry, **(headers or {})}
    )


def invalid(error: ValidationError, *, noun: str) -> InvalidRequest:
    """Return what is wrong with a body or query; ``noun`` is what its members are called."""
    faults = _causes(error.errors(include_url=False, include_context=True))
    reasons = [_reason(fault, noun) for fault in faults[:_SHOWN_FAULTS]]
    more = len(faults) - len(reasons)
    return InvalidRequest("; ".join(reasons) + (f"; and {more} more" if more else ""))


def _causes(faults: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out that a list has too few entries where it had enough and some of them were faulty."""
    around = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in around]


def _reason(fault: ErrorDetails, noun: str) -> str:
    where = _where(fault["loc"])
    kind, value, context = fault["type"], fault["input"], fault.get("ctx", {})
    match kind:
        case "missing":
            return f"{where} is required"
        case "extra_forbidden":
            return f"unknown {noun} {shown(where)}"
        case "value_error":
            text = str(context["error"])
            return f"{where} {shown(value)}: {text}" if where else text
        case "enum":
            return f"{where} {shown(value)} is not one of {context['expected']}"
        case "string_pattern_mismatch":
            return f"{where} {shown(value)} does not match {context['pattern']}"
        case "too_short" | "too_long":
            bound = "at least" if kind == "too_short" else "at most"
            limit = context.get("min_length") or context.get("max_length")
            return f"{where} has {context['actual_length']} entries; {bound} {limit} allowed"
        case _:
            return _mismatch(where, fault)


def _mismatch(where: str, fault: ErrorDetails) -> str:
    expected = _WANTED.get(fault["type"])
    value = fault["input"]
    if expected is not None:
        return f"{where} must be {expected}, not {_KINDS.get(type(value), type(value).__name__)}"
    return f"{where} {shown(value)}: {fault['msg']}"


_WANTED: Final = {
    "string_type": "a string",
    "list_type": "an array",
    "tuple_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_KINDS: Final[Mapping[type, str]] = {
    type(None): "null",
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}


def _where(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: Any) -> str:
    """Return a value as a reason quotes it: short and on one line, at a price that its size does not set."""
    text = ascii(value[: _SHOWN_VALUE + 1]) if isinstance(value, str) else reprlib.repr(value)
    return text if len(text) <= _SHOWN_VALUE else f"{text[: _SHOWN_VALUE - 3]}..."
