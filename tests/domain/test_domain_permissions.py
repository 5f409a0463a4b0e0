"""What monitors may do on the broker: hear events, and nothing else. (Things: tests/broker.)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.embedded.session import matches
from domain.errors import InvalidRequest
from domain.names import thing_name
from domain.permissions import (
    goes_unheard,
    is_monitor,
    may_be_answered,
    may_publish,
    may_subscribe,
    monitor,
)
from domain.topics import Topics

TOPICS = Topics()
WATCHER = monitor("TJAKAAAAAAAAAAAAAAAA")


def test_no_thing_can_have_the_name_of_a_monitor():
    assert is_monitor(WATCHER)
    assert not is_monitor("key")
    with pytest.raises(InvalidRequest):
        thing_name(WATCHER)


@pytest.mark.parametrize(
    "topic_filter",
    [
        "$aws/events/#",
        "$aws/events/job/#",
        "$aws/events/job/+/completed",
        "$aws/events/jobExecution/j/+",
        "$aws/events/+/j/#",
    ],
)
def test_a_monitor_may_hear_events(topic_filter):
    assert may_subscribe(TOPICS, WATCHER, topic_filter)
    assert not may_subscribe(TOPICS, "t", topic_filter)


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#",
        "+/events/#",
        "$aws/#",
        "$aws/+/#",
        "$aws/events",
        "$aws/events/",
        "$aws/events//x",
        "$aws/events/a#",
        "$aws/events/#/x",
        "$aws/eventsx/#",
        "$aws/things/+/jobs/#",
        "$aws/things/t/jobs/#",
        "$SYS/#",
        "",
    ],
)
def test_a_monitor_hears_nothing_else(topic_filter):
    assert not may_subscribe(TOPICS, WATCHER, topic_filter)


LEVELS = st.lists(
    st.sampled_from(["$aws", "events", "things", "t", "jobs", "+", "#", "", "job", "key"]), max_size=6
)


@given(
    LEVELS, st.sampled_from(["$aws/things/t/jobs/notify", "$aws/things/t/jobs/get/accepted", "$SYS/x", "x"])
)
def test_no_filter_that_a_monitor_may_have_matches_what_is_for_others(levels, topic):
    topic_filter = "/".join(levels)
    assert not (may_subscribe(TOPICS, WATCHER, topic_filter) and matches(topic_filter, topic))


@given(LEVELS)
def test_a_monitor_may_publish_nothing(levels):
    assert not may_publish(TOPICS, WATCHER, "/".join(levels))


@pytest.mark.parametrize("verb", ["get", "start-next", "j/get", "j/update"])
def test_a_monitor_may_not_ask_in_its_own_name_either(verb):
    assert not may_publish(TOPICS, WATCHER, f"{TOPICS.jobs(WATCHER)}{verb}")


@pytest.mark.parametrize(
    ("topic", "unheard"),
    [
        ("dt/pump-1/t", True),
        ("$aws/things/pump-1/shadow/update", True),
        ("$aws/things/pump-1/jobs-of-mine", True),
        ("$aws/rules/telemetry/pump-1", True),
        ("$aws/things/pump-1/jobs/get", False),
        ("$aws/things/pump-1/jobs/j/get/accepted", False),
        ("$aws/things/pump-1/jobs", True),
        ("$aws/things/pump-2/shadow/update", False),
        ("$aws/things/pump-11/jobs/get", False),
        ("$aws/events/job/j/completed", False),
        ("$SYS/broker/uptime", False),
        ("dt/+/t", False),
        ("", False),
    ],
)
def test_what_a_thing_says_besides_jobs_deceives_nobody(topic, unheard):
    topics = Topics("$aws/things")
    assert goes_unheard(topics, "pump-1", topic) is unheard
    assert not (unheard and may_publish(topics, "pump-1", topic))
    assert not goes_unheard(topics, monitor("TJAK1"), topic)


@pytest.mark.parametrize(
    "below", ["replies/app/1", "replies/app/1/2/3", "j/get/accepted", "a/b/get", "get/get/update"]
)
def test_a_thing_chooses_among_its_own_topics_where_it_is_answered(below):
    assert may_be_answered(TOPICS, "pump-1", f"$aws/things/pump-1/jobs/{below}")
    assert not may_be_answered(TOPICS, "pump-2", f"$aws/things/pump-1/jobs/{below}")


@given(
    thing=st.sampled_from(["pump-1", "pump-2", WATCHER]),
    levels=st.lists(
        st.sampled_from(
            ["pump-1", "jobs", "get", "update", "notify", "start-next", "$next", "", "+", "#", "a\0"]
        ),
        max_size=5,
    ),
    root=st.sampled_from(["$aws/things/pump-1/jobs", "$aws/things/pump-1", "$aws/things", "$aws/events", ""]),
)
def test_where_a_thing_is_answered_it_may_hear_and_nobody_may_ask_nor_be_notified(thing, levels, root):
    topic = "/".join([*([root] if root else []), *levels])
    if may_be_answered(TOPICS, thing, topic):
        assert thing == "pump-1"
        assert may_subscribe(TOPICS, thing, topic)
        assert not may_publish(TOPICS, thing, topic)
        assert topic not in (TOPICS.notify(thing), TOPICS.notify_next(thing))
        assert not any(matches(each, topic) for each in TOPICS.request_filters())
        assert matches("$aws/things/+/jobs/+/+/+/#", topic), "the line of Mosquitto's rights"
