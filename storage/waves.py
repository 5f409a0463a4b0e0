"""The waves of a job: who goes into which, how each stands, and which is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, text

from domain.execution import Status
from domain.pacing import parse
from domain.waves import UNSTAGED, Choice, StagedRolloutConfig, Standing, Wave, filled
from storage.lists import bound, texts
from storage.millis import from_millis, to_millis
from storage.tables import COUNTERS

#: Who goes first.
_SCATTERED: Final = "((w.thing * 48271 + :mix) % 2147483647)"
_MIXED: Final = f"({_SCATTERED} * {_SCATTERED} / 65536) % 2147483647, w.thing"
_ORDER: Final = {
    Choice.REGISTERED: "w.thing",
    Choice.ONLINE_FIRST: f"t.connected DESC, COALESCE(t.last_seen_at, 0) DESC, {_MIXED}",
    Choice.SEEDED: _MIXED,
}
#: Members of groups, and of all groups inside them.
_IN_GROUPS: Final = (
    "w.thing IN (WITH RECURSIVE below(id) AS (SELECT g.id FROM {names} n JOIN thing_groups g ON g.name = n.v "
    "UNION SELECT g.id FROM thing_groups g JOIN below b ON g.parent = b.id) "
    'SELECT m.thing FROM below b JOIN group_members m ON m."group" = b.id)'
)
_NAMED: Final = (
    "w.thing IN (SELECT t.id FROM {names} n JOIN things t ON t.name = n.v AND t.deleted_at IS NULL)"
)


#: No limit.
EVERYBODY: Final = 2**31 - 1
_TAKE: Final = (
    "UPDATE waiting SET wave = :number WHERE job = :job AND wave = 0 AND thing IN "
    "(SELECT w.thing FROM waiting w JOIN things t ON t.id = w.thing "
    "WHERE w.job = :job AND w.wave = 0 AND {condition} LIMIT :left)"
)


def begin(connection: Connection, job_key: int, config: StagedRolloutConfig, *, at: datetime) -> None:
    """Lay out the waves of a new job; the first is open."""
    if not config.waves:
        return
    connection.execute(
        text("INSERT INTO job_waves (job, number) VALUES (:job, :number)"),
        [{"job": job_key, "number": number} for number in range(1, config.last + 1)],
    )
    open_wave(connection, job_key, 1, at=at)


def open_wave(connection: Connection, job_key: int, number: int, *, at: datetime) -> None:
    """Let this wave go out."""
    connection.execute(
        text("UPDATE jobs SET wave = :number, last_updated_at = :at, look_at = 0 WHERE id = :job"),
        {"job": job_key, "number": number, "at": to_millis(at)},
    )
    note(connection, job_key, number, opened_at=to_millis(at))


def note(connection: Connection, job_key: int, number: int, **values: int | None) -> None:
    """Write down what has happened to a wave."""
    assignments = ", ".join(f"{name} = :{name}" for name in sorted(values))
    connection.execute(
        text(f"UPDATE job_waves SET {assignments} WHERE job = :job AND number = :number"),
        {"job": job_key, "number": number, **values},
    )


def assign(
    connection: Connection, job_key: int, config: StagedRolloutConfig, *, limit: int = EVERYBODY
) -> int:
    """Give newcomers of the waiting list (wave 0) their wave: named, then shares, then the rest.

    Up to ``limit`` of them; return how many. Fewer were the last.
    """
    taken: Counter[int] = Counter()

    def take(number: int, condition: str, parameters: Mapping[str, Any], most: int = limit) -> None:
        left = min(most, limit - taken.total())
        if left > 0:
            more = {**parameters, "job": job_key, "number": number, "left": left}
            taken[number] += connection.execute(text(_TAKE.format(condition=condition)), more).rowcount

    for number, wave in enumerate(config.waves, 1):
        if wave.is_named:
            take(number, *_by_name(connection, wave))
    for number, wanted in enumerate(_wanted(connection, job_key, config, taken)[:-1], 1):
        take(number, f"true ORDER BY {_ORDER[config.choice]}", {"mix": config.mix}, wanted)
    take(config.last, "true", {})
    connection.execute(
        text("UPDATE job_waves SET waiting = waiting + :more WHERE job = :job AND number = :number"),
        [{"job": job_key, "number": number, "more": more} for number, more in sorted(taken.items())],
    )
    return taken.total()


def assign_waiting(connection: Connection, job_key: int, *, limit: int = EVERYBODY) -> int:
    """Do so by the job's own configuration, if it has waves at all."""
    raw = connection.execute(text("SELECT pacing FROM jobs WHERE id = :job"), {"job": job_key}).scalar_one()
    staged = parse(raw).staged_rollout_config or UNSTAGED
    return assign(connection, job_key, staged, limit=limit) if staged.waves else 0


def _wanted(
    connection: Connection, job_key: int, config: StagedRolloutConfig, taken: Mapping[int, int]
) -> list[int]:
    columns = " + ".join(COUNTERS.values())
    rows = connection.execute(
        text(
            f"SELECT number, waiting + {columns} AS members FROM job_waves WHERE job = :job ORDER BY number"
        ),
        {"job": job_key},
    )
    members = [row.members + taken.get(row.number, 0) for row in rows]
    job = {"job": job_key}
    unassigned = text("SELECT count(*) FROM waiting WHERE job = :job AND wave = 0")
    current = text("SELECT wave FROM jobs WHERE id = :job")
    return filled(
        config,
        members,
        connection.execute(unassigned, job).scalar_one(),
        current=connection.execute(current, job).scalar_one(),
    )


def _by_name(connection: Connection, wave: Wave) -> tuple[str, Mapping[str, Any]]:
    names = sorted(wave.groups or wave.things or ())
    condition = _IN_GROUPS if wave.groups else _NAMED
    return condition.format(names=texts(connection, "names")), {"names": bound(connection, names)}


def uncount_waiting(connection: Connection, job_key: int, leaving: Iterable[tuple[int, bool, int]]) -> None:
    """Take what leaves the waiting list from the waves' counts: the wave, whether again, how many."""
    moves = [
        {"job": job_key, "number": wave, "left": left} for wave, again, left in leaving if wave and not again
    ]
    if moves:
        connection.execute(
            text("UPDATE job_waves SET waiting = waiting - :left WHERE job = :job AND number = :number"),
            moves,
        )


#: A failure that is replaced or deleted is forgiven no more: no other takes its place.
_FAILURES: Final = "(failed + :failed + timed_out + :timed_out + rejected + :rejected)"
_COUNT: Final = text(
    "UPDATE job_waves SET "
    + ", ".join(f"{column} = {column} + :{column}" for column in COUNTERS.values())
    + f", forgiven = CASE WHEN forgiven > {_FAILURES} THEN {_FAILURES} ELSE forgiven END "
    "WHERE job = :job AND number = :number"
)


def count(connection: Connection, deltas: Mapping[tuple[int, int], Mapping[Status, int]]) -> None:
    """Move the counters of waves, given by job and number; wave 0 is none."""
    moves = [
        {
            "job": job,
            "number": number,
            **{column: delta.get(status, 0) for status, column in COUNTERS.items()},
        }
        for (job, number), delta in sorted(deltas.items())
        if number
    ]
    if moves:
        connection.execute(_COUNT, moves)


def standing(connection: Connection, job_key: int, number: int) -> Standing:
    """Return how a wave stands."""
    row = connection.execute(
        text("SELECT * FROM job_waves WHERE job = :job AND number = :number"),
        {"job": job_key, "number": number},
    ).one()
    owed = connection.execute(_OWED, {"job": job_key, "number": number}).scalar_one()
    return Standing(
        number=number,
        waiting=row.waiting,
        counts={status: getattr(row, column) for status, column in COUNTERS.items()},
        owed=owed,
        forgiven=row.forgiven,
        passed_at=from_millis(row.passed_at),
        approved=row.approved_at is not None,
    )


#: Failures of a wave that will be tried again.
_OWED: Final = text(
    "SELECT count(*) FROM waiting w JOIN executions e ON e.job = w.job AND e.thing = w.thing "
    "WHERE w.job = :job AND w.wave = :number AND w.again AND e.number = (SELECT max(l.number) "
    "FROM executions l WHERE l.job = w.job AND l.thing = w.thing) "
    "AND e.status IN ('FAILED', 'TIMED_OUT', 'REJECTED')"
)


def note_zones(connection: Connection, job_key: int, found: Iterable[str]) -> None:
    """Write down those of the zones that are new to the job: shut until the clock comes."""
    known = zones(connection, job_key)
    set_zones(connection, job_key, {**dict.fromkeys(found, False), **known})


def zones(connection: Connection, job_key: int) -> dict[str, bool]:
    """Return the zones of a job, and whether its windows are open there."""
    raw = connection.execute(text("SELECT open_zones FROM jobs WHERE id = :job"), {"job": job_key}).scalar()
    return dict(from_json(raw or "{}"))


def set_zones(connection: Connection, job_key: int, found: Mapping[str, bool]) -> None:
    connection.execute(
        text("UPDATE jobs SET open_zones = :zones WHERE id = :job"),
        {"job": job_key, "zones": to_json(dict(sorted(found.items()))).decode()},
    )
