"""The reference agent: takes jobs in queue order, one at a time, and hands each to its handler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent.backoff import Backoff
from agent.calls import Patience
from agent.client import JobsClient
from agent.errors import AgentError, sole_cause
from agent.events import Event, Kind, Observer, unobserved
from agent.job import Handler
from agent.journal import Journal, MemoryJournal, key_of
from agent.messages import JobExecution, Pending
from agent.port import Connect
from agent.recovery import recover
from agent.registry import Registration, Registry
from agent.session import GiveUp, Session, never
from agent.worker import Worker
from domain.topics import Topics

_log = logging.getLogger(__name__)

#: A full list of notify may have left our job out (contract 2.12).
FULL_LIST: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Times in seconds. ``poll`` is how often to ask for work unasked: notifications may get lost.

    ``give_up`` says which failures to connect for the first time end ``run``.
    """

    topics: Topics = field(default_factory=Topics)
    poll: float = 300.0
    progress_interval: float = 1.0
    patience: Patience = field(default_factory=Patience)
    reconnect_base: float = 1.0
    reconnect_cap: float = 30.0
    give_up: GiveUp = never


class Agent:
    """One thing's agent.

    Register handlers, then ``await agent.run()``; it runs until cancelled and survives the loss of the
    broker, of the server and, with a journal on disk, of its own process.
    """

    def __init__(
        self,
        thing_name: str,
        connect: Connect,
        *,
        journal: Journal | None = None,
        options: Options | None = None,
        observer: Observer = unobserved,
        rng: random.Random | None = None,
    ) -> None:
        options = options or Options()
        self.thing_name = thing_name
        self._options = options
        self._observer = observer
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret
        self._journal = journal or MemoryJournal()
        self._registry = Registry()
        self._wake = asyncio.Event()
        self._client = JobsClient(
            thing_name,
            topics=options.topics,
            on_notify=self._on_notify,
            on_notify_next=self._on_notify_next,
            patience=options.patience,
        )
        self._worker = Worker(
            self._client,
            self._registry,
            self._journal,
            observer=observer,
            interval=options.progress_interval,
        )
        self._session = Session(
            self._client,
            connect,
            backoff=Backoff(options.reconnect_base, options.reconnect_cap, self._rng),
            connected=self._on_connected,
            disconnected=lambda reason: self._tell(Kind.DISCONNECTED, text=reason),
            give_up=options.give_up,
        )

    # --- handlers ----------------------------------------------------------------------------------------

    def handler(self, operation: str, *, resume: bool = False) -> Callable[[Handler], Handler]:
        """Register the decorated coroutine for documents with this ``operation`` ("*": any other one).

        ``resume=True`` promises that it can be called again for a job a dead agent had begun.
        """

        def register(handler: Handler) -> Handler:
            self.register(operation, handler, resume=resume)
            return handler

        return register

    def register(self, operation: str, handler: Handler, *, resume: bool = False) -> None:
        """Register a handler without decorating it."""
        self._registry.add(operation, Registration(handler, resume))

    # --- life --------------------------------------------------------------------------------------------

    def main(self) -> None:
        """Run until Ctrl-C: the last line of a script."""
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self.run())

    async def run(self) -> None:
        """Work until cancelled; a job at hand then stays in the journal for the next life.

        Raises ``LinkDown`` only if ``give_up`` wants it.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, task in (
                    ("session", self._session.run()),
                    ("work", self._work()),
                    ("poll", self._poll()),
                ):
                    tasks.create_task(task, name=f"{self.thing_name}: {name}")
        except ExceptionGroup as group:
            cause = sole_cause(group)
            if cause is None:
                raise
            raise cause from None

    def drop(self, away: float = 0.0) -> None:
        """Lose the connection as if the cable were cut, for at least ``away`` seconds."""
        self._session.drop(away)

    async def _work(self) -> None:
        await self._patiently(lambda: recover(self._client, self._journal, self._registry, self._worker))
        while True:
            await self._wake.wait()
            self._wake.clear()
            while await self._patiently(self._work_next):
                pass
            self._tell(Kind.IDLE)

    async def _work_next(self) -> bool:
        execution = await self._client.start_next()
        return execution is not None and await self._worker.work(execution)

    async def _patiently(self, act: Callable[[], Any]) -> Any:
        """Try until the server answers sensibly: a server being restarted is no reason to die."""
        backoff = Backoff(1.0, 60.0, self._rng)
        while True:
            try:
                return await act()
            except AgentError as error:
                _log.warning("%s: will try again: %s", self.thing_name, error)
            await asyncio.sleep(backoff.next())

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._options.poll * self._rng.uniform(0.5, 1.0))
            self._look()

    # --- news --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Ask for work, and whether the job at hand is still wanted."""
        self._wake.set()
        self._worker.doubt()

    def _on_connected(self) -> None:
        self._tell(Kind.CONNECTED)
        self._look()

    def _on_notify(self, pending: Pending) -> None:
        current = self._worker.current
        if current is None:
            if len(pending):
                self._wake.set()
        elif len(pending) < FULL_LIST and not pending.lists(current.job_id, current.execution_number):
            self._worker.doubt()

    def _on_notify_next(self, execution: JobExecution | None) -> None:
        current = self._worker.current
        if execution is not None:
            self._wake.set()
        if current is not None and (execution is None or key_of(execution) != current):
            self._worker.doubt()

    def _tell(self, kind: Kind, *, text: str = "") -> None:
        self._observer(Event(kind=kind, thing_name=self.thing_name, text=text))
