"""Marks: which things must be told that their pending list may have changed, and what they were told last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from domain.errors import Undeliverable
from domain.execution import Execution, Status
from storage import rows
from storage.beside import beside
from storage.deliveries import Deliveries
from storage.lists import bound, ints, texts
from storage.locks import lock_things
from storage.many import execute_many, many
from storage.millis import to_millis
from storage.pending import queues_of
from storage.policy import LENIENT, Policy
from storage.rows import Stored
from storage.signals import Signal, raise_after_commit
from storage.tables import PENDING_SQL

#: For how long a notifier that is killed keeps others from telling what it had claimed.
CLAIM: Final = timedelta(seconds=10)
#: How many executions notify lists (contract 2.12).
LISTED: Final = 10


class Dirty(NamedTuple):
    """A thing that may have to be told something, with its pending list as it is now."""

    thing_key: int
    thing_name: str
    notify_seq: int
    pending: tuple[Execution, ...]
    document: str | None
    set_digest: str
    next_key: int
    set_changed: bool
    next_changed: bool
    #: The first execution's document cannot be made: it is to be refused, and the thing looked at again.
    undeliverable: bool = False


class Settled(NamedTuple):
    """What a thing was told: written back so that it is not told again."""

    thing_key: int
    notify_seq: int
    set_digest: str
    next_key: int


def mark(connection: Connection, thing_keys: Iterable[int]) -> None:
    """Note that these things' pending lists may have changed."""
    keys = rows.distinct(thing_keys)
    if not keys:
        return
    connection.execute(
        text(
            "UPDATE things SET notify_seq = notify_seq + 1 "
            f"WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k)"
        ),
        {"keys": bound(connection, keys)},
    )
    raise_after_commit(connection, Signal.MARKS)


def mark_pending(connection: Connection, job_key: int) -> None:
    """Mark every thing on which this job is QUEUED or IN_PROGRESS."""
    connection.execute(
        text(
            "UPDATE things SET notify_seq = notify_seq + 1 WHERE id IN "
            f"(SELECT thing FROM executions WHERE job = :job AND {PENDING_SQL})"
        ),
        {"job": job_key},
    )
    raise_after_commit(connection, Signal.MARKS)


def mark_queued(connection: Connection, job_key: int, zones: Sequence[str] | None = None) -> None:
    """Mark every thing on which this job is QUEUED (in these zones; None: in all)."""
    where = "" if zones is None else f"AND zone IN (SELECT v FROM {texts(connection, 'zones')} z)"
    connection.execute(
        text(
            "UPDATE things SET notify_seq = notify_seq + 1 WHERE id IN "
            f"(SELECT thing FROM executions WHERE job = :job AND status = 'QUEUED' {where})"
        ),
        {"job": job_key, "zones": bound(connection, zones or [])},
    )
    raise_after_commit(connection, Signal.MARKS)


def dirty(
    connection: Connection, *, limit: int, after: int = 0, policy: Policy = LENIENT, at: datetime
) -> list[Dirty]:
    """Return up to ``limit`` marked things in key order after ``after``, each with its current list."""
    marked = connection.execute(text(f"{_MARKED} ORDER BY id LIMIT :limit"), {"after": after, "limit": limit})
    return _look_at(connection, marked.all(), policy, at)


#: A deleted thing's name may be another's by now.
_MARKED: Final = (
    "SELECT id, name, notify_seq, announced_set, announced_next FROM things "
    "WHERE notify_seq > notified_seq AND deleted_at IS NULL AND id > :after"
)


@beside
def claim(
    connection: Connection, *, limit: int, after: int = 0, policy: Policy = LENIENT, at: datetime
) -> list[Dirty]:
    """Return the same where several notifiers look, but nothing that another one has claimed.

    What is returned is the caller's until it is settled, or for the time of ``CLAIM``: of one that is killed
    another one takes over.
    """
    marked = connection.execute(
        text(f"{_MARKED} AND claimed_until <= :now ORDER BY id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED"),
        {"after": after, "limit": limit, "now": to_millis(at)},
    ).all()
    if marked:
        connection.execute(
            text(
                "UPDATE things SET claimed_until = :until "
                f"WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k)"
            ),
            {"until": to_millis(at + CLAIM), "keys": bound(connection, [row.id for row in marked])},
        )
    return _look_at(connection, marked, policy, at)


@beside
def unclaim(connection: Connection, thing_keys: Iterable[int]) -> None:
    """Give back what could not be told."""
    keys = rows.distinct(thing_keys)
    lock_things(connection, keys)
    connection.execute(
        text(f"UPDATE things SET claimed_until = 0 WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k)"),
        {"keys": bound(connection, keys)},
    )


def _look_at(connection: Connection, marked: Sequence[Any], policy: Policy, at: datetime) -> list[Dirty]:
    queues = queues_of(connection, [row.id for row in marked])
    lists = {row.id: queues.get(row.id, []) for row in marked}
    documents = _documents(connection, [entries[0] for entries in lists.values() if entries], policy, at)
    found = []
    for row in marked:
        entries = lists[row.id]
        digest = _digest([entry.key for entry in entries])
        next_key = entries[0].key if entries else 0
        found.append(
            Dirty(
                thing_key=row.id,
                thing_name=row.name,
                notify_seq=row.notify_seq,
                pending=tuple(entry.execution for entry in entries[:LISTED]),
                document=documents[next_key] if entries else None,
                set_digest=digest,
                next_key=next_key,
                set_changed=digest != row.announced_set,
                next_changed=next_key != row.announced_next,
                undeliverable=_is_lost(entries, documents),
            )
        )
    return found


_SETTLE: Final = many(
    "UPDATE things SET notified_seq = :seq, announced_set = :digest, announced_next = :next, "
    "claimed_until = 0 WHERE id = :key AND notified_seq < :seq",
    "UPDATE things AS t SET notified_seq = v.seq, announced_set = v.digest, announced_next = v.next, "
    "claimed_until = 0 FROM {rows} WHERE t.id = v.key AND t.notified_seq < v.seq",
    key="bigint",
    seq="bigint",
    digest="text",
    next="bigint",
)


@beside
def settle(connection: Connection, told: Sequence[Settled]) -> None:
    """Note what these things were told. A mark made meanwhile stays, since it has a higher number."""
    if not told:
        return
    lock_things(connection, (s.thing_key for s in told))
    execute_many(
        connection,
        _SETTLE,
        [{"key": s.thing_key, "seq": s.notify_seq, "digest": s.set_digest, "next": s.next_key} for s in told],
    )


def forget_announcements(connection: Connection, *, after: int, limit: int) -> int | None:
    """Mark the next ``limit`` things with pending work as never told; return where to go on, None at the end.

    For a broker that has lost what it held for its clients.
    """
    keys = list(
        connection.execute(
            text(
                "SELECT DISTINCT thing FROM executions WHERE status IN ('QUEUED', 'IN_PROGRESS') "
                "AND thing > :after ORDER BY thing LIMIT :limit"
            ),
            {"after": after, "limit": limit},
        ).scalars()
    )
    if not keys:
        return None
    connection.execute(
        text(
            "UPDATE things SET notify_seq = notify_seq + 1, announced_set = '', announced_next = 0 "
            f"WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k)"
        ),
        {"keys": bound(connection, keys)},
    )
    raise_after_commit(connection, Signal.MARKS)
    return int(keys[-1])


def unbegun(
    connection: Connection, thing_names: Sequence[str], *, policy: Policy = LENIENT, at: datetime
) -> list[tuple[Stored, str | None]]:
    """Return the first pending execution and its document of those things where it is QUEUED and announced.

    None where the document cannot be made: it is to be refused. For things that have just subscribed: what
    they may have missed. What is IN_PROGRESS they know, and what is marked they will be told anyway.
    """
    names = texts(connection, "names")
    keys = connection.execute(
        text(
            f"SELECT t.id FROM {names} n CROSS JOIN things t WHERE t.name = n.v AND t.deleted_at IS NULL "
            "AND t.notify_seq = t.notified_seq"
        ),
        {"names": bound(connection, thing_names)},
    )
    queues = queues_of(connection, list(keys.scalars())).values()
    firsts = [queue[0] for queue in queues if queue]
    firsts = [entry for entry in firsts if entry.execution.status is Status.QUEUED]
    documents = _documents(connection, firsts, policy, at)
    return [(entry, documents[entry.key]) for entry in firsts]


def _documents(
    connection: Connection, entries: Sequence[Stored], policy: Policy, at: datetime
) -> dict[int, str | None]:
    """Return the document of each execution by its key, None where it cannot be made."""
    if not entries:
        return {}
    deliveries = Deliveries(connection, (entry.thing_key for entry in entries), policy=policy, at=at)
    deliveries.read_ahead(entry.job_key for entry in entries)
    found: dict[int, str | None] = {}
    for entry in entries:
        try:
            found[entry.key] = deliveries.of(entry)
        except Undeliverable:
            found[entry.key] = None
    return found


def _is_lost(entries: Sequence[Stored], documents: Mapping[int, str | None]) -> bool:
    """Return whether work not begun comes first of which the thing cannot be given the document."""
    return (
        bool(entries) and entries[0].execution.status is Status.QUEUED and documents[entries[0].key] is None
    )


def _digest(keys: list[int]) -> str:
    if not keys:
        return ""
    return blake2b(",".join(map(str, sorted(keys))).encode(), digest_size=16).hexdigest()
