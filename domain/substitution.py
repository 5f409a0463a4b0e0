"""Placeholders in job documents: which there are, when each is filled in, and how (contract 1.8)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from domain.documents import MAX_BYTES
from domain.errors import InvalidRequest, Undeliverable
from domain.names import ARTIFACT_PATTERN, ATTRIBUTE_NAME_PATTERN


class Moment(StrEnum):
    """When a placeholder is filled in."""

    CREATION = "when the job is created"
    DELIVERY = "each time a device is given the document"
    NEVER = "never: it stays as it is"


class Kind(StrEnum):
    """What stands between ``${`` and the name."""

    PARAMETER = "thingjobs:parameter"
    AWS_PARAMETER = "aws:iot:parameter"
    THING = "thingjobs:thing"
    VALUE = "thingjobs:value"
    ARTIFACT = "thingjobs:artifact"
    ARTIFACT_SHA256 = "thingjobs:artifact-sha256"
    ARTIFACT_SIZE = "thingjobs:artifact-size"
    S3_URL = "aws:iot:s3-presigned-url"
    CODE_SIGNATURE = "aws:iot:code-sign-signature"
    PACKAGE = "aws:iot:package"


class Rule(NamedTuple):
    """How a kind is filled in."""

    moment: Moment
    #: What may be named.
    name: str
    #: Whether a string that holds nothing else becomes the value itself: a number stays a number.
    typed: bool = False


PARAMETER_PATTERN: Final = r"[a-zA-Z0-9_-]{1,128}"
THING_NAME: Final = "name"
ATTRIBUTES: Final = "attributes."
_ANYTHING: Final = r"[^{}\x22\x00-\x1f]+"

#: All placeholders there are.
RULES: Final[Mapping[Kind, Rule]] = {
    Kind.PARAMETER: Rule(Moment.CREATION, PARAMETER_PATTERN, typed=True),
    Kind.AWS_PARAMETER: Rule(Moment.CREATION, PARAMETER_PATTERN),
    Kind.THING: Rule(Moment.DELIVERY, rf"{THING_NAME}|attributes\.{ATTRIBUTE_NAME_PATTERN}"),
    Kind.VALUE: Rule(Moment.DELIVERY, PARAMETER_PATTERN, typed=True),
    Kind.ARTIFACT: Rule(Moment.DELIVERY, ARTIFACT_PATTERN),
    Kind.ARTIFACT_SHA256: Rule(Moment.DELIVERY, ARTIFACT_PATTERN),
    Kind.ARTIFACT_SIZE: Rule(Moment.DELIVERY, ARTIFACT_PATTERN, typed=True),
    Kind.S3_URL: Rule(Moment.DELIVERY, _ANYTHING),
    Kind.CODE_SIGNATURE: Rule(Moment.NEVER, _ANYTHING),
    Kind.PACKAGE: Rule(Moment.NEVER, _ANYTHING),
}


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One of a kind, and what it names."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"


class Unfilled(Enum):
    """The answer of a resolver that leaves a placeholder as it is."""

    KEEP = "keep"


KEEP: Final = Unfilled.KEEP
Resolver = Callable[[Placeholder], object]
#: A string of the document, taken apart.
_String = tuple[str | Placeholder, ...]

#: Whatever else begins with a dollar sign is none of ours.
_OPENING: Final = re.compile(r"\$\{(?:aws:iot|thingjobs):")
_WHOLE: Final = re.compile(rf"\$\{{({'|'.join(Kind)}):({_ANYTHING})\}}")
#: The strings of a JSON text, and the colon after those that are names.
_STRINGS: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"(?=\s*(:)?)')


def is_plain(document: str) -> bool:
    """Tell cheaply that a document, once checked, holds nothing to fill in."""
    return "${thingjobs:" not in document and "${aws:iot:" not in document


def placeholders(document: str) -> list[Placeholder]:
    """Return what a JSON document holds, each as often as it occurs.

    Raises ``InvalidRequest`` for one that is unknown or malformed, or stands in the name of a member.
    """
    strings = [part for part in _parts(document) if not isinstance(part, str)]
    return [piece for string in strings for piece in string if isinstance(piece, Placeholder)]


def parameters_named(document: str) -> set[str]:
    """Return the names of the parameters that are filled in when a job is created."""
    return {p.name for p in placeholders(document) if RULES[p.kind].moment is Moment.CREATION}


def fill_parameters(document: str, values: Mapping[str, object]) -> str:
    """Return the document that a job with these values keeps; what is filled in later stays.

    A value may hold placeholders of later; one of a parameter in it is refused, since it would stay a hole.
    """
    if not parameters_named(document) and (not is_plain(document) or not placeholders(document)):
        return document

    def resolve(placeholder: Placeholder) -> object:
        return values[placeholder.name] if RULES[placeholder.kind].moment is Moment.CREATION else KEEP

    filled = fill(document, resolve)
    left = parameters_named(filled)
    if left:
        raise InvalidRequest(f"parameters: a value names the parameter {min(left)} in turn")
    return filled


def fill(document: str, resolve: Resolver) -> str:
    """Return the document with the values that ``resolve`` gives, escaped for where they stand.

    What has no placeholder stays to the letter. Values are not looked at again.
    """
    return "".join(
        part if isinstance(part, str) else _written(part, [_value(piece, resolve) for piece in part])
        for part in _parts(document)
    )


def deliver(document: str, resolve: Resolver) -> str:
    """Return the document as a device is given it, or raise ``Undeliverable`` if it gets too large."""
    delivered = fill(document, resolve)
    size = len(delivered.encode())
    if size > MAX_BYTES:
        raise Undeliverable(f"the document filled in has {size} bytes; at most {MAX_BYTES} are allowed")
    return delivered


def text_of(value: object) -> str:
    """Return a value as it reads inside a longer string."""
    return value if isinstance(value, str) else _json(value)


@lru_cache(maxsize=64)
def _parts(document: str) -> tuple[str | _String, ...]:
    """Take a document apart, once for all the things it is for: text, and strings with placeholders."""
    found: list[str | _String] = []
    end = 0
    for string in _STRINGS.finditer(document):
        # A dollar sign may be escaped as every character.
        if "$" not in string[0] and "\\u" not in string[0]:
            continue
        pieces = tuple(_pieces(json.loads(string[0])))
        if not any(isinstance(piece, Placeholder) for piece in pieces):
            continue
        if string[1]:
            raise InvalidRequest(
                f"document has a placeholder in the name {string[0][:64]}; they may stand in values only"
            )
        found += [document[end : string.start()], pieces]
        end = string.end()
    return (*found, document[end:])


def _value(piece: str | Placeholder, resolve: Resolver) -> object:
    return piece if isinstance(piece, str) else resolve(piece)


def _pieces(text: str) -> Iterator[str | Placeholder]:
    end = 0
    for opening in _OPENING.finditer(text):
        whole = _WHOLE.match(text, opening.start())
        kind = Kind(whole[1]) if whole else None
        if whole is None or kind is None or not re.fullmatch(RULES[kind].name, whole[2]):
            shown = text[opening.start() : opening.start() + 64]
            raise InvalidRequest(f"document holds the placeholder {shown!r}, which is unknown or malformed")
        if end < opening.start():
            yield text[end : opening.start()]
        yield Placeholder(kind, whole[2])
        end = whole.end()
    if end < len(text):
        yield text[end:]


def _written(pieces: _String, values: Sequence[object]) -> str:
    first = pieces[0]
    alone = len(pieces) == 1 and isinstance(first, Placeholder) and values[0] is not KEEP
    if alone and isinstance(first, Placeholder) and RULES[first.kind].typed:
        return _json(values[0])
    texts = [
        str(piece) if value is KEEP else text_of(value) for piece, value in zip(pieces, values, strict=True)
    ]
    return _json("".join(texts))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
