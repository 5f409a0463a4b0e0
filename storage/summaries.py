"""Jobs as the contract lists them: by status, the newest first in each, and of one group (contract 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, text

from domain.errors import InvalidRequest, NotFound
from domain.job import CONTRACT_STATUS, JobStatus, TargetSelection
from storage.job_rows import is_concurrent
from storage.lists import bound, ints
from storage.millis import from_millis
from storage.pages import Page, cut, size, start

#: The order of the list.
_ORDER: Final = (
    JobStatus.IN_PROGRESS,
    JobStatus.SCHEDULED,
    JobStatus.COMPLETED,
    JobStatus.CANCELED,
    JobStatus.DELETION_IN_PROGRESS,
)
#: Which of our statuses stand in each place.
_PLACES: Final = tuple(
    tuple(status for status, word in CONTRACT_STATUS.items() if word is place) for place in _ORDER
)
_COLUMNS: Final = (
    "j.id, j.job_id, j.target_selection, j.status, j.created_at, j.last_updated_at, j.completed_at, "
    "j.waiting, j.latched_to, j.sweep"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a list tells of a job; ``group_id`` where its targets hold just one group."""

    job_id: str
    target_selection: TargetSelection
    status: JobStatus
    created_at: datetime
    last_updated_at: datetime
    completed_at: datetime | None
    is_concurrent: bool
    group_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Filters that all hold; a job is of a group that is one of its targets itself."""

    status: JobStatus | None = None
    target_selection: TargetSelection | None = None
    group_name: str | None = None
    group_id: str | None = None
    namespace_id: str | None = None


def page(
    connection: Connection, asked: Asked, *, max_results: int = 250, next_token: str | None = None
) -> Page[Summary]:
    """Return jobs. A job whose status changes between two pages may come twice or not at all.

    Raises ``NotFound`` for an unknown group, ``InvalidRequest`` if name and id are of two groups.
    """
    group = _group(connection, asked)
    question = ("jobs by status", asked.status, asked.target_selection, group, asked.namespace_id)
    first, after = start(connection, question, next_token) or (0, None)
    filters = {"selection": asked.target_selection, "group": group, "namespace": asked.namespace_id}
    left = size(max_results) + 1
    found: list[tuple[tuple[int, int], Any]] = []
    for place in range(first, len(_PLACES)):
        if left and asked.status in (None, _ORDER[place]):
            before = after if place == first else None
            rows = _at(connection, _PLACES[place], {**filters, "before": before, "limit": left})
            found += [((place, row.id), row) for row in rows]
            left -= len(rows)
    groups = _groups(connection, [row.id for _, row in found])
    summaries = [(key, _summary(row, groups.get(row.id))) for key, row in found]
    return cut(connection, question, summaries, max_results)


def _at(connection: Connection, statuses: Sequence[JobStatus], filters: Mapping[str, Any]) -> list[Any]:
    """Return the rows of one place in the list: each status by its index, then put together."""
    of_group = filters["group"] is not None
    given = [condition for name, condition in _CONDITIONS.items() if filters[name] is not None]
    key = "x.job" if of_group else "j.id"
    where = " AND ".join(["j.status = :status", *(condition.format(key=key) for condition in given)])
    statement = text(
        f"SELECT {_COLUMNS} FROM {_OF_GROUP if of_group else ''}jobs j WHERE {where} "
        f"ORDER BY {key} DESC LIMIT :limit"
    )
    found = [connection.execute(statement, {**filters, "status": status.value}) for status in statuses]
    return list(islice(merge(*found, key=lambda row: -row.id), filters["limit"]))


_CONDITIONS: Final = {
    "selection": "j.target_selection = :selection",
    "group": 'x."group" = :group AND NOT x.excluded AND j.id = x.job',
    "namespace": "j.namespace_id = :namespace",
    "before": "{key} < :before",
}
#: By way of the group's targets, which are fewer than all jobs and in the order of these.
_OF_GROUP: Final = "job_targets x CROSS JOIN "


def _group(connection: Connection, asked: Asked) -> int | None:
    given = {"name": asked.group_name, "group_id": asked.group_id}
    keys = {
        column: connection.execute(
            text(f"SELECT id FROM thing_groups WHERE {column} = :value"), {"value": value}
        ).scalar()
        for column, value in given.items()
        if value is not None
    }
    for column, key in keys.items():
        if key is None:
            noun = "" if column == "name" else "with the thingGroupId "
            raise NotFound(f"There is no thing group {noun}{given[column]}")
    if len(set(keys.values())) > 1:
        raise InvalidRequest(
            f"thingGroupName {asked.group_name} and thingGroupId {asked.group_id} are not of the same group"
        )
    return next(iter(keys.values()), None)


def _groups(connection: Connection, job_keys: Sequence[int]) -> Mapping[int, str]:
    """Return the group's id for each of these jobs that targets exactly one group."""
    found = connection.execute(
        text(
            f"SELECT x.job, min(g.group_id) AS group_id FROM {ints(connection, 'jobs')} k "
            'CROSS JOIN job_targets x JOIN thing_groups g ON g.id = x."group" '
            "WHERE x.job = k.v AND NOT x.excluded GROUP BY x.job HAVING count(*) = 1"
        ),
        {"jobs": bound(connection, job_keys)},
    )
    return {row.job: row.group_id for row in found}


def _summary(row: Any, group_id: str | None) -> Summary:
    return Summary(
        job_id=row.job_id,
        target_selection=TargetSelection(row.target_selection),
        status=JobStatus(row.status),
        created_at=from_millis(row.created_at),
        last_updated_at=from_millis(row.last_updated_at),
        completed_at=from_millis(row.completed_at),
        is_concurrent=is_concurrent(row),
        group_id=group_id,
    )
