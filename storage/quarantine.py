"""Quarantine: counts how things fail, keeps those that fail in a row from new work, and lets them out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from domain.execution import Execution, Status
from domain.quarantine import Quarantine, in_a_row, until
from storage.lists import bound, ints
from storage.many import execute_many
from storage.millis import to_millis
from storage.rows import Stored
from storage.signals import Signal, raise_after_commit

#: The later end counts: by a clock that was set back a quarantine does not become shorter.
_COUNT: Final = text(
    "UPDATE things SET failures = :failures, quarantined_until = CASE WHEN CAST(:until AS BIGINT) > "
    "COALESCE(quarantined_until, 0) THEN :until ELSE quarantined_until END WHERE id = :key"
)


def count_failures(
    connection: Connection,
    ended: Iterable[tuple[Stored, Execution]],
    *,
    quarantine: Quarantine,
    at: datetime,
) -> None:
    """Count these ends, given in order, and begin the quarantines that are due by them.

    Costs nothing where nobody fails or has failed before.
    """
    ends: dict[int, list[Status]] = {}
    before: dict[int, int] = {}
    for stored, execution in ended:
        before[stored.thing_key] = stored.failures
        ends.setdefault(stored.thing_key, []).append(execution.status)
    after = {key: in_a_row(before[key], found) for key, found in ends.items()}
    changed = [key for key in sorted(after) if after[key] != before[key]]
    if not changed:
        return
    begun = {key: to_millis(until(quarantine, before[key], after[key], at=at)) for key in changed}
    execute_many(
        connection,
        _COUNT,
        [{"key": key, "failures": after[key], "until": begun[key]} for key in changed],
    )
    _hold_back(connection, [key for key in changed if begun[key] is not None])


def _hold_back(connection: Connection, thing_keys: Sequence[int]) -> None:
    """Keep what waits for these things waiting, and have the jobs looked at that wait for room."""
    if not thing_keys:
        return
    parameters = {"keys": bound(connection, thing_keys)}
    listed = f"(SELECT v FROM {ints(connection, 'keys')} k)"
    connection.execute(
        text(
            "UPDATE waiting SET ready_at = (SELECT t.quarantined_until FROM things t WHERE t.id = thing) "
            f"WHERE thing IN {listed} AND ready_at < "
            "(SELECT t.quarantined_until FROM things t WHERE t.id = thing)"
        ),
        parameters,
    )
    connection.execute(
        text(
            "UPDATE jobs SET look_at = 0 WHERE waiting > 0 AND id IN (SELECT e.job FROM executions e "
            f"WHERE e.thing IN {listed} AND e.status IN ('QUEUED', 'IN_PROGRESS'))"
        ),
        parameters,
    )
    raise_after_commit(connection, Signal.AGENDA)


def let_out(connection: Connection, thing_key: int) -> None:
    """End a thing's quarantine and forget its failures; what waits for it waits no longer for that."""
    thing = {"thing": thing_key}
    held = "ready_at > 0 AND ready_at = (SELECT t.quarantined_until FROM things t WHERE t.id = :thing)"
    connection.execute(
        text(
            "UPDATE jobs SET look_at = 0 WHERE id IN "
            f"(SELECT job FROM waiting WHERE thing = :thing AND {held})"
        ),
        thing,
    )
    connection.execute(text(f"UPDATE waiting SET ready_at = 0 WHERE thing = :thing AND {held}"), thing)
    connection.execute(
        text("UPDATE things SET failures = 0, quarantined_until = NULL WHERE id = :thing"), thing
    )
    raise_after_commit(connection, Signal.AGENDA)
