"""The job document: JSON text that is kept to the letter and must be one object (contract 1.4)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

from pydantic_core import from_json

from domain.errors import InvalidRequest

MAX_BYTES: Final = 32_768
MAX_DEPTH: Final = 20


def document_text(document: object) -> str:
    """Return the document as the text that is stored: a string stays as it is, an object is written out.

    Raises ``InvalidRequest`` if it is no JSON object, too large, too deep, or ambiguous (repeated names).
    """
    if isinstance(document, dict):
        try:
            document = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequest(f"document cannot be written as JSON: {error}") from None
    if not isinstance(document, str):
        raise InvalidRequest(f"document must be a JSON string or object, not {type(document).__name__}")
    try:
        size = len(document.encode())
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"document holds a lone surrogate at character {error.start}") from None
    if size > MAX_BYTES:
        raise InvalidRequest(f"document has {size} bytes; at most {MAX_BYTES} are allowed")
    _check(document)
    return document


def _check(text: str) -> None:
    try:
        # The Rust parser refuses what the standard one lets through: NaN, lone surrogates, deep nesting.
        parsed = from_json(text, allow_inf_nan=False)
        json.loads(text, object_pairs_hook=distinct)
    except ValueError as error:
        raise InvalidRequest(f"document is not valid JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("document must hold a JSON object at its top level")
    _walk(parsed, 1)


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; raises ``ValueError`` if a name stands twice. For ``object_pairs_hook``."""
    found = dict(pairs)
    if len(found) != len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the name {twice[:64]!a} stands twice in one object")
    return found


def _walk(node: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"document is nested deeper than {MAX_DEPTH} levels")
    if isinstance(node, str) and "\0" in node:
        raise InvalidRequest("document contains the character U+0000, which is not allowed")
    if isinstance(node, dict):
        for name, value in node.items():
            _walk(name, depth)
            _walk(value, depth + 1)
    elif isinstance(node, list):
        for value in node:
            _walk(value, depth + 1)
