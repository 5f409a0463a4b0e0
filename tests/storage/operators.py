"""Operators of a small fleet: every verb of theirs, done to the store and to the model."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from model import Device, Model, Work
from model_groups import AT_ONCE, PIECE, Circle
from sites import Site
from sync_store import AUTO, SyncStore

from domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidStateTransition,
    NotFound,
    UnknownTarget,
    VersionMismatch,
    WrongJobState,
)
from storage import departures, executions, groups, jobs, rollouts, sweeps, things

THINGS = [f"t{n}" for n in range(6)]
some_thing = st.sampled_from(THINGS)
some_things = st.lists(some_thing, min_size=1, max_size=6, unique=True)
some_job = st.sampled_from(["a", "b", "c", "d"])
some_group = st.sampled_from(["g", "h"])
#: Mostly one that is there.
some_run = st.integers(0, 30) | st.integers(0, 30) | st.integers(0, 30) | st.tuples(some_job, some_thing)
a_step = st.sampled_from([None, None, 1, 3, -1])


class Operators(RuleBasedStateMachine):
    """The store under test and its model, and what operators do to both."""

    make_site: Callable[[Path], Site]

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = SyncStore(self.make_site(Path(self.folder.name)))
        self.model = Model()
        self.documents = 0
        # The pieces are made small, so that few things are many.
        self.kept = (sweeps.go_on.__kwdefaults__["limit"], rollouts.CHUNK)
        sweeps.go_on.__kwdefaults__["limit"], rollouts.CHUNK = 1, 2
        self.departing = departures.CHUNK, departures.AT_ONCE
        departures.CHUNK, departures.AT_ONCE = PIECE, AT_ONCE
        self.make_group("g")
        self.make_group("h")
        self.join("h", THINGS[:2])
        self.create(job="a", names=THINGS[1:5], group=None, continuous=False, minutes=2, exclusive="x")
        self.create(job="b", names=THINGS[:1], group="g", continuous=True, minutes=None, exclusive="x")
        self.create(job="c", names=THINGS[5:], group="h", continuous=True, minutes=None)
        for thing in ("t1", "t2"):
            self.store.ask(thing, "start-next")
            self.model.start(self.model.visible(self.model.devices[thing])[0], "IN_PROGRESS", None, None)

    def teardown(self) -> None:
        sweeps.go_on.__kwdefaults__["limit"], rollouts.CHUNK = self.kept
        departures.CHUNK, departures.AT_ONCE = self.departing
        self.store.close()
        self.folder.cleanup()

    def register(self, names: list[str]) -> list[Device]:
        for name in sorted(set(names) - set(self.model.devices)):
            self.model.devices[name] = Device(next(self.model.keys), name)
        return [self.model.devices[name] for name in names]

    # --- operators ---

    @rule(
        job=some_job, names=some_things, group=st.sampled_from([None, None, "g", "h"]),
        continuous=st.booleans(), minutes=st.sampled_from([None, 2]),
        rank=st.sampled_from([0, 0, 5]), exclusive=st.sampled_from([None, "x", "x"]),
    )  # fmt: skip
    def create(self, *, job, names, group, continuous, minutes, rank=0, exclusive=None) -> None:
        if group is not None and not self.is_there(group):
            with pytest.raises((UnknownTarget, AlreadyExists)):
                self.store.create(job, f"thinggroup/{group}", document="{}")
            return
        self.documents += 1
        more = {
            "document": json.dumps({"n": self.documents}),
            "priority": rank,
            "exclusive_group": exclusive,
        }
        config = {} if minutes is None else {"inProgressTimeoutInMinutes": minutes}
        targets = [*names, *([f"thinggroup/{group}"] if group else [])]
        if job in self.model.jobs:
            with pytest.raises(AlreadyExists):
                self.store.create(job, *targets, continuous=continuous, timeout_config=config, **more)
            return
        self.store.create(job, *targets, continuous=continuous, timeout_config=config, **more)
        devices = self.register(names)
        work = Work(
            next(self.model.keys),
            job,
            continuous,
            {d.key for d in devices},
            self.model.named({group} - {None}),
            millis(minutes),
            rank,
            exclusive,
        )
        self.model.jobs[job] = work
        work.waiting = {d.key for d in self.model.devices.values() if self.model.covers(work, d)}
        self.model.release(work)

    @rule(job=some_job, rank=st.sampled_from([-5, 0, 5]))
    def prioritize(self, job: str, rank: int) -> None:
        work = self.model.jobs.get(job)
        if work is None or work.status != "IN_PROGRESS":
            with pytest.raises((NotFound, WrongJobState)):
                self.store.do(jobs.update, job, priority=rank, at=self.store.now)
            return
        self.store.do(jobs.update, job, priority=rank, at=self.store.now)
        work.priority = rank

    @rule(job=some_job, names=some_things)
    def associate(self, job: str, names: list[str]) -> None:
        work = self.model.jobs.get(job)
        if work is None or not work.continuous or work.status != "IN_PROGRESS":
            with pytest.raises((NotFound, WrongJobState)):
                self.store.do(jobs.associate, job, names, policy=AUTO, at=self.store.now)
            return
        self.store.do(jobs.associate, job, names, policy=AUTO, at=self.store.now)
        for device in self.register(names):
            fresh = device.key not in work.things
            work.things.add(device.key)
            if fresh and all(r.status == "REMOVED" for r in self.model.of(work, device)):
                work.waiting.add(device.key)
        self.model.release(work)

    @rule(job=some_job, force=st.booleans())
    def cancel(self, *, job: str, force: bool) -> None:
        work = self.model.jobs.get(job)
        running = work and any(r.status == "IN_PROGRESS" for r in self.model.of(work))
        if work and (work.status == "IN_PROGRESS" or (work.status == "CANCELED" and force and running)):
            self.store.do(jobs.cancel, job, force=force, at=self.store.now)
            work.status = "CANCELED"
            self.model.begin(work, "FORCE_CANCEL" if force else "CANCEL")
            return
        with pytest.raises((NotFound, WrongJobState)):
            self.store.do(jobs.cancel, job, force=force, at=self.store.now)

    @rule(job=some_job, force=st.booleans())
    def delete(self, *, job: str, force: bool) -> None:
        work = self.model.jobs.get(job)
        deletable = {"COMPLETED", "CANCELED"} | ({"IN_PROGRESS"} if force else set())
        if work is None or work.status not in deletable:
            with pytest.raises((NotFound, WrongJobState)):
                self.store.do(jobs.delete, job, force=force, at=self.store.now)
            return
        self.store.do(jobs.delete, job, force=force, at=self.store.now)
        work.status = "DELETION_IN_PROGRESS"
        self.model.begin(work, "DELETE")

    def one(self, pick: int | tuple[str, str]) -> tuple[str, str]:
        """Return job and thing of an execution there is, or of one that may not be there."""
        if isinstance(pick, int):
            alive = [r for r in self.model.runs if r.thing.name in self.model.devices]
            if not alive:
                return "a", "t0"
            run = alive[pick % len(alive)]
            return run.job.name, run.thing.name
        return pick

    @rule(pick=some_run, force=st.booleans(), expected=st.sampled_from([None, None, 1, 2]))
    def cancel_execution(self, *, pick, force: bool, expected: int | None) -> None:
        job, thing = self.one(pick)
        run = self.model.latest(job, thing)
        call = (executions.cancel, job, thing)
        options = {"force": force, "expected_version": expected, "at": self.store.now}
        if run is None:
            refusal: type[Exception] | None = NotFound
        elif expected not in (None, run.version + self.model.due(run)):
            refusal = VersionMismatch
        elif self.model.due(run) or not (run.status == "QUEUED" or (force and run.pending)):
            refusal = InvalidStateTransition
        else:
            refusal = None
        if refusal is not None:
            with pytest.raises(refusal):
                self.store.do(*call, **options)
            return
        self.store.do(*call, **options)
        assert run is not None
        run.cancel(forced=force)
        self.model.settle(run.job)

    @rule(pick=some_run, force=st.booleans())
    def delete_execution(self, *, pick, force: bool) -> None:
        job, thing = self.one(pick)
        run = self.model.latest(job, thing)
        if run is None or (run.status == "IN_PROGRESS" and not force):
            with pytest.raises((NotFound, InvalidStateTransition)):
                self.store.do(executions.delete, job, thing, force=force, at=self.store.now)
            return
        self.store.do(executions.delete, job, thing, force=force, at=self.store.now)
        self.model.runs.remove(run)
        self.model.settle(run.job)

    @rule(thing=some_thing)
    def delete_thing(self, thing: str) -> None:
        device = self.model.devices.pop(thing, None)
        if device is None:
            with pytest.raises(NotFound):
                self.store.do(things.delete, thing, at=self.store.now)
            return
        self.store.do(things.delete, thing, at=self.store.now)
        for circle in self.model.circles.values():
            circle.members.discard(device.key)
        self.model.gone.append(device)
        self.model.at_once("thing", device.key)

    @rule(group=some_group)
    def make_group(self, group: str) -> None:
        """The group h lies inside g, if g is there and stays."""
        parent = self.model.circles.get("g") if group == "h" else None
        parent = None if parent is None or parent.deleting else parent
        circle = self.model.circles.get(group)
        if circle is not None and (circle.deleting or circle.parent is not parent):
            with pytest.raises(Conflict):
                self.store.do(groups.create, group, parent_name=parent and parent.name, at=self.store.now)
            return
        self.store.do(groups.create, group, parent_name=parent and parent.name, at=self.store.now)
        if circle is None:
            self.model.circles[group] = Circle(self.store.do(groups.key_of, group), group, parent)

    @rule(group=some_group)
    def delete_group(self, group: str) -> None:
        circle = self.model.circles.get(group)
        if not self.is_there(group) or any(c.parent is circle for c in self.model.circles.values()):
            with pytest.raises((NotFound, Conflict)):
                self.store.do(groups.delete, group, at=self.store.now)
            return
        self.store.do(groups.delete, group, at=self.store.now)
        circle.deleting, circle.parent = True, None
        self.model.at_once("group", circle.key)

    def is_there(self, group: str) -> bool:
        return group in self.model.circles and not self.model.circles[group].deleting

    @rule(group=some_group, names=some_things)
    def join(self, group: str, names: list[str]) -> None:
        known = {self.model.devices[name].key for name in names if name in self.model.devices}
        settled, rest = self.model.on_the_spot([d for d in self.model.by_key(known) if d.leaving])
        if not self.is_there(group) or rest:
            with pytest.raises((NotFound, Conflict)):
                self.store.do(groups.add, group, names, policy=AUTO, at=self.store.now)
            return
        self.store.do(groups.add, group, names, policy=AUTO, at=self.store.now)
        self.model.see_out(settled)
        circle = self.model.circles[group]
        for device in self.register(names):
            for work in self.model.followers(circle):
                idle = not any(r.pending for r in self.model.of(work, device))
                if idle and not self.model.covers(work, device):
                    work.waiting.add(device.key)
            circle.members.add(device.key)

    @rule(group=some_group, names=some_things)
    def leave(self, group: str, names: list[str]) -> None:
        circle = self.model.circles.get(group)
        if circle is None:
            with pytest.raises(NotFound):
                self.store.do(groups.remove, group, names, at=self.store.now)
            return
        self.store.do(groups.remove, group, names, at=self.store.now)
        known = [self.model.devices[name] for name in names if name in self.model.devices]
        self.model.leave(circle, known)


def millis(minutes: int | None) -> int | None:
    return minutes if minutes in (None, -1) else minutes * 60_000
