"""As much of Go's templates as our chart uses, and not a word more: what is not known here is an error.

It shows what the chart comes to where there is no Helm; it is no proof that Helm reads it the same way.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

_ACTION = re.compile(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.DOTALL)


def render(text: str, context: Mapping[str, Any]) -> str:
    """Fill a template in. Raises ``ValueError`` for what it does not know, and for a name that is missing."""
    tokens = list(_tokens(text))
    rendered, rest = _block(tokens, context, context)
    if rest:
        raise ValueError(f"an end too many: {rest[0]}")
    return rendered


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield text and actions; a dash eats the white space beside it."""
    at, eats = 0, False
    for found in _ACTION.finditer(text):
        between = text[at : found.start()]
        between = between.lstrip() if eats else between
        yield "text", between.rstrip() if found[1] else between
        yield "action", found[2]
        at, eats = found.end(), bool(found[3])
    yield "text", text[at:].lstrip() if eats else text[at:]


def _block(
    tokens: list[tuple[str, str]], root: Mapping[str, Any], dot: Any
) -> tuple[str, list[tuple[str, str]]]:
    """Render up to the end of the block; return what comes behind that."""
    out = []
    while tokens:
        (kind, said), tokens = tokens[0], tokens[1:]
        if kind == "text":
            out.append(said)
        elif said == "end":
            return "".join(out), [("text", ""), *tokens]
        elif said.startswith("range "):
            each, top = _value(said.removeprefix("range "), root, dot), root.get("$", root)
            rendered = [_block(tokens, {**item, "$": top}, item) for item in each]
            # Without any item nobody would have looked where it ends.
            if not rendered or not rendered[0][1]:
                raise ValueError(f"{said} has no end or no item")
            tokens = rendered[0][1]
            out += [inner for inner, _ in rendered]
        elif said.startswith(("if ", "with ")):
            word, _, what = said.partition(" ")
            value = _value(what, root, dot)
            inner, rest = _block(tokens, root, value if word == "with" else dot)
            if not rest:
                raise ValueError(f"{said} has no end")
            tokens = rest
            out.append(inner if value else "")
        else:
            out.append(_text(_value(said, root, dot)))
    return "".join(out), []


def _value(said: str, root: Mapping[str, Any], dot: Any) -> Any:
    if said.startswith("not "):
        return not _value(said.removeprefix("not "), root, dot)
    first, *pipes = (part.strip() for part in said.split("|"))
    value = _yaml(_look_up(first.removeprefix("toYaml "), root, dot)) if first.startswith("toYaml ") else None
    value = _look_up(first, root, dot) if value is None else value
    for pipe in pipes:
        word, *arguments = pipe.split(" ")
        match word, arguments:
            case "quote", []:
                value = json.dumps(_text(value))
            case "default", [other]:
                value = value or _look_up(other, root, dot)
            case "nindent", [width]:
                value = "\n" + "\n".join(" " * int(width) + line for line in value.splitlines())
            case _:
                raise ValueError(f"what is {pipe!r}?")
    return value


def _look_up(path: str, root: Mapping[str, Any], dot: Any) -> Any:
    if path == ".":
        return dot
    if re.fullmatch(r"\$?(\.\w+)+", path) is None:
        raise ValueError(f"what is {path!r}?")
    start, *names = path.split(".")
    value: Any = root.get("$", root) if start else root
    for name in names:
        if name not in value:
            raise ValueError(f"there is no {path}")
        value = value[name]
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=True).rstrip("\n")
