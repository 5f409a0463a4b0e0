"""The checker: compares what was promised with what is there. Pure functions; an empty list is a clean bill.

``structure`` holds at every moment, also in the file a killed server leaves behind. ``promises`` holds after
every device and operator has had its answer, ``rest`` once the server has had time to finish what it began.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from history import Event, Execution, History, Job, Ledger, Said

PENDING = frozenset({"QUEUED", "IN_PROGRESS"})
#: After which end a thing may wait for a retry, and after which for having come back.
RETRIED = frozenset({"FAILED", "TIMED_OUT"})
AGAIN = RETRIED | {"REMOVED"}
Key = tuple[str, str, int]


class Violation(NamedTuple):
    """A promise that was broken, by its short name, and where."""

    kind: str
    where: str


def everything(history: History, ledger: Ledger) -> list[Violation]:
    return [*structure(ledger), *promises(history, ledger), *rest(ledger)]


def structure(ledger: Ledger) -> list[Violation]:
    """Return what is wrong with the rows among themselves."""
    events = by_execution(ledger.events)
    return [
        *(Violation("damage", line) for line in ledger.damage),
        *(Violation("orphan", f"{rows} rows of {table}") for table, rows in ledger.orphans.items() if rows),
        *(
            found
            for execution in ledger.executions
            for found in _versions(execution, events.get(key(execution), []))
        ),
        *_counts(ledger),
        *_targets(ledger),
        *_numbers(ledger),
        *_finished(ledger),
    ]


def promises(history: History, ledger: Ledger) -> list[Violation]:
    """Return what was promised to a device or an operator and is not so."""
    gone = {asked.job for asked in history.deleted}
    events = defaultdict(list)
    for event in ledger.events:
        if event.mark is not None:
            events[event.mark].append(event)
    said = [each for each in history.said if each.job not in gone]
    return [
        *(found for each in said for found in _applied(each, events[each.mark])),
        *_order(said),
        *_operators(history, ledger),
    ]


def rest(ledger: Ledger) -> list[Violation]:
    """Return what a server at rest still owes."""
    return [
        *(Violation("untold", thing) for thing in ledger.untold),
        *(Violation("unfinished", f"{job.name} sweeps {job.sweep}") for job in ledger.jobs if job.sweep),
        *(
            Violation("unfinished", f"{job.name}: {job.waiting} wait")
            for job in ledger.jobs
            if job.waiting and not job.rated
        ),
        *_members(ledger),
    ]


def _members(ledger: Ledger) -> list[Violation]:
    """Who is in a group that an open job follows has something to do or has done it; who left, nothing."""
    last = latest(ledger)
    waiting = set(ledger.waiting)
    found = []
    for job in ledger.jobs:
        if job.members is None or job.selection != "CONTINUOUS" or job.status != "IN_PROGRESS":
            continue
        served = {thing: each.status for (name, thing), each in last.items() if name == job.name}
        due = {thing for thing, status in served.items() if status in PENDING}
        due |= {thing for name, thing in waiting if name == job.name}
        had = {thing for thing, status in served.items() if status != "REMOVED"}
        if missing := job.members - due - had:
            found.append(Violation("members", f"{job.name}: nothing for {sorted(missing)[:5]}"))
        if strange := due - job.members:
            found.append(Violation("members", f"{job.name}: {sorted(strange)[:5]} have left"))
    return found


def latest(ledger: Ledger) -> dict[tuple[str, str], Execution]:
    """Return the latest execution of each job on each thing."""
    found: dict[tuple[str, str], Execution] = {}
    for each in sorted(ledger.executions, key=lambda each: each.number):
        found[each.job, each.thing] = each
    return found


def key(row: Execution | Event) -> Key:
    return row.job, row.thing, row.number


def by_execution(events: Iterable[Event]) -> dict[Key, list[Event]]:
    """Return the events of each execution in the order they were written."""
    found = defaultdict(list)
    for event in events:
        found[key(event)].append(event)
    return found


def _versions(execution: Execution, events: list[Event]) -> list[Violation]:
    """C3: versions are gap-free, each begins where the last ended, what has ended stays so."""
    where = f"{execution.job} on {execution.thing}"
    versions = [event.version for event in events]
    found = []
    if versions != list(range(1, execution.version + 1)):
        found.append(Violation("gap", f"{where} is at version {execution.version}, events say {versions}"))
    if events and events[-1].after != execution.status:
        found.append(Violation("gap", f"{where} is {execution.status}, its last event {events[-1].after}"))
    for before, after in pairwise(events):
        if before.after != after.before:
            found.append(Violation("gap", f"{where}: {after.before} after {before.after}"))
        if before.after not in PENDING:
            found.append(Violation("terminal", f"{where} was {before.after} and became {after.after}"))
        if after.at < before.at:
            found.append(Violation("clock", f"{where}: version {after.version} is older than the one before"))
    return found


def _counts(ledger: Ledger) -> list[Violation]:
    """C5: the counters are the rows."""
    rows = defaultdict(Counter)
    for execution in latest(ledger).values():
        rows[execution.job][execution.status] += 1
    waiting = Counter(job for job, _ in ledger.waiting)
    found = []
    for job in ledger.jobs:
        counted = Counter({status: number for status, number in job.counts.items() if number})
        if counted != rows[job.name]:
            found.append(Violation("counts", f"{job.name} says {counted}, there are {rows[job.name]}"))
        if job.waiting != waiting[job.name]:
            found.append(Violation("counts", f"{job.name} says {job.waiting} wait, {waiting[job.name]} do"))
    return found


def _numbers(ledger: Ledger) -> list[Violation]:
    """Executions of one thing are numbered from 1, and only the last of them goes on."""
    rows = defaultdict(list)
    for each in ledger.executions:
        rows[each.job, each.thing].append(each)
    found = []
    for (job, thing), several in rows.items():
        several.sort(key=lambda each: each.number)
        numbers = [each.number for each in several]
        if numbers != list(range(1, len(several) + 1)):
            found.append(Violation("numbers", f"{job} on {thing} has the executions {numbers}"))
        if any(each.status in PENDING for each in several[:-1]):
            found.append(Violation("numbers", f"{job} on {thing}: one is followed by another and goes on"))
    return found


def _targets(ledger: Ledger) -> list[Violation]:
    """C5: every target has exactly one execution, or waits for it; and one more for each retry."""
    rows, waiting = defaultdict(Counter), defaultdict(set)
    for execution in ledger.executions:
        rows[execution.job][execution.thing] += 1
    last = latest(ledger)
    for job, thing in ledger.waiting:
        waiting[job].add(thing)
    found = []
    for job in ledger.jobs:
        served = rows[job.name]
        most = None if job.members is not None else 1 + job.retries
        again = AGAIN if job.members is not None else RETRIED if job.retries else frozenset()
        both = {
            thing for thing in waiting[job.name] & set(served) if last[job.name, thing].status not in again
        }
        twice = [thing for thing, number in served.items() if most is not None and number > most]
        if twice or both:
            found.append(Violation("targets", f"{job.name}: more than one for {[*twice, *both][:5]}"))
        if job.members is not None:
            continue  # who is in a group now says nothing of who was
        if strange := set(served) - job.targets:
            found.append(Violation("targets", f"{job.name}: {sorted(strange)[:5]} are no targets"))
        missing = job.targets - set(served) - waiting[job.name] - job.ahead
        if missing and _is_whole(job):
            found.append(Violation("targets", f"{job.name}: nothing for {sorted(missing)[:5]}"))
    return found


def _is_whole(job: Job) -> bool:
    """Tell whether all targets must be there: a rollout that is canceled ends where it is."""
    return job.selection == "SNAPSHOT" and job.status in ("IN_PROGRESS", "COMPLETED")


def _finished(ledger: Ledger) -> list[Violation]:
    pending = Counter(each.job for each in ledger.executions if each.status in PENDING)
    found = []
    for job in ledger.jobs:
        left = pending[job.name] + job.waiting
        if job.status == "COMPLETED" and left:
            found.append(Violation("finished", f"{job.name} is COMPLETED with {left} to do"))
        if job.status == "IN_PROGRESS" and job.selection == "SNAPSHOT" and not left:
            found.append(Violation("finished", f"{job.name} is IN_PROGRESS with nothing to do"))
    return found


def _applied(said: Said, events: list[Event]) -> list[Violation]:
    """C1 and C2 for one update: there if accepted, once at most, one answer, one version."""
    where = f"{said.mark} of {said.thing} for {said.job}"
    found = []
    if len(events) > 1:
        found.append(Violation("twice", f"{where} made versions {[event.version for event in events]}"))
    if said.versions and not any(_fits(said, event) for event in events):
        found.append(Violation("lost", f"{where} was accepted as version {said.versions[0]}"))
    if said.refused and events:
        found.append(Violation("refused", f"{where} was refused ({said.refused}) and applied"))
    if said.hushed:
        found.append(Violation("hushed", f"{where} was acknowledged and not answered"))
    if len(set(said.replies)) > 1 or len(set(said.versions)) > 1:
        found.append(Violation("reply", f"{where} got different answers: {said.replies}"))
    return found


def _fits(said: Said, event: Event) -> bool:
    known = (said.job, said.thing, said.number, said.status)
    return (event.job, event.thing, event.number, event.after) == known and (event.version in said.versions)


def _order(said: list[Said]) -> list[Violation]:
    """C3: of two updates of one execution, one that ended before the other began has the lower version."""
    accepted = defaultdict(list)
    for each in said:
        if each.versions and each.ended is not None:
            accepted[each.job, each.thing, each.number].append(each)
    found = []
    for (job, thing, _), updates in accepted.items():
        highest, ended = 0, sorted(updates, key=lambda each: each.ended or 0)
        for each in sorted(updates, key=lambda each: each.begun):
            while ended and (ended[0].ended or 0) < each.begun:
                highest = max(highest, ended.pop(0).versions[0])
            if each.versions[0] <= highest:
                where = f"{each.mark} on {job} of {thing}: version {each.versions[0]} after {highest}"
                found.append(Violation("order", where))
    return found


def _operators(history: History, ledger: Ledger) -> list[Violation]:
    """C1 for operators: what got its 2xx is so."""
    jobs = {job.name: job for job in ledger.jobs}
    gone = {asked.job for asked in history.deleted}
    found = []
    for asked in history.created:
        job = jobs.get(asked.job)
        if asked.job in gone or not (asked.done or job):
            continue
        if job is None:
            found.append(Violation("lost", f"job {asked.job} was created"))
        elif job.targets != asked.targets:
            found.append(Violation("targets", f"{asked.job} has other targets than were asked for"))
    for asked in history.canceled:
        job = jobs.get(asked.job)
        if asked.done and job is not None and (job.status != "CANCELED" or job.counts.get("QUEUED")):
            found.append(Violation("lost", f"{asked.job} was canceled and is {job.status} {job.counts}"))
    found += [Violation("lost", f"{a.job} was deleted") for a in history.deleted if a.done and a.job in jobs]
    return found
