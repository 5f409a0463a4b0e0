"""What an agent must still know after a sudden death: the job at hand, how far it came, what is owed.

One small JSON file per thing, replaced as a whole and flushed to the disk before work goes on.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from agent.errors import JournalDamaged, JournalHeld, JournalUnreadable, JournalUnwritable
from agent.messages import JobExecution
from domain.execution import Status

#: How many finished executions are remembered, so that none of them runs twice.
REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class ExecutionKey:
    """Which run of which job. The time of queueing tells a job from a later one under the same id."""

    job_id: str
    execution_number: int
    queued_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An outcome with all that makes up the update, so that repeating it gives the same bytes."""

    status: Status
    details: dict[str, str]
    expected_version: int | None
    client_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The job at hand. ``report`` is set when its outcome is decided and not confirmed yet."""

    key: ExecutionKey
    digest: str
    step: str | None = None
    report: Report | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All of one thing's journal."""

    entry: Entry | None = None
    finished: tuple[Entry, ...] = field(default=())

    def outcome_of(self, key: ExecutionKey) -> Entry | None:
        """Return the entry of an execution that has been worked already."""
        return next((entry for entry in self.finished if entry.key == key), None)

    def closed(self) -> Record:
        """Return the record with the job at hand moved to the finished ones."""
        if self.entry is None:
            return self
        return Record(finished=(*self.finished, self.entry)[-REMEMBERED:])

    def with_entry(self, entry: Entry) -> Record:
        return replace(self, entry=entry)


def key_of(execution: JobExecution) -> ExecutionKey:
    return ExecutionKey(execution.job_id, execution.execution_number, int(execution.queued_at.timestamp()))


def digest(document: Mapping[str, Any]) -> str:
    """Return the same text for the same document, however its members are ordered."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


class Journal(Protocol):
    """Where a record is kept."""

    async def load(self) -> Record:
        """Return what was saved last. Raises ``JournalDamaged``, ``JournalUnreadable``."""

    async def save(self, record: Record) -> None:
        """Return when the record survives a power cut. Raises ``JournalUnwritable``."""


class MemoryJournal:
    """Forgets with the process; for simulated fleets and tests."""

    def __init__(self, record: Record | None = None) -> None:
        self.record = record or Record()

    async def load(self) -> Record:
        return self.record

    async def save(self, record: Record) -> None:
        self.record = record


_RECORD: Final = TypeAdapter(Record)


class FileJournal:
    """``<directory>/<thing>.json``; the thing's name is spelled so that it is a plain file name anywhere."""

    def __init__(self, directory: Path, thing_name: str) -> None:
        self.path = directory / f"{re.sub('[^a-zA-Z0-9_-]', _spelled, thing_name)}.json"
        self._damaged = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes off for the length of the block.

        Raises ``JournalHeld``, ``JournalUnwritable``.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.with_suffix(".lock").open("ab")
        except OSError as error:
            raise JournalUnwritable(f"cannot write the journal {self.path}: {error.strerror}") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JournalHeld(f"another agent works with the journal {self.path}") from None
            yield

    async def load(self) -> Record:
        return await asyncio.to_thread(self._read)

    async def save(self, record: Record) -> None:
        try:
            await asyncio.to_thread(self._write, _RECORD.dump_json(record))
        except OSError as error:
            raise JournalUnwritable(f"cannot write the journal {self.path}: {error.strerror}") from None

    def _read(self) -> Record:
        try:
            return _RECORD.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return Record()
        except OSError as error:
            raise JournalUnreadable(f"cannot read the journal {self.path}: {error.strerror}") from None
        except ValidationError as error:
            self._damaged = True
            raise JournalDamaged(f"the journal {self.path} has {error.error_count()} faults") from None

    def _write(self, content: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        # For us alone: what jobs told may not be for every user of the device.
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if self._damaged:
            self.path.replace(self.path.with_suffix(".damaged"))
            self._damaged = False
        fresh.replace(self.path)
        _sync_directory(self.path.parent)


def _spelled(match: re.Match[str]) -> str:
    return f"%{ord(match.group()):02X}"


def _sync_directory(path: Path) -> None:
    """Make a rename durable; without it a power cut may bring the old file back."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
