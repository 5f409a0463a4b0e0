"""The engine on a real store, with a link that records instead of a broker and a clock that is set."""

import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.dispatcher import Dispatcher
from broker.link import LinkDown, Received
from broker.notifier import Notifier
from broker.scheduler import Scheduler
from domain.job import NewJob, TargetSelection
from domain.timeout_config import TimeoutConfig
from domain.topics import Topics
from storage import jobs
from storage.policy import Policy
from storage.store import Store

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class RecordingLink:
    """Writes down, in order, all that would go to devices: answers, acknowledgements, notifications."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, Any]] = []
        self.connected = True
        self.dropped: list[str] = []
        self.failed = 0
        self.fails: Callable[[str], bool] = lambda _topic: False

    async def start(self, door: object) -> None:
        del door

    async def publish(self, topic: str, payload: bytes) -> None:
        if self.fails(topic):
            self.failed += 1
            raise LinkDown("down on purpose")
        self.said.append(("publish", topic, json.loads(payload)))

    def disconnect(self, thing_name: str) -> None:
        self.dropped.append(thing_name)

    def confine(self, certificate_id: str, things: Collection[str]) -> None:
        self.dropped.append(certificate_id)

    async def stop_intake(self) -> None: ...

    async def close(self) -> None: ...

    def received(self, topic: str, payload: bytes) -> Received:
        return Received(
            topic,
            payload,
            lambda reply, body: self.said.append(("answer", reply, json.loads(body))),
            lambda: self.said.append(("ack", topic, None)),
        )


class Engine:
    """Dispatcher, notifier and scheduler that run only when told to."""

    def __init__(self, store: Store, **options: Any) -> None:
        self.now = START
        self.store = store
        self.link = RecordingLink()
        self.topics = Topics()
        self.dispatcher = Dispatcher(store, self.topics, clock=lambda: self.now, **options)
        self.notifier = Notifier(
            store, self.link, self.topics, clock=lambda: self.now, replied=self.dispatcher.replied
        )
        self.dispatcher.greet, self.dispatcher.forget = self.notifier.greet, self.notifier.forget
        self.scheduler = Scheduler(store, clock=lambda: self.now)

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    async def job(
        self, job_id: str, *targets: str, document: str = '{"operation":"test"}', **config: Any
    ) -> None:
        await self.store.write(
            jobs.create,
            NewJob(
                targets=targets,
                target_selection=TargetSelection.SNAPSHOT,
                document=document,
                job_id=job_id,
                timeout_config=TimeoutConfig.model_validate(config),
            ),
            policy=Policy(),
            at=self.now,
        )

    def ask(self, thing: str, request: str, body: object = None) -> str:
        """Let a device ask; the answer comes with ``settle``. Bytes are sent as they are."""
        topic = f"$aws/things/{thing}/jobs/{request}"
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.dispatcher.receive(self.link.received(topic, payload))
        return topic

    async def settle(self) -> list[tuple[str, str, Any]]:
        """Answer and notify everything; return what was said since the last time."""
        await self.dispatcher.drain()
        await self.notifier.run_once()
        said, self.link.said = self.link.said, []
        return said

    async def call(self, thing: str, request: str, body: object = None) -> tuple[str, Any]:
        """Let a device ask; return ``accepted`` or ``rejected`` and the answer."""
        topic = self.ask(thing, request, body)
        await self.dispatcher.drain()
        answers = [(reply, body) for kind, reply, body in self.link.said if kind == "answer"]
        self.link.said = [entry for entry in self.link.said if entry[0] == "publish"]
        (reply, answer), *more = answers
        assert not more
        assert reply.startswith(f"{topic}/")
        return reply.removeprefix(f"{topic}/"), answer
