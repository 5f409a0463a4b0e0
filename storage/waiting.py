"""The waiting list of a job: things latched as targets that have no execution yet, or are owed another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from domain.pacing import parse
from storage import waves
from storage.lists import bound, ints
from storage.signals import Signal, raise_after_commit
from storage.zones import ZONE_SQL

#: Not before its quarantine ends.
READY_AT_SQL: Final = "COALESCE(t.quarantined_until, 0)"
#: The wave of the execution that the next one replaces.
_BEFORE: Final = (
    "(SELECT e.wave FROM executions e WHERE e.job = :job AND e.thing = t.id ORDER BY e.number DESC LIMIT 1)"
)
#: How many one transaction takes out of the list of a job that has come to its end.
CLEARED: Final = 5000


def put(connection: Connection, job_key: int, source: str, parameters: Mapping[str, Any]) -> int:
    """Put in the things that ``source`` (a SELECT of ``thing``) picks; return how many are new there.

    Each goes to the wave it belongs to, once all things are known; one that the job has had before to the
    wave it had. The clock takes it from there.
    """
    row = connection.execute(
        text("SELECT pacing, released, latched_to FROM jobs WHERE id = :job"), {"job": job_key}
    ).one()
    paced = parse(row.pacing)
    local = paced.scheduling_config is not None and paced.scheduling_config.is_local
    before = _BEFORE if row.released else "NULL"
    put = connection.execute(
        text(
            "INSERT INTO waiting (job, thing, wave, zone, ready_at, again) "
            f"SELECT :job, t.id, COALESCE({before}, 0), {ZONE_SQL if local else repr('')}, {READY_AT_SQL}, "
            f"{before} IS NOT NULL FROM ({source}) s CROSS JOIN things t WHERE t.id = s.thing "
            "AND t.deleted_at IS NULL "
            f"ON CONFLICT DO NOTHING{' RETURNING zone' if local else ''}"
        ),
        {**parameters, "job": job_key},
    )
    zones = list(put.scalars()) if local else []
    added = len(zones) if local else put.rowcount
    if not added:
        return 0
    connection.execute(
        text("UPDATE jobs SET waiting = waiting + :added, look_at = 0 WHERE id = :job"),
        {"job": job_key, "added": added},
    )
    if row.latched_to is None:
        waves.assign_waiting(connection, job_key)
    if local:
        waves.note_zones(connection, job_key, zones)
    raise_after_commit(connection, Signal.AGENDA)
    return int(added)


def ready(
    connection: Connection, job_key: int, pools: Sequence[tuple[int, str]], limit: int, now: int
) -> list[int]:
    """Return up to ``limit`` things that may go out, those that have been ready for longest first."""
    found: list[int] = []
    for wave, zone in pools:
        if len(found) >= limit:
            break
        found += connection.execute(
            text(
                "SELECT thing FROM waiting WHERE job = :job AND wave = :wave AND zone = :zone "
                "AND ready_at <= :now ORDER BY ready_at, thing LIMIT :limit"
            ),
            {"job": job_key, "wave": wave, "zone": zone, "now": now, "limit": limit - len(found)},
        ).scalars()
    return found


def drop(connection: Connection, job_key: int, things: Sequence[int]) -> int:
    """Take things out; return how many were in. Whether the job ends by that is the caller's to ask."""
    waves.uncount_waiting(connection, job_key, groups_of(connection, job_key, things))
    dropped = take_out(connection, job_key, things)
    if dropped:
        connection.execute(
            text("UPDATE jobs SET waiting = waiting - :dropped, look_at = 0 WHERE id = :job"),
            {"job": job_key, "dropped": dropped},
        )
        raise_after_commit(connection, Signal.AGENDA)
    return int(dropped)


def clear(connection: Connection, job_key: int) -> bool:
    """Let nothing more go out, neither first executions nor retries; return whether some still wait.

    Of very many, one call takes out a piece.
    """
    some = text("SELECT thing FROM waiting WHERE job = :job ORDER BY thing LIMIT :limit")
    things = list(connection.execute(some, {"job": job_key, "limit": CLEARED}).scalars())
    if things:
        drop(connection, job_key, things)
    left = text("UPDATE jobs SET latched_to = NULL WHERE id = :job RETURNING waiting")
    return bool(connection.execute(left, {"job": job_key}).scalar_one())


class Group(NamedTuple):
    """So many of the things in a waiting list: of one wave, and all with an execution before or none."""

    wave: int
    again: bool
    things: int


def groups_of(connection: Connection, job_key: int, things: Sequence[int]) -> list[Group]:
    """Return where these things wait."""
    found = connection.execute(
        text(f"SELECT w.wave, w.again, count(*) FROM {listed(connection)} w GROUP BY w.wave, w.again"),
        {"job": job_key, "keys": bound(connection, things)},
    )
    return [Group(wave, bool(again), count) for wave, again, count in found]


def take_out(connection: Connection, job_key: int, things: Sequence[int]) -> int:
    """Delete the rows of these things; what counts them is the caller's to move."""
    return connection.execute(
        text(_TAKE_OUT[connection.dialect.name].format(keys=ints(connection, "keys"))),
        {"job": job_key, "keys": bound(connection, things)},
    ).rowcount


def listed(connection: Connection) -> str:
    """Return a sub-select of what waits for ``:job`` of the things ``:keys``."""
    return _LISTED[connection.dialect.name].format(keys=ints(connection, "keys"))


_LISTED: Final = {
    "sqlite": "(SELECT y.* FROM {keys} k CROSS JOIN waiting y WHERE y.job = :job AND y.thing = k.v)",
    # The fence has it look into the index for each thing. By statistics, which know nothing of a job that is
    # new, it would read all that waits for the job each time.
    "postgresql": (
        "(SELECT y.* FROM {keys} k CROSS JOIN LATERAL "
        "(SELECT * FROM waiting z WHERE z.job = :job AND z.thing = k.v OFFSET 0) y)"
    ),
}
_TAKE_OUT: Final = {
    "sqlite": "DELETE FROM waiting WHERE job = :job AND thing IN (SELECT v FROM {keys} k)",
    "postgresql": (
        "DELETE FROM waiting WHERE ctid = ANY (ARRAY(SELECT y.ctid FROM {keys} k CROSS JOIN LATERAL "
        "(SELECT z.ctid FROM waiting z WHERE z.job = :job AND z.thing = k.v OFFSET 0) y))"
    ),
}
