"""``thingjobs demo``: a server, a fleet and one job, to be watched from beginning to end."""

# ruff: noqa: PLC0415 - what is heavy is imported inside the command that needs it

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from domain.errors import JobsError

if TYPE_CHECKING:
    from agent.fleet import Fleet
    from cli.server import Server
    from cli.settings import Settings

JOB: Final = "demo-1"
PREFIX: Final = "demo"


class Unfinished(JobsError):
    """The job took longer than the demo was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the demo is to do."""

    things: int
    seed: int
    leave: bool
    patience: float


def demo_command(
    *,
    things: Annotated[int, typer.Option(min=1, max=2000, help="How many simulated things.")] = 50,
    seed: Annotated[int, typer.Option(help="The same seed behaves the same.")] = 7,
    leave: Annotated[
        bool, typer.Option("--exit", help="End when the job has ended; 0 if COMPLETED.")
    ] = False,
    patience: Annotated[float, typer.Option(min=1, help="Seconds the job may take.")] = 120.0,
    http_port: Annotated[int, typer.Option(help="Port of the REST API; taken: a free one.")] = 8080,
    mqtt_port: Annotated[int, typer.Option(help="Port of the broker; taken: a free one.")] = 1883,
) -> None:
    """Start everything, let a fleet work through a job, show it live, then keep serving until Ctrl-C."""
    from cli import logs
    from cli.fleet import allow_sockets
    from cli.settings import load

    logs.configure("warning", "text")
    allow_sockets(2 * things)
    with tempfile.TemporaryDirectory(prefix="thingjobs-demo-") as folder:
        settings = load(
            data_dir=Path(folder),
            # Whoever tries boto3 on it has no keys yet; that is for this machine alone.
            http_host="127.0.0.1",
            insecure_operators=True,
            http_port=_free(http_port),
            mqtt_port=_free(mqtt_port),
            mqtts=False,
            log_level="warning",
        )
        completed = asyncio.run(
            _demo(settings, Plan(things=things, seed=seed, leave=leave, patience=patience))
        )
    if not completed:
        raise typer.Exit(1)


def _free(port: int) -> int:
    """Return the port, or 0 if somebody has it already."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


async def _demo(settings: Settings, plan: Plan) -> bool:
    from cli.serve import stopped
    from cli.server import serving

    async with serving(settings) as server:
        fleet = await _fleet(server, plan)
        running = asyncio.create_task(fleet.run(), name="fleet")
        stop = asyncio.create_task(stopped(), name="stop")
        work = asyncio.create_task(_work(server, fleet, plan), name="job")
        try:
            await asyncio.wait([work, stop, running], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            interrupted = not work.done()
            completed = not interrupted and work.result()
            if interrupted:
                typer.echo(f"Interrupted before job {JOB} was done.")
            elif completed and not plan.leave:
                typer.echo("Serving until Ctrl-C.")
                await stop
        finally:
            fleet.stop()
            for task in (work, stop):
                task.cancel()
            await asyncio.gather(running, work, stop, return_exceptions=True)
    # Whoever stops watching has not failed; who waits for the end has.
    return completed or (interrupted and not plan.leave)


async def _fleet(server: Server, plan: Plan) -> Fleet:
    """Register the things, give each a token, and make the agents that will use them."""
    from agent.behaviour import Rates
    from agent.fleet import Fleet, FleetOptions, thing_names
    from agent.link import Endpoint, connector
    from agent.port import Connect
    from storage import things, tokens

    names = thing_names(PREFIX, plan.things)
    secrets = {}
    for name in names:
        await server.store.write(things.create, name, at=server.clock())
        secrets[name] = await server.store.write(tokens.issue, name, at=server.clock())
    host, port = server.mqtt_address.rsplit(":", 1)

    def connect(name: str) -> Connect:
        return connector(Endpoint(thing_name=name, host=host, port=int(port), token=secrets[name]))

    rates = Rates(fail=0.06, reject=0.02, drop=0.05, min_duration=1.0, max_duration=5.0)
    return Fleet(names, connect, FleetOptions(rates=rates, seed=plan.seed))


async def _work(server: Server, fleet: Fleet, plan: Plan) -> bool:
    """Create the job by REST, show it until it ends; return whether it was COMPLETED."""
    from agent.fleet import thing_names
    from cli.demo_view import DemoView
    from cli.rest import Rest

    rest = Rest(server.http_url)
    view = DemoView(server, fleet.tally)
    view.say(f"REST API  {server.http_url}      MQTT  {server.mqtt_address}")
    while not fleet.tally.idle:
        fleet.tally.changed.clear()
        await fleet.tally.changed.wait()
    view.say(f"{plan.things} things are connected and have asked for work; posting one job for all of them")
    document = {"operation": "demo", "firmware": "1.2.3"}
    await _call(
        rest,
        "POST",
        "/jobs",
        {
            "jobId": JOB,
            "targets": thing_names(PREFIX, plan.things),
            "targetSelection": "SNAPSHOT",
            "document": document,
            "description": "what make demo does",
            "timeoutConfig": {"inProgressTimeoutInMinutes": 2},
        },
    )
    try:
        async with asyncio.timeout(plan.patience):
            job = await view.follow(lambda: _call(rest, "GET", rest.path("jobs", JOB)))
    except TimeoutError:
        raise Unfinished(f"job {JOB} was not done in {plan.patience:.0f} seconds") from None
    view.sum_up(job)
    return bool(job["status"] == "COMPLETED")


async def _call(rest: Any, method: str, path: str, body: object = None) -> dict[str, Any]:
    return dict(await asyncio.to_thread(rest.call, method, path, body))
