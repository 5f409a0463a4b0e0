"""``thingjobs artifacts …``: files that job documents may point to, over the REST API."""

# ruff: noqa: PLC0415 - what is heavy is imported inside the command that needs it

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.things import KeyFile, Url

if TYPE_CHECKING:
    from cli.artifact_files import Told

artifacts_app = typer.Typer(
    name="artifacts", help="Files that job documents may point to.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The artifact.")]


@artifacts_app.command("put")
def put_command(
    file: Annotated[Path, typer.Argument(help="What to upload.")],
    *,
    name: Annotated[str | None, typer.Option(help="The artifact's name; the file's by default.")] = None,
    url: Url = "http://127.0.0.1:8080",
    api_key_file: KeyFile = None,
) -> None:
    """Upload FILE; the same content again is no error, another one under the same name is."""
    from cli.artifact_files import upload
    from cli.rest import Rest

    with progress(f"uploading {file.name}") as told:
        stored = upload(Rest(url, api_key_file), file, name or file.name, told)
    verb = "stored" if stored["created"] else "was there already:"
    typer.echo(f"{verb} {line(stored)}")


@artifacts_app.command("list")
def list_command(url: Url = "http://127.0.0.1:8080", api_key_file: KeyFile = None) -> None:
    """Print name, size, sha256 and time of each artifact, newest first."""
    from cli.rest import Rest

    rest, token = Rest(url, api_key_file), ""
    while True:
        page = rest.call("GET", f"/artifacts?nextToken={token}")
        for artifact in page["artifacts"]:
            typer.echo(f"{line(artifact)}  {artifact['createdAt']}")
        if page["nextToken"] is None:
            return
        token = page["nextToken"]


@artifacts_app.command("get")
def get_command(
    name: Name,
    file: Annotated[Path | None, typer.Argument(help="Where to; NAME in this folder by default.")] = None,
    url: Url = "http://127.0.0.1:8080",
    api_key_file: KeyFile = None,
) -> None:
    """Download an artifact to FILE, once its sha256 was found to be right."""
    from cli.artifact_files import download
    from cli.rest import Rest

    target = file or Path(name)
    with progress(f"downloading {name}") as told:
        fetched = download(Rest(url, api_key_file), name, target, told)
    typer.echo(f"{target}: {line(fetched)}")


@artifacts_app.command("delete")
def delete_command(
    name: Name,
    *,
    force: Annotated[bool, typer.Option("--force", help="Also if an open job's document names it.")] = False,
    url: Url = "http://127.0.0.1:8080",
    api_key_file: KeyFile = None,
) -> None:
    """Delete an artifact; links to it end at once."""
    from cli.rest import Rest

    rest = Rest(url, api_key_file)
    rest.call("DELETE", rest.path("artifacts", name), {"force": force})
    typer.echo(f"deleted {name}")


def line(artifact: dict[str, Any]) -> str:
    return f"{artifact['artifactName']}  {artifact['size']} bytes  sha256 {artifact['sha256']}"


@contextmanager
def progress(what: str) -> Iterator[Told]:
    """Show a bar on a terminal, nothing elsewhere; what it yields is told the bytes so far and in all."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
