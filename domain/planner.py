"""What is to be done about a job now: a pure function of the job, its counts and the clock.

The scheduler acts on the answer; whoever wants to know "what would happen" or "why does it not happen" asks
the same functions. Decisions about time and pacing live here and in the rules below, and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain import waves
from domain.abort import AbortAction, met
from domain.actions import (
    Abort,
    Action,
    Become,
    Complete,
    End,
    Expire,
    Latch,
    OpenWave,
    PassGate,
    Pause,
    Release,
    Sweep,
    Turn,
)
from domain.execution import PENDING, Status
from domain.job import OPEN, Counts, JobStatus, TargetSelection, is_complete
from domain.opening import Opening, opening
from domain.pacing import UNPACED, Pacing
from domain.rollout import Allowance, Minute, allowance
from domain.schedule import EndBehavior, SchedulingConfig
from domain.waves import UNSTAGED, Judgement, StagedRolloutConfig, Standing, Verdict, judge


@dataclass(frozen=True, slots=True)
class Pool:
    """Waiting targets of one wave and zone; the earliest of them may go out at ``ready_at`` (None: now)."""

    wave: int
    zone: str
    ready_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the planner must know of a job.

    ``waiting``: targets without an execution yet, retries owed among them; ``pools``: where they wait.
    ``latching``: not all that its targets cover is known. ``released``: how many executions it has had.
    ``superseded``: ends of executions that a later one of the same thing has replaced; ``forgiven``: ends
    that an operator has seen and resumed after. ``zones``: every zone its windows are kept in, and whether it
    counts as open there. ``standing``: the open wave's. ``quarantined``: pending executions on things in
    quarantine. ``next_deadline_at``: the earliest of its executions'.
    """

    status: JobStatus
    target_selection: TargetSelection
    waiting: int = 0
    latching: bool = False
    pools: tuple[Pool, ...] = ()
    sweeping: bool = False
    next_deadline_at: datetime | None = None
    pacing: Pacing = UNPACED
    minute: Minute | None = None
    released: int = 0
    superseded: Counts = field(default_factory=dict)
    forgiven: Counts = field(default_factory=dict)
    zones: Mapping[str, bool] = field(default_factory=dict)
    wave: int = 0
    standing: Standing | None = None
    quarantined: int = 0

    @property
    def schedule(self) -> SchedulingConfig | None:
        return self.pacing.scheduling_config

    @property
    def staged(self) -> StagedRolloutConfig:
        return self.pacing.staged_rollout_config or UNSTAGED

    @property
    def is_local(self) -> bool:
        """Whether the times of its schedule are those of each thing."""
        return self.schedule is not None and self.schedule.is_local

    @property
    def must_know_all(self) -> bool:
        """Whether what goes out first, or how much is tried again, depends on how many things there are."""
        policy = self.pacing.retry_policy_config
        budget = None if policy is None else policy.budget
        return bool(self.staged.waves or self.is_local or (budget is not None and budget.percent is not None))

    @property
    def is_unpaced(self) -> bool:
        """Whether nothing but a pause can hold it."""
        paced = self.pacing
        return not (
            paced.job_executions_rollout_config or paced.staged_rollout_config or paced.scheduling_config
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, in order, and when to look again if nothing else happens (None: never)."""

    actions: tuple[Action, ...]
    look_at: datetime | None = None


def plan(job: Pace, counts: Counts, now: datetime) -> Plan:
    """Return what to do now; no action when the job needs nothing.

    Timers run on whatever the job's status (contract 2.8): a device that works for a canceled job still
    times out.
    """
    upkeep: list[Action] = []
    if job.sweeping:
        upkeep.append(Sweep())
    if job.next_deadline_at is not None and job.next_deadline_at <= now:
        # What follows depends on how those end.
        return Plan((*upkeep, Expire()), now if job.status in OPEN else None)
    ahead = _pace(job, counts, now) if job.status in OPEN else Plan(())
    return Plan((*upkeep, *ahead.actions), ahead.look_at)


def _pace(job: Pace, counts: Counts, now: datetime) -> Plan:
    schedule = job.schedule
    ends_at = None if schedule is None else schedule.ends_at
    if schedule is not None and ends_at is not None and ends_at <= now:
        return _ended(job, counts, schedule.end_behavior or EndBehavior.STOP_ROLLOUT)
    stop = _stop(job, counts)
    if stop is not None:
        return Plan((stop,))
    openings = openings_of(job, now)
    changes_at = _earliest(ends_at, *(each.changes_at for each in openings.values()))
    turn = _turn(job, openings)
    latch = (Latch(at_once=job.is_unpaced and job.status is JobStatus.IN_PROGRESS),) if job.latching else ()
    if job.status is JobStatus.PAUSED:
        return Plan((*turn, *latch), changes_at)
    gate = judgement(job, now)
    if gate is not None and gate.verdict is Verdict.FAILED:
        return Plan((*turn, Pause(None, gate.words)))
    passed = _passed(job, gate)
    if gate is not None and gate.verdict is Verdict.PASSED:
        return Plan((*turn, *passed, OpenWave(job.wave + 1)))
    open_zones = frozenset(zone for zone, each in openings.items() if each.is_open)
    # A latched job without things has no zones, and none to wait for.
    is_open = bool(open_zones) or (not openings and job.target_selection is TargetSelection.SNAPSHOT)
    status = _status(gate, is_open=is_open)
    become: tuple[Action, ...] = () if status is job.status else (Become(status),)
    out = _rollout(job, counts, now, open_zones) if open_zones else Plan(())
    done = is_open and is_complete(
        job.target_selection, JobStatus.IN_PROGRESS, counts, rolled_out=job.waiting == 0 and not job.latching
    )
    return Plan(
        (*turn, *passed, *become, *out.actions, *latch, *((Complete(),) if done else ())),
        _earliest(out.look_at, changes_at, None if gate is None else gate.until),
    )


def _ended(job: Pace, counts: Counts, behavior: EndBehavior) -> Plan:
    """Nothing goes out any more; what is out goes on, unless the schedule says otherwise (contract 2.11)."""
    if behavior is not EndBehavior.STOP_ROLLOUT or job.waiting or job.latching:
        return Plan((End(behavior),))
    if not any(counts.get(status, 0) for status in PENDING):
        return Plan((Complete(),))
    # No window opens any more: what one or a gate has held comes into sight now, but for a person's pause.
    shut = frozenset(zone for zone, is_open in job.zones.items() if not is_open)
    turn = (Turn(shut, frozenset()),) if shut else ()
    free = job.status in (JobStatus.IN_PROGRESS, JobStatus.PAUSED)
    return Plan((*turn, *(() if free else (Become(JobStatus.IN_PROGRESS),))))


def _stop(job: Pace, counts: Counts) -> Action | None:
    """Return what the abort criteria ask for: of ends that an operator has not seen yet."""
    config = job.pacing.abort_config
    if config is None:
        return None
    paused = job.status is JobStatus.PAUSED
    rule = met(config, unseen(job, counts), {AbortAction.CANCEL} if paused else frozenset(AbortAction))
    if rule is None:
        return None
    return Abort(rule) if rule.action is AbortAction.CANCEL else Pause(rule)


def openings_of(job: Pace, now: datetime) -> dict[str, Opening]:
    """Return for each zone of the job whether its schedule lets it go out there now."""
    schedule = job.schedule
    if schedule is None:
        return {"": Opening(is_open=True, changes_at=None)}
    zones = job.zones if job.is_local else ("",)
    return {zone: opening(schedule, zone, now) for zone in zones}


def _turn(job: Pace, openings: Mapping[str, Opening]) -> tuple[Turn, ...]:
    if job.schedule is None:
        return ()
    opened = frozenset(zone for zone, each in openings.items() if each.is_open and not job.zones.get(zone))
    shut = frozenset(
        zone for zone, each in openings.items() if not each.is_open and job.zones.get(zone, True)
    )
    return (Turn(opened, shut),) if opened or shut else ()


def judgement(job: Pace, now: datetime) -> Judgement | None:
    """Return what the gate behind the open wave says, None where there is none to pass.

    It lets nobody pass before all things are known. Where nothing waits behind it, a SNAPSHOT job ends as it
    is; a wave without things is passed over there, and waits for its first thing where the targets are
    followed. One whose things have all been forgiven is passed over in either.
    """
    gate, standing = job.staged.gate(job.wave), job.standing
    snapshot = job.target_selection is TargetSelection.SNAPSHOT
    if gate is None or standing is None or (snapshot and not job.waiting and not job.latching):
        return None
    if job.latching and not (standing.things and judge(gate, standing, now).verdict is not Verdict.PASSED):
        return None
    if standing.things == 0:
        words = f"wave {job.wave} has no things"
        if not snapshot and not standing.forgiven:
            return Judgement(Verdict.CLOSED, words)
        if gate.approval and not standing.approved:
            return Judgement(Verdict.WAITING_FOR_APPROVAL, f"{words} and waits for a person's approval")
        return Judgement(Verdict.PASSED, words)
    return judge(gate, standing, now)


def _passed(job: Pace, gate: Judgement | None) -> tuple[PassGate, ...]:
    new = gate is not None and gate.verdict is not Verdict.CLOSED
    return (PassGate(job.wave),) if new and job.standing and job.standing.passed_at is None else ()


def _status(gate: Judgement | None, *, is_open: bool) -> JobStatus:
    if gate is not None and gate.verdict is Verdict.WAITING_FOR_APPROVAL:
        return JobStatus.WAITING_FOR_APPROVAL
    return JobStatus.IN_PROGRESS if is_open else JobStatus.SCHEDULED


def _rollout(job: Pace, counts: Counts, now: datetime, open_zones: frozenset[str]) -> Plan:
    if job.latching and job.must_know_all:
        return Plan(())
    reachable = [
        pool for pool in job.pools if pool.wave <= job.wave and (not job.is_local or pool.zone in open_zones)
    ]
    ready = [pool for pool in reachable if pool.ready_at is None or pool.ready_at <= now]
    later = _earliest(*(pool.ready_at for pool in reachable if pool not in ready))
    if not ready:
        return Plan((), later)
    allowed = allowed_now(job, counts, now)
    room = job.waiting if (most := room_for(job, counts)) is None else most
    count = max(0, min(job.waiting, room, job.waiting if allowed is None else allowed.count))
    minute = None if allowed is None else allowed.with_released(count)
    pools = tuple((pool.wave, pool.zone) for pool in sorted(ready, key=lambda pool: (pool.wave, pool.zone)))
    spent = allowed is not None and allowed.count == count < job.waiting
    return Plan(
        (Release(count, minute, pools),) if count else (),
        _earliest(later, allowed.renewed_at if allowed is not None and spent else None),
    )


def allowed_now(job: Pace, counts: Counts, now: datetime) -> Allowance | None:
    """Return what the rate allows now, None where there is no rate."""
    config = job.pacing.job_executions_rollout_config
    if config is None:
        return None
    succeeded = counts.get(Status.SUCCEEDED, 0)
    return allowance(config, job.minute, notified=job.released, succeeded=succeeded, at=now)


def room_for(job: Pace, counts: Counts) -> int | None:
    """Return how many more may be under way, None without a cap; those in quarantine take no place."""
    cap = job.staged.maximum_in_flight
    if cap is None:
        return None
    return max(0, cap - sum(counts.get(status, 0) for status in PENDING) + job.quarantined)


def unseen(job: Pace, counts: Counts) -> Counts:
    """Return the ends, replaced ones among them, that no operator has seen and resumed after."""
    return Counter(counts) + Counter(job.superseded) - Counter(job.forgiven)


def forgiven(job: Pace, counts: Counts) -> Counts:
    """Return the ends that an operator has seen who resumes the job now."""
    return {status: count for status, count in (Counter(counts) + Counter(job.superseded)).items() if count}


def forgiven_failures(standing: Standing) -> int:
    """Return how many failures of the open wave count no more after a resume."""
    return max(standing.forgiven, waves.failures(standing.counts) - standing.owed)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
