"""Whatever a device says, HTTP and MQTT answer it the same, each in its own form (contract 4.5)."""

import itertools
import json
from datetime import timedelta
from hashlib import blake2b
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker import replies
from domain.errors import JobsError
from domain.messages import Refused, error_reply, parse_request
from domain.topics import Topics
from storage import device

TOPICS = Topics()
#: What a code of MQTT's is over HTTP.
CODES = {
    "InvalidJson": ("InvalidRequestException", 400),
    "InvalidRequest": ("InvalidRequestException", 400),
    "ResourceNotFound": ("ResourceNotFoundException", 404),
    "InvalidStateTransition": ("InvalidStateTransitionException", 409),
    "VersionMismatch": ("InvalidStateTransitionException", 409),
    "TerminalStateReached": ("TerminalStateException", 410),
}
_numbers = itertools.count(1)
ABSENT = object()
REPORTED = ["SUCCEEDED", "FAILED", "REJECTED"]


def perhaps(good, bad):
    """A member that is absent or good, and now and then neither."""
    return st.sampled_from([*([ABSENT] * 10), *(good * 4), *bad])


def said(**members):
    return st.fixed_dictionaries(members).map(
        lambda found: {name: value for name, value in found.items() if value is not ABSENT}
    )


a_job = st.sampled_from(["a", "a", "a", "a", "b", "b", "never"])
details = perhaps(
    [{}, {"k": "v"}, {"k": 7, "l": True}], [{"k": None}, {"k!": "v"}, {"k": "x" * 1025}, [], "x"]
)
a_step = perhaps([1, 5, "7"], [-1, 0, 10_081, 1.5, True, None, "x"])
a_flag = perhaps([True, True, "true", "false"], [False, "x", None])
STARTS = said(statusDetails=details, stepTimeoutInMinutes=a_step)
DESCRIPTIONS = said(
    includeJobDocument=perhaps(["true", "false"], ["x"]), executionNumber=perhaps(["1"], ["2", "x"])
)
UPDATES = said(
    status=st.sampled_from([*(["IN_PROGRESS"] * 20), *REPORTED, "QUEUED", "CANCELED", 7, None]),
    statusDetails=details,
    expectedVersion=perhaps([1, 2, "2", 3], [-1, "x", None]),
    executionNumber=perhaps([1, "1"], [2, 0, -1, "x", None]),
    stepTimeoutInMinutes=a_step,
    includeJobExecutionState=a_flag,
    includeJobDocument=a_flag,
)
KINDS = {
    "pending": st.tuples(st.just("pending"), st.just(None), st.just({})),
    "start": st.tuples(st.just("start"), st.just(None), STARTS),
    "describe": st.tuples(st.just("describe"), a_job | st.just("$next"), DESCRIPTIONS),
    "update": st.tuples(st.just("update"), a_job, UPDATES),
}
asked = st.sampled_from(["pending", "start", "describe", *(["update"] * 4)]).flatmap(KINDS.__getitem__)
DOCUMENTS = {"a": '{ "n" : 1.50, "µ": [] }', "b": "{}"}


class Pair:
    """The same jobs for two things, one at each door."""

    def __init__(self, site):
        self.site = site
        self.number = next(_numbers)
        for word, document in DOCUMENTS.items():
            limits = {"timeoutConfig": {"inProgressTimeoutInMinutes": 30}} if word == "a" else {}
            site.door.job(self.by_http, self.by_mqtt, jobId=self.job(word), document=document, **limits)

    @property
    def by_http(self):
        return f"http:{self.number}"

    @property
    def by_mqtt(self):
        return f"mqtt:{self.number}"

    def job(self, word):
        return word if word == "$next" else f"{word}-{self.number}"

    def http(self, operation, word, members):
        """Return code and status of an error, or the answer."""
        path = f"/aws/iot-jobs-data/things/{quote(self.by_http, safe='')}/jobs"
        method, more, body = {
            "pending": ("GET", "", None),
            "start": ("PUT", "/$next", json.dumps(members).encode()),
            "describe": ("GET", f"/{quote(self.job(word or ''))}?{urlencode(members)}", None),
            "update": ("POST", f"/{self.job(word or '')}", json.dumps(members).encode()),
        }[operation]
        status, headers, raw = self.site.exchange(method, path + more, body)
        answer = json.loads(raw)
        if status == 200:
            return answer
        return headers["x-amzn-errortype"], status, self._named_alike(answer["message"])

    def mqtt(self, operation, word, members):
        """Return the same of what MQTT answers."""
        request = {
            "pending": "get",
            "start": "start-next",
            "describe": f"{self.job(word or '')}/get",
            "update": f"{self.job(word or '')}/update",
        }[operation]
        topic, payload = f"$aws/things/{self.by_mqtt}/jobs/{request}", json.dumps(members).encode()
        verdict, raw = self.site.door.run(self._answer(topic, payload))
        answer = json.loads(raw)
        if verdict.endswith("/rejected"):
            return *CODES[answer["code"]], self._named_alike(answer["message"])
        assert answer.pop("timestamp") == int(self.site.door.at.timestamp())
        return self._in_http(answer)

    async def _answer(self, topic, payload):
        door = self.site.door
        try:
            request = parse_request(TOPICS.parse(topic), payload, lambda raw: blake2b(raw).hexdigest())
        except Refused as refusal:
            return f"{topic}/rejected", error_reply(refusal.error, at=door.at)
        (answer,) = await door.store.write(device.answer, [request], at=door.at)
        assert not isinstance(answer, JobsError) or answer.code in CODES
        return replies.render(topic, request, answer, at=door.at)

    def _in_http(self, answer):
        """Return an answer of MQTT's as HTTP says it: with the document as a text."""
        for holder in (answer, answer.get("execution", {})):
            if "jobDocument" in holder:
                (text,) = [each for each in DOCUMENTS.values() if json.loads(each) == holder["jobDocument"]]
                holder["jobDocument"] = text
            if "thingName" in holder:
                holder["thingName"] = self.by_http
        return answer

    def _named_alike(self, message):
        return message.replace(self.by_mqtt, self.by_http)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(st.tuples(asked, st.sampled_from([0, 0, 0, 3, 31])), min_size=4, max_size=12))
def test_every_answer_is_the_same_at_both_doors(shared_site, story):
    pair = Pair(shared_site)
    for (operation, word, members), minutes in story:
        shared_site.door.at += timedelta(minutes=minutes)
        assert pair.http(operation, word, members) == pair.mqtt(operation, word, members)
