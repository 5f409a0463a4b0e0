"""What a client may do on the broker: connect as whom, publish and subscribe where (promises S13 to S19)."""

from __future__ import annotations

from typing import Final

from domain.topics import Topics

MAX_TOPIC_BYTES: Final = 256
_WILDCARDS: Final = frozenset("+#")
#: Below a thing's ``jobs/``, of a topic that a device chooses for its answers.
_LEAST_LEVELS: Final = 3
_MONITOR: Final = "key/"
#: Where AWS takes what goes to its rules and to no subscriber.
_RULES: Final = "$aws/rules/"


def may_connect(thing_name: str, client_id: str) -> bool:
    """Return whether ``client_id`` belongs to the thing: its name, or its name, a colon and a suffix."""
    return client_id == thing_name or client_id.startswith(f"{thing_name}:")


def may_publish(topics: Topics, thing_name: str, topic: str) -> bool:
    """Return whether the thing may publish here: exactly its own four request shapes. A monitor may not.

    Whether the job id in it can be one is for the dispatcher to say, since that wants an answer.
    """
    found = topics.segments(topic) if _is_plain(topic) and not _WILDCARDS & set(topic) else None
    if found is None or found[0] != thing_name:
        return False
    match found[1]:
        case ["get" | "start-next"] | [_, "get" | "update"]:
            return True
        case _:
            return False


def may_be_answered(topics: Topics, thing_name: str, topic: str) -> bool:
    """Return whether the answer to a request of the thing may go to this topic of its choice (MQTT 5).

    It lies at least three levels below the thing's ``jobs/``: requests and notifications have fewer, so that
    none can be made of an answer, and a broker's rights can say it in one line.
    """
    if _WILDCARDS & set(topic) or not may_subscribe(topics, thing_name, topic):
        return False
    found = topics.segments(topic)
    return found is not None and found[0] == thing_name and len(found[1]) >= _LEAST_LEVELS


def goes_unheard(topics: Topics, name: str, topic: str) -> bool:
    """Return whether nobody here listens to what a thing says on a topic, and nobody is deceived by it.

    That is what devices written for AWS say besides: telemetry, their shadow. What lies below another thing,
    among jobs or among events is none of it, and neither is anything that a monitor says.
    """
    if not _is_plain(topic) or _WILDCARDS & set(topic) or is_monitor(name):
        return False
    if topic.startswith(f"{topics.root}/"):
        return topic.startswith(f"{topics.root}/{name}/") and not topic.startswith(topics.jobs(name))
    return not topic.startswith((f"{topics.events}/", "$")) or topic.startswith(_RULES)


def may_subscribe(topics: Topics, name: str, topic_filter: str) -> bool:
    """Return whether every topic the filter matches is for a thing of this name, or for a monitor: events."""
    prefix = f"{topics.events}/" if is_monitor(name) else topics.jobs(name)
    if not _is_plain(topic_filter) or not topic_filter.startswith(prefix):
        return False
    levels = topic_filter[len(prefix) :].split("/")
    for position, level in enumerate(levels):
        if level == "#":
            return position == len(levels) - 1
        if level != "+" and (not level or _WILDCARDS & set(level)):
            return False
    return True


def monitor(key_id: str) -> str:
    """Return the name under which an access key is on the broker; no thing can be called so."""
    return f"{_MONITOR}{key_id}"


def is_monitor(name: str) -> bool:
    """Tell whether a client on the broker watches events and is no thing."""
    return name.startswith(_MONITOR)


def _is_plain(topic: str) -> bool:
    return 0 < len(topic.encode(errors="replace")) <= MAX_TOPIC_BYTES and topic.isprintable()
