"""What a job would do and when: the planner itself, run on a virtual clock with things that need their time.

Nothing here decides anything. Executions begin when they go out, take the time they are given, and succeed;
a gate's person says yes at once.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import heappop, heappush
from typing import Final

from domain.actions import Become, Complete, End, OpenWave, PassGate, Release, Turn
from domain.execution import Status
from domain.job import JobStatus
from domain.planner import Pace, Pool, judgement, plan
from domain.schedule import EndBehavior
from domain.waves import Standing, Verdict

#: After so many looks, or so far ahead, a forecast is no longer worth its time.
MOST_STEPS: Final = 50_000
FURTHEST: Final = timedelta(days=2 * 366)

PoolKey = tuple[int, str]


class Kind(StrEnum):
    """What happens to a job."""

    WINDOW_OPENED = "WINDOW_OPENED"
    WINDOW_SHUT = "WINDOW_SHUT"
    RELEASE = "RELEASE"
    GATE_PASSED = "GATE_PASSED"
    APPROVAL = "APPROVAL"
    WAVE_OPENED = "WAVE_OPENED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happens; ``things`` counts those that go out."""

    at: datetime
    kind: Kind
    wave: int = 0
    things: int = 0
    zones: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """All that happens, in order; not whole where it was cut or something is waited for without end."""

    moments: tuple[Moment, ...]
    status: JobStatus
    is_whole: bool
    words: str = ""

    def first(self, kind: Kind, wave: int | None = None) -> datetime | None:
        return next((m.at for m in self.moments if m.kind is kind and wave in (None, m.wave)), None)

    def last(self, kind: Kind, wave: int | None = None) -> datetime | None:
        return next((m.at for m in reversed(self.moments) if m.kind is kind and wave in (None, m.wave)), None)


@dataclass(slots=True)
class _World:
    """One job and its things, in memory."""

    pace: Pace
    pools: dict[PoolKey, deque[timedelta]]
    counts: Counter[Status] = field(default_factory=Counter)
    by_wave: dict[int, Counter[Status]] = field(default_factory=dict)
    ends: list[datetime] = field(default_factory=list)
    ending: dict[datetime, Counter[int]] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    passed_at: datetime | None = None
    approved: bool = False

    def seen(self) -> Pace:
        """Return the job as the planner sees it."""
        waiting = sum(map(len, self.pools.values()))
        return replace(
            self.pace,
            waiting=waiting,
            pools=tuple(Pool(wave, zone) for (wave, zone), things in sorted(self.pools.items()) if things),
            standing=self._standing() if self.pace.wave else None,
        )

    def _standing(self) -> Standing:
        wave = self.pace.wave
        return Standing(
            number=wave,
            waiting=sum(len(things) for (number, _), things in self.pools.items() if number == wave),
            counts=self.by_wave.get(wave, Counter()),
            passed_at=self.passed_at,
            approved=self.approved,
        )

    def note(self, at: datetime, kind: Kind, wave: int = 0, things: int = 0, words: str = "") -> None:
        self.moments.append(Moment(at, kind, wave, things, (), words))

    def move(self, wave: int, before: Status | None, after: Status, count: int) -> None:
        for counts in (self.counts, self.by_wave.setdefault(wave, Counter())):
            counts[after] += count
            if before is not None:
                counts[before] -= count

    def finish(self, now: datetime) -> None:
        """Let everything succeed whose time is over."""
        while self.ends and self.ends[0] <= now:
            for wave, count in self.ending.pop(heappop(self.ends)).items():
                self.move(wave, Status.IN_PROGRESS, Status.SUCCEEDED, count)

    def release(self, action: Release, at: datetime) -> None:
        left, out = action.count, Counter[int]()
        for wave, zone in action.pools:
            things = self.pools[wave, zone]
            for _ in range(min(left, len(things))):
                self._begin(wave, at + things.popleft())
                out[wave] += 1
                left -= 1
        for wave, count in sorted(out.items()):
            self.move(wave, None, Status.IN_PROGRESS, count)
            self.note(at, Kind.RELEASE, wave, count)
        minute = action.minute
        # What a pool did not have does not count against the minute.
        kept = None if minute is None else replace(minute, released=minute.released - left)
        released = self.pace.released + action.count - left
        self.pace = replace(self.pace, minute=kept, released=released)

    def _begin(self, wave: int, ends_at: datetime) -> None:
        if ends_at not in self.ending:
            self.ending[ends_at] = Counter()
            heappush(self.ends, ends_at)
        self.ending[ends_at][wave] += 1


def forecast(job: Pace, pools: Mapping[PoolKey, Iterable[timedelta]], at: datetime) -> Forecast:
    """Return what happens to a job from ``at`` on.

    ``pools``: for each wave and zone how long each waiting thing will need, in the order they go out.
    """
    world = _World(job, {key: deque(times) for key, times in pools.items()})
    now, furthest = at, at + FURTHEST
    for _ in range(MOST_STEPS):
        world.finish(now)
        job = world.seen()
        ahead = plan(job, world.counts, now)
        if ahead.actions:
            for action in ahead.actions:
                _apply(world, action, now)
            if world.pace.status in (JobStatus.COMPLETED, JobStatus.CANCELED):
                return Forecast(tuple(world.moments), world.pace.status, is_whole=True)
            continue
        if _approve(world, job, now):
            continue
        ends_at = None if job.schedule is None else job.schedule.ends_at
        idle = not job.waiting and not world.ends
        # Windows go on opening for nothing.
        later = ends_at if idle else _earliest(ahead.look_at, *world.ends[:1])
        if later is None:
            return _waiting(world, job)
        if later > furthest:
            return Forecast(tuple(world.moments), job.status, is_whole=False, words="beyond two years")
        now = later
    return Forecast(tuple(world.moments), job.status, is_whole=False, words=f"cut after {MOST_STEPS} steps")


def _waiting(world: _World, job: Pace) -> Forecast:
    """Nothing happens any more by itself: all is done, or somebody is waited for."""
    if not job.waiting:
        return Forecast(tuple(world.moments), job.status, is_whole=True, words="follows its targets")
    return Forecast(tuple(world.moments), job.status, is_whole=False, words="waits for things to join")


def _approve(world: _World, job: Pace, now: datetime) -> bool:
    found = judgement(job, now)
    if found is None or found.verdict is not Verdict.WAITING_FOR_APPROVAL or world.approved:
        return False
    world.approved = True
    world.note(now, Kind.APPROVAL, job.wave, words="a person is assumed to say yes at once")
    return True


def _apply(world: _World, action: object, now: datetime) -> None:
    match action:
        case Turn(opened, shut):
            world.pace = replace(
                world.pace,
                zones={**world.pace.zones, **dict.fromkeys(opened, True), **dict.fromkeys(shut, False)},
            )
            for kind, zones in ((Kind.WINDOW_OPENED, opened), (Kind.WINDOW_SHUT, shut)):
                if zones:
                    world.moments.append(Moment(now, kind, zones=tuple(sorted(zones))))
        case Become(status):
            world.pace = replace(world.pace, status=status)
        case Release():
            world.release(action, now)
        case PassGate(wave):
            world.passed_at = now
            world.note(now, Kind.GATE_PASSED, wave)
        case OpenWave(number):
            world.pace = replace(world.pace, wave=number)
            world.passed_at, world.approved = None, False
            world.note(now, Kind.WAVE_OPENED, number)
        case End(behavior):
            _end(world, behavior, now)
        case Complete():
            world.pace = replace(world.pace, status=JobStatus.COMPLETED)
            world.note(now, Kind.ENDED, words="COMPLETED")


def _end(world: _World, behavior: EndBehavior, now: datetime) -> None:
    for things in world.pools.values():
        things.clear()
    if behavior is not EndBehavior.STOP_ROLLOUT:
        world.pace = replace(world.pace, status=JobStatus.CANCELED)
        world.note(now, Kind.ENDED, words=f"CANCELED: the end has come ({behavior})")


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
