"""Failing, busy and absent devices in any order: retries keep to their policy, quarantine holds, jobs end."""

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from invariants import check
from paced_jobs import paced
from sites import Site, examples
from sync_store import SyncStore

from domain.errors import WrongJobState
from domain.execution import Status
from domain.quarantine import Quarantine
from domain.retry import judge
from domain.retry_policy import End, RetryPolicyConfig
from storage import steering, things
from storage.millis import from_millis, to_millis
from storage.policy import Policy

THINGS = ("a", "b", "c")
some_thing = st.sampled_from(THINGS)
some_job = st.sampled_from([f"j{number}" for number in range(6)])
retries = st.builds(
    lambda count, seconds, factor, jitter: {
        "numberOfRetries": count,
        "backOff": {"initialSeconds": seconds, "factor": factor, "maxSeconds": 600, "jitter": jitter},
    },
    st.integers(0, 2),
    st.sampled_from([0, 30, 60]),
    st.sampled_from([1, 3]),
    st.sampled_from([0, 0.5]),
)
policies = st.fixed_dictionaries(
    {"codes": st.just({"E": "permanent"})},
    optional={
        "retryable": retries,
        "busy": retries,
        "budget": st.sampled_from([{"count": 1}, {"count": 3}, {"percent": 50}]),
    },
)
RULE = Quarantine(2, timedelta(minutes=5))


class Endings(RuleBasedStateMachine):
    """A store that quarantines after two failures in a row; every job has all time-outs and a policy."""

    make_site: Callable[[Path], Site]

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = SyncStore(self.make_site(Path(self.folder.name)))
        self.store.policy = Policy(quarantine=RULE)
        self.policies: dict[str, RetryPolicyConfig] = {}
        self.held: dict[str, int] = {}
        self.seen = 0

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(policy=policies, rate=st.sampled_from([None, 1]), cap=st.sampled_from([None, 1]))
    def create(self, policy, rate, cap) -> None:
        name = f"j{len(self.policies)}"
        if len(self.policies) == 6:
            return
        more = {} if rate is None else {"jobExecutionsRolloutConfig": {"maximumPerMinute": rate}}
        more |= {} if cap is None else {"stagedRolloutConfig": {"maximumInFlight": cap}}
        self.policies[name] = RetryPolicyConfig.model_validate(policy)
        self.store.create(
            name,
            *THINGS,
            pacing=paced(retryPolicyConfig=policy, **more),
            timeout_config={"queuedTimeoutInMinutes": 3, "inProgressTimeoutInMinutes": 2},
        )

    @rule(thing=some_thing)
    def start(self, thing: str) -> None:
        self.store.ask(thing, "start-next")

    @rule(
        thing=some_thing,
        status=st.sampled_from(["FAILED", "FAILED", "SUCCEEDED", "REJECTED"]),
        said=st.sampled_from([{}, {}, {"failureClass": "busy"}, {"errorCode": "E"}]),
    )
    def end(self, thing: str, status: str, said: dict) -> None:
        _, answer = self.store.ask(thing, "$next/get")
        if "execution" in answer:
            body = {"status": status, "statusDetails": said}
            self.store.ask(thing, f"{answer['execution']['jobId']}/update", body)

    @rule(job=some_job, verb=st.sampled_from([steering.pause, steering.resume, steering.resume]))
    def steer(self, job: str, verb) -> None:
        if job in self.policies:
            with suppress(WrongJobState):
                self.store.do(verb, job, at=self.store.now)

    @rule(thing=some_thing)
    def let_out(self, thing: str) -> None:
        if self.policies:
            self.store.do(things.let_out, thing)
            self.held.pop(thing, None)

    @rule(seconds=st.sampled_from([1, 29, 60, 180, 300]))
    def time_passes(self, seconds: int) -> None:
        self.store.later(seconds=seconds)

    @rule()
    def tick(self) -> None:
        self.store.tick()

    @rule()
    def killed(self) -> None:
        self.store.reopen()

    @rule()
    def nobody_is_there_any_more(self) -> None:
        """Whatever is not paused ends by its timers."""
        for _ in range(120):
            self.store.later(minutes=3)
            self.store.tick()
        statuses = {status for (status,) in self.store.rows("SELECT status FROM jobs")}
        assert statuses <= {"COMPLETED", "PAUSED"}

    @invariant()
    def all_is_well(self) -> None:
        if not hasattr(self, "store"):
            return
        check(self.store)
        self.quarantine_holds()
        self.retries_keep_to_their_policy()

    def quarantine_holds(self) -> None:
        """Nothing new went to a thing while it was in quarantine."""
        new = self.store.rows(
            f"SELECT e.id, t.name, e.queued_at FROM executions e JOIN things t ON t.id = e.thing "
            f"WHERE e.id > {self.seen} ORDER BY e.id"
        )
        for key, thing, queued_at in new:
            assert queued_at >= self.held.get(thing, 0), (key, thing)
            self.seen = key
        self.held = dict(
            self.store.rows("SELECT name, quarantined_until FROM things WHERE quarantined_until IS NOT NULL")
        )

    def retries_keep_to_their_policy(self) -> None:
        """Each retry follows an end that owed it, not before its back-off is over, within the budget."""
        ends: dict[tuple[str, int], list[End]] = {}
        due: dict[tuple[str, int], int] = {}
        for job, thing, attempt, status, details, queued_at, updated_at in self.store.rows(
            "SELECT j.job_id, e.thing, e.attempt, e.status, e.status_details, e.queued_at, e.last_updated_at "
            "FROM executions e JOIN jobs j ON j.id = e.job ORDER BY e.job, e.thing, e.number"
        ):
            key = job, thing
            assert attempt == len(ends.setdefault(key, []))
            assert queued_at >= due.get(key, 0)
            ends[key].append(End(Status(status), json.loads(details)))
            verdict = judge(None, self.policies[job], ends[key], thing=thing, at=from_millis(updated_at))
            due[key] = 2**62 if verdict.ready_at is None else to_millis(verdict.ready_at)
        for job, retried in self.store.rows("SELECT job_id, retried FROM jobs"):
            budget = self.policies[job].budget
            assert budget is None or retried <= budget.allowed(len(THINGS))


#: Finding the shortest story of a failure takes longer than any test that passes.
@pytest.mark.timeout(600)
def test_endings_in_any_order(dialect: str, make_site: Callable[[Path], Site]) -> None:
    class Here(Endings):
        pass

    Here.make_site = staticmethod(make_site)
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples(dialect, 25),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
