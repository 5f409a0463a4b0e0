"""The topic schema in both directions: build a topic, parse a topic, give the filters (contract 3.1).

Parsing goes by segment count, never by "is this segment the word get": a job may be named ``get``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from domain.errors import InvalidTopic
from domain.names import JOB_PATTERN, THING_PATTERN
from domain.names import job_id as checked_job_id
from domain.names import thing_name as checked_thing_name

DEFAULT_ROOT: Final = "$aws/things"
#: The last level of the events' root; that of things must be another.
EVENTS: Final = "events"
NEXT: Final = "$next"


class Operation(StrEnum):
    """What a device may ask for; the value is the topic's last segment, ``DESCRIBE`` apart."""

    GET_PENDING = "get-pending"
    START_NEXT = "start-next"
    DESCRIBE = "get"
    UPDATE = "update"


class RequestTopic(NamedTuple):
    """A parsed request topic; ``job_id`` is None for the two list operations, ``$next`` where asked so."""

    thing_name: str
    operation: Operation
    job_id: str | None


_WITHOUT_JOB: Final = {"get": Operation.GET_PENDING, "start-next": Operation.START_NEXT}
_WITH_JOB: Final = {"get": Operation.DESCRIBE, "update": Operation.UPDATE}


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics below one root; the root is a setting because some brokers cannot carry ``$aws``."""

    root: str = DEFAULT_ROOT

    @property
    def events(self) -> str:
        """Return the root of lifecycle events: beside that of things, so that no thing can hear it."""
        parent, slash, _ = self.root.rpartition("/")
        return f"{parent}{slash}{EVENTS}"

    def jobs(self, thing_name: str) -> str:
        """Return the prefix of everything a thing may say or hear, with its trailing slash."""
        return f"{self.root}/{thing_name}/jobs/"

    def request(self, thing_name: str, operation: Operation, job_id: str | None = None) -> str:
        """Return the topic a device publishes to. The inverse of ``parse``."""
        if operation is Operation.GET_PENDING:
            return f"{self.root}/{thing_name}/jobs/get"
        if operation is Operation.START_NEXT:
            return f"{self.root}/{thing_name}/jobs/start-next"
        return f"{self.root}/{thing_name}/jobs/{job_id}/{operation.value}"

    def notify(self, thing_name: str) -> str:
        return f"{self.root}/{thing_name}/jobs/notify"

    def notify_next(self, thing_name: str) -> str:
        return f"{self.root}/{thing_name}/jobs/notify-next"

    def everything(self, thing_name: str) -> str:
        """Return the filter that covers all a thing may hear."""
        return f"{self.root}/{thing_name}/jobs/#"

    def request_filters(self) -> tuple[str, ...]:
        """Return the dispatcher's subscriptions: exactly the request shapes, so it never hears itself."""
        base = f"{self.root}/+/jobs"
        return (f"{base}/get", f"{base}/start-next", f"{base}/+/get", f"{base}/+/update")

    def parse(self, topic: str) -> RequestTopic:
        """Return what a request topic asks, or raise ``InvalidTopic`` / ``InvalidRequest``."""
        update = _updates_below(self.root)(topic)  # nearly all that comes, and it needs no second look
        if update is not None:
            return RequestTopic(update[1], Operation.UPDATE, update[2])
        segments = self.segments(topic)
        if segments is None:
            raise InvalidTopic(f"topic {topic[:256]!r} is not below {self.root}/<thing>/jobs/")
        thing, rest = segments
        match rest:
            case [verb] if verb in _WITHOUT_JOB:
                return RequestTopic(checked_thing_name(thing), _WITHOUT_JOB[verb], None)
            case ["$next", "get"]:
                return RequestTopic(checked_thing_name(thing), Operation.DESCRIBE, NEXT)
            case [job, verb] if verb in _WITH_JOB:
                return RequestTopic(checked_thing_name(thing), _WITH_JOB[verb], checked_job_id(job))
            case _:
                raise InvalidTopic(f"topic {topic[:256]!r} names no operation on jobs")

    def asks_what_is_next(self, topic: str) -> bool:
        """Return whether the answer to this request tells a thing what it has to do."""
        found = self.segments(topic)
        return found is not None and found[1] in (["get"], ["start-next"], [NEXT, "get"])

    def segments(self, topic: str) -> tuple[str, list[str]] | None:
        """Return the thing and the segments after ``jobs/``, or None for a topic that is not ours."""
        if not topic.startswith(f"{self.root}/"):
            return None
        thing, *rest = topic[len(self.root) + 1 :].split("/")
        if len(rest) < 2 or rest[0] != "jobs":
            return None
        return thing, rest[1:]


@lru_cache(maxsize=16)
def _updates_below(root: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(f"{re.escape(root)}/({THING_PATTERN})/jobs/({JOB_PATTERN})/update").fullmatch


def accepted(request_topic: str) -> str:
    return f"{request_topic}/accepted"


def rejected(request_topic: str) -> str:
    return f"{request_topic}/rejected"


def matcher(filters: Iterable[str]) -> Callable[[str], object]:
    """Return what tells the topics that these filters cover; ``+`` is the only wildcard they may have."""
    return re.compile("|".join(re.escape(each).replace(r"\+", "[^/]+") for each in filters)).fullmatch
