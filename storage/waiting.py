"""The waiting list of a job: things latched as targets that have no execution yet, or are owed another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

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
_KEYS: Final = "IN (SELECT v FROM {keys} k)"


def put(connection: Connection, job_key: int, source: str, parameters: Mapping[str, Any]) -> int:
    """Put in the things that ``source`` (a SELECT of ``thing``) picks; return how many are new there.

    Each goes to the wave it belongs to; one that the job has had before to the wave it had. The clock takes
    it from there.
    """
    row = connection.execute(
        text("SELECT pacing, released FROM jobs WHERE id = :job"), {"job": job_key}
    ).one()
    paced = parse(row.pacing)
    local = paced.scheduling_config is not None and paced.scheduling_config.is_local
    before = _BEFORE if row.released else "NULL"
    added = connection.execute(
        text(
            "INSERT INTO waiting (job, thing, wave, zone, ready_at, again) "
            f"SELECT :job, t.id, COALESCE({before}, 0), {ZONE_SQL if local else repr('')}, {READY_AT_SQL}, "
            f"{before} IS NOT NULL FROM ({source}) s CROSS JOIN things t WHERE t.id = s.thing "
            "AND t.deleted_at IS NULL "
            "ON CONFLICT DO NOTHING"
        ),
        {**parameters, "job": job_key},
    ).rowcount
    if not added:
        return 0
    connection.execute(
        text("UPDATE jobs SET waiting = waiting + :added, look_at = 0 WHERE id = :job"),
        {"job": job_key, "added": added},
    )
    if paced.staged_rollout_config is not None and paced.staged_rollout_config.waves:
        waves.assign(connection, job_key, paced.staged_rollout_config)
    if local:
        waves.note_zones(connection, job_key)
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
    parameters = {"job": job_key, "keys": bound(connection, things)}
    where = f"job = :job AND thing {_KEYS.format(keys=ints(connection, 'keys'))}"
    waves.uncount_waiting(connection, job_key, where, parameters)
    dropped = connection.execute(text(f"DELETE FROM waiting WHERE {where}"), parameters).rowcount
    if dropped:
        connection.execute(
            text("UPDATE jobs SET waiting = waiting - :dropped, look_at = 0 WHERE id = :job"),
            {"job": job_key, "dropped": dropped},
        )
        raise_after_commit(connection, Signal.AGENDA)
    return int(dropped)


def clear(connection: Connection, job_key: int) -> None:
    """Let nothing more go out: who waits, for a first execution or for a retry, waits no longer."""
    connection.execute(text("DELETE FROM waiting WHERE job = :job"), {"job": job_key})
    connection.execute(text("UPDATE jobs SET waiting = 0 WHERE id = :job"), {"job": job_key})
    connection.execute(text("UPDATE job_waves SET waiting = 0 WHERE job = :job"), {"job": job_key})
