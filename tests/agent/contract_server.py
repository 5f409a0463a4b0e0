"""The server's side for tests: jobs in memory, answered as the contract says, by the domain's own rules."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

from domain import messages
from domain.documents import document_text
from domain.errors import JobsError, NotFound, TerminalStateReached
from domain.execution import PENDING, Cause, Execution, Status
from domain.timeouts import step_timer
from domain.topics import NEXT, Operation, RequestTopic, Topics, accepted, rejected

AT = datetime(2026, 1, 1, tzinfo=UTC)


class ContractServer:
    """Any number of things. ``send`` carries what it says; ``heard`` is every request, in order.

    ``lose`` drops that many of the next replies after applying the request; ``refuse`` answers the next
    requests with these errors instead of applying them; ``before`` runs ahead of each request.
    """

    def __init__(self, topics: Topics | None = None) -> None:
        self.topics = topics or Topics()
        self.send: Callable[[str, bytes], None] = lambda _topic, _payload: None
        self.executions: dict[tuple[str, str], Execution] = {}
        self.documents: dict[str, str] = {}
        self.heard: list[messages.Request] = []
        self.history: list[tuple[str, str, Status, dict[str, str]]] = []
        self.lose = 0
        self.refuse: list[JobsError] = []
        self.before: Callable[[messages.Request], None] = lambda _request: None
        self.changed = asyncio.Event()
        self._ring: dict[tuple[str, str, object], tuple[str, bytes]] = {}
        self._created = 0

    # --- what operators do ---------------------------------------------------------------------------------

    def create(self, job_id: str, document: object, *things: str, number: int = 1) -> None:
        self.documents[job_id] = document_text(document)
        self._created += 1
        for thing in things or ("t1",):
            at = replace_seconds(self._created)
            self.executions[thing, job_id] = Execution(
                job_id=job_id,
                thing_name=thing,
                status=Status.QUEUED,
                queued_at=at,
                last_updated_at=at,
                execution_number=number,
            )
            self._notify(thing)

    def end(self, job_id: str, cause: Cause = Cause.FORCED_CANCEL, thing: str = "t1") -> None:
        to = {Cause.FORCED_CANCEL: Status.CANCELED, Cause.TIMEOUT: Status.TIMED_OUT}[cause]
        self._change(thing, job_id, to, cause)
        self._notify(thing)

    def delete(self, job_id: str, thing: str = "t1", *, quietly: bool = False) -> None:
        del self.executions[thing, job_id]
        if not quietly:
            self._notify(thing)

    def execution(self, job_id: str, thing: str = "t1") -> Execution:
        return self.executions[thing, job_id]

    def open(self, job_id: str, thing: str = "t1") -> bool:
        return self.execution(job_id, thing).status in PENDING

    async def until(self, condition: Callable[[], object], seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def ended(self, job_id: str, thing: str = "t1") -> Execution:
        await self.until(lambda: self.executions[thing, job_id].status not in PENDING)
        return self.execution(job_id, thing)

    # --- what devices ask ----------------------------------------------------------------------------------

    def handle(self, topic: str, payload: bytes) -> None:
        asked = self.topics.parse(topic)
        try:
            request = messages.parse_request(asked, payload, lambda raw: sha256(raw).hexdigest())
        except messages.Refused as refused:
            self.send(
                rejected(topic), messages.error_reply(refused.error, at=AT, client_token=refused.client_token)
            )
            return
        self.before(request)
        self.heard.append(request)
        before = self._membership(asked.thing_name)
        kept = self._ring.get((asked.thing_name, topic, request.client_token))
        if kept is not None and kept[0] == request.digest:
            self._say(accepted(topic), kept[1])
        else:
            self._answer(topic, asked, request)
        if self._membership(asked.thing_name) != before:
            self._notify(asked.thing_name)
        self.changed.set()

    def _answer(self, topic: str, asked: RequestTopic, request: messages.Request) -> None:
        try:
            if self.refuse:
                raise self.refuse.pop(0)
            reply = self._apply(asked, request)
        except JobsError as error:
            self._say(rejected(topic), messages.error_reply(error, at=AT, client_token=request.client_token))
            return
        if request.operation is Operation.UPDATE:
            self._ring[asked.thing_name, topic, request.client_token] = (request.digest, reply)
        self._say(accepted(topic), reply)

    def _say(self, topic: str, payload: bytes) -> None:
        if self.lose:
            self.lose -= 1
            return
        self.send(topic, payload)

    def _apply(self, asked: RequestTopic, request: messages.Request) -> bytes:
        thing, token = asked.thing_name, request.client_token
        match request.operation:
            case Operation.GET_PENDING:
                return messages.pending_reply(self._pending(thing), at=AT, client_token=token)
            case Operation.START_NEXT:
                first = next(iter(self._pending(thing)), None)
                if first is not None and first.status is Status.QUEUED:
                    first = self._change(
                        thing, first.job_id, Status.IN_PROGRESS, details=request.status_details
                    )
                return messages.execution_reply(self._json(first), at=AT, client_token=token)
            case Operation.DESCRIBE:
                found = self._find(thing, request)
                return messages.execution_reply(
                    self._json(found, document=request.include_document), at=AT, client_token=token
                )
        return self._update(thing, request)

    def _update(self, thing: str, request: messages.Request) -> bytes:
        found = self._find(thing, request)
        found.expect(request.expected_version)
        changed = self._change(thing, found.job_id, request.status, details=request.status_details)
        changed = step_timer(changed, request.step_timeout_minutes, at=AT)
        self.executions[thing, found.job_id] = changed
        state = changed.state if request.include_state else None
        return messages.update_reply(state, None, at=AT, client_token=request.client_token)

    def _find(self, thing: str, request: messages.Request) -> Execution | None:
        if request.job_id == NEXT:
            return next(iter(self._pending(thing)), None)
        found = self.executions.get((thing, request.job_id))
        if found is None or request.execution_number not in (None, found.execution_number):
            raise NotFound(f"{thing} has no execution of {request.job_id}")
        if found.status not in PENDING and request.operation is Operation.DESCRIBE:
            raise TerminalStateReached(f"the execution is {found.status}")
        return found

    # --- inside --------------------------------------------------------------------------------------------

    def _change(self, thing, job_id, to, cause=Cause.DEVICE, details=None) -> Execution:
        found = self.executions[thing, job_id].advance(to, cause=cause, at=AT, status_details=details)
        self.executions[thing, job_id] = found
        self.history.append((thing, job_id, to, dict(found.status_details)))
        self.changed.set()
        return found

    def _pending(self, thing: str) -> list[Execution]:
        mine = [e for (name, _), e in self.executions.items() if name == thing and e.status in PENDING]
        return sorted(mine, key=lambda e: (e.status is Status.QUEUED, e.queued_at))

    def _membership(self, thing: str) -> list[tuple[str, int]]:
        return sorted((e.job_id, e.execution_number) for e in self._pending(thing))

    def _notify(self, thing: str) -> None:
        pending = self._pending(thing)
        self.send(self.topics.notify(thing), messages.notify(pending[:10], at=AT))
        first = pending[0] if pending else None
        document = self.documents[first.job_id] if first else None
        self.send(self.topics.notify_next(thing), messages.notify_next(first, document, at=AT))
        self.changed.set()

    def _json(self, execution: Execution | None, *, document: bool = True) -> bytes | None:
        if execution is None:
            return None
        text = self.documents[execution.job_id] if document else None
        return messages.execution_json(execution, text, at=AT)


def replace_seconds(count: int) -> datetime:
    return datetime.fromtimestamp(AT.timestamp() + count, UTC)


def at_version(execution: Execution, version: int) -> Execution:
    return execution._replace(version_number=version)
