"""``thingjobs db``: what is done to the database itself, by whoever runs the server, where it runs."""

# ruff: noqa: PLC0415 - what is heavy is imported inside the command that needs it

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import FAILED

if TYPE_CHECKING:
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
    from cli.settings import load
    from storage.audit import checks_for, faults
    from storage.snapshot import server_snapshot, snapshot

    settings = load(config=config, data_dir=data_dir)
    url = settings.database_url
    with (
        snapshot(settings.data_dir) if url is None else server_snapshot(url.get_secret_value()) as connection
    ):
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


def lines(fault: Fault) -> list[str]:
    """Return what is printed of a check that failed."""
    named = (" ".join(f"{what}={name}" for what, name in each.items()) for each in fault.offenders)
    more = ["  ... and more"] if fault.more else []
    return [f"{fault.check.name}: not so: {fault.check.says}", *(f"  {each}" for each in named), *more]
