"""``thingjobs agent``: one device's agent with the reference handlers."""

# ruff: noqa: PLC0415 - what is heavy is imported inside the command that needs it

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import signal
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.errors import UsageRefused
from cli.private import PREFIX, read_secret
from domain.errors import InvalidRequest, JobsError
from domain.names import thing_name as checked_thing_name
from domain.topics import DEFAULT_ROOT

if TYPE_CHECKING:
    from agent.errors import AgentError
    from agent.events import Event

TOKEN_VARIABLE: Final = f"{PREFIX}TOKEN"
_QUIET: Final = frozenset({"idle", "updated", "progress"})


class DeviceSideFailed(JobsError):
    """An agent or a fleet cannot go on."""

    @classmethod
    def by(cls, error: AgentError) -> DeviceSideFailed:
        return cls(str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFlags:
    """What one agent was told on its command line."""

    thing: str
    host: str
    port: int
    token: str | None
    topic_root: str
    journal_dir: Path
    handlers_dir: Path | None
    download_dir: Path | None
    facts: dict[str, str]


def agent_command(
    *,
    thing: Annotated[str, typer.Option(help="This device's thing name.")],
    host: Annotated[str, typer.Option(help="The broker's host.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The broker's port.")] = 1883,
    token: Annotated[
        str | None, typer.Option(envvar=TOKEN_VARIABLE, help="The thing's token; a file is safer.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="A file that holds the token.")] = None,
    journal_dir: Annotated[
        Path, typer.Option(help="Where the agent keeps what it must know after a restart.")
    ] = Path("./journal"),
    topic_root: Annotated[str, typer.Option(help="What all topics begin with.")] = DEFAULT_ROOT,
    handlers_dir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Programs that documents may name.")
    ] = None,
    download_dir: Annotated[
        Path | None, typer.Option(file_okay=False, help="Where downloads go; without it there are none.")
    ] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What the conditions of documents may ask; repeatable."),
    ] = None,
) -> None:
    """Run the agent of one thing until it is interrupted."""
    flags = AgentFlags(
        thing=thing_flag(thing),
        host=host,
        port=port,
        token=token_flag(token, token_file),
        topic_root=topic_root,
        journal_dir=journal_dir,
        handlers_dir=handlers_dir,
        download_dir=download_dir,
        facts=facts_flag(fact or []),
    )
    run_until_signalled(_run(flags))


def thing_flag(name: str) -> str:
    """Return a legal thing name, or raise ``UsageRefused``."""
    try:
        return checked_thing_name(name)
    except InvalidRequest as error:
        raise UsageRefused(str(error)) from None


def facts_flag(facts: list[str]) -> dict[str, str]:
    """Return what is known of this device: its operating system, its architecture, and what flags say."""
    told = {"operatingSystem": _operating_system(), "architecture": platform.machine()}
    for fact in facts:
        name, equals, value = fact.partition("=")
        if not (name and equals):
            raise UsageRefused(f"--fact {fact!r} is not NAME=VALUE")
        told[name] = value
    return told


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return platform.system().lower()


def token_flag(token: str | None, token_file: Path | None) -> str | None:
    """Return the token from its flag, the environment or a file; a file beats the environment."""
    if token_file is None:
        return token
    if token is not None and token != os.environ.get(TOKEN_VARIABLE):
        raise UsageRefused("--token and --token-file exclude each other")
    return read_secret(token_file, "--token-file")


def run_until_signalled(main: Coroutine[Any, Any, None]) -> None:
    """Run ``main``; SIGINT and SIGTERM cancel it, so that handlers clean up, and end with 0."""
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_cancelled_by_signals(main))


async def _cancelled_by_signals(main: Coroutine[Any, Any, None]) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await main


async def _run(flags: AgentFlags) -> None:
    from agent.agent import Options
    from agent.errors import AgentError
    from agent.handlers.table import equip
    from agent.journal import FileJournal
    from agent.mqtt import mqtt_agent
    from agent.session import when_refused
    from cli import logs
    from domain.topics import Topics

    logs.configure("warning", "text")
    agent = mqtt_agent(
        flags.thing,
        host=flags.host,
        port=flags.port,
        token=flags.token,
        journal=flags.journal_dir,
        options=Options(topics=Topics(flags.topic_root), give_up=when_refused),
        observer=Teller(),
    )
    equip(agent, downloads=flags.download_dir, handlers=flags.handlers_dir, facts=flags.facts)
    try:
        with FileJournal(flags.journal_dir, flags.thing).held():
            await agent.run()
    except AgentError as error:
        raise DeviceSideFailed.by(error) from error


class Teller:
    """Prints a line per event worth one; a device that is offline for days says so once, not every minute."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, event: Event) -> None:
        from cli.logs import escape

        if event.kind in _QUIET:
            return
        words = (event.thing_name, event.kind, event.job_id, event.operation, event.status, event.text)
        line = escape(" ".join(str(word) for word in words if word))
        if line != self._said:
            self._said = line
            # Whoever read our lines may have left; the work goes on.
            with contextlib.suppress(OSError):
                typer.echo(line)
