"""``thingjobs api``, ``dispatcher`` and ``scheduler``: parts of a server, each until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import garbage
from cli.serve import stop_signal

if TYPE_CHECKING:
    from cli.settings import Settings

Config = Annotated[Path | None, typer.Option(help="Settings file (TOML).")]
DataDir = Annotated[Path | None, typer.Option(help="Where the keys lie; all processes need the same.")]
HealthPort = Annotated[int | None, typer.Option(help="Port for /healthz and /readyz; 0 for a free one.")]


def api_command(
    *,
    config: Config = None,
    data_dir: DataDir = None,
    http_host: Annotated[str | None, typer.Option(help="Address of the REST API.")] = None,
    http_port: Annotated[int | None, typer.Option(help="Port of the REST API; 0 for a free one.")] = None,
) -> None:
    """Run a REST API alone, on PostgreSQL; any number may."""
    from cli import processes  # noqa: PLC0415 - heavy imports only where needed

    flags = {"http_host": http_host, "http_port": http_port}
    _run("REST API", processes.api, config=config, data_dir=data_dir, **flags)


def dispatcher_command(
    *, config: Config = None, data_dir: DataDir = None, health_port: HealthPort = None
) -> None:
    """Run a dispatcher alone, on PostgreSQL and an external broker; one works and others stand by."""
    from cli import processes  # noqa: PLC0415 - heavy imports only where needed

    _run("MQTT", processes.dispatcher, config=config, data_dir=data_dir, health_port=health_port)


def scheduler_command(
    *, config: Config = None, data_dir: DataDir = None, health_port: HealthPort = None
) -> None:
    """Run a scheduler alone, on PostgreSQL; one works and others stand by."""
    from cli import processes  # noqa: PLC0415 - heavy imports only where needed

    _run("clock", processes.scheduler, config=config, data_dir=data_dir, health_port=health_port)


def _run(name: str, process: Callable[[Settings], AbstractAsyncContextManager[str]], **flags: Any) -> None:
    from cli import logs, settings  # noqa: PLC0415 - heavy imports only where needed

    chosen = settings.load(**flags)
    logs.configure(chosen.log_level, chosen.log_format)
    asyncio.run(_until_stopped(name, process(chosen)))


async def _until_stopped(name: str, process: AbstractAsyncContextManager[str]) -> None:
    stop = stop_signal()  # heeded from now on: who is told to stop while starting stops cleanly too
    async with process as where:
        typer.echo(f"{name:<9} {where}", err=True)
        garbage.settle()
        await stop.wait()
        typer.echo("stopping", err=True)
