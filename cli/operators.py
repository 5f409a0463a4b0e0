"""What the operators' commands share: where the server is, for whom they act, and whether they may."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from cli.errors import UsageRefused
from cli.rest import Rest
from domain.acts import hint
from domain.errors import InvalidRequest

HERE: Final = "http://127.0.0.1:8080"
#: The most that one page of any list has.
_PAGE: Final = 250
#: More than the server would take.
_FILE_MAX: Final = 4 * 1024 * 1024

ActingFor = Annotated[
    str | None,
    typer.Option(
        "--actor",
        envvar="THINGJOBS_ACTOR",
        help="Who does this, for the job's timeline.",
        show_default="your login name",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server's answer, for programs.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="How many at most.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job.")]
ThingName = Annotated[str, typer.Argument(metavar="THING", help="The thing.")]


def acting(url: str, key_file: Path | None, actor: str | None) -> Rest:
    """Return the server, told who calls; raises ``UsageRefused`` for a name it would not take."""
    if actor is None:
        return Rest(url, key_file, actor=_login_name())
    try:
        return Rest(url, key_file, actor=hint(actor))
    except InvalidRequest as error:
        raise UsageRefused(f"--actor {error}") from None


def _login_name() -> str | None:
    try:
        return hint(getpass.getuser())
    except (OSError, KeyError, ImportError, InvalidRequest):
        return None


def entries(rest: Rest, path: str, key: str, limit: int, **filters: str | None) -> tuple[list[Any], bool]:
    """Return up to ``limit`` entries of a list, page by page, and whether there are more."""
    query = {name: value for name, value in filters.items() if value is not None}
    found: list[Any] = []
    while True:
        query["maxResults"] = str(min(_PAGE, limit - len(found)))
        page = rest.call("GET", f"{path}?{urlencode(query)}")
        found += page[key]
        if page["nextToken"] is None or len(found) >= limit:
            return found, page["nextToken"] is not None
        query["nextToken"] = page["nextToken"]


def ask(question: str, *, yes: bool) -> None:
    """Let a person at a terminal think again; a script has thought already."""
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)


def json_file(path: str) -> dict[str, Any]:
    """Return the JSON object in a file, or on standard input for ``-``. Raises ``UsageRefused``."""
    where = "standard input" if path == "-" else path
    try:
        raw = sys.stdin.buffer.read(_FILE_MAX + 1) if path == "-" else _read(Path(path))
        found = json.loads(raw) if len(raw) <= _FILE_MAX else None
    except OSError as error:
        raise UsageRefused(f"cannot read {where}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageRefused(f"{where} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise UsageRefused(f"{where} does not hold one JSON object of at most {_FILE_MAX} bytes")
    return found


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_FILE_MAX + 1)
