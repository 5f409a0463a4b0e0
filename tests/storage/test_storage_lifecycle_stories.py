"""Any story of operators, devices and the clock: every end and every act yields its event, once, in order.

Killed between publishing and noting that, a publisher repeats events and loses none. What really happened is
written down by triggers of the database, past all code that is under test.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lifecycle_reader import ARNS, Reader, short, switch
from lifecycle_truth import TRUTHS
from paced_jobs import paced
from sites import Site, examples
from sync_store import SyncStore

from domain.errors import JobsError
from domain.lifecycle import payload
from storage import executions, jobs, steering, sweeps, things

THINGS = ["t1", "t2", "t3", "t4"]
RETRIES = {"jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}}
TIMES = {"inProgressTimeoutInMinutes": 5}

some_job = st.integers(0, 2)
some_thing = st.sampled_from(THINGS)
some_report = st.sampled_from(["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"])
#: How many events of a batch get through (None: all), and whether the publisher is killed right then.
publishing = st.tuples(st.just("publish"), st.sampled_from([None, None, 0, 1, 2]), st.booleans())
steps = st.one_of(
    st.tuples(st.just("create"), st.lists(some_thing, min_size=1, unique=True), st.booleans()),
    *[st.tuples(st.just("report"), some_job, some_thing, some_report)] * 4,
    st.tuples(st.just("cancel"), some_job, st.booleans()),
    st.tuples(st.sampled_from(["abort", "retry", "delete"]), some_job),
    st.tuples(st.just("delete_execution"), some_job, some_thing),
    st.tuples(st.just("delete_thing"), some_thing),
    st.tuples(st.sampled_from(["pass_time", "tick", "switch_off_and_on"])),
    *[publishing] * 3,
)


class Story:
    """The store and its publisher; ``dies`` says whether it may be killed."""

    def __init__(self, site: Site, *, dies: bool) -> None:
        self.store = SyncStore(site)
        self.reader = Reader(self.store)
        self.dies = dies
        self.jobs: list[str] = []
        self.published: dict[str, bytes] = {}
        self.said: list[str] = []
        site.script(TRUTHS[site.name])
        switch(self.store)

    def create(self, names: list[str], retries: bool) -> None:  # noqa: FBT001 - drawn
        self.jobs.append(f"j{len(self.jobs)}")
        pacing = {"pacing": paced(**RETRIES)} if retries else {}
        self.store.create(self.jobs[-1], *names, timeout_config=TIMES, **pacing)

    def report(self, number: int, thing: str, status: str) -> None:
        self.store.ask(thing, f"{self._job(number)}/update", {"status": status})

    def cancel(self, number: int, force: bool) -> None:  # noqa: FBT001 - drawn
        self._try(jobs.cancel, self._job(number), force=force)

    def abort(self, number: int) -> None:
        self._try(steering.abort, self._job(number))

    def retry(self, number: int) -> None:
        self._try(steering.retry_failed, self._job(number))

    def delete(self, number: int) -> None:
        self._try(jobs.delete, self._job(number), force=True)

    def delete_execution(self, number: int, thing: str) -> None:
        self._try(executions.delete, self._job(number), thing, force=True)

    def delete_thing(self, thing: str) -> None:
        self._try(things.delete, thing)

    def pass_time(self) -> None:
        self.store.later(minutes=6)

    def tick(self) -> None:
        self.store.tick()

    def publish(self, gets_through: int | None = None, dies: bool = False) -> bool:  # noqa: FBT001, FBT002 - drawn
        more = self.reader.round(gets_through=gets_through, dies=dies and self.dies)
        for event in self.reader.events:
            said = payload(ARNS, event)
            name = json.loads(said)["eventId"]
            if name not in self.published:
                self.said.append(short(event))
            else:
                assert self.dies, "nothing is said twice without a crash"
            assert self.published.setdefault(name, said) == said, "what is said again is the very same"
        self.reader.events.clear()
        assert self.said == self.truth()[: len(self.said)]
        return more

    def switch_off_and_on(self) -> None:
        switch(self.store, on=False)
        switch(self.store)
        # What was not published by then never is.
        self.store.site.script(
            f"DELETE FROM truth WHERE id NOT IN (SELECT id FROM truth ORDER BY id LIMIT {len(self.said)})"
        )

    def truth(self) -> list[str]:
        return [said for (said,) in self.store.rows("SELECT said FROM truth ORDER BY id")]

    def _job(self, number: int) -> str:
        """Return one of the newest jobs, whatever has become of it."""
        return self.jobs[-1 - number % len(self.jobs)] if self.jobs else "none"

    def _try(self, verb: Any, *args: Any, **more: Any) -> None:
        try:
            self.store.do(verb, *args, at=self.store.now, **more)
        except JobsError:
            return


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sweeps.go_on.__kwdefaults__, "limit", 1)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("dies", [False, True], ids=["without a crash", "with crashes"])
def test_every_end_and_every_act_yields_its_event_in_order(
    dialect: str, make_site: Callable[[Path], Site], *, dies: bool
) -> None:
    @settings(max_examples=examples(dialect, 40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(story=st.lists(steps, min_size=10, max_size=60))
    def every_story(story: list[tuple[Any, ...]]) -> None:
        tell(make_site, story, dies=dies)

    every_story()


def tell(make_site: Callable[[Path], Site], story: list[tuple[Any, ...]], *, dies: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = Story(make_site(Path(folder)), dies=dies)
        told.create(THINGS, retries=True)
        for name, *args in story:
            getattr(told, name)(*args)
        told.tick()
        while told.publish():
            pass
        assert told.said == told.truth()
        assert told.store.rows("SELECT * FROM lifecycle_notes") == []
        told.store.close()
