"""Every check of the audit, and what breaks exactly that in the database of test_storage_audit."""


def job(name: str) -> str:
    return f"(SELECT id FROM jobs WHERE job_id = '{name}')"


def key(name: str) -> str:
    return f"(SELECT id FROM things WHERE name = '{name}')"


def set_in(table: str, change: str, where: str) -> str:
    return f"UPDATE {table} SET {change} WHERE {where}"


def of(job_id: str, thing_name: str) -> str:
    return f"job = {job(job_id)} AND thing = {key(thing_name)}"


def copied(table: str, columns: str) -> str:
    """Add the row of a thing once more, for its second execution of the job."""
    second = columns.replace("number", "2")
    return (
        f"INSERT INTO {table} (job, thing, {columns}) "
        f"SELECT job, thing, {second} FROM {table} WHERE {of('plain', 't001')}"
    )


#: A second pending execution of the job that a thing has one of, with its event and counted nowhere.
SECOND = (
    copied("executions", "number, status, queued_at, last_updated_at, zone"),
    copied("execution_events", "number, version, to_status, at, cause"),
)
#: The first execution of a thing that has been retried looks as if it were at work.
UNREPLACED = (
    set_in("executions", "status = 'IN_PROGRESS'", f"{of('again', 't002')} AND number = 1"),
    set_in(
        "execution_events", "to_status = 'IN_PROGRESS'", f"{of('again', 't002')} AND to_status = 'FAILED'"
    ),
    set_in("jobs", "superseded_failed = superseded_failed - 1", "job_id = 'again'"),
    set_in("executions", "status = 'SUCCEEDED'", f"{of('again', 't002')} AND number = 2"),
)

#: The check, what breaks it, and a line that must be said. What else that must break is named behind it.
BREAKS = {
    "references": (
        [f"UPDATE job_targets SET job = 999 WHERE job = {job('done')}"],
        {"table": "job_targets", "parent": "jobs"},
        (),
    ),
    "words": (
        [set_in("jobs", "status = 'ASLEEP'", "job_id = 'plain'")],
        {"job": "plain", "status": "ASLEEP"},
        (),
    ),
    "counters": (
        [set_in("jobs", "succeeded = succeeded + 1", "job_id = 'done'")],
        {"job": "done", "status": "SUCCEEDED", "counted": "2", "found": "1"},
        (),
    ),
    "superseded": (
        [set_in("jobs", "superseded_failed = 7", "job_id = 'again'")],
        {"job": "again", "status": "FAILED", "counted": "7", "found": "1"},
        (),
    ),
    "waiting": (
        [set_in("jobs", "waiting = waiting + 2", "job_id = 'staged'")],
        {"job": "staged", "counted": "5", "found": "3"},
        (),
    ),
    "wave-counters": (
        [set_in("job_waves", "queued = 4", f"job = {job('staged')} AND number = 1")],
        {"job": "staged", "wave": "1", "status": "QUEUED", "counted": "4", "found": "1"},
        (),
    ),
    "wave-waiting": (
        [set_in("job_waves", "waiting = 9", f"job = {job('staged')} AND number = 2")],
        {"job": "staged", "wave": "2", "counted": "9", "found": "3"},
        (),
    ),
    "wave": (
        [set_in("jobs", "wave = 0", "job_id = 'staged'")],
        {"job": "staged", "thing": "t000", "wave": "1"},
        (),
    ),
    "versions": (
        [f"DELETE FROM execution_events WHERE {of('done', 't000')} AND version = 2"],
        {"job": "done", "thing": "t000", "number": "1", "version": "3"},
        (),
    ),
    "last-event": (
        [set_in("executions", "version = version + 1", of("done", "t000"))],
        {"job": "done", "thing": "t000", "version": "4", "event": "3"},
        (),
    ),
    "events": (
        [
            (
                "INSERT INTO execution_events (at, job, thing, number, version, to_status, cause) "
                "VALUES (1, 999, 1, 1, 1, 'QUEUED', 'RELEASE')"
            )
        ],
        {"job": "#999"},
        (),
    ),
    "acts": (
        ["INSERT INTO job_acts (at, job, event, act) VALUES (1, 999, 0, 'CREATE')"],
        {"job": "#999"},
        (),
    ),
    "creation": (
        [f"DELETE FROM job_acts WHERE act = 'CREATE' AND job = {job('plain')}"],
        {"job": "plain"},
        (),
    ),
    "act-order": (
        [f"INSERT INTO job_acts (at, job, event, act) VALUES (1, {job('done')}, 0, 'UPDATE')"],
        {"job": "done"},
        (),
    ),
    "act-place": (
        [
            (
                "INSERT INTO job_acts (at, job, event, act) SELECT 1, "
                f"{job('done')}, max(id), 'UPDATE' FROM execution_events WHERE job <> {job('done')}"
            )
        ],
        {"job": "done"},
        (),
    ),
    "completion": (
        [f"DELETE FROM job_acts WHERE act = 'COMPLETE' AND job = {job('done')}"],
        {"job": "done"},
        (),
    ),
    "act-thing": (
        [set_in("job_acts", "thing = 1", f"act = 'CREATE' AND job = {job('done')}")],
        {"job": "done", "thing": "t000"},
        (),
    ),
    "twice": (
        SECOND,
        {"job": "plain", "thing": "t001"},
        ("replaced",),
    ),
    "replaced": (
        UNREPLACED,
        {"job": "again", "thing": "t002", "number": "1"},
        ("counters", "last-event", "told"),
    ),
    "finished": (
        [set_in("jobs", "completed_at = NULL", "job_id = 'done'")],
        {"job": "done", "status": "COMPLETED"},
        (),
    ),
    "unfinished": (
        [
            set_in("jobs", "status = 'IN_PROGRESS', completed_at = NULL", "job_id = 'done'"),
            f"DELETE FROM job_acts WHERE act = 'COMPLETE' AND job = {job('done')}",
        ],
        {"job": "done"},
        (),
    ),
    "timers": (
        [set_in("executions", "deadline_at = 5, step_deadline_at = 5", of("done", "t000"))],
        {"job": "done", "thing": "t000", "status": "SUCCEEDED"},
        (),
    ),
    "deadlines": (
        [set_in("executions", "queued_deadline_at = 5, deadline_at = 6", of("plain", "t001"))],
        {"job": "plain", "thing": "t001", "deadline_at": "6"},
        (),
    ),
    "hidden-timers": (
        [set_in("executions", "queued_deadline_at = 5, deadline_at = 5", of("night", "berlin"))],
        {"job": "night", "thing": "berlin", "number": "1"},
        (),
    ),
    "quarantine": (
        [set_in("things", "quarantined_until = 9999999999999", "name = 't003'")],
        {"job": "staged", "thing": "t003"},
        (),
    ),
    "deleted": (
        [set_in("things", "deleted_at = 1", "name = 't001'")],
        {"thing": "t001"},
        (),
    ),
    "sweeps": (
        [set_in("thing_groups", "sweep = 'CANCEL'", "name = 'g'")],
        {"group": "g", "sweep": "CANCEL"},
        (),
    ),
    "covered": (
        [f"DELETE FROM group_members WHERE thing = {key('t004')}"],
        {"job": "follow", "thing": "t004"},
        (),
    ),
    "exclusive": (
        [
            set_in("executions", "status = 'IN_PROGRESS'", of("second", "t005")),
            set_in("execution_events", "to_status = 'IN_PROGRESS'", of("second", "t005")),
        ],
        {"thing": "t005", "exclusive_group": "disk"},
        ("counters", "versions"),
    ),
    "zones": (
        [set_in("executions", "zone = 'Mars/Olympus'", of("night", "berlin"))],
        {"job": "night", "thing": "berlin", "zone": "Mars/Olympus"},
        (),
    ),
    "values": (
        ["INSERT INTO job_values (job, thing, \"values\") VALUES (999, 1, '{}')"],
        {"job": "#999"},
        ("references",),
    ),
    "marks": (
        [set_in("things", "notified_seq = notify_seq + 3", "name = 't000'")],
        {"thing": "t000"},
        (),
    ),
    "told": (
        [set_in("things", "announced_next = 999", "name = 't001'")],
        {"thing": "t001", "execution": "999"},
        (),
    ),
    "dynamic-groups": (
        [
            (
                'INSERT INTO group_members ("group", thing) VALUES '
                f"((SELECT id FROM thing_groups WHERE name = 'all-lamps'), {key('t000')})"
            )
        ],
        {"group": "all-lamps", "thing": "t000", "is": "a member"},
        (),
    ),
}
