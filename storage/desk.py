"""The desk of one batch: every execution its requests touch, read once, changed in order, written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic_core import to_json
from sqlalchemy import Connection

from domain import queue
from domain.errors import NotFound, Undeliverable
from domain.execution import PENDING, Cause, Execution, Status
from domain.messages import Request
from domain.queue import Place
from domain.timeouts import expire, is_due
from domain.topics import NEXT
from storage import rows
from storage.changes import Change, Step
from storage.deliveries import Deliveries
from storage.lists import bound, texts
from storage.lists import pairs as pairs_of
from storage.locks import locked
from storage.pending import pending_of, place
from storage.policy import Policy
from storage.refusals import refused
from storage.rows import Stored
from storage.together import Asked, together


@dataclass(slots=True)
class Sheet:
    """One execution while a batch works on it."""

    stored: Stored
    execution: Execution
    replies: str
    steps: list[Step] = field(default_factory=list)
    touched: bool = False

    def advance(self, after: Execution, cause: Cause) -> None:
        """Take the next version."""
        self.steps.append(Step(self.execution.status, after, cause))
        self.execution = after
        self.touched = True

    def refresh(self, execution: Execution) -> None:
        """Take a change that is no new version: a timer, a sign of life."""
        if execution != self.execution:
            self.execution = execution
            self.touched = True


@dataclass(slots=True)
class Desk:
    """Look-ups for the requests of one batch; build with ``lay_out``."""

    connection: Connection
    at: datetime
    things: Mapping[str, int]
    sheets: dict[int, Sheet]
    by_pair: Mapping[tuple[str, str], list[Sheet]]
    queues: Mapping[str, list[Sheet]]
    deliveries: Deliveries

    def execution(self, thing_name: str, job_id: str, number: int | None) -> Sheet:
        """Return the numbered or the latest execution of a job on a thing, brought up to date.

        Raises ``NotFound`` for an unknown thing, job, execution or number.
        """
        self.require_thing(thing_name)
        found = self.by_pair.get((thing_name, job_id), [])
        wanted = found if number is None else [s for s in found if s.execution.execution_number == number]
        if not wanted:
            which = "" if number is None or not found else f" number {number}"
            raise NotFound(f"There is no execution{which} of job {job_id} on thing {thing_name}")
        sheet = wanted[0] if len(wanted) == 1 else max(wanted, key=lambda s: s.execution.execution_number)
        self._bring_up_to_date(sheet)
        return sheet

    def queue(self, thing_name: str) -> list[Sheet]:
        """Return the thing's pending executions as a device may see them, in queue order."""
        self.require_thing(thing_name)
        return [self.sheets[seen.key] for seen in queue.visible(self._places(thing_name))]

    def refuse_start(self, sheet: Sheet) -> None:
        """Raise ``InvalidStateTransition`` while something that excludes this one is at work."""
        if sheet.stored.exclusive_group is not None:
            place_ = place(sheet.stored, sheet.execution)
            queue.refuse_start(place_, self._places(sheet.execution.thing_name))

    def _places(self, thing_name: str) -> list[Place]:
        sheets = self.queues.get(thing_name, [])
        for sheet in sheets:
            if place(sheet.stored, sheet.execution).is_shown:
                self._bring_up_to_date(sheet)
        return [place(sheet.stored, sheet.execution) for sheet in sheets]

    def require_thing(self, thing_name: str) -> None:
        if thing_name not in self.things:
            raise NotFound(f"There is no thing {thing_name}")

    def document(self, sheet: Sheet) -> str | None:
        """Return the document for the thing; if it cannot be made the execution is REJECTED, and None."""
        try:
            return self.deliveries.of(sheet.stored)
        except Undeliverable as error:
            sheet.advance(refused(sheet.execution, error, at=self.at), Cause.UNDELIVERABLE)
            return None

    def document_if_any(self, sheet: Sheet) -> str | None:
        """Return the document for the thing, None if it cannot be made."""
        try:
            return self.deliveries.of(sheet.stored)
        except Undeliverable:
            return None

    def changes(self) -> list[Change]:
        """Return what this batch changed, in the order rows are locked in."""
        return [
            Change(sheet.stored, tuple(sheet.steps), sheet.execution, sheet.replies)
            for key, sheet in sorted(self.sheets.items())
            if sheet.touched
        ]

    def _bring_up_to_date(self, sheet: Sheet) -> None:
        """Apply what is due already although no sweep has come by: a deadline, a job's cancel."""
        if is_due(sheet.execution, at=self.at):
            sheet.advance(expire(sheet.execution, at=self.at), Cause.TIMEOUT)
        cause = _swept_by(sheet)
        if cause is not None:
            after = sheet.execution.advance(Status.CANCELED, cause=cause, at=self.at)
            sheet.advance(after, cause)


def _swept_by(sheet: Sheet) -> Cause | None:
    status = sheet.execution.status
    if sheet.stored.sweep == "FORCE_CANCEL" and status in PENDING:
        return Cause.FORCED_CANCEL
    if sheet.stored.sweep == "CANCEL" and status is Status.QUEUED:
        return Cause.CANCEL
    return None


def lay_out(connection: Connection, requests: Sequence[Request], *, policy: Policy, at: datetime) -> Desk:
    """Read all that the requests may touch: three statements, whatever their number."""
    names = sorted({r.thing_name for r in requests})
    pairs = {(r.thing_name, r.job_id) for r in requests if r.job_id not in (None, NEXT)}
    asked = [Asked(_things(connection), {"names": bound(connection, names)})]
    if pairs:
        asked.append(Asked(_executions(connection), {"pairs": to_json(list(pairs)).decode()}))
    things, *executions = together(connection, *asked)
    keys = {name: key for name, key in things.rows}  # noqa: C416 - rows are no pairs to dict()
    sheets: dict[int, Sheet] = {}
    by_pair: dict[tuple[str, str], list[Sheet]] = {}
    for found in executions:
        for row in found.rows:
            entry = rows.stored(row)
            pair = (entry.execution.thing_name, entry.execution.job_id)
            by_pair.setdefault(pair, []).append(_sheet(sheets, entry))
    queues = _queues(connection, requests, keys, sheets)
    deliveries = Deliveries(connection, keys.values(), policy=policy, at=at)
    return Desk(connection, at, keys, sheets, by_pair, queues, deliveries)


def _things(connection: Connection) -> str:
    """Return what finds the things: what one may begin depends on all it has, so nobody else decides now."""
    return (
        f"SELECT x.name, x.id FROM {texts(connection, 'names')} n "
        f"CROSS JOIN things x WHERE x.name = n.v AND x.deleted_at IS NULL {locked(connection, 'x')}"
    )


def _executions(connection: Connection) -> str:
    """Return what finds the executions of jobs on things, both by name."""
    return (
        f"SELECT {rows.COLUMNS} FROM {pairs_of(connection, 'pairs', 'text')} p "
        "CROSS JOIN things t CROSS JOIN jobs j CROSS JOIN executions e "
        "WHERE t.name = p.a AND t.deleted_at IS NULL AND j.job_id = p.b AND e.thing = t.id AND e.job = j.id "
        "AND j.status <> 'DELETION_IN_PROGRESS'"
    )


def _queues(
    connection: Connection, requests: Sequence[Request], things: Mapping[str, int], sheets: dict[int, Sheet]
) -> dict[str, list[Sheet]]:
    names = {r.thing_name for r in requests if r.job_id in (None, NEXT) and r.thing_name in things}
    # Whether one of these may begin depends on what else its thing does.
    names |= {
        sheet.execution.thing_name
        for sheet in sheets.values()
        if sheet.stored.exclusive_group is not None and sheet.execution.status is Status.QUEUED
    }
    pending = pending_of(connection, sorted(things[name] for name in names))
    return {name: [_sheet(sheets, entry) for entry in pending.get(things[name], [])] for name in names}


def _sheet(sheets: dict[int, Sheet], entry: Stored) -> Sheet:
    return sheets.setdefault(entry.key, Sheet(entry, entry.execution, entry.replies))
