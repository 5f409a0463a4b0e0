"""How answers are shown: tables on a terminal, aligned lines elsewhere, JSON for programs.

Names and details come from devices: nothing of theirs may drive a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import typer

from cli.logs import escape

#: Of a list of names, and of one value in a table.
_MOST: Final = 10
_WIDEST: Final = 80
_UNSET: Final[tuple[object, ...]] = (None, {}, [], "")


def as_json(answer: object) -> None:
    """Print for programs."""
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def more(limit: int) -> None:
    """Say that a list was cut, where it does not disturb a program."""
    typer.echo(f"thingjobs: there are more; --limit is {limit}", err=True)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their head; without rows nothing but the head."""
    texts = [[_short(brief(value)) for value in row] for row in rows]
    if sys.stdout.isatty():
        _drawn(head, texts)
        return
    widths = [max(map(len, column)) for column in zip(head, *texts, strict=True)]
    for line in (head, *texts):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _drawn(head: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - heavy imports only where needed
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(*head, box=SIMPLE_HEAD, pad_edge=False)
    for row in texts:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def brief(value: object) -> str:
    """Return a value on one line; of a list no more than its beginning."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return " ".join(f"{escape(name)}={brief(inner)}" for name, inner in value.items()) or "-"
        case list():
            shown = " ".join(brief(inner) for inner in value[:_MOST])
            return f"{shown} and {len(value) - _MOST} more" if len(value) > _MOST else shown or "-"
        case _:
            return escape(str(value))


def outline(answer: Mapping[str, Any]) -> None:
    """Print an answer of any shape, name by name; what is not set is left out."""
    for line in _outline(answer, ""):
        typer.echo(line)


def _outline(answer: Mapping[str, Any], indent: str) -> Iterator[str]:
    told = {escape(name): value for name, value in answer.items() if value not in _UNSET}
    width = max((len(name) for name, value in told.items() if not _is_deep(value)), default=0)
    for name, value in told.items():
        if not _is_deep(value):
            yield f"{indent}{name.ljust(width)}  {brief(value)}"
            continue
        yield f"{indent}{name}"
        if isinstance(value, Mapping):
            yield from _outline(value, f"{indent}  ")
        else:
            yield from (f"{indent}  - {_entry(entry)}" for entry in value)


def _entry(entry: object) -> str:
    if not isinstance(entry, Mapping):
        return brief(entry)
    return "  ".join(f"{escape(name)} {brief(value)}" for name, value in entry.items() if value not in _UNSET)


def _is_deep(value: object) -> bool:
    """Tell whether a value takes lines of its own."""
    if isinstance(value, list):
        # So do sentences, which would run into one another.
        return any(isinstance(entry, Mapping) or (isinstance(entry, str) and " " in entry) for entry in value)
    return isinstance(value, Mapping)
