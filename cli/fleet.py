"""``thingjobs fleet``: many simulated things in one process."""

# ruff: noqa: PLC0415 - what is heavy is imported inside the command that needs it

from __future__ import annotations

import asyncio
import json
import resource
import stat
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.agent import DeviceSideFailed, thing_flag
from cli.errors import UsageRefused
from domain.topics import DEFAULT_ROOT

if TYPE_CHECKING:
    from agent.fleet import Fleet
    from agent.port import Connect
    from agent.tally import Summary

#: Sockets of other kinds, files, pipes.
_SPARE_FILES: Final = 256


class Output(StrEnum):
    """How the summary is printed; live progress goes to stderr, so that stdout stays clean."""

    TABLE = "table"
    JSON = "json"


def fleet_command(
    *,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many things.")] = 10,
    prefix: Annotated[str, typer.Option(help="Things are called PREFIX-0001 and so on.")] = "sim",
    host: Annotated[str, typer.Option(help="The broker's host.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The broker's port.")] = 1883,
    tokens_file: Annotated[Path | None, typer.Option(help="A JSON object: thing name to token.")] = None,
    topic_root: Annotated[str, typer.Option(help="What all topics begin with.")] = DEFAULT_ROOT,
    seed: Annotated[int, typer.Option(help="The same seed behaves the same.")] = 0,
    fail_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of jobs that fail halfway.")] = 0.0,
    reject_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of jobs that are rejected.")] = 0.0,
    drop_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of jobs in which the connection drops.")
    ] = 0.0,
    silent_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of jobs that are started and never reported on.")
    ] = 0.0,
    slow_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of jobs that take ten times as long.")
    ] = 0.0,
    min_duration: Annotated[float, typer.Option(min=0, help="Seconds the shortest job takes.")] = 0.5,
    max_duration: Annotated[float, typer.Option(min=0, help="Seconds the longest job takes.")] = 3.0,
    connects: Annotated[float, typer.Option(min=1, help="New connections per second at the start.")] = 200.0,
    jobs: Annotated[int | None, typer.Option(min=1, help="End after this many jobs in all.")] = None,
    until_idle: Annotated[
        float | None, typer.Option(min=0, help="End after this many seconds with all connected and no work.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="End after this many seconds.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds the server may take to be there.")] = 10.0,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="How to print the summary.")
    ] = Output.TABLE,
) -> None:
    """Run simulated things until an end is reached or the command is interrupted, then sum up.

    Ends with 0; with 1 if nobody could connect or fewer jobs than --jobs were worked; with 2 for bad options.
    """
    from agent.agent import Options
    from agent.behaviour import Rates
    from agent.fleet import Fleet, FleetOptions, thing_names
    from agent.link import Endpoint, connector
    from cli import logs
    from domain.topics import Topics

    names = thing_names(thing_flag(prefix), count)
    thing_flag(names[-1])
    tokens = read_tokens(tokens_file, names)
    try:
        rates = Rates(
            fail=fail_rate,
            reject=reject_rate,
            drop=drop_rate,
            silent=silent_rate,
            slow=slow_rate,
            min_duration=min_duration,
            max_duration=max_duration,
        )
    except ValueError as error:
        raise UsageRefused(str(error)) from None
    options = FleetOptions(
        rates=rates,
        agent=Options(topics=Topics(topic_root)),
        seed=seed,
        connects_per_second=connects,
        jobs=jobs,
        idle=until_idle,
        seconds=seconds,
        arrival=wait,
    )

    def connect(name: str) -> Connect:
        return connector(Endpoint(thing_name=name, host=host, port=port, token=tokens.get(name)))

    allow_sockets(count)
    # A thousand things would say the same; what became of each job is in the summary.
    logs.configure("error", "text")
    summary = asyncio.run(_run(Fleet(names, connect, options)))
    show(summary, output)
    if jobs is not None and summary.jobs_worked < jobs:
        raise DeviceSideFailed(f"{summary.jobs_worked} of {jobs} jobs were worked in {summary.seconds:.1f} s")


def read_tokens(path: Path | None, names: Sequence[str]) -> Mapping[str, str]:
    """Return the token of each thing; {} without a file. Raises ``UsageRefused`` if one is missing."""
    if path is None:
        return {}
    try:
        if path.stat().st_mode & stat.S_IROTH:
            raise UsageRefused(f"--tokens-file: every user may read {path}; chmod 600 it")
        tokens = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageRefused(f"--tokens-file: cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageRefused(f"--tokens-file: {path} is not JSON: {error}") from None
    if not isinstance(tokens, dict) or not all(isinstance(token, str) for token in tokens.values()):
        raise UsageRefused(f"--tokens-file: {path} must hold one object, thing names to tokens")
    missing = [name for name in names if name not in tokens]
    if missing:
        raise UsageRefused(f"--tokens-file: {path} has no token for {missing[0]} ({len(missing)} missing)")
    return tokens


def allow_sockets(count: int) -> None:
    """Raise the soft limit of open files to what the fleet needs, as far as the hard limit goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise UsageRefused(f"{count} things need {needed} open files; the limit is {hard} (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


async def _run(fleet: Fleet) -> Summary:
    from agent.errors import AgentError
    from cli.fleet_view import watch

    helpers = [
        asyncio.create_task(watch(fleet.tally), name="fleet view"),
        asyncio.create_task(_stop_on_signal(fleet), name="signals"),
    ]
    try:
        return await fleet.run()
    except AgentError as error:
        raise DeviceSideFailed.by(error) from error
    finally:
        for task in helpers:
            task.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)


async def _stop_on_signal(fleet: Fleet) -> None:
    """An interrupted fleet still sums up; interrupted twice, it ends at once."""
    from cli.serve import stopped

    await stopped()
    fleet.stop()


def show(summary: Summary, output: Output) -> None:
    """Print the summary to stdout."""
    if output is Output.JSON:
        json.dump(summary.as_json(), sys.stdout)
        sys.stdout.write("\n")
        return
    from cli.fleet_view import table

    table(summary)
