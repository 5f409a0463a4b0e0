"""How a command ends when it cannot go on: one clear line on stderr and an exit code, never a trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import typer
from typer.core import TyperGroup

from domain.errors import JobsError

FAILED: Final = 1
USAGE: Final = 2


class UsageRefused(Exception):
    """What the caller asked for cannot be: settings, flags or files that do not fit together."""


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def exit_code(error: BaseException) -> int | None:
    """Return the code for an error raised on purpose; None for a bug, which keeps its trace."""
    leaves = list(_leaves(error))
    if not all(isinstance(leaf, UsageRefused | JobsError) for leaf in leaves):
        return None
    return USAGE if any(isinstance(leaf, UsageRefused) for leaf in leaves) else FAILED


class OneLineErrors(TyperGroup):
    """The root command: turns errors of ours, also those out of task groups, into a line and a code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            code = exit_code(error)
            if code is None:
                raise
            for line in dict.fromkeys(str(leaf) for leaf in _leaves(error)):
                typer.echo(f"thingjobs: {line}", err=True)
            raise typer.Exit(code) from error
