"""What must be true of the tables between any two transactions (promises C3, C5; contract 2.4, 2.6)."""

import json
from collections import defaultdict
from itertools import pairwise

from sync_store import SyncStore

from domain.execution import TERMINAL
from domain.query import matches, parse
from domain.query_terms import Facts

PENDING = "('QUEUED', 'IN_PROGRESS')"
STATUSES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")

EXECUTED = ("SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT")


def check(store: SyncStore) -> None:
    """Raise ``AssertionError`` with the rows at fault."""
    counters_are_the_rows(store)
    versions_have_no_gaps(store)
    waves_are_the_rows(store)
    acts_have_their_place(store)
    dynamic_groups_hold_whom_they_mean(store)
    nothing(store, "two pending executions of one job on one thing", _TWICE)
    nothing(store, "a finished job with something left", _LEFT_OVER)
    nothing(store, "a SNAPSHOT job that should have ended", _NOT_ENDED)
    nothing(store, "a timer on an execution that does not run", _STRAY_TIMER)
    nothing(store, "a deadline that is not the earlier timer", _WRONG_DEADLINE)
    nothing(store, "a timer that runs against what its thing cannot see", _HIDDEN_TIMER)
    nothing(store, "a thing that would get work in quarantine", _TOO_EARLY)
    nothing(store, "a deleted thing that is still to do something", _GHOST)
    nothing(store, "a sweep of what is not there, or of another kind", _STRAY_SWEEP)
    nothing(store, "what no target of a continuous job covers, and no sweep is for it", _ORPHANED)
    nothing(store, "two of one exclusive group at work on one thing", _AT_ONCE)
    nothing(store, "work in a zone that its job knows nothing of", _NOWHERE)
    nothing(store, "values for no job", "SELECT job FROM job_values WHERE job NOT IN (SELECT id FROM jobs)")


def nothing(store: SyncStore, what: str, statement: str) -> None:
    found = store.rows(statement)
    assert not found, f"{what}: {found[:5]}"


def dynamic_groups_hold_whom_they_mean(store: SyncStore) -> None:
    """Of those that no pass is going over: members are the things that meet the query, and nobody else."""
    known = [
        (key, Facts(name, json.loads(attributes), bool(connected), thing_type))
        for key, name, attributes, connected, thing_type in store.rows(
            "SELECT id, name, attributes, connected, thing_type FROM things WHERE deleted_at IS NULL"
        )
    ]
    for group, query in store.rows(
        "SELECT id, query FROM thing_groups WHERE query IS NOT NULL AND built_to IS NULL AND sweep = ''"
    ):
        meant = {key for key, facts in known if matches(parse(query), facts)}
        members = {key for (key,) in store.rows(f'SELECT thing FROM group_members WHERE "group" = {group}')}
        assert members == meant, query


def counters_are_the_rows(store: SyncStore) -> None:
    """Things by their latest execution, and what later executions have replaced."""
    waiting = dict(store.rows("SELECT job, count(*) FROM waiting GROUP BY job"))
    for prefix, statuses, latest in (("", STATUSES, "="), ("superseded_", EXECUTED, "<")):
        counted: dict[int, dict[str, int]] = defaultdict(dict)
        for job, status, number in store.rows(_COUNTED.format(latest=latest)):
            counted[job][status] = number
        columns = ", ".join(f"{prefix}{status.lower()}" for status in statuses)
        # What a job had superseded before matters no more once it is being deleted.
        deleting = "WHERE status <> 'DELETION_IN_PROGRESS'" if prefix else ""
        for job, waits, *kept in store.rows(f"SELECT id, waiting, {columns} FROM jobs {deleting}"):
            found = {status: counted[job].get(status, 0) for status in statuses}
            assert dict(zip(statuses, kept, strict=True)) == found, (job, prefix)
            assert waits == waiting.get(job, 0), job


def waves_are_the_rows(store: SyncStore) -> None:
    """Things of each wave by their latest execution, and those that wait for their first one."""
    waiting = {
        (job, wave): count
        for job, wave, count in store.rows(
            "SELECT job, wave, count(*) FROM waiting WHERE NOT again GROUP BY job, wave"
        )
    }
    counted: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for job, wave, status, number in store.rows(_BY_WAVE):
        counted[job, wave][status] = number
    columns = ", ".join(f"w.{status.lower()}" for status in STATUSES)
    for job, wave, waits, *kept in store.rows(
        f"SELECT w.job, w.number, w.waiting, {columns} FROM job_waves w JOIN jobs j ON j.id = w.job "
        "WHERE j.status <> 'DELETION_IN_PROGRESS'"
    ):
        found = {status: counted[job, wave].get(status, 0) for status in STATUSES}
        assert dict(zip(STATUSES, kept, strict=True)) == found, (job, wave)
        assert waits == waiting.get((job, wave), 0), (job, wave)
    nothing(store, "something beyond the open wave", _BEYOND)


def versions_have_no_gaps(store: SyncStore) -> None:
    """One event per version, each beginning where the last one ended, none after the end."""
    history: dict[tuple[int, int, int], list[tuple]] = defaultdict(list)
    for job, thing, number, *event in store.rows(
        "SELECT job, thing, number, version, from_status, to_status, at FROM execution_events "
        # A job on its way out loses its history piece by piece.
        "WHERE job IN (SELECT id FROM jobs WHERE status <> 'DELETION_IN_PROGRESS') ORDER BY id"
    ):
        key = (job, thing, number)
        # A number that was freed by deletion may be used again; its history begins anew.
        if event[0] == 1:
            history[key] = []
        history[key].append(tuple(event))
    for key, events in history.items():
        assert [version for version, *_ in events] == list(range(1, len(events) + 1)), (key, events)
        assert events[0][1:3] == (None, "QUEUED"), (key, events)
        for (_, _, before, earlier), (_, after, _, later) in pairwise(events):
            assert before == after, (key, events)
            assert before not in TERMINAL, (key, events)
            assert earlier <= later, (key, events)
    for job, thing, number, version, status in store.rows(
        "SELECT job, thing, number, version, status FROM executions "
        "WHERE job IN (SELECT id FROM jobs WHERE status <> 'DELETION_IN_PROGRESS')"
    ):
        last = history[job, thing, number][-1]
        assert (last[0], last[2]) == (version, status), (job, thing, number, last)


def acts_have_their_place(store: SyncStore) -> None:
    """Every job begins with its creation, acts follow each other, each behind a transition of its own job."""
    nothing(store, "acts of no job", "SELECT id FROM job_acts WHERE job NOT IN (SELECT id FROM jobs)")
    told: dict[int, list[tuple]] = defaultdict(list)
    for job, *act in store.rows("SELECT job, event, act, actor, thing FROM job_acts ORDER BY id"):
        told[job].append(tuple(act))
    own = defaultdict(set)
    for job, event in store.rows("SELECT job, id FROM execution_events"):
        own[job].add(event)
    for job, status in store.rows("SELECT id, status FROM jobs"):
        if status == "DELETION_IN_PROGRESS":
            continue
        acts = told[job]
        assert [word for _, word, *_ in acts].count("CREATE") == 1, (job, acts)
        assert acts[0][:2] == (0, "CREATE"), (job, acts)
        assert {event for event, *_ in acts} <= own[job] | {0}, (job, acts)
        assert all(one[0] <= other[0] for one, other in pairwise(acts)), (job, acts)
        assert (status == "COMPLETED") <= ("COMPLETE" in {word for _, word, *_ in acts}), (job, acts)
        assert all((word == "DELETE_EXECUTION") == (thing is not None) for _, word, _, thing in acts), acts


_COUNTED = (
    "SELECT e.job, e.status, count(*) FROM executions e WHERE e.number {latest} "
    "(SELECT max(l.number) FROM executions l WHERE l.job = e.job AND l.thing = e.thing) "
    "GROUP BY e.job, e.status"
)
_BY_WAVE = (
    "SELECT e.job, e.wave, e.status, count(*) FROM executions e WHERE e.number = "
    "(SELECT max(l.number) FROM executions l WHERE l.job = e.job AND l.thing = e.thing) "
    "GROUP BY e.job, e.wave, e.status"
)
_BEYOND = "SELECT e.id FROM executions e JOIN jobs j ON j.id = e.job WHERE e.wave > j.wave"
_TWICE = (
    f"SELECT job, thing FROM executions WHERE status IN {PENDING} GROUP BY job, thing HAVING count(*) > 1"
)
_LEFT_OVER = (
    "SELECT id, status FROM jobs WHERE status = 'COMPLETED' AND (queued > 0 OR in_progress > 0 "
    "OR waiting > 0 OR completed_at IS NULL) "
    "OR status IN ('IN_PROGRESS', 'CANCELED') AND completed_at IS NOT NULL "
    "OR status = 'CANCELED' AND (waiting > 0 OR queued > 0 AND sweep = '')"
)
_NOT_ENDED = (
    "SELECT id FROM jobs WHERE target_selection = 'SNAPSHOT' AND status = 'IN_PROGRESS' "
    "AND queued = 0 AND in_progress = 0 AND waiting = 0"
)
_STRAY_TIMER = (
    f"SELECT id FROM executions WHERE deadline_at IS NOT NULL AND status NOT IN {PENDING} "
    "OR queued_deadline_at IS NOT NULL AND status <> 'QUEUED'"
)
_WRONG_DEADLINE = (
    "SELECT id FROM executions WHERE deadline_at IS NOT CASE WHEN status = 'QUEUED' THEN queued_deadline_at "
    "ELSE COALESCE(min(in_progress_deadline_at, step_deadline_at), "
    "in_progress_deadline_at, step_deadline_at) END"
)
_HIDDEN_TIMER = (
    "SELECT e.id FROM executions e JOIN jobs j ON j.id = e.job WHERE e.queued_deadline_at IS NOT NULL "
    "AND (j.status IN ('SCHEDULED', 'PAUSED') "
    "OR EXISTS (SELECT 1 FROM json_each(j.open_zones) z WHERE z.key = e.zone AND NOT z.value))"
)
_TOO_EARLY = (
    "SELECT w.job, w.thing FROM waiting w JOIN things t ON t.id = w.thing "
    "WHERE t.quarantined_until > w.ready_at"
)
_GHOST = (
    "SELECT t.id FROM things t WHERE t.deleted_at IS NOT NULL "
    "AND (EXISTS (SELECT 1 FROM group_members m WHERE m.thing = t.id) OR t.sweep = '' AND ("
    "t.notify_seq > t.notified_seq OR EXISTS (SELECT 1 FROM waiting w WHERE w.thing = t.id) "
    f"OR EXISTS (SELECT 1 FROM executions e WHERE e.thing = t.id AND e.status IN {PENDING})))"
)
_STRAY_SWEEP = (
    "SELECT id, name, sweep FROM things WHERE sweep <> '' AND (sweep = 'DELETE') <> (deleted_at IS NOT NULL) "
    "UNION ALL SELECT id, name, sweep FROM thing_groups WHERE sweep <> '' AND (sweep <> 'DELETE' "
    "OR parent IS NOT NULL OR id IN (SELECT parent FROM thing_groups))"
)
_ORPHANED = (
    'WITH RECURSIVE up(thing, id) AS (SELECT thing, "group" FROM group_members UNION '
    "SELECT u.thing, g.parent FROM up u JOIN thing_groups g ON g.id = u.id WHERE g.parent IS NOT NULL), "
    # Named first: the search below is made for each of these, and a job may have ten thousand.
    "follows(id) AS (SELECT id FROM jobs WHERE target_selection = 'CONTINUOUS' "
    "AND status IN ('IN_PROGRESS', 'SCHEDULED', 'PAUSED', 'WAITING_FOR_APPROVAL')), "
    f"held(job, thing) AS (SELECT job, thing FROM executions WHERE status IN {PENDING} "
    "AND job IN (SELECT id FROM follows) UNION "
    "SELECT job, thing FROM waiting WHERE job IN (SELECT id FROM follows)) "
    "SELECT h.job, h.thing FROM held h JOIN things t ON t.id = h.thing WHERE t.sweep = '' "
    'AND h.thing NOT IN (SELECT m.thing FROM group_members m JOIN thing_groups g ON g.id = m."group" '
    "WHERE g.sweep <> '') AND NOT EXISTS (SELECT 1 FROM job_targets x WHERE x.job = h.job AND NOT x.excluded "
    'AND (x.thing = h.thing OR x."group" IN (SELECT u.id FROM up u WHERE u.thing = h.thing)))'
)
_AT_ONCE = (
    "SELECT e.thing, j.exclusive_group FROM executions e JOIN jobs j ON j.id = e.job "
    "WHERE e.status = 'IN_PROGRESS' AND j.exclusive_group IS NOT NULL "
    # What a deletion or a cancel by force will come to is over already.
    "AND j.status <> 'DELETION_IN_PROGRESS' AND j.sweep <> 'FORCE_CANCEL' "
    "GROUP BY e.thing, j.exclusive_group HAVING count(*) > 1"
)
_NOWHERE = (
    "SELECT x.job, x.thing, x.zone FROM (SELECT job, thing, zone FROM waiting UNION ALL "
    f"SELECT job, thing, zone FROM executions WHERE status IN {PENDING}) x JOIN jobs j ON j.id = x.job "
    "WHERE j.open_zones <> '{}' AND NOT EXISTS (SELECT 1 FROM json_each(j.open_zones) z WHERE z.key = x.zone)"
)
