"""Acts on what the planner says about one job: one transaction, one bounded piece of work.

Whoever changes what a plan depends on (targets, counts, configuration) either calls ``act`` or leaves the job
to the clock by way of ``look_at``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from domain import abort
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
from domain.acts import Act
from domain.job import OPEN, Counts
from domain.planner import plan, unseen
from domain.schedule import EndBehavior
from storage import acts, changes, expiry, holds, latching, paces, rollouts, sweeps, waiting, waves
from storage.millis import to_millis
from storage.policy import LENIENT, Policy
from storage.signals import Signal, raise_after_commit


def act(
    connection: Connection,
    job_key: int,
    *,
    next_deadline_at: datetime | None = None,
    policy: Policy = LENIENT,
    enough: Callable[[], bool] = lambda: True,
    at: datetime,
) -> int:
    """Do what is to be done about a job now; return how many actions that was.

    Of what goes out in pieces, one piece after the other until it is ``enough``. Notes when to look again: at
    once if a piece is left, else when the plan says so.
    """
    actions = _act(connection, job_key, next_deadline_at, policy, at)
    done = len(actions)
    while actions and _PIECES.issuperset(map(type, actions)) and not enough():
        actions = _act(connection, job_key, None, policy, at)
        done += len(actions)
    return done


def _act(
    connection: Connection, job_key: int, next_deadline_at: datetime | None, policy: Policy, at: datetime
) -> Sequence[Action]:
    row = connection.execute(
        text(f"SELECT {paces.COLUMNS} FROM jobs WHERE id = :key"), {"key": job_key}
    ).one_or_none()
    if row is None:
        return ()
    job = paces.whole(connection, row, next_deadline_at=next_deadline_at, at=at)
    ahead = plan(job, paces.counts_of(row), at)
    # First, since actions may have more to do and say so by ``look_at`` themselves.
    _look(connection, job_key, to_millis(ahead.look_at))
    # A list: every action is carried out, whatever the first one leaves.
    scene = _Scene(connection, job_key, row, policy, at)
    left = [_ACTS[type(action)](scene, action) for action in ahead.actions]
    if any(left):
        # 0 and not now: a clock that is set back must not make what is left wait.
        _look(connection, job_key, 0)
    return ahead.actions


def _look(connection: Connection, job_key: int, look_at: int | None) -> None:
    connection.execute(
        text("UPDATE jobs SET look_at = :look_at WHERE id = :key"), {"key": job_key, "look_at": look_at}
    )
    if look_at is not None:
        raise_after_commit(connection, Signal.AGENDA)


@dataclass(frozen=True, slots=True)
class _Scene:
    """One job, in one transaction."""

    connection: Connection
    job_key: int
    row: Any
    policy: Policy
    at: datetime

    @property
    def unseen(self) -> Counts:
        """The ends that a rule has counted."""
        return unseen(paces.pace(self.row), paces.counts_of(self.row))

    def note(self, act: Act, *, comment: str | None = None, **details: Any) -> None:
        """Note what the clock does."""
        acts.note(self.connection, self.job_key, act, comment=comment, details=details, at=self.at)


def _turn(scene: _Scene, action: Turn) -> bool:
    holds.turn(scene.connection, scene.job_key, opened=action.opened, shut=action.shut, at=scene.at)
    for act, zones in ((Act.OPEN, action.opened), (Act.SHUT, action.shut)):
        if zones:
            scene.note(act, zones=sorted(zones))
    return False


def _become(scene: _Scene, action: Become) -> bool:
    holds.become(scene.connection, scene.job_key, action.status, at=scene.at)
    return False


def _release(scene: _Scene, action: Release) -> bool:
    done = rollouts.release(
        scene.connection,
        scene.job_key,
        action.pools,
        limit=min(action.count, rollouts.CHUNK),
        minute=action.minute,
        planned=action.count,
        at=scene.at,
    )
    if done:
        scene.note(Act.RELEASE, things=done)
    # Either a piece is left, or these pools had less than may go out: the next plan knows what that means.
    return done < action.count


def _latch(scene: _Scene, action: Latch) -> bool:
    done = latching.go_on(scene.connection, scene.job_key, at_once=action.at_once, at=scene.at)
    if done:
        scene.note(Act.RELEASE, things=done)
    return True


def _pass_gate(scene: _Scene, action: PassGate) -> bool:
    waves.note(scene.connection, scene.job_key, action.wave, passed_at=to_millis(scene.at))
    scene.note(Act.GATE_PASSED, wave=action.wave)
    return False


def _open_wave(scene: _Scene, action: OpenWave) -> bool:
    waves.open_wave(scene.connection, scene.job_key, action.number, at=scene.at)
    scene.note(Act.WAVE_OPENED, wave=action.number)
    return True


def _pause(scene: _Scene, action: Pause) -> bool:
    rule = action.rule
    words = action.words if rule is None else abort.comment(rule, scene.unseen)
    code = holds.GATE_FAILED if rule is None else abort.REASON
    holds.pause(scene.connection, scene.job_key, comment=words, reason_code=code, at=scene.at)
    if rule is None:
        scene.note(Act.GATE_FAILED, comment=words, wave=scene.row.wave)
    else:
        scene.note(Act.PAUSE, comment=words, rule=rule.model_dump(mode="json", by_alias=True))
    # Windows and the end of a paused job come all the same.
    return True


def _expire(scene: _Scene, _action: Expire) -> bool:
    quarantine = scene.policy.quarantine
    expiry.expire(scene.connection, [scene.job_key], quarantine=quarantine, at=scene.at)
    return scene.row.status in OPEN


def _sweep(scene: _Scene, _action: Sweep) -> bool:
    return sweeps.go_on(scene.connection, scene.job_key, at=scene.at)


def _abort(scene: _Scene, action: Abort) -> bool:
    words = abort.comment(action.rule, scene.unseen)
    scene.note(Act.ABORT, comment=words, rule=action.rule.model_dump(mode="json", by_alias=True))
    sweeps.cancel(scene.connection, scene.job_key, comment=words, reason_code=abort.REASON, at=scene.at)
    return True


def _end(scene: _Scene, action: End) -> bool:
    scene.note(Act.END, endBehavior=action.behavior.value)
    if action.behavior is EndBehavior.STOP_ROLLOUT:
        if not waiting.clear(scene.connection, scene.job_key):
            changes.complete(scene.connection, [scene.job_key], at=scene.at)
    else:
        force = action.behavior is EndBehavior.FORCE_CANCEL
        sweeps.cancel(scene.connection, scene.job_key, force=force, at=scene.at)
    return True


def _complete(scene: _Scene, _action: Complete) -> bool:
    changes.complete(scene.connection, [scene.job_key], at=scene.at)
    return False


#: What goes on until it is enough.
_PIECES: Final = frozenset({Release, Latch})
#: How each action is carried out; true: the job must be looked at again at once.
_ACTS: Final[Mapping[type[Action], Callable[[_Scene, Any], bool]]] = {
    Turn: _turn,
    Become: _become,
    Release: _release,
    Latch: _latch,
    PassGate: _pass_gate,
    OpenWave: _open_wave,
    Pause: _pause,
    Expire: _expire,
    Sweep: _sweep,
    Abort: _abort,
    End: _end,
    Complete: _complete,
}
