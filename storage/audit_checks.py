"""The table of what must be true of the tables between any two transactions (promises C3, C5, C6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from domain.execution import TERMINAL, Status
from domain.job import JobStatus
from domain.query import matches, parse
from storage.dynamic import facts_of
from storage.tables import COUNTERS, PENDING_SQL, SUPERSEDED


class Check(NamedTuple):
    """What must be so, and the question whose answer is who is at fault.

    Columns called ``job``, ``thing`` and ``group`` hold keys; ``{zones}`` stands for the zones of job ``j``.
    """

    name: str
    says: str
    question: str | Callable[[Connection], Iterator[dict[str, Any]]]
    dialects: Sequence[str] = ("sqlite", "postgresql")


def _words(values: object) -> str:
    return ", ".join(sorted(f"'{value}'" for value in values))  # type: ignore[attr-defined]


_PENDING: Final = "('QUEUED', 'IN_PROGRESS')"
#: A job on its way out loses what it is made of piece by piece.
_STAYING: Final = "(SELECT id FROM jobs WHERE status <> 'DELETION_IN_PROGRESS')"
#: Whether the execution ``e`` has been replaced. Asked so, a server may join instead of looking up each.
_REPLACED: Final = (
    "EXISTS (SELECT 1 FROM executions l WHERE l.job = e.job AND l.thing = e.thing AND l.number > e.number)"
)


def _counted(counters: Mapping[Status, str], which: str, where: str) -> str:
    """Compare columns of ``jobs`` with the executions for which ``which`` is true."""
    kept = " UNION ALL ".join(
        f"SELECT id, '{status}' AS status, {column} AS n FROM jobs WHERE {where}"
        for status, column in counters.items()
    )
    return (
        "WITH kept AS (" + kept + "), "
        "found AS (SELECT e.job, e.status, count(*) AS n FROM executions e "
        f"WHERE {which} GROUP BY e.job, e.status) "
        "SELECT k.id AS job, k.status, k.n AS counted, COALESCE(f.n, 0) AS found FROM kept k "
        "LEFT JOIN found f ON f.job = k.id AND f.status = k.status WHERE k.n <> COALESCE(f.n, 0)"
    )


def _counted_by_wave() -> str:
    kept = " UNION ALL ".join(
        f"SELECT job, number, '{status}' AS status, {column} AS n FROM job_waves WHERE job IN {_STAYING}"
        for status, column in COUNTERS.items()
    )
    return (
        "WITH kept AS (" + kept + "), "
        "found AS (SELECT e.job, e.wave, e.status, count(*) AS n FROM executions e "
        f"WHERE e.wave > 0 AND NOT {_REPLACED} GROUP BY e.job, e.wave, e.status) "
        "SELECT k.job, k.number AS wave, k.status, k.n AS counted, COALESCE(f.n, 0) AS found FROM kept k "
        "LEFT JOIN found f ON f.job = k.job AND f.wave = k.number AND f.status = k.status "
        "WHERE k.n <> COALESCE(f.n, 0)"
    )


def _strangers(connection: Connection) -> Iterator[dict[str, Any]]:
    """Read the things once for each dynamic group that no pass is going over: SQL does not know queries."""
    groups = connection.execute(
        text(
            "SELECT id, query FROM thing_groups WHERE query IS NOT NULL AND built_to IS NULL AND sweep = '' "
            "ORDER BY id"
        )
    ).all()
    for group, said in groups:
        query = parse(said)
        rows = connection.execute(
            text(
                "SELECT t.*, m.thing AS member FROM things t LEFT JOIN group_members m "
                'ON m.thing = t.id AND m."group" = :group WHERE t.deleted_at IS NULL'
            ).execution_options(yield_per=1000),
            {"group": group},
        )
        for row in rows:
            is_member = row.member is not None
            if matches(query, facts_of(row)) is not is_member:
                yield {"group": group, "thing": row.id, "is": "a member" if is_member else "none"}


#: Up to which transition, and up to when, history is gone.
_GONE: Final = "(SELECT position FROM positions WHERE name = 'history')"
_GONE_AT: Final = "(SELECT at FROM positions WHERE name = 'history')"
#: Whether it is a fault that ``told`` is the first transition there is: earlier ones may be gone, unless its
#: execution was queued since.
_UNEXPLAINED: Final = (
    f"{_GONE} IS NULL OR EXISTS (SELECT 1 FROM executions e WHERE e.job = told.job AND e.thing = told.thing "
    f"AND e.number = told.number AND e.queued_at > {_GONE_AT} "
    "AND NOT EXISTS (SELECT 1 FROM execution_events b WHERE b.job = e.job AND b.thing = e.thing "
    "AND b.number = e.number AND b.version = 1))"
)
#: One event per version: each begins where the one before ended, none after the end, none before its time.
#: A number that was freed by deletion may be used again; its history begins anew.
_GAPS: Final = (
    "SELECT job, thing, number, version FROM ("
    "SELECT job, thing, number, version, from_status, to_status, at, lag(number) OVER w AS same, "
    "lag(version) OVER w AS before, lag(to_status) OVER w AS stood, "
    f"lag(at) OVER w AS earlier FROM execution_events WHERE job IN {_STAYING} "
    "WINDOW w AS (PARTITION BY job, thing ORDER BY id)) AS told WHERE CASE WHEN version = 1 "
    "THEN from_status IS NOT NULL OR to_status <> 'QUEUED' "
    f"WHEN same IS NULL THEN from_status IS NULL OR {_UNEXPLAINED} "
    "ELSE number <> same OR version <> before + 1 "
    f"OR from_status IS NULL OR from_status <> stood OR stood IN ({_words(TERMINAL)}) OR at < earlier END"
)
_LAST_EVENT: Final = (
    "SELECT e.job, e.thing, e.number, e.version, e.status, v.version AS event, v.to_status AS says "
    # All at once: looked up one by one, each would be looked for in every partition.
    "FROM executions e LEFT JOIN (SELECT job, thing, number, max(id) AS id FROM execution_events "
    "GROUP BY job, thing, number) AS l ON l.job = e.job AND l.thing = e.thing AND l.number = e.number "
    "LEFT JOIN execution_events v ON v.id = l.id "
    f"WHERE e.job IN {_STAYING} AND (v.version <> e.version OR v.to_status <> e.status "
    f"OR v.id IS NULL AND e.last_updated_at > COALESCE({_GONE_AT}, -1))"
)
_WAITING: Final = (
    "SELECT j.id AS job, j.waiting AS counted, COALESCE(f.n, 0) AS found FROM jobs j "
    "LEFT JOIN (SELECT job, count(*) AS n FROM waiting GROUP BY job) AS f ON f.job = j.id "
    "WHERE j.waiting <> COALESCE(f.n, 0)"
)
_WAVE_WAITING: Final = (
    "SELECT w.job, w.number AS wave, w.waiting AS counted, COALESCE(f.n, 0) AS found FROM job_waves w "
    "LEFT JOIN (SELECT job, wave, count(*) AS n FROM waiting WHERE NOT again GROUP BY job, wave) AS f "
    f"ON f.job = w.job AND f.wave = w.number WHERE w.job IN {_STAYING} AND w.waiting <> COALESCE(f.n, 0)"
)
_LEFT_OVER: Final = (
    "SELECT id AS job, status, queued, in_progress, waiting FROM jobs WHERE status = 'COMPLETED' "
    "AND (queued > 0 OR in_progress > 0 OR waiting > 0 OR latched_to IS NOT NULL OR completed_at IS NULL) "
    "OR status IN ('IN_PROGRESS', 'CANCELED') AND completed_at IS NOT NULL "
    "OR status = 'CANCELED' AND sweep = '' AND (waiting > 0 OR queued > 0 OR latched_to IS NOT NULL)"
)
_WRONG_DEADLINE: Final = (
    "SELECT job, thing, number, deadline_at FROM executions WHERE COALESCE(deadline_at, -1) <> COALESCE("
    "CASE WHEN status = 'QUEUED' THEN queued_deadline_at "
    "WHEN in_progress_deadline_at < step_deadline_at THEN in_progress_deadline_at "
    "ELSE COALESCE(step_deadline_at, in_progress_deadline_at) END, -1)"
)
_GHOST: Final = (
    "SELECT t.id AS thing FROM things t WHERE t.deleted_at IS NOT NULL "
    "AND (EXISTS (SELECT 1 FROM group_members m WHERE m.thing = t.id) OR t.sweep = '' AND ("
    "t.notify_seq > t.notified_seq OR EXISTS (SELECT 1 FROM waiting w WHERE w.thing = t.id) "
    f"OR EXISTS (SELECT 1 FROM executions e WHERE e.thing = t.id AND e.status IN {_PENDING})))"
)
_STRAY_SWEEP: Final = (
    'SELECT id AS thing, NULL AS "group", sweep FROM things '
    "WHERE sweep <> '' AND (sweep = 'DELETE') <> (deleted_at IS NOT NULL) "
    "UNION ALL SELECT NULL, id, sweep FROM thing_groups WHERE sweep <> '' AND (sweep <> 'DELETE' "
    "OR parent IS NOT NULL OR id IN (SELECT parent FROM thing_groups))"
)
_UNCOVERED: Final = (
    'WITH RECURSIVE up(thing, id) AS (SELECT thing, "group" FROM group_members UNION '
    "SELECT u.thing, g.parent FROM up u JOIN thing_groups g ON g.id = u.id WHERE g.parent IS NOT NULL), "
    # Named first: the search below is made for each of these, and a job may have ten thousand.
    "follows(id) AS (SELECT id FROM jobs WHERE target_selection = 'CONTINUOUS' "
    "AND status IN ('IN_PROGRESS', 'SCHEDULED', 'PAUSED', 'WAITING_FOR_APPROVAL')), "
    f"held(job, thing) AS (SELECT job, thing FROM executions WHERE status IN {_PENDING} "
    "AND job IN (SELECT id FROM follows) UNION "
    "SELECT job, thing FROM waiting WHERE job IN (SELECT id FROM follows)) "
    "SELECT h.job, h.thing FROM held h JOIN things t ON t.id = h.thing WHERE t.sweep = '' "
    'AND h.thing NOT IN (SELECT m.thing FROM group_members m JOIN thing_groups g ON g.id = m."group" '
    "WHERE g.sweep <> '') AND NOT EXISTS (SELECT 1 FROM job_targets x WHERE x.job = h.job AND NOT x.excluded "
    'AND (x.thing = h.thing OR x."group" IN (SELECT u.id FROM up u WHERE u.thing = h.thing)))'
)
_AT_ONCE: Final = (
    "SELECT e.thing, j.exclusive_group FROM executions e JOIN jobs j ON j.id = e.job "
    "WHERE e.status = 'IN_PROGRESS' AND j.exclusive_group IS NOT NULL "
    # What a deletion or a cancel by force will come to is over already.
    "AND j.status <> 'DELETION_IN_PROGRESS' AND j.sweep <> 'FORCE_CANCEL' "
    "GROUP BY e.thing, j.exclusive_group HAVING count(*) > 1"
)
_NOWHERE: Final = (
    "SELECT x.job, x.thing, x.zone FROM (SELECT job, thing, zone FROM waiting UNION ALL "
    f"SELECT job, thing, zone FROM executions WHERE status IN {_PENDING}) AS x JOIN jobs j ON j.id = x.job "
    "WHERE j.open_zones <> '{}' AND NOT EXISTS (SELECT 1 FROM {zones} z WHERE z.zone = x.zone)"
)
_HIDDEN_TIMER: Final = (
    "SELECT e.job, e.thing, e.number FROM executions e JOIN jobs j ON j.id = e.job "
    "WHERE e.queued_deadline_at IS NOT NULL AND (j.status IN ('SCHEDULED', 'PAUSED') "
    "OR j.open_zones <> '{}' AND EXISTS (SELECT 1 FROM {zones} z WHERE z.zone = e.zone AND z.is_open = 0))"
)
_ACT_ORDER: Final = (
    "SELECT job, id AS act FROM ("
    f"SELECT job, id, event, lag(event) OVER (PARTITION BY job ORDER BY id) AS before FROM job_acts "
    f"WHERE job IN {_STAYING}) AS told WHERE event < before"
)
_ACT_PLACE: Final = (
    f"SELECT a.job, a.id AS act, a.event FROM job_acts a WHERE a.event > COALESCE({_GONE}, 0) "
    f"AND a.job IN {_STAYING} "
    "AND NOT EXISTS (SELECT 1 FROM execution_events v WHERE v.id = a.event AND v.job = a.job)"
)
_NO_CREATION: Final = (
    "SELECT j.id AS job FROM jobs j WHERE j.status <> 'DELETION_IN_PROGRESS' AND (NOT EXISTS (SELECT 1 "
    "FROM job_acts a WHERE a.id = (SELECT min(f.id) FROM job_acts f WHERE f.job = j.id) "
    "AND a.event = 0 AND a.act = 'CREATE') "
    "OR (SELECT count(*) FROM job_acts a WHERE a.job = j.id AND a.act = 'CREATE') <> 1)"
)
_TOLD: Final = (
    "SELECT t.id AS thing, t.announced_next AS execution FROM things t WHERE t.notify_seq = t.notified_seq "
    "AND t.deleted_at IS NULL AND t.announced_next <> 0 AND NOT EXISTS (SELECT 1 FROM executions e "
    f"WHERE e.id = t.announced_next AND e.thing = t.id AND e.status IN {_PENDING})"
)

#: Of everything that is stored. Those that would explain others come first.
CHECKS: Final[Sequence[Check]] = (
    Check(
        "file",
        "the database file is whole",
        "SELECT quick_check AS damage FROM pragma_quick_check WHERE quick_check <> 'ok'",
        dialects=("sqlite",),
    ),
    Check(
        "references",
        "every row that another row names is there",
        'SELECT "table", rowid AS "row", parent FROM pragma_foreign_key_check',
        dialects=("sqlite",),
    ),
    Check(
        "words",
        "every status is one that there is",
        f"SELECT id AS job, NULL AS thing, status FROM jobs WHERE status NOT IN ({_words(JobStatus)}) "
        f"UNION ALL SELECT job, thing, status FROM executions WHERE status NOT IN ({_words(Status)})",
    ),
    Check(
        "counters",
        "a job counts its things by their latest execution",
        _counted(COUNTERS, f"NOT {_REPLACED}", "1 = 1"),
    ),
    Check(
        "superseded",
        "a job counts the ends that later executions have replaced",
        _counted(SUPERSEDED, _REPLACED, "status <> 'DELETION_IN_PROGRESS'"),
    ),
    Check("waiting", "a job counts the things that wait for an execution", _WAITING),
    Check("wave-counters", "a wave counts its things by their latest execution", _counted_by_wave()),
    Check("wave-waiting", "a wave counts the things that wait for their first execution", _WAVE_WAITING),
    Check(
        "wave",
        "nothing has gone out beyond the open wave",
        "SELECT e.job, e.thing, e.wave FROM executions e JOIN jobs j ON j.id = e.job WHERE e.wave > j.wave",
    ),
    Check("versions", "there is one event for each version, each beginning where the last ended", _GAPS),
    Check("last-event", "an execution is where its last event left it", _LAST_EVENT),
    Check(
        "events",
        "events belong to a job",
        "SELECT id AS event, job FROM execution_events WHERE job NOT IN (SELECT id FROM jobs)",
    ),
    Check(
        "acts",
        "acts belong to a job",
        "SELECT id AS act, job FROM job_acts WHERE job NOT IN (SELECT id FROM jobs)",
    ),
    Check("creation", "a job's acts begin with its one creation", _NO_CREATION),
    Check("act-order", "acts stand in the order of the transitions they follow", _ACT_ORDER),
    Check("act-place", "acts follow transitions of their own job", _ACT_PLACE),
    Check(
        "completion",
        "the act that completed a finished job is on record",
        "SELECT j.id AS job FROM jobs j WHERE j.status = 'COMPLETED' "
        "AND NOT EXISTS (SELECT 1 FROM job_acts a WHERE a.job = j.id AND a.act = 'COMPLETE')",
    ),
    Check(
        "act-thing",
        "an act names a thing exactly if it is about one execution",
        "SELECT job, thing, id AS act FROM job_acts WHERE (act = 'DELETE_EXECUTION') <> (thing IS NOT NULL)",
    ),
    Check(
        "twice",
        "a thing has at most one pending execution of a job",
        f"SELECT job, thing FROM executions WHERE {PENDING_SQL} GROUP BY job, thing HAVING count(*) > 1",
    ),
    Check(
        "replaced",
        "only the latest execution of a thing is pending",
        f"SELECT e.job, e.thing, e.number FROM executions e WHERE e.status IN {_PENDING} AND {_REPLACED}",
    ),
    Check("finished", "a finished or canceled job has nothing left to do", _LEFT_OVER),
    Check(
        "unfinished",
        "a SNAPSHOT job with nothing left to do has ended",
        "SELECT id AS job FROM jobs WHERE target_selection = 'SNAPSHOT' AND status = 'IN_PROGRESS' "
        "AND queued = 0 AND in_progress = 0 AND waiting = 0 AND latched_to IS NULL",
    ),
    Check(
        "timers",
        "timers run for what is pending",
        "SELECT job, thing, number, status FROM executions "
        f"WHERE deadline_at IS NOT NULL AND status NOT IN {_PENDING} "
        "OR queued_deadline_at IS NOT NULL AND status <> 'QUEUED'",
    ),
    Check("deadlines", "the deadline that is looked for is the earlier timer", _WRONG_DEADLINE),
    Check("hidden-timers", "no timer runs against what its thing cannot see", _HIDDEN_TIMER),
    Check(
        "quarantine",
        "a thing in quarantine gets nothing before it ends",
        "SELECT w.job, w.thing FROM waiting w JOIN things t ON t.id = w.thing "
        "WHERE t.quarantined_until > w.ready_at",
    ),
    Check("deleted", "a deleted thing has nothing left to do", _GHOST),
    Check("sweeps", "what is being swept is there, and of the kind that can be", _STRAY_SWEEP),
    Check("covered", "work of a continuous job is for things that its targets cover", _UNCOVERED),
    Check("exclusive", "of one exclusive group one execution is at work on a thing", _AT_ONCE),
    Check("zones", "a job knows the time zone of each thing it has work for", _NOWHERE),
    Check(
        "values",
        "values belong to a job",
        "SELECT DISTINCT job FROM job_values WHERE job NOT IN (SELECT id FROM jobs)",
    ),
    Check(
        "marks",
        "a thing was told no more than there was to tell",
        "SELECT id AS thing, notify_seq, notified_seq FROM things WHERE notified_seq > notify_seq",
    ),
    Check("told", "what a thing without a mark was told to do next is pending", _TOLD),
    Check("dynamic-groups", "members of a dynamic group are the things that meet its query", _strangers),
)
