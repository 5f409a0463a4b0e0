"""``thingjobs db upgrade``: the schema, before servers of a new version start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def upgrade_command(
    *,
    config: Annotated[Path | None, typer.Option(help="The server's settings file.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the database lies, if it is SQLite's.")] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="No server of an older version is left: let none start again.")
    ] = False,
) -> None:
    """Make the tables, or bring them up to date; servers on PostgreSQL may run meanwhile."""
    from cli import database  # noqa: PLC0415 - heavy imports only where needed
    from cli.settings import load  # noqa: PLC0415
    from storage.schema import HEAD  # noqa: PLC0415

    database.upgrade(load(config=config, data_dir=data_dir), finish=finish)
    typer.echo(f"the database has schema {HEAD}" + (", and servers of older versions are refused" * finish))
