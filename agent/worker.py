"""Works one execution at a time, journal first: what a restart would need is on disk before it is needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

from agent.client import JobsClient
from agent.errors import BadReply, ExecutionGone, NoReply, Rejected
from agent.events import Event, Kind, Observer
from agent.job import Job
from agent.journal import Entry, ExecutionKey, Journal, Record, Report, digest, key_of
from agent.messages import JobExecution
from agent.outcome import Outcome, attend, failed, refused
from agent.registry import Registration, Registry, operation_of
from agent.reporter import Reporter
from domain.execution import PENDING, Status

_log = logging.getLogger(__name__)

UNWRITTEN: Final = "agent could not write its journal while working"


class Worker:
    """Owns the journal's record and the job at hand."""

    def __init__(
        self, client: JobsClient, registry: Registry, journal: Journal, *, observer: Observer, interval: float
    ) -> None:
        self._client = client
        self._registry = registry
        self._journal = journal
        self._observer = observer
        self._interval = interval
        self._doubt = asyncio.Event()
        self.record = Record()
        self.current: ExecutionKey | None = None

    def doubt(self) -> None:
        """The job at hand may have ended elsewhere: look, and stop its handler if so."""
        self._doubt.set()

    async def save(self, record: Record) -> None:
        await self._journal.save(record)
        self.record = record

    async def work(self, execution: JobExecution) -> bool:
        """Work an execution that is in progress to its end; False if the server will not take the outcome."""
        entry = Entry(key=key_of(execution), digest=digest(execution.job_document or {}))
        before = self.record.outcome_of(entry.key)
        if before is not None:
            return await self._repeat(execution, before)
        if self.record.entry is not None and self.record.entry.key == entry.key:
            # It ran, and then the disk refused the outcome: the work must not be done twice.
            return await self.conclude(self.record.entry, failed(UNWRITTEN), version=execution.version_number)
        registration = self._registry.find(execution.job_document or {})
        if registration is None:
            operation = operation_of(execution.job_document or {})
            reason = f"unknown operation {operation!r}" if operation else "the document names no operation"
            return await self.conclude(entry, refused(reason), version=execution.version_number)
        await self.save(self.record.with_entry(entry))
        return await self.run(execution, entry, registration, resumed=False)

    async def _repeat(self, execution: JobExecution, before: Entry) -> bool:
        """The server shows a job as open that is done here: it gets the outcome again, not a second run."""
        report = before.report
        outcome = Outcome(report.status, report.details) if report else failed("worked before")
        return await self.conclude(before, outcome, version=execution.version_number)

    async def run(
        self, execution: JobExecution, entry: Entry, registration: Registration, *, resumed: bool
    ) -> bool:
        """Run the handler of a job that the journal knows, then conclude."""
        reporter = self._reporter(entry.key, execution.version_number)
        job = self._job(execution.job_document or {}, entry, reporter, resumed=resumed)
        began = asyncio.get_running_loop().time()
        self.current = entry.key
        self._doubt.clear()
        self._tell(Kind.RESUMED if resumed else Kind.STARTED, entry.key, operation=job.operation)
        try:
            outcome = await attend(registration.handler, job, self._watch(reporter, entry.key))
        except ExecutionGone as gone:
            await self.save(self.record.closed())
            self._tell(Kind.GONE, entry.key, status=gone.status, seconds=_since(began))
            return True
        finally:
            self.current = None
        entry = self.record.entry or entry
        return await self.conclude(entry, outcome, version=reporter.version, began=began)

    def _reporter(self, key: ExecutionKey, version: int | None) -> Reporter:
        return Reporter(self._client, key, version, lambda: self._tell(Kind.UPDATED, key))

    def _job(self, document: Mapping[str, Any], entry: Entry, reporter: Reporter, *, resumed: bool) -> Job:
        async def keep(step: str) -> None:
            await self.save(self.record.with_entry(replace(self.record.entry or entry, step=step)))

        def noted(details: Mapping[str, str]) -> None:
            self._tell(Kind.PROGRESS, entry.key, text=" ".join(details.values()))

        return Job(
            thing_name=self._client.thing_name,
            job_id=entry.key.job_id,
            execution_number=entry.key.execution_number,
            operation=operation_of(document),
            document=document,
            step_reached=entry.step,
            resumed=resumed,
            reporter=reporter,
            keep=keep,
            noted=noted,
            interval=self._interval,
        )

    async def _watch(self, reporter: Reporter, key: ExecutionKey) -> None:
        """Look after the execution whenever there is doubt. Raises ``ExecutionGone``."""
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            try:
                await reporter.look()
            except (NoReply, Rejected, BadReply) as error:
                _log.info("%s: could not look after it: %s", key.job_id, error)

    async def conclude(
        self, entry: Entry, outcome: Outcome, *, version: int | None, began: float | None = None
    ) -> bool:
        """Decide the outcome in the journal, then report it."""
        report = Report(
            status=outcome.status,
            details=outcome.details,
            expected_version=version,
            client_token=uuid4().hex,
        )
        entry = replace(entry, report=report)
        await self.save(self.record.with_entry(entry))
        return await self.deliver(entry, report, began=began)

    async def deliver(self, entry: Entry, report: Report, *, began: float | None = None) -> bool:
        """Report until the server has it, and only then close the entry; False if it will not have it."""
        reporter = self._reporter(entry.key, report.expected_version)
        seconds = 0.0 if began is None else _since(began)
        kind, taken = Kind.FINISHED, True
        status: Status | None = report.status
        try:
            await reporter.outcome(report.status, report.details, report.client_token)
        except ExecutionGone as gone:
            _log.warning("%s: %s comes too late: %s", entry.key.job_id, report.status, gone)
            kind, status = Kind.GONE, gone.status
            # Shown as open all the same, it would come round again at once, and again.
            taken = gone.status not in PENDING
        except (Rejected, BadReply) as error:
            _log.warning("%s: the outcome is not accepted: %s", entry.key.job_id, error)
            taken = False
        await self.save(self.record.with_entry(entry).closed())
        self._tell(kind, entry.key, status=status, text=report.details.get("reason", ""), seconds=seconds)
        return taken

    def _tell(self, kind: Kind, key: ExecutionKey, **more: Any) -> None:
        self._observer(Event(kind=kind, thing_name=self._client.thing_name, job_id=key.job_id, **more))


def _since(began: float) -> float:
    return asyncio.get_running_loop().time() - began
