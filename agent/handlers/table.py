"""The handlers of ``thingjobs agent``, put together for one device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agent.agent import Agent
from agent.handlers.download import Download
from agent.handlers.echo import echo
from agent.handlers.run_command import run_command
from agent.handlers.steps import Steps
from agent.handlers.wait import wait
from agent.registry import ANY, STEPS


def equip(
    agent: Agent,
    *,
    downloads: Path | None = None,
    handlers: Path | None = None,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Register the reference handlers; without a directory, what would need it stays unknown.

    ``facts`` answers the conditions of documents: ``{"operatingSystem": "debian"}``.
    """
    steps = Steps(handlers=handlers, facts=facts or {})
    agent.register("echo", echo, resume=True)
    agent.register("wait", wait, resume=True)
    agent.register("run-command", run_command)
    agent.register(STEPS, steps)
    if downloads is not None:
        agent.register("download", Download(directory=downloads), resume=True)
    if handlers is not None:
        # The older form of AWS's documents: the operation is the name of a handler.
        agent.register(ANY, steps)
