"""An agent in one line: over MQTT, with what a device usually wants."""

from __future__ import annotations

import ssl
from pathlib import Path

from agent.agent import Agent, Options
from agent.events import Observer, unobserved
from agent.journal import FileJournal
from agent.link import Endpoint, connector


def mqtt_agent(
    thing_name: str,
    *,
    host: str = "127.0.0.1",
    port: int = 1883,
    token: str | Path | None = None,
    journal: Path | None = None,
    tls: ssl.SSLContext | None = None,
    options: Options | None = None,
    observer: Observer = unobserved,
) -> Agent:
    """Return the agent of one thing. ``token``: itself or the file that holds it.

    ``journal`` is a directory on a disk that survives a power cut: with it, a restarted agent resumes its job
    or reports honestly that it was interrupted.
    """
    endpoint = Endpoint(
        thing_name=thing_name,
        host=host,
        port=port,
        token=token.read_text().strip() if isinstance(token, Path) else token,
        tls=tls,
    )
    return Agent(
        thing_name,
        connector(endpoint),
        journal=None if journal is None else FileJournal(journal, thing_name),
        options=options,
        observer=observer,
    )
