"""Operators, devices and the clock in any order: the store does what the model does, and nothing is lost."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from invariants import check
from model import Device, Model, Run, Work
from sync_store import AUTO, SyncStore

from domain.errors import AlreadyExists, InvalidStateTransition, NotFound, VersionMismatch, WrongJobState
from storage import agenda, changes, executions, groups, jobs, rollouts, sweeps, things

THINGS = [f"t{n}" for n in range(7)]
some_thing = st.sampled_from(THINGS)
some_things = st.lists(some_thing, min_size=1, max_size=7, unique=True)
some_job = st.sampled_from(["a", "b", "c"])
some_group = st.sampled_from(["g", "h"])
a_step = st.sampled_from([None, None, 1, 3, -1])


class Fleet(RuleBasedStateMachine):
    """The store under test and its model, step by step."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = SyncStore(Path(self.folder.name) / "db", durable=False)
        self.model = Model()
        self.documents = 0
        # The pieces are made small, so that few things are many.
        self.defaults = [(sweeps.go_on, 1), (rollouts.release, 2)]
        self.kept = [function.__kwdefaults__["limit"] for function, _ in self.defaults]
        for function, limit in self.defaults:
            function.__kwdefaults__["limit"] = limit
        self.store.group("g")
        self.store.group("h", parent="g")

    def teardown(self) -> None:
        for (function, _), limit in zip(self.defaults, self.kept, strict=True):
            function.__kwdefaults__["limit"] = limit
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
    )  # fmt: skip
    def create(self, *, job, names, group, continuous, minutes) -> None:
        self.documents += 1
        more = {"document": json.dumps({"n": self.documents})}
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
            {group} - {None},
            self.millis(minutes),
        )
        self.model.jobs[job] = work
        work.waiting = {d.key for d in self.model.devices.values() if self.model.covers(work, d)}
        self.model.release(work)

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

    @rule(job=some_job, thing=some_thing, force=st.booleans(), expected=st.sampled_from([None, None, 1, 2]))
    def cancel_execution(self, *, job: str, thing: str, force: bool, expected: int | None) -> None:
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

    @rule(job=some_job, thing=some_thing, force=st.booleans())
    def delete_execution(self, *, job: str, thing: str, force: bool) -> None:
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
        for members in self.model.members.values():
            members.discard(device.key)
        for run in self.model.runs:
            if run.thing is device and run.pending:
                run.step("REMOVED")
        for work in self.model.jobs.values():
            work.waiting.discard(device.key)
            self.model.settle(work)

    @rule(group=some_group, names=some_things)
    def join(self, group: str, names: list[str]) -> None:
        self.store.do(groups.add, group, names, policy=AUTO, at=self.store.now)
        for device in self.register(names):
            for work in self.followers(group):
                idle = not any(r.pending for r in self.model.of(work, device))
                if (
                    device.key not in self.model.members[group]
                    and not self.model.covers(work, device)
                    and idle
                ):
                    work.waiting.add(device.key)
            self.model.members[group].add(device.key)

    @rule(group=some_group, names=some_things)
    def leave(self, group: str, names: list[str]) -> None:
        self.store.do(groups.remove, group, names, at=self.store.now)
        known = [self.model.devices[name] for name in names if name in self.model.devices]
        self.model.members[group] -= {device.key for device in known}
        for work in self.followers(group):
            for device in known:
                if not self.model.covers(work, device):
                    work.waiting.discard(device.key)
                    for run in self.model.of(work, device):
                        if run.pending:
                            run.step("REMOVED")

    def followers(self, group: str) -> list[Work]:
        around = {"g", "h"} if group == "h" else {"g"}
        return [
            w for w in self.model.jobs.values()
            if w.continuous and w.status == "IN_PROGRESS" and w.groups & around
        ]  # fmt: skip

    # --- devices ---

    @rule(
        thing=some_thing,
        details=st.sampled_from([None, {"x": "1"}]),
        minutes=a_step.filter(lambda m: m != -1),
    )
    def start_next(self, thing: str, details: dict | None, minutes: int | None) -> None:
        body = {"statusDetails": details, "stepTimeoutInMinutes": minutes}
        outcome, answer = self.store.ask(thing, "start-next", body)
        device = self.model.devices.get(thing)
        if device is None:
            assert (outcome, answer["code"]) == ("rejected", "ResourceNotFound")
            return
        queue = self.model.queue(device)
        if queue and queue[0].status == "QUEUED":
            self.model.start(queue[0], "IN_PROGRESS", details, self.millis(minutes))
        elif queue:
            self.model.arm(queue[0], self.millis(minutes))
        self.same(outcome, answer, queue[0] if queue else None)

    @rule(thing=some_thing)
    def next(self, thing: str) -> None:
        outcome, answer = self.store.ask(thing, "$next/get")
        device = self.model.devices.get(thing)
        if device is None:
            assert answer["code"] == "ResourceNotFound"
            return
        queue = self.model.queue(device)
        self.same(outcome, answer, queue[0] if queue else None)
        pending = self.store.ask(thing, "get")[1]
        for name, status in (("queuedJobs", "QUEUED"), ("inProgressJobs", "IN_PROGRESS")):
            assert [e["jobId"] for e in pending[name]] == [r.job.name for r in queue if r.status == status]

    @rule(thing=some_thing, job=some_job)
    def describe(self, thing: str, job: str) -> None:
        outcome, answer = self.store.ask(thing, f"{job}/get")
        run = self.seen(job, thing)
        if run is None or not run.pending:
            code = "ResourceNotFound" if run is None else "TerminalStateReached"
            assert (outcome, answer["code"]) == ("rejected", code)
            return
        self.same(outcome, answer, run)

    @rule(
        thing=some_thing, job=some_job, minutes=a_step, token=st.sampled_from([None, None, "t", "u"]),
        status=st.sampled_from(["IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"]),
        expected=st.sampled_from([None, None, None, 1, 2, "3"]), state=st.booleans(),
        details=st.sampled_from([None, {}, {"y": "2"}]),
    )  # fmt: skip
    def update(self, *, thing, job, minutes, token, status, expected, details, state) -> None:
        body = {
            "status": status, "stepTimeoutInMinutes": minutes, "clientToken": token, "statusDetails": details,
            "expectedVersion": expected, "includeJobExecutionState": state,
        }  # fmt: skip
        outcome, answer = self.store.ask(thing, f"{job}/update", body)
        assert answer.get("clientToken") == token
        run = self.seen(job, thing)
        if run is None:
            assert (outcome, answer["code"]) == ("rejected", "ResourceNotFound")
            return
        payload, wanted = json.dumps(body), self.millis(minutes)
        before = next((e for e in reversed(run.ring) if token and e[:2] == (token, payload)), None)
        if before is not None:
            if before[2] == run.version:
                self.model.arm(run, wanted)
            assert (outcome, answer.get("executionState")) == ("accepted", before[3])
        elif expected is not None and int(expected) != run.version:
            assert (outcome, answer["code"]) == ("rejected", "VersionMismatch")
            assert answer["executionState"] == shown(run)
        elif not run.pending:
            assert (outcome, answer["code"]) == ("rejected", "InvalidStateTransition")
            assert answer["executionState"] == shown(run)
        else:
            self.model.start(run, status, details, wanted if status == "IN_PROGRESS" else None)
            assert (outcome, answer.get("executionState")) == ("accepted", shown(run) if state else None)
            if token:
                self.model.remember(run, token, payload, shown(run) if state else None)
        self.model.settle(run.job)

    def seen(self, job: str, thing: str) -> Run | None:
        run = self.model.latest(job, thing)
        if run is None or run.job.sweep == "DELETE":
            return None
        self.model.refresh(run)
        self.model.settle(run.job)
        return run

    def same(self, outcome: str, answer: dict, run: Run | None) -> None:
        assert outcome == "accepted"
        for work in self.model.jobs.values():
            self.model.settle(work)
        if run is None:
            assert "execution" not in answer
            return
        execution = answer["execution"]
        assert (execution["jobId"], execution["executionNumber"]) == (run.job.name, run.number)
        state = {name: execution[name] for name in shown(run)}
        assert state == shown(run)
        left = None if run.deadline is None else max(0, -(-(run.deadline - self.model.now) // 1000))
        assert execution.get("approximateSecondsBeforeTimedOut") == left

    # --- the clock and the notifier ---

    @rule(seconds=st.sampled_from([1, 60, 119, -30]))
    def time_passes(self, seconds: int) -> None:
        self.store.later(seconds=seconds)
        self.model.now += seconds * 1000

    @rule()
    def the_clock_ticks(self) -> None:
        self.tick()

    def tick(self) -> bool:
        items = self.store.do(agenda.read, at=self.store.now)
        for item in items:
            for action in item.actions:
                act(self.store, item.job_key, type(action).__name__)
        busy = self.model.tick()
        assert bool([i for i in items if i.actions]) == busy
        return busy

    @rule()
    def all_is_done(self) -> None:
        for _ in range(200):
            if not self.tick():
                break
        else:
            raise AssertionError("the clock never comes to rest")
        assert not any(work.sweep or work.waiting for work in self.model.jobs.values())
        self.notify()
        for device in self.model.devices.values():
            assert device.told == outlook(self.model.visible(device)), device

    @rule()
    def notify(self) -> None:
        for name, said in self.store.tell().items():
            device = self.model.devices[name]
            now = outlook(self.model.visible(device))
            assert ("notify" in said, "notify-next" in said) == (
                now[0] != device.told[0], now[1] != device.told[1],
            ), (name, said)  # fmt: skip
            device.told = now

    @precondition(lambda self: self.documents % 5 == 4)
    @rule()
    def killed_and_started_again(self) -> None:
        self.store.reopen()

    # --- after every step ---

    @invariant()
    def the_store_is_what_the_model_is(self) -> None:
        if not hasattr(self, "store"):
            return
        check(self.store)
        rows = self.store.rows(
            "SELECT j.job_id, t.name, e.number, e.status, e.version, e.status_details, e.force_canceled "
            "FROM executions e JOIN jobs j ON j.id = e.job JOIN things t ON t.id = e.thing ORDER BY e.id"
        )
        assert [(*row[:5], json.loads(row[5]), bool(row[6])) for row in rows] == [
            (r.job.name, r.thing.name, r.number, r.status, r.version, r.details, r.forced)
            for r in self.model.runs
        ]
        assert sorted(self.store.rows("SELECT job_id, status, sweep, waiting FROM jobs")) == sorted(
            (w.name, w.status, w.sweep, len(w.waiting)) for w in self.model.jobs.values()
        )

    @invariant()
    def whoever_sees_another_list_is_marked(self) -> None:
        if not hasattr(self, "store"):
            return
        marked = {
            name
            for (name,) in self.store.rows(
                "SELECT name FROM things WHERE deleted_at IS NULL AND notify_seq > notified_seq"
            )
        }
        for device in self.model.devices.values():
            # What a sweep will come to is marked when it comes.
            swept = any(r.thing is device and r.pending and r.hidden for r in self.model.runs)
            if not swept and device.told != outlook(self.model.visible(device)):
                assert device.name in marked, device

    @staticmethod
    def millis(minutes: int | None) -> int | None:
        return minutes if minutes in (None, -1) else minutes * 60_000


def act(store: SyncStore, key: int, action: str) -> None:
    match action:
        case "Sweep":
            store.do(sweeps.go_on, key, at=store.now)
        case "Expire":
            store.do(agenda.expire, key, at=store.now)
        case "Release":
            store.do(rollouts.release, key, at=store.now)
        case _:
            store.do(changes.complete, [key], at=store.now)


def outlook(queue: list[Run]) -> tuple:
    """The set and the first of a pending list, as far as a device is told."""
    keys = tuple(sorted(run.key for run in queue))
    return keys, queue[0].key if queue else None


def shown(run: Run) -> dict:
    details = {"statusDetails": run.details} if run.details else {}
    return {"status": run.status, "versionNumber": run.version, **details}


TestFleet = Fleet.TestCase
TestFleet.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
#: Finding the shortest story of a failure takes longer than any test that passes.
TestFleet.pytestmark = pytest.mark.timeout(600)
