"""Turns: the clock acts on many jobs in one transaction. What a commit and a statement cost is shared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from domain.actions import Expire
from domain.planner import Plan, plan
from storage import expiry, paces, pacing
from storage.agenda import Item
from storage.lists import bound, ints
from storage.millis import to_millis
from storage.policy import LENIENT, Policy
from storage.signals import Signal, raise_after_commit

#: How many jobs are read and planned together.
PIECE: Final = 50
#: What needs no turn of a job's own: time-outs of many jobs are written together.
_CALM: Final = ((), (Expire(),))


def work_off(
    connection: Connection,
    items: Sequence[Item],
    *,
    policy: Policy = LENIENT,
    enough: Callable[[], bool],
    at: datetime,
) -> list[int]:
    """Act on these jobs in order until it is ``enough``; return how many actions each took: at least one's.

    What one job raises undoes them all: the caller then takes them one by one.
    """
    done: list[int] = []
    # Asked before the first piece as well: its time counts from then.
    while not (enough() and done) and len(done) < len(items):
        piece = items[len(done) : len(done) + PIECE]
        done += _work_off(connection, piece, policy=policy, enough=enough, at=at)
    return done


def _work_off(
    connection: Connection, items: Sequence[Item], *, policy: Policy, enough: Callable[[], bool], at: datetime
) -> list[int]:
    plans = _plans(connection, items, at)
    # First, since whatever is done below may have more to do and say so by ``look_at`` itself.
    _look(connection, {key: to_millis(it.look_at) for key, it in plans.items() if it.actions in _CALM})
    expiring: list[int] = []
    done: list[int] = []
    for item in items:
        ahead = plans.get(item.job_key, Plan(()))
        if ahead.actions == (Expire(),):
            expiring.append(item.job_key)
        elif ahead.actions:
            if done and enough():
                break
            pacing.act(
                connection,
                item.job_key,
                next_deadline_at=item.deadline_at,
                policy=policy,
                enough=enough,
                at=at,
            )
        done.append(len(ahead.actions))
    expiry.expire(connection, expiring, quarantine=policy.quarantine, at=at)
    return done


def _plans(connection: Connection, items: Sequence[Item], at: datetime) -> dict[int, Plan]:
    """Return what is to be done about each job that is still there."""
    deadlines = {item.job_key: item.deadline_at for item in items}
    rows = connection.execute(
        text(f"SELECT {paces.COLUMNS} FROM jobs WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k)"),
        {"keys": bound(connection, list(deadlines))},
    )
    return {
        row.id: plan(
            paces.whole(connection, row, next_deadline_at=deadlines[row.id], at=at), paces.counts_of(row), at
        )
        for row in rows.all()
    }


def _look(connection: Connection, looks: dict[int, int | None]) -> None:
    if not looks:
        return
    connection.execute(
        text("UPDATE jobs SET look_at = :look_at WHERE id = :key"),
        [{"key": key, "look_at": look_at} for key, look_at in looks.items()],
    )
    if any(look_at is not None for look_at in looks.values()):
        raise_after_commit(connection, Signal.AGENDA)
