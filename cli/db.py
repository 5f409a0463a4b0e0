"""``thingjobs db``: what is done to the database itself, by whoever runs the server, where it runs."""

# ruff: noqa: PLC0415 - what is heavy is imported inside the command that needs it

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import FAILED, UsageRefused

if TYPE_CHECKING:
    from cli.settings import Settings
    from storage.audit import Fault

db_app = typer.Typer(name="db", help="The database itself.", no_args_is_help=True)


@db_app.command("check")
def check_command(
    *,
    config: Annotated[Path | None, typer.Option(help="The server's settings file.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the database lies, if it is SQLite's.")] = None,
    named: Annotated[int, typer.Option(min=1, max=10_000, help="How many offenders are named of each.")] = 20,
) -> None:
    """Prove that what is stored fits together, or name what does not and end with 1; a server may run."""
    from cli.database import url_of
    from cli.settings import load
    from storage.audit import checks_for, faults
    from storage.snapshot import server_snapshot, snapshot

    settings = load(config=config, data_dir=data_dir)
    url = url_of(settings)
    with snapshot(settings.data_dir) if url is None else server_snapshot(url) as connection:
        checks = checks_for(connection)
        failed = 0
        for fault in faults(connection, named=named):
            failed += 1
            for line in lines(fault):
                typer.echo(line)
    if failed:
        typer.echo(f"{failed} of {len(checks)} checks failed")
        raise typer.Exit(FAILED)
    typer.echo(f"all {len(checks)} checks hold")


@db_app.command("copy")
def copy_command(
    *,
    source: Annotated[
        str | None, typer.Option("--from", help="sqlite:DIRECTORY; that of the settings by default.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--to", help="postgresql://…; by default that of the settings, where no other user sees it."
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The server's settings file.")] = None,
) -> None:
    """Copy all that an SQLite database holds into an empty one on PostgreSQL; all or nothing."""
    from cli.settings import load
    from storage.copying import copy

    settings = load(config=config)
    folder = settings.data_dir if source is None else _directory(source)
    url = target if target is not None else _target(settings)
    copy(folder, url, lambda copied: typer.echo(f"{copied.table}: {copied.rows} rows, {copied.digest}"))
    typer.echo(f"all is there; keys and artifacts stay in {folder}")


def _directory(source: str) -> Path:
    scheme, _, directory = source.partition(":")
    if scheme != "sqlite" or not directory:
        raise UsageRefused(f"--from {source}: sqlite:DIRECTORY is what can be copied from")
    return Path(directory)


def _target(settings: Settings) -> str:
    from cli.database import url_of

    url = url_of(settings)
    if url is None:
        raise UsageRefused("where to? Give --to, or set THINGJOBS_DATABASE_URL_FILE")
    return url


def lines(fault: Fault) -> list[str]:
    """Return what is printed of a check that failed."""
    named = (" ".join(f"{what}={name}" for what, name in each.items()) for each in fault.offenders)
    more = ["  ... and more"] if fault.more else []
    return [f"{fault.check.name}: not so: {fault.check.says}", *(f"  {each}" for each in named), *more]
