"""After a restart: what the journal owes is reported, what was running is resumed or owned up to."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from typing import Final
from uuid import uuid4

from agent.client import JobsClient
from agent.errors import ExecutionGone, JournalDamaged, NotFound, TerminalStateReached
from agent.journal import Entry, Journal, Record, digest, key_of
from agent.messages import JobExecution
from agent.outcome import failed
from agent.registry import Registry
from agent.reporter import Reporter
from agent.worker import Worker
from domain.execution import Status

_log = logging.getLogger(__name__)

RESTARTED: Final = "agent restarted while working"
DAMAGED: Final = "agent lost its journal while working"


async def recover(client: JobsClient, journal: Journal, registry: Registry, worker: Worker) -> None:
    """Settle what an earlier life left behind. Raises ``AgentError`` if the server cannot say."""
    try:
        worker.record = await journal.load()
    except JournalDamaged as error:
        _log.warning("%s", error)
        await _disown(client)
        await worker.save(Record())
    entry = worker.record.entry
    if entry is None:
        return
    if entry.report is not None:
        await worker.deliver(entry, entry.report)
        return
    execution = await _still_open(client, entry)
    if execution is None:
        await worker.save(worker.record.closed())
    elif execution.status is Status.IN_PROGRESS and key_of(execution) == entry.key:
        await _go_on(registry, worker, execution, entry)
    else:
        # As far as the server knows it never began, or it is another job by that id: start-next brings it.
        await worker.save(Record(finished=worker.record.finished))


async def _disown(client: JobsClient) -> None:
    """Without a journal nobody knows how far the running jobs came: say so."""
    while True:
        first = await client.describe(include_document=False)
        if first is None or first.status is not Status.IN_PROGRESS:
            return
        with contextlib.suppress(ExecutionGone):
            reporter = Reporter(client, key_of(first), first.version_number)
            await reporter.outcome(Status.FAILED, {"reason": DAMAGED}, uuid4().hex)


async def _still_open(client: JobsClient, entry: Entry) -> JobExecution | None:
    try:
        return await client.describe(entry.key.job_id, entry.key.execution_number)
    except (NotFound, TerminalStateReached):
        return None


async def _go_on(registry: Registry, worker: Worker, execution: JobExecution, entry: Entry) -> None:
    document = execution.job_document or {}
    registration = registry.find(document)
    if registration is None or not registration.resume:
        outcome = failed(RESTARTED, step=entry.step)
        await worker.conclude(entry, outcome, version=execution.version_number)
        return
    if digest(document) != entry.digest:
        # Its links were signed anew, say: the step reached belongs to the document as it was.
        entry = replace(entry, digest=digest(document), step=None)
        await worker.save(worker.record.with_entry(entry))
    await worker.run(execution, entry, registration, resumed=True)
