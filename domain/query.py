"""Queries over things: a small grammar, read into terms that facts about one thing meet or do not.

``attributes.model:rev2 AND thingName:eu-*``; docs/groups.md has the table. Letter case matters in field names
and never in values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from domain.errors import InvalidQuery
from domain.query_terms import (
    AllOf,
    AnyOf,
    Bound,
    Compared,
    Connected,
    Facts,
    Field,
    Node,
    Not,
    Pattern,
    Ranged,
    Subject,
)

MAX_LENGTH: Final = 1000
#: Contract 1.3.
MAX_TERMS: Final = 7
_MAX_NAME: Final = 128

# Which terminals are possible depends on where the parser is: a word is read only where a value may stand.
_GRAMMAR: Final = r"""
    ?start: any
    ?any: all (_OR all)*
    ?all: unit (_AND? unit)*
    ?unit: (NOT | MINUS) unit -> negated
         | "(" any ")" -> nested
         | CONNECTED ":" TRUTH -> connected
         | (THING_NAME | THING_TYPE | ATTRIBUTE) ":" (WORD | QUOTED) -> equal
         | (THING_NAME | THING_TYPE | ATTRIBUTE) _COLON? COMPARISON bound -> compared
         | (THING_NAME | THING_TYPE | ATTRIBUTE) ":" (LSQB | LBRACE) bound _TO bound (RSQB | RBRACE) -> ranged
    bound: WORD | QUOTED

    _COLON: ":"
    _OR: /OR\b/
    _AND: /AND\b/
    _TO: /TO\b/
    NOT: /NOT\b/
    MINUS: "-"
    CONNECTED: /connectivity\.connected(?![\w.-])/
    THING_NAME: /thingName(?![\w.-])/
    THING_TYPE: /thingTypeName(?![\w.-])/
    ATTRIBUTE: /attributes\.([a-zA-Z0-9_.,@\/#-]|\\:)+/
    TRUTH: /(true|false)(?![^\s()])/i
    COMPARISON: "<=" | ">=" | "<" | ">"
    LSQB: "["
    LBRACE: "{"
    RSQB: "]"
    RBRACE: "}"
    WORD: /([a-zA-Z0-9_.,@\/:#=*?-]|\\[!-~])+/
    QUOTED: /"([ !#-\[\]-~]|\\[!-~])*"/
    %ignore /[ \t\r\n]+/
"""

_FIELD: Final = "a field (thingName, thingTypeName, attributes.NAME, connectivity.connected)"
_WORDS: Final = {
    "THING_NAME": _FIELD,
    "THING_TYPE": _FIELD,
    "ATTRIBUTE": _FIELD,
    "CONNECTED": _FIELD,
    "WORD": "a value",
    "QUOTED": "a value",
    "TRUTH": "true or false",
    "COMPARISON": "a comparison (< <= > >=)",
    "COLON": ":",
    "_COLON": ":",
    "NOT": "NOT",
    "MINUS": "-",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "LBRACE": "{",
    "RSQB": "]",
    "RBRACE": "}",
    "_TO": "TO",
    "_AND": "AND",
    "_OR": "OR",
    "$END": "the end",
}


@dataclass(frozen=True, slots=True)
class Query:
    """A query as written and as read."""

    text: str
    root: Node

    @property
    def prefix(self) -> str:
        """Return what the lower-case name of every thing that matches begins with."""
        return self.root.prefix

    @property
    def asks_connectivity(self) -> bool:
        """Whether what matches can change when a thing comes or goes."""
        return self.root.asks_connectivity


def matches(query: Query, facts: Facts) -> bool:
    """Return whether a thing is one of those the query means."""
    return query.root.meets(facts)


@lru_cache(maxsize=256)
def parse(text: str) -> Query:
    """Read a query, or raise ``InvalidQuery`` saying where it goes wrong and what was expected there."""
    if len(text) > MAX_LENGTH:
        raise InvalidQuery(f"query has {len(text)} characters; at most {MAX_LENGTH} are allowed")
    try:
        root = _parser().parse(text)
    except UnexpectedInput as error:
        raise _unexpected(text, error) from None
    assert isinstance(root, Node)
    if root.terms > MAX_TERMS:
        raise InvalidQuery(f"query has {root.terms} terms; at most {MAX_TERMS} are allowed")
    return Query(text, root)


@v_args(inline=True)
class _Build(Transformer[Token, Node]):
    """From rules to nodes, as the parser goes along: nothing here recurses."""

    def any(self, *nodes: Node) -> Node:
        return AnyOf(nodes)

    def all(self, *nodes: Node) -> Node:
        return AllOf(nodes)

    def negated(self, _sign: Token, node: Node) -> Node:
        return node.inner if isinstance(node, Not) else Not(node)

    def nested(self, node: Node) -> Node:
        return node

    def connected(self, _field: Token, truth: Token) -> Node:
        return Connected(truth.lower() == "true")

    def equal(self, field: Token, value: Token) -> Node:
        try:
            return Pattern.of(_subject(field), _parts(value))
        except ValueError as error:
            raise _at(value, str(error)) from None

    def compared(self, field: Token, comparison: Token, bound: Bound) -> Node:
        if bound.value is None:
            raise _at(comparison, "a comparison needs a value, not *")
        return Compared(_subject(field), str(comparison), bound)

    def ranged(self, field: Token, opening: Token, low: Bound, high: Bound, closing: Token) -> Node:
        if None not in (low.value, high.value) and low.is_number is not high.is_number:
            raise _at(opening, "one end of the range is a number and the other is not (quote it)")
        return Ranged(_subject(field), low, high, takes_low=opening == "[", takes_high=closing == "]")

    def bound(self, value: Token) -> Bound:
        parts = _parts(value)
        if parts == (None,):
            return Bound(None)
        literal = [part for part in parts if part]
        if len(literal) < len(parts):
            raise _at(value, "the end of a range or comparison has no wildcards")
        return Bound.of("".join(literal), is_text=value.type == "QUOTED")


def _subject(field: Token) -> Subject:
    if field.type != "ATTRIBUTE":
        return Subject(Field(str(field)))
    name = field.removeprefix("attributes.").replace("\\:", ":")
    if len(name) > _MAX_NAME:
        raise _at(field, f"an attribute's name has at most {_MAX_NAME} characters")
    return Subject(name)


_CHARACTER: Final = re.compile(r"\\(.)|(.)", re.DOTALL)
_WILD: Final = {"*": None, "?": ""}


def _parts(value: Token) -> tuple[str | None, ...]:
    """Return a value as ``Pattern.of`` takes it; quotes and backslashes make wildcards plain characters."""
    if value.type == "QUOTED":
        return tuple(one or other for one, other in _CHARACTER.findall(value[1:-1]))
    return tuple(one or _WILD.get(other, other) for one, other in _CHARACTER.findall(value))


def _at(token: Token, reason: str) -> InvalidQuery:
    return InvalidQuery(f"query at character {(token.start_pos or 0) + 1}, {str(token)[:32]!r}: {reason}")


def _unexpected(text: str, error: UnexpectedInput) -> InvalidQuery:
    names: set[str] = set()
    if isinstance(error, UnexpectedCharacters):
        names = set(error.allowed or ())
    elif isinstance(error, UnexpectedToken):
        names = set(error.accepts or error.expected)
    expected = [word for word in dict.fromkeys(_WORDS.values()) if word in {_WORDS.get(n) for n in names}]
    position = error.pos_in_stream or 0
    ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    where = "its end" if ended else f"character {position + 1}, {text[position:][:16]!r}"
    return InvalidQuery(f"query at {where}: expected {' or '.join(expected)}")


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual", transformer=_Build(), maybe_placeholders=False)
