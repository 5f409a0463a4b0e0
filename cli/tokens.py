"""``thingjobs things tokens``: a token for each thing of a fleet, in one private file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import UsageRefused
from cli.private import write_private
from cli.things import KeyFile, Url


def tokens_command(
    file: Annotated[Path, typer.Argument(help="Where the tokens are kept, for fleet --tokens-file.")],
    *,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many things.")] = 10,
    prefix: Annotated[str, typer.Option(help="Things are called PREFIX-0001 and so on.")] = "sim",
    url: Url = "http://127.0.0.1:8080",
    api_key_file: KeyFile = None,
) -> None:
    """Make tokens for the things of a fleet and write them to FILE; those that are there already stay."""
    from agent.fleet import thing_names  # noqa: PLC0415 - heavy imports only where needed
    from cli.rest import Rest  # noqa: PLC0415

    made = add_tokens(file, thing_names(prefix, count), Rest(url, api_key_file).token)
    typer.echo(f"{made} new tokens in {file}")


def add_tokens(path: Path, names: Sequence[str], issue: Callable[[str], str]) -> int:
    """Issue what the file lacks and write it whole; returns how many. Nothing is written if one fails."""
    known = read_tokens(path)
    fresh = {name: issue(name) for name in names if name not in known}
    if fresh:
        write_private(path, json.dumps({**known, **fresh}, indent=0), replace=True)
    return len(fresh)


def read_tokens(path: Path) -> Mapping[str, str]:
    """Return the tokens in a file; none if it is not there."""
    try:
        tokens = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageRefused(f"cannot read the tokens in {path}: {error}") from None
    if not isinstance(tokens, dict):
        raise UsageRefused(f"{path} is not a JSON object of tokens")
    return tokens
