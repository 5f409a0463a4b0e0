"""Documents that are filled in: what each thing is given, who lacks a value, and templates in versions."""

import json

import pytest
from sync_store import AUTO, SyncStore

from domain.errors import AlreadyExists, InvalidRequest, NotFound
from domain.execution import Status
from domain.pacing import Pacing
from domain.rollout import RolloutConfig
from domain.schedule import SchedulingConfig
from domain.timeout_config import TimeoutConfig
from domain.windows import MaintenanceWindow
from storage import groups, jobs, marks, refusals, templates, things

OWN = json.dumps(
    {
        "who": "I am ${thingjobs:thing:name}",
        "model": "${thingjobs:thing:attributes.model}",
        "slot": "${thingjobs:value:slot}",
    }
)


def furnish(store: SyncStore, *names: str) -> None:
    for name in names:
        store.do(things.create, name, attributes={"model": f"m-{name}"}, at=store.now)


def slots(*names: str) -> dict:
    return {name: {"slot": number} for number, name in enumerate(names)}


def document(answer: tuple) -> dict:
    outcome, body = answer
    assert outcome == "accepted", answer
    return body["execution"]["jobDocument"]


def test_every_thing_is_given_its_own_document_whichever_way_it_asks(store: SyncStore) -> None:
    furnish(store, "a", "b")
    store.create("j", "a", "b", document=OWN, values=slots("a", "b"))
    told = store.tell()
    for number, name in enumerate(["a", "b"]):
        own = {"who": f"I am {name}", "model": f"m-{name}", "slot": number}
        assert told[name]["notify-next"]["execution"]["jobDocument"] == own
        assert document(store.ask(name, "$next/get")) == own
        assert document(store.ask(name, "j/get")) == own
        assert document(store.ask(name, "start-next")) == own
        asked = {"status": "IN_PROGRESS", "includeJobDocument": True}
        assert store.ask(name, "j/update", asked)[1]["jobDocument"] == own
    assert store.do(jobs.document, "j") == OWN


def test_the_things_of_one_batch_are_not_mixed_up(store: SyncStore) -> None:
    names = [f"t{n}" for n in range(20)]
    furnish(store, *names)
    store.create("j", *names, document=OWN, values=slots(*names))
    answers = store.ask_all(*((name, "start-next", None) for name in names))
    assert [document(answer)["slot"] for answer in answers] == list(range(20))


def test_attributes_are_those_of_the_moment(store: SyncStore) -> None:
    furnish(store, "a")
    store.create("j", "a", document='{"m":"${thingjobs:thing:attributes.model}"}')
    store.do(things.update, "a", attributes={"model": "newer"}, at=store.now)
    assert document(store.ask("a", "start-next")) == {"m": "newer"}


MISSING = [
    ({}, "2 things have no value for ${thingjobs:value:slot}, which the document needs: a, b"),
    ({"values": {"a": {"slot": 1}}}, "1 things have no value for ${thingjobs:value:slot}"),
    ({"values": {"a": {"slot": 1}, "b": {"other": 1}}}, "document needs: b"),
    ({"values": {**slots("a", "b"), "zz": {"slot": 1}}}, "thingValues: there are no things zz"),
]


@pytest.mark.parametrize(("given", "words"), MISSING)
def test_a_job_is_refused_that_lacks_a_value_and_the_reason_names_the_things(store, given, words) -> None:
    furnish(store, "a", "b")
    with pytest.raises(InvalidRequest) as refusal:
        store.create("j", "a", "b", document=OWN, **given)
    assert words in str(refusal.value)
    with pytest.raises(NotFound):
        store.job("j")


def test_a_target_without_the_attribute_is_named_too_and_only_a_few_of_many(store: SyncStore) -> None:
    store.group("g", *(f"t{n}" for n in range(9)))
    with pytest.raises(InvalidRequest, match=r"9 things have no value .*: t0, t1, t2, t3, t4 and 4 more"):
        store.create("j", "g", document='{"m":"${thingjobs:thing:attributes.model}"}')
    assert store.create("k", "g", document='{"m":"${thingjobs:thing:name}"}').job_id == "k"


def test_whoever_is_excluded_needs_no_value(store: SyncStore) -> None:
    furnish(store, "a", "b")
    store.create("j", "a", "b", excluded_targets=("b",), document=OWN, values=slots("a"))
    assert document(store.ask("a", "start-next"))["slot"] == 0


def test_who_joins_late_without_a_value_is_rejected_in_its_stead_and_told_what_comes_next(
    store: SyncStore,
) -> None:
    furnish(store, "a", "late")
    store.group("g", "a")
    store.create("j", "g", continuous=True, document=OWN, values=slots("a"))
    store.do(groups.add, "g", ["late"], policy=AUTO, at=store.now)
    store.tick()
    store.create("after", "late")
    assert store.ask("late", "start-next")[1]["execution"]["jobId"] == "after"
    rejected = store.execution("j", "late")
    assert rejected.status is Status.REJECTED
    assert "thing late has no value for ${thingjobs:value:slot}" in rejected.status_details["reason"]
    assert store.job("j").counts[Status.REJECTED] == 1
    assert store.ask("late", "j/get")[1]["code"] == "TerminalStateReached"
    caused = "SELECT cause, from_status, to_status FROM execution_events WHERE cause = 'UNDELIVERABLE'"
    assert store.rows(caused) == [("UNDELIVERABLE", "QUEUED", "REJECTED")]


def test_the_notifier_finds_what_cannot_be_handed_out(store: SyncStore) -> None:
    furnish(store, "late")
    store.group("g")
    store.create("j", "g", continuous=True, document=OWN)
    store.do(groups.add, "g", ["late"], policy=AUTO, at=store.now)
    store.tick()
    (found,) = store.do(marks.dirty, limit=9, at=store.now)
    assert (found.undeliverable, found.document) == (True, None)
    assert store.do(refusals.refuse, [found.next_key], policy=AUTO, at=store.now) == 1
    assert store.do(refusals.refuse, [found.next_key], policy=AUTO, at=store.now) == 0
    assert store.execution("j", "late").status is Status.REJECTED
    (found,) = store.do(marks.dirty, limit=9, at=store.now)
    assert (found.undeliverable, found.pending) == (False, ())


def test_what_is_refused_needs_no_value_that_is_there(store: SyncStore) -> None:
    furnish(store, "a")
    store.create("j", "a", document=OWN, values=slots("a"))
    key = store.rows("SELECT id FROM executions")[0][0]
    assert store.do(refusals.refuse, [key], policy=AUTO, at=store.now) == 0
    assert store.execution("j", "a").status is Status.QUEUED


def test_work_under_way_is_not_taken_back_by_a_mark_although_its_document_is_lost(store: SyncStore) -> None:
    furnish(store, "a")
    store.create("j", "a", document='{"m":"${thingjobs:thing:attributes.model}"}')
    store.ask("a", "start-next")
    store.do(things.update, "a", attributes={}, at=store.now)
    store.create("k", "a")
    (found,) = store.do(marks.dirty, limit=9, at=store.now)
    assert (found.undeliverable, found.document) == (False, None)
    asked = {"status": "IN_PROGRESS", "includeJobDocument": True}
    outcome, reply = store.ask("a", "j/update", asked)
    assert outcome == "accepted"
    assert "jobDocument" not in reply
    assert store.ask("a", "j/update", {"status": "SUCCEEDED"})[0] == "accepted"


def test_values_given_with_more_targets_are_theirs_and_demanded(store: SyncStore) -> None:
    furnish(store, "a", "b", "c")
    store.create("j", "a", continuous=True, document=OWN, values=slots("a"))
    with pytest.raises(InvalidRequest, match="document needs: b"):
        store.do(jobs.associate, "j", ["b"], policy=AUTO, at=store.now)
    store.do(jobs.associate, "j", ["b"], values={"b": {"slot": 7}}, policy=AUTO, at=store.now)
    store.tick()
    assert document(store.ask("b", "start-next"))["slot"] == 7


def test_values_go_with_their_job(store: SyncStore) -> None:
    names = [f"t{n}" for n in range(30)]
    furnish(store, *names)
    store.create("j", *names, document=OWN, values=slots(*names))
    assert store.rows("SELECT count(*) FROM job_values") == [(30,)]
    store.do(jobs.delete, "j", force=True, at=store.now)
    assert store.rows("SELECT count(*) FROM job_values") == [(0,)]


def test_a_document_that_could_get_too_large_is_refused_at_once(store: SyncStore) -> None:
    furnish(store, "a", "b")
    much = json.dumps({str(n): "${thingjobs:value:slot}" for n in range(10)})
    values = {"a": {"slot": "x"}, "b": {"slot": "y" * 4000}}
    with pytest.raises(InvalidRequest, match="filled in, can have 4"):
        store.create("j", "a", "b", document=much, values=values)
    assert store.create("j", "a", document=much, values=values).job_id == "j"


def test_one_that_gets_too_large_only_later_is_never_handed_out(store: SyncStore) -> None:
    furnish(store, "a")
    store.create(
        "j", "a", document=json.dumps(["${thingjobs:thing:attributes.model}"] * 60).join(('{"m":', "}"))
    )
    store.do(things.update, "a", attributes={"model": "x" * 800}, at=store.now)
    assert store.ask("a", "start-next")[1] == {"timestamp": int(store.now.timestamp())}
    assert "bytes" in store.execution("j", "a").status_details["reason"]


# --- parameters ---

SCHEMA = {
    "type": "object",
    "properties": {"version": {"type": "string"}, "retries": {"type": "integer", "default": 2}},
    "required": ["version"],
}
ASKS = '{"v": "${aws:iot:parameter:version}", "r": "${thingjobs:parameter:retries}"}'


def template(store: SyncStore, **more):
    values = {"template_id": "x", "document": ASKS, "description": "d", "parameters": SCHEMA, **more}
    return store.do(templates.create, at=store.now, **values)


def test_parameters_are_checked_by_the_template_and_filled_in_for_good(store: SyncStore) -> None:
    template(store)
    made = store.create("j", "t", document=None, template_id="x", parameters={"version": '1"2'})
    assert (made.template_version, made.parameters) == (1, {"version": '1"2', "retries": 2})
    assert store.do(jobs.document, "j") == '{"v": "1\\"2", "r": 2}'
    for parameters, words in (({}, "parameters.version"), ({"version": "1", "retries": "x"}, "retries")):
        with pytest.raises(InvalidRequest, match=words):
            store.create("k", "t", document=None, template_id="x", parameters=parameters)


def test_a_parameter_that_makes_the_document_too_large_or_illegal_is_refused(store: SyncStore) -> None:
    asks = '{"a": "${thingjobs:parameter:x}${thingjobs:parameter:x}"}'
    for value, words in (("x" * 20_000, "bytes"), ("\0", "U.0000")):
        with pytest.raises(InvalidRequest, match=words):
            store.create("j", "t", document=asks, parameters={"x": value})


def test_the_same_call_again_is_no_second_job_whatever_versions_came_between(store: SyncStore) -> None:
    template(store)
    asked = {"document": None, "template_id": "x", "parameters": {"version": "1"}}
    first = store.create("j", "t", **asked)
    template(store, again=True)
    assert store.create("j", "t", **asked) == first
    with pytest.raises(AlreadyExists):
        store.create("j", "t", **{**asked, "parameters": {"version": "2"}})


# --- versions ---


def test_a_new_version_is_the_newest_and_the_older_ones_stay(store: SyncStore) -> None:
    first = template(store)
    second = template(store, document='{"b":1}', parameters=None, again=True)
    assert (first.version, second.version) == (1, 2)
    assert store.do(templates.get, "x") == second
    assert store.do(templates.get, "x", version=1) == first
    assert store.do(templates.versions, "x").items == (second, first)
    template(store, template_id="y")
    assert [(t.template_id, t.version) for t in store.do(templates.page).items] == [("y", 1), ("x", 2)]
    old = store.create(
        "j", "t", document=None, template_id="x", template_version=1, parameters={"version": "1"}
    )
    new = store.create("k", "t", document=None, template_id="x")
    assert (old.template_version, new.template_version) == (1, 2)
    for version in (3, 0):
        with pytest.raises(NotFound, match=f"version {version} of job template x"):
            store.create("l", "t", document=None, template_id="x", template_version=version)
    with pytest.raises(InvalidRequest, match="templateVersion"):
        store.create("l", "t", template_version=1)


def test_versions_are_paged(store: SyncStore) -> None:
    template(store)
    for _ in range(4):
        template(store, again=True)
    seen, token = [], None
    while True:
        page = store.do(templates.versions, "x", max_results=2, next_token=token)
        seen += [entry.version for entry in page.items]
        token = page.next_token
        if token is None:
            break
    assert seen == [5, 4, 3, 2, 1]


def test_there_is_no_version_of_what_is_not_there_and_no_number_is_used_again(store: SyncStore) -> None:
    with pytest.raises(NotFound):
        template(store, again=True)
    template(store)
    template(store, again=True)
    store.do(templates.delete, "x", version=2)
    assert store.do(templates.get, "x").version == 1
    assert template(store, again=True).version == 3
    store.do(templates.delete, "x", version=1)
    assert template(store, again=True).version == 4
    with pytest.raises(NotFound, match="version 2 of job template x"):
        store.do(templates.delete, "x", version=2)
    store.do(templates.delete, "x")
    with pytest.raises(NotFound):
        store.do(templates.versions, "x")
    assert template(store).version == 1


def test_a_template_names_only_parameters_that_it_declares(store: SyncStore) -> None:
    with pytest.raises(InvalidRequest, match="names the parameter retries"):
        template(store, parameters={"properties": {"version": {}}})
    template(store, parameters={})


def test_a_template_is_made_from_a_job_with_the_windows_of_its_schedule(store: SyncStore) -> None:
    window = MaintenanceWindow(start_time="cron(0 0 * * ? *)", duration_in_minutes=60)
    paced = Pacing(
        job_executions_rollout_config=RolloutConfig(maximum_per_minute=7),
        scheduling_config=SchedulingConfig(maintenance_windows=(window,), start_time="2026-03-02 12:00"),
    )
    limits = TimeoutConfig(in_progress_timeout_in_minutes=5)
    store.create("j", "t", continuous=True, pacing=paced, timeout_config=limits.members, priority=3)
    made = store.do(
        templates.create, template_id="x", description="d", from_job="j", priority=4, at=store.now
    )
    assert made.document == store.do(jobs.document, "j")
    assert (made.timeout_config, made.priority) == (limits, 4)
    assert made.pacing is not None
    assert made.pacing.job_executions_rollout_config == paced.job_executions_rollout_config
    assert made.pacing.scheduling_config == SchedulingConfig(maintenance_windows=(window,))
    with pytest.raises(NotFound):
        store.do(templates.create, template_id="y", description="d", from_job="nobody", at=store.now)
