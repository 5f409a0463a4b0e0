"""Whatever happens while a job goes over its targets, it comes to what it would have come to at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from invariants import check
from sites import Site, examples
from sync_store import AUTO, SyncStore

from domain.errors import JobsError
from storage import agenda, groups, jobs, latching, rollouts, steering, things, turns

NAMES = [f"t{n}" for n in range(8)]
NAME = st.sampled_from(NAMES)
SOME = st.sets(NAME, min_size=1, max_size=4).map(sorted)
GROUP = st.sampled_from(["g", "h", "in"])
JOB = st.sampled_from(["j", "k"])


@contextmanager
def pieces(size: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latching, "AT_ONCE", size)
        patch.setattr(latching, "CHUNK", size)
        patch.setattr(rollouts, "CHUNK", size)
        yield


class Twins(RuleBasedStateMachine):
    """Two stores to which the same happens: one latches in the tiniest pieces, the other at once."""

    slow: SyncStore
    fast: SyncStore

    def both(self, act: Callable[[SyncStore], object]) -> None:
        with suppress(JobsError), pieces(1000):
            act(self.fast)
            self.fast.tick()
        with suppress(JobsError), pieces(1):
            act(self.slow)

    @initialize()
    def fill(self) -> None:
        for store in (self.slow, self.fast):
            store.group("g", *NAMES[:5])
            store.group("h", *NAMES[4:7])
            store.group("in", *NAMES[6:], parent="g")
        self.create("j", ["g"], [])

    @rule(
        job=JOB, aims=st.sets(GROUP, min_size=1).map(sorted), out=st.sets(GROUP, max_size=1).map(sorted)
    )  # fmt: skip
    def create(self, job: str, aims: list[str], out: list[str]) -> None:
        named = tuple(f"thinggroup/{name}" for name in out)
        groups_ = [f"thinggroup/{name}" for name in aims]
        self.both(lambda s: s.create(job, *groups_, continuous=True, excluded_targets=named))

    @rule(job=JOB, aims=st.sets(GROUP, min_size=1).map(sorted), name=NAME)
    def associate(self, job: str, aims: list[str], name: str) -> None:
        more = [*(f"thinggroup/{group}" for group in aims), f"thing/{name}"]
        self.both(lambda s: s.do(jobs.associate, job, more, policy=AUTO, at=s.now))

    @rule(group=GROUP, names=SOME)
    def join(self, group: str, names: list[str]) -> None:
        self.both(lambda s: s.do(groups.add, group, names, policy=AUTO, at=s.now))

    @rule(group=GROUP, names=SOME)
    def leave(self, group: str, names: list[str]) -> None:
        self.both(lambda s: s.do(groups.remove, group, names, at=s.now))

    @rule(name=NAME)
    def delete(self, name: str) -> None:
        self.both(lambda s: s.do(things.delete, name, at=s.now))

    @rule(job=JOB, verb=st.sampled_from([steering.pause, steering.resume]))
    def hold(self, job: str, verb: Callable[..., object]) -> None:
        self.both(lambda s: s.do(verb, job, at=s.now))

    @rule(job=JOB, force=st.booleans())
    def cancel(self, job: str, *, force: bool) -> None:
        self.both(lambda s: s.do(jobs.cancel, job, force=force, at=s.now))

    @rule(job=JOB)
    def remove(self, job: str) -> None:
        self.both(lambda s: s.do(jobs.delete, job, force=True, at=s.now))
        self.settle()

    @rule()
    def piece(self) -> None:
        with pieces(1):
            items = self.slow.do(agenda.due, at=self.slow.now)
            if items:
                self.slow.do(turns.work_off, items, enough=lambda: True, at=self.slow.now)

    @rule()
    def die(self) -> None:
        self.slow.reopen()

    @rule()
    def settle(self) -> None:
        """Let both come to their end: they must have come to the same."""
        with pieces(1):
            self.slow.tick()
        self.fast.tick()
        assert standing(self.slow) == standing(self.fast)

    @invariant()
    def holds(self) -> None:
        check(self.slow)

    def teardown(self) -> None:
        self.settle()


def standing(store: SyncStore) -> list[tuple[object, ...]]:
    """Return what is open or waits, of which job on which thing, and how the jobs stand."""
    held = store.rows(
        "SELECT j.job_id, t.name, e.status FROM executions e JOIN jobs j ON j.id = e.job "
        "JOIN things t ON t.id = e.thing WHERE e.status IN ('QUEUED', 'IN_PROGRESS') UNION "
        "SELECT j.job_id, t.name, 'WAITS' FROM waiting w JOIN jobs j ON j.id = w.job "
        "JOIN things t ON t.id = w.thing ORDER BY 1, 2, 3"
    )
    paused = store.rows("SELECT job_id, status FROM jobs WHERE latched_to IS NULL ORDER BY 1")
    covered = [(job, thing, "COVERED" if "PAUSED" in dict(paused)[job] else how) for job, thing, how in held]
    return [*sorted(set(covered)), *paused]


def test_whatever_happens_meanwhile_it_comes_to_the_same(
    dialect: str, make_site: Callable[[Path], Site], tmp_path: Path
) -> None:
    opened: list[SyncStore] = []

    class Anew(Twins):
        def __init__(self) -> None:
            super().__init__()
            self.slow, self.fast = (
                SyncStore(make_site(tmp_path / f"{kind}{len(opened)}")) for kind in ("slow", "fast")
            )
            opened.append(self.slow)

        def teardown(self) -> None:
            super().teardown()
            self.slow.close()
            self.fast.close()

    run_state_machine_as_test(
        Anew,
        settings=settings(max_examples=examples(dialect, 25), stateful_step_count=25, deadline=None),
    )
