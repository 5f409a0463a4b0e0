"""``thingjobs serve``: everything in one process, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer


def serve_command(
    *,
    config: Annotated[Path | None, typer.Option(help="Settings file (TOML).")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the database lies.")] = None,
    http_host: Annotated[str | None, typer.Option(help="Address of the REST API.")] = None,
    http_port: Annotated[int | None, typer.Option(help="Port of the REST API; 0 for a free one.")] = None,
    mqtt_host: Annotated[str | None, typer.Option(help="Address of the embedded broker.")] = None,
    mqtt_port: Annotated[int | None, typer.Option(help="Port of the embedded broker; 0: free.")] = None,
    insecure_devices: Annotated[
        bool | None,
        typer.Option("--insecure-devices", help="Let devices in without tokens (loopback only)."),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="That, and AWS calls with any signature or none (loopback only)."),
    ] = False,
    print_config: Annotated[bool, typer.Option("--print-config", help="Show the settings and end.")] = False,
) -> None:
    """Run the server: REST API, embedded MQTT broker, dispatcher and clock on one SQLite database."""
    from cli import logs, settings  # noqa: PLC0415 - heavy imports only where needed

    chosen = settings.load(
        config=config,
        data_dir=data_dir,
        http_host=http_host,
        http_port=http_port,
        mqtt_host=mqtt_host,
        mqtt_port=mqtt_port,
        insecure_devices=insecure or insecure_devices,
        insecure_operators=insecure or None,
    )
    if print_config:
        typer.echo(settings.printable(chosen))
        return
    logs.configure(chosen.log_level, chosen.log_format)
    asyncio.run(_serve(chosen))


async def _serve(settings: object) -> None:
    from cli import garbage  # noqa: PLC0415
    from cli.server import serving  # noqa: PLC0415
    from cli.settings import Settings  # noqa: PLC0415

    assert isinstance(settings, Settings)
    stop = stop_signal()  # heeded from now on: who is told to stop while starting stops cleanly too
    async with serving(settings) as server:
        typer.echo(f"REST API  {server.http_url}   (docs: {server.http_url}/docs)", err=True)
        typer.echo(f"MQTT      {server.mqtt_address}", err=True)
        if server.mqtts_address is not None:
            typer.echo(f"MQTT TLS  {server.mqtts_address}   (devices show certificates)", err=True)
        signed = "with any signature or none" if settings.insecure_operators else "signed"
        region = f"region {settings.region}, {signed}"
        typer.echo(f"AWS       {server.http_url}/aws/iot and …/aws/iot-jobs-data   ({region})", err=True)
        garbage.settle()
        await stop.wait()
        typer.echo("stopping", err=True)


async def stopped() -> None:
    """Return on the first SIGINT or SIGTERM from now on."""
    await stop_signal().wait()


def stop_signal() -> asyncio.Event:
    """Return what the first SIGINT or SIGTERM sets; the second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def first() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, first)
    return stop
