"""The store's verbs without threads: one database, one writing connection, a clock that is set."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sites import Site, SqliteFile
from sqlalchemy import text

from broker import replies
from domain.execution import Execution
from domain.job import Job, NewJob, TargetSelection
from domain.messages import Refused, notify, notify_next, parse_request
from domain.timeout_config import TimeoutConfig
from domain.topics import Topics
from storage import (
    agenda,
    departures,
    device,
    dynamic,
    executions,
    expiry,
    groups,
    jobs,
    latching,
    marks,
    paces,
    rollouts,
    schema,
    sweeps,
    turns,
)
from storage.marks import Settled
from storage.policy import Policy

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOPICS = Topics()
AUTO = Policy()


class SyncStore:
    """Verbs, each in a transaction of its own, on a site or (a path) on a file of SQLite's."""

    def __init__(self, site: Site | Path) -> None:
        self.site = SqliteFile(site) if isinstance(site, Path) else site
        self.now = START
        self.policy = AUTO
        self._open()

    def _open(self) -> None:
        self.writer = self.site.writer()
        schema.upgrade(self.writer)
        self._rows, self._stop_looking = self.site.looker()

    def close(self) -> None:
        self._let_go()
        self.site.drop()

    def _let_go(self) -> None:
        self._stop_looking()
        self.writer.dispose()

    def reopen(self) -> None:
        """What a process finds that starts after this one was killed."""
        self._let_go()
        self._open()

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def do(self, verb, *args, **kwargs):
        with self.writer.begin() as connection:
            return verb(connection, *args, **kwargs)

    def rows(self, statement: str) -> list[tuple]:
        """Look at the tables past the store: what is committed, and nothing else."""
        return self._rows(statement)

    # --- operators ---

    def create(
        self,
        job_id: str | None,
        *targets: str,
        continuous: bool = False,
        policy: Policy = AUTO,
        **more: Any,
    ) -> Job:
        selection = TargetSelection.CONTINUOUS if continuous else TargetSelection.SNAPSHOT
        values = {"document": '{"operation":"test"}', **more}
        if "timeout_config" in more:
            values["timeout_config"] = TimeoutConfig.model_validate(more["timeout_config"])
        new = NewJob(targets=targets, target_selection=selection, job_id=job_id, **values)
        return self.do(jobs.create, new, policy=policy, at=self.now)

    def group(self, name: str, *things: str, parent: str | None = None) -> None:
        self.do(groups.create, name, parent_name=parent, at=self.now)
        if things:
            self.do(groups.add, name, things, policy=AUTO, at=self.now)

    def job(self, job_id: str) -> Job:
        return self.do(jobs.get, job_id)

    def execution(self, job_id: str, thing: str, number: int | None = None) -> Execution:
        return self.do(executions.get, job_id, thing, execution_number=number)

    def job_key(self, job_id: str) -> int:
        return self.do(jobs.key_of, job_id)

    # --- devices ---

    def ask(self, thing: str, request: str, body: object = None) -> tuple[str, Any]:
        """Let a device ask; return ``accepted`` or ``rejected`` and the answer."""
        return self.ask_all((thing, request, body))[0]

    def ask_all(self, *asked: tuple[str, str, object]) -> list[tuple[str, Any]]:
        """Let devices ask in one batch."""
        parsed = []
        for thing, request, body in asked:
            topic = f"$aws/things/{thing}/jobs/{request}"
            payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
            parsed.append((topic, parse_request(TOPICS.parse(topic), payload, digest)))
        answers = self.do(device.answer, [request for _, request in parsed], policy=self.policy, at=self.now)
        return [
            said(topic, *replies.render(topic, request, answer, at=self.now))
            for (topic, request), answer in zip(parsed, answers, strict=True)
        ]

    def refused(self, thing: str, request: str, body: object) -> tuple[str, object]:
        """Return the code and the echoed token of a payload that never becomes a request."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            parse_request(TOPICS.parse(f"$aws/things/{thing}/jobs/{request}"), payload, digest)
        except Refused as refusal:
            return refusal.error.code, refusal.client_token
        raise AssertionError(f"{payload!r} became a request")

    # --- the background ---

    def tell(self) -> dict[str, dict[str, Any]]:
        """Tell every marked thing what it must be told; return it by thing and topic."""
        told: dict[str, dict[str, Any]] = {}
        marked = self.do(marks.dirty, limit=500, at=self.now)
        for thing in marked:
            messages = told.setdefault(thing.thing_name, {})
            if thing.set_changed:
                messages["notify"] = json.loads(notify(thing.pending, at=self.now))
            if thing.next_changed:
                first = thing.pending[0] if thing.pending else None
                messages["notify-next"] = json.loads(notify_next(first, thing.document, at=self.now))
        settled = [Settled(t.thing_key, t.notify_seq, t.set_digest, t.next_key) for t in marked]
        self.do(marks.settle, settled)
        return {thing: messages for thing, messages in told.items() if messages}

    def expire(self) -> int:
        """Fire all timers that are due; return how many executions that ended."""
        due = [item.job_key for item in self.do(agenda.due, at=self.now) if item.deadline_at is not None]
        return self.do(expiry.expire, due, at=self.now)

    def tick(self) -> int:
        """Act as the clock does on every job that wants it, until none does; return how many actions."""
        done = self.see_out() + self.build()
        while items := self.do(agenda.due, at=self.now):
            acted = self.do(turns.work_off, items, policy=self.policy, enough=lambda: False, at=self.now)
            done += sum(acted)
        return done

    def build(self) -> int:
        """Go over things for new queries of groups, as the clock does; return in how many pieces."""
        done = 0
        while due := self.do(dynamic.unbuilt):
            done += sum(self.do(dynamic.build_some, group, at=self.now) for group in due)
        return done

    def see_out(self) -> int:
        """Go on with what departs, as the clock does, until nothing does; return how many pieces."""
        done = 0
        while due := self.do(departures.due):
            for departure in due:
                self.do(departures.go_on, departure, at=self.now)
            done += len(due)
        return done

    def finish_rollout(self, job_id: str, *, limit: int = rollouts.CHUNK) -> int:
        """Release what waits; return in how many pieces."""
        key, pieces = self.job_key(job_id), 0
        while self.do(_release, key, limit=limit, at=self.now):
            pieces += 1
        return pieces

    def finish_sweep(self, job_id: str, *, limit: int = sweeps.CHUNK) -> int:
        key, pieces = self.job_key(job_id), 0
        while self.do(sweeps.go_on, key, limit=limit, at=self.now):
            pieces += 1
        return pieces


def _release(connection, job_key: int, *, limit: int, at: datetime) -> int:
    if is_latching(connection, job_key):
        latching.go_on(connection, job_key, at_once=True, at=at)
        return 1
    pools = [(pool.wave, pool.zone) for pool in paces.pools(connection, job_key)]
    return rollouts.release(connection, job_key, pools, limit=limit, at=at)


def is_latching(connection, job_key: int) -> bool:
    """Whether a job is still going over what its targets cover."""
    found = connection.execute(text("SELECT latched_to FROM jobs WHERE id = :job"), {"job": job_key})
    return found.scalar() is not None


def digest(payload: bytes) -> str:
    return blake2b(payload, digest_size=12).hexdigest()


def said(topic: str, reply: str, body: bytes) -> tuple[str, Any]:
    assert reply.startswith(f"{topic}/")
    return reply.removeprefix(f"{topic}/"), json.loads(body)


def listed(body: dict[str, Any]) -> dict[str, list[str]]:
    """Return the job ids of a notify message by status."""
    return {status: [entry["jobId"] for entry in entries] for status, entries in body["jobs"].items()}


def names(prefix: str, count: int) -> Iterable[str]:
    return (f"{prefix}{number}" for number in range(count))
