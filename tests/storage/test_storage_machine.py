"""Operators, devices and the clock in any order: the store does what the model does, and nothing is lost."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from invariants import check
from model import Run
from operators import Operators, a_step, millis, some_run, some_thing
from sites import Site, examples

from storage import agenda, departures, pacing

updates = st.tuples(
    some_run,
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(["IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"]),
            "stepTimeoutInMinutes": a_step,
            "clientToken": st.sampled_from([None, None, "t", "u"]),
            "statusDetails": st.sampled_from([None, {}, {"y": "2"}]),
            "expectedVersion": st.sampled_from([None, None, None, 1, 2, "3"]),
            "includeJobExecutionState": st.booleans(),
        }
    ),
)


class Fleet(Operators):
    """What devices and the clock do, and what must be true after every step."""

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
            self.model.start(queue[0], "IN_PROGRESS", details, millis(minutes))
        elif queue:
            self.model.arm(queue[0], millis(minutes))
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

    @rule(pick=some_run)
    def describe(self, pick) -> None:
        job, thing = self.one(pick)
        outcome, answer = self.store.ask(thing, f"{job}/get")
        run = self.seen(job, thing)
        if run is not None:
            self.model.settle(run.job)
        if run is None or not run.pending:
            code = "ResourceNotFound" if run is None else "TerminalStateReached"
            assert (outcome, answer["code"]) == ("rejected", code)
            return
        self.same(outcome, answer, run)

    @rule(batch=st.lists(updates, min_size=1, max_size=6))
    def update(self, batch) -> None:
        asked = [(*self.one(pick), body) for pick, body in batch]
        answers = self.store.ask_all(*((thing, f"{job}/update", body) for job, thing, body in asked))
        for (job, thing, body), (outcome, answer) in zip(asked, answers, strict=True):
            assert answer.get("clientToken") == body["clientToken"]
            said = answer.get("executionState"), answer.get("code")
            assert (outcome, *said) == self.updated(self.seen(job, thing), body)
        for work in self.model.jobs.values():
            self.model.settle(work)

    def updated(self, run: Run | None, body: dict) -> tuple:
        """Do an update to the model; return outcome, state and code."""
        if run is None:
            return "rejected", None, "ResourceNotFound"
        token, payload, expected = body["clientToken"], json.dumps(body), body["expectedVersion"]
        minutes = millis(body["stepTimeoutInMinutes"])
        # A token stands for what it came with last.
        before = next((e for e in reversed(run.ring) if token and e[0] == token), None)
        before = before if before and before[1] == payload else None
        if before is not None:
            if before[2] == run.version:
                self.model.arm(run, minutes)
            return "accepted", before[3], None
        if expected is not None and int(expected) != run.version:
            return "rejected", shown(run), "VersionMismatch"
        if not run.pending:
            return "rejected", shown(run), "InvalidStateTransition"
        if run.status == "QUEUED" and body["status"] == "IN_PROGRESS":
            # What is over already excludes nobody.
            for other in self.model.visible(run.thing):
                self.model.refresh(other)
            if self.model.excluded(run):
                return "rejected", shown(run), "InvalidStateTransition"
        self.model.start(run, body["status"], body["statusDetails"], minutes)
        state = shown(run) if body["includeJobExecutionState"] else None
        if token:
            self.model.remember(run, token, payload, state)
        return "accepted", state, None

    def seen(self, job: str, thing: str) -> Run | None:
        run = self.model.latest(job, thing)
        if run is None or run.job.sweep == "DELETE":
            return None
        self.model.refresh(run)
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
        now = self.store.now
        done = 0
        for item in self.store.do(agenda.due, at=now):
            done += self.store.do(pacing.act, item.job_key, next_deadline_at=item.deadline_at, at=now)
        busy = self.model.tick()
        assert bool(done) == busy
        return self.see_out() or busy

    def see_out(self) -> bool:
        """Do one piece of what departs; return whether there was something."""
        due = self.store.do(departures.due)
        assert [(departure.kind.value, self.model_key(*departure)) for departure in due] == (
            self.model.departing()
        )
        for departure in due:
            key = self.model_key(*departure)
            more = self.store.do(departures.go_on, departure, at=self.store.now)
            assert more == self.model.depart(departure.kind.value, key)
        return bool(due)

    def model_key(self, kind: str, key: int) -> int:
        """Return the model's key of what departs: groups have the store's, things have their own."""
        if kind != "thing":
            return key
        keys = [row[0] for row in self.store.rows("SELECT id FROM things WHERE sweep = 'DELETE' ORDER BY id")]
        return sorted(device.key for device in self.model.gone)[keys.index(key)]

    @rule()
    def all_is_done(self) -> None:
        for _ in range(200):
            if not self.tick():
                break
        else:
            raise AssertionError("the clock never comes to rest")
        assert not any(work.sweep or work.waiting for work in self.model.jobs.values())
        assert not self.model.departing()
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
        self.groups_are_what_the_model_has()

    def groups_are_what_the_model_has(self) -> None:
        found = self.store.rows(
            "SELECT g.name, g.sweep <> '', p.name FROM thing_groups g "
            "LEFT JOIN thing_groups p ON p.id = g.parent"
        )
        assert {(name, bool(deleting), parent) for name, deleting, parent in found} == {
            (c.name, c.deleting, c.parent and c.parent.name) for c in self.model.circles.values()
        }
        names = {device.key: name for name, device in self.model.devices.items()}
        members = self.store.rows(
            'SELECT g.name, t.name FROM group_members m JOIN thing_groups g ON g.id = m."group" '
            "JOIN things t ON t.id = m.thing"
        )
        assert sorted(members) == sorted(
            (c.name, names[key]) for c in self.model.circles.values() for key in c.members
        )
        leaving = self.store.rows("SELECT name FROM things WHERE sweep = 'LEAVE'")
        assert {name for (name,) in leaving} == {d.name for d in self.model.devices.values() if d.leaving}

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


def outlook(queue: list[Run]) -> tuple:
    """The set and the first of a pending list, as far as a device is told."""
    keys = tuple(sorted(run.key for run in queue))
    return keys, queue[0].key if queue else None


def shown(run: Run) -> dict:
    details = {"statusDetails": run.details} if run.details else {}
    return {"status": run.status, "versionNumber": run.version, **details}


#: Finding the shortest story of a failure takes longer than any test that passes.
@pytest.mark.timeout(600)
def test_the_store_does_what_the_model_does(dialect: str, make_site: Callable[[Path], Site]) -> None:
    class Here(Fleet):
        pass

    Here.make_site = staticmethod(make_site)
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples(dialect, 60),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
