"""Whatever devices send and whatever goes wrong: one answer and one acknowledgement for each request."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from engine import Engine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sites import MakeSite
from structlog.testing import capture_logs

from broker.link import Received

CODES: Final = {
    "InvalidTopic",
    "InvalidJson",
    "InvalidRequest",
    "InvalidStateTransition",
    "ResourceNotFound",
    "VersionMismatch",
    "TerminalStateReached",
}
MEMBERS: Final = [
    "status",
    "statusDetails",
    "expectedVersion",
    "executionNumber",
    "stepTimeoutInMinutes",
    "includeJobDocument",
    "includeJobExecutionState",
    "clientToken",
]
LEAVES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["IN_PROGRESS", "SUCCEEDED", "1", "-1", "true", 1, 2, 2**63, -(10**30)]),
)
VALUES: Final = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)
BODIES: Final = st.one_of(
    st.binary(max_size=60),
    st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=5).map(lambda body: json.dumps(body).encode()),
)
REQUESTS: Final = st.sampled_from(
    [
        "get",
        "start-next",
        "$next/get",
        "j/get",
        "j/update",
        "k/update",
        "$next/update",
        "get/get",
        "nil/update",
    ]
) | st.text(max_size=12)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def test_every_request_is_answered_once_and_never_by_an_internal_error(
    runner: asyncio.Runner, make_site: MakeSite, tmp_path: Path
):
    async def start() -> Engine:
        engine = Engine(make_site(tmp_path / "data").store())
        for job in ("j", "k"):
            await engine.job(job, "t1")
        return engine

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.tuples(REQUESTS, BODIES), min_size=1, max_size=8))
    @example(
        [("j/update", b'{"clientToken":1e400}'), ("get", b"[" * 100_000), ("get", b'{"clientToken":{}}')]
    )
    def check(batch: list[tuple[str, bytes]]) -> None:
        runner.run(_answered(engine, batch))

    engine = runner.run(start())
    with ExitStack() as stack, capture_logs() as logs:
        stack.callback(lambda: runner.run(engine.store.close()))
        check()
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def _answered(engine: Engine, batch: list[tuple[str, bytes]]) -> None:
    asked = [engine.ask("t1", request, body) for request, body in batch]
    said = [entry for entry in await engine.settle() if entry[0] != "publish"]
    assert sorted(topic for kind, topic, _ in said if kind == "ack") == sorted(asked)
    answers = [(topic.rpartition("/"), body) for kind, topic, body in said if kind == "answer"]
    assert sorted(topic for (topic, _, _), _ in answers) == sorted(asked)
    for (_, _, verdict), body in answers:
        assert verdict == "accepted" or body["code"] in CODES
        json.dumps(body, allow_nan=False)


async def test_an_answer_that_cannot_be_given_holds_up_nobody(engine: Engine):
    await engine.job("j", "t1")
    said: list[tuple[str, Any]] = []

    def gone(_topic: str, _payload: bytes) -> None:
        raise RuntimeError("planted")

    topic = "$aws/things/t1/jobs/get"
    for number in range(3):
        answer = gone if number == 1 else lambda reply, _body: said.append(("answer", reply))
        engine.dispatcher.receive(Received(topic, b"", answer, lambda: said.append(("ack", topic))))
    with capture_logs() as logs:
        await engine.dispatcher.drain()
    answered = ("answer", f"{topic}/accepted")
    assert said == [answered, ("ack", topic), ("ack", topic), answered, ("ack", topic)]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "an answer could not be given"
    ]


async def test_an_answer_that_cannot_be_written_is_an_internal_error(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    await engine.job("j", "t1")
    monkeypatch.setattr("broker.replies.render", broken)
    assert (await engine.call("t1", "get"))[1]["code"] == "InternalError"


async def test_a_dispatcher_outlives_what_it_cannot_read(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    def broken(_payload: bytes) -> str:
        raise RuntimeError("planted")

    monkeypatch.setattr("broker.dispatcher._digest", broken)
    outcome, answer = await engine.call("t1", "get", {"clientToken": "t"})
    assert (outcome, answer["code"], answer["clientToken"]) == ("rejected", "InternalError", "t")
    monkeypatch.undo()
    assert (await engine.call("t1", "get", {"clientToken": "t"}))[1]["code"] == "ResourceNotFound"
