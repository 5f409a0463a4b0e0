"""What monitors may do on the broker: hear events, and nothing else. (Things: tests/broker.)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.embedded.session import matches
from domain.errors import InvalidRequest
from domain.names import thing_name
from domain.permissions import goes_unheard, is_monitor, may_publish, may_subscribe, monitor
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
