"""Topics: build and parse are inverse, and nothing else parses (contract 3.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest, InvalidTopic
from domain.names import JOB_PATTERN, THING_PATTERN
from domain.topics import NEXT, Operation, RequestTopic, Topics, accepted, rejected

thing_names = st.from_regex(THING_PATTERN, fullmatch=True)
job_ids = st.from_regex(JOB_PATTERN, fullmatch=True) | st.sampled_from(
    ["get", "start-next", "update", "notify", "notify-next", "accepted", "rejected", "jobs"]
)
roots = st.sampled_from(["$aws/things", "fleet", "a/b/c"])
requests = st.builds(
    RequestTopic, thing_names, st.sampled_from([Operation.GET_PENDING, Operation.START_NEXT]), st.none()
) | st.one_of(
    st.builds(RequestTopic, thing_names, st.just(Operation.DESCRIBE), job_ids | st.just(NEXT)),
    st.builds(RequestTopic, thing_names, st.just(Operation.UPDATE), job_ids),
)


@given(roots, requests)
def test_what_is_built_is_parsed_to_the_same(root: str, request: RequestTopic) -> None:
    topics = Topics(root)
    topic = topics.request(*request)
    assert topics.parse(topic) == request
    assert topic.startswith(topics.jobs(request.thing_name))


@given(roots, requests)
def test_no_answer_and_no_notification_is_a_request(root: str, request: RequestTopic) -> None:
    topics = Topics(root)
    topic, thing = topics.request(*request), request.thing_name
    for said in (accepted(topic), rejected(topic), topics.notify(thing), topics.notify_next(thing)):
        with pytest.raises(InvalidRequest):
            topics.parse(said)


@given(requests)
def test_the_dispatchers_filters_match_every_request_and_no_answer(request: RequestTopic) -> None:
    topics = Topics()
    topic = topics.request(*request)
    filters = topics.request_filters()
    assert sum(matches(one, topic) for one in filters) == 1
    for said in (accepted(topic), rejected(topic), topics.notify("t"), topics.notify_next("t")):
        assert not any(matches(one, said) for one in filters)


def matches(topic_filter: str, topic: str) -> bool:
    wanted, found = topic_filter.split("/"), topic.split("/")
    return len(wanted) == len(found) and all(w in ("+", f) for w, f in zip(wanted, found, strict=True))


@given(st.text(alphabet="$aws/thingjobetpdxn+#-_\0 ", max_size=60) | st.text(max_size=40))
def test_any_other_text_is_refused_or_is_rebuilt_to_the_letter(text: str) -> None:
    topics = Topics()
    for topic in (text, f"$aws/things/{text}", f"$aws/things/t/jobs/{text}"):
        try:
            request = topics.parse(topic)
        except InvalidRequest:
            continue
        assert topics.request(*request) == topic


@pytest.mark.parametrize(
    "topic",
    [
        "", "$aws/things", "$aws/things/t", "$aws/things/t/jobs", "$aws/things/t/jobs/",
        "$aws/things//jobs/get",
        "$aws/things/t/jobs/get/", "$aws/things/t/jobs/j/get/x", "$aws/things/t/jobs/j/start-next",
        "$aws/things/t/jobs/$next/update", "$aws/things/t/jobs/notify", "$aws/things/t/shadow/get",
        "$aws/things/t/jobs/j j/get", "$aws/things/t\n/jobs/get", "$aws/things/t/jobs/j\n/get",
        "/$aws/things/t/jobs/get", "$aws/things/+/jobs/get", "$aws/things/t/jobs/#", "$aws/thingst/jobs/get",
        f"$aws/things/{'t' * 129}/jobs/get", f"$aws/things/t/jobs/{'j' * 65}/get", "$AWS/things/t/jobs/get",
    ],
)  # fmt: skip
def test_what_names_no_operation_is_refused(topic: str) -> None:
    with pytest.raises(InvalidRequest):
        Topics().parse(topic)


def test_a_job_called_get_is_not_the_list_of_jobs() -> None:
    topics = Topics()
    assert topics.parse("$aws/things/t/jobs/get").operation is Operation.GET_PENDING
    assert topics.parse("$aws/things/t/jobs/get/get") == ("t", Operation.DESCRIBE, "get")
    assert topics.parse("$aws/things/t/jobs/start-next/update") == ("t", Operation.UPDATE, "start-next")
    with pytest.raises(InvalidTopic):
        topics.parse("$aws/things/t/jobs/update")
