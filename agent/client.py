"""The jobs API as a device calls it: one coroutine per operation, over any number of reconnects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from agent.calls import Calls, Patience
from agent.errors import BadReply
from agent.messages import (
    JobExecution,
    Pending,
    Updated,
    members,
    read_execution,
    read_notified,
    read_pending,
    read_refusal,
    read_updated,
    request,
)
from agent.port import Link
from domain.execution import Status
from domain.topics import NEXT, Operation, Topics

_log = logging.getLogger(__name__)
_ACCEPTED: Final = "/accepted"
_REJECTED: Final = "/rejected"


def _ignore(_: object) -> None:
    """The default listener."""


class JobsClient:
    """Asks for work and reports on it.

    Every call awaits the server's accepted or rejected, matched by client token. A silent or busy server
    is asked again with the same token, which it answers once; a lost link is waited out, and what was on
    its way is sent again. Other refusals raise the subclass of ``Rejected`` named for their code;
    ``NoReply`` tells that all attempts stayed unanswered.
    """

    def __init__(
        self,
        thing_name: str,
        *,
        topics: Topics | None = None,
        on_notify: Callable[[Pending], None] = _ignore,
        on_notify_next: Callable[[JobExecution | None], None] = _ignore,
        patience: Patience | None = None,
    ) -> None:
        self.thing_name = thing_name
        self._topics = topics or Topics()
        self._on_notify = on_notify
        self._on_notify_next = on_notify_next
        self._calls = Calls(patience or Patience())

    # --- the link under it -----------------------------------------------------------------------------

    @property
    def filters(self) -> tuple[str, ...]:
        """What this client hears; not ``jobs/#``, which brings its own requests back on plain brokers."""
        base = self._topics.jobs(self.thing_name)
        replies = tuple(f"{base}{asked}/+" for asked in ("get", "start-next", "+/get", "+/update"))
        return (*replies, self._topics.notify(self.thing_name), self._topics.notify_next(self.thing_name))

    async def attach(self, link: Link) -> None:
        """Use ``link`` from now on: subscribe, then send again what is unanswered. Raises ``LinkDown``."""
        await link.subscribe(self.filters)
        self._calls.resume(link)

    def detach(self) -> None:
        """The link is gone; calls wait for the next one."""
        self._calls.pause()

    def receive(self, topic: str, payload: bytes) -> None:
        """Take one message; what does not concern us or makes no sense is dropped with a word in the log."""
        try:
            self._sort(topic, payload)
        except BadReply as error:
            _log.warning("%s: ignored a message on %s: %s", self.thing_name, topic, error)
        except Exception:  # noqa: BLE001 - a listener's fault must not reach the link
            _log.exception("%s: a listener failed on %s", self.thing_name, topic)

    def _sort(self, topic: str, payload: bytes) -> None:
        if topic == self._topics.notify(self.thing_name):
            self._on_notify(read_notified(members(payload)))
        elif topic == self._topics.notify_next(self.thing_name):
            self._on_notify_next(read_execution(members(payload)))
        elif topic.endswith(_ACCEPTED):
            self._calls.answer(topic.removesuffix(_ACCEPTED), members(payload))
        elif topic.endswith(_REJECTED):
            said = members(payload)
            self._calls.answer(topic.removesuffix(_REJECTED), said, read_refusal(said))

    # --- the four operations ---------------------------------------------------------------------------

    async def get_pending(self) -> Pending:
        """Return what is in progress and what waits, in queue order."""
        return read_pending(await self._call(Operation.GET_PENDING))

    async def start_next(
        self, status_details: Mapping[str, str] | None = None, step_timeout_minutes: int | None = None
    ) -> JobExecution | None:
        """Start the first pending execution, or return the one in progress; None when nothing is pending."""
        said = await self._call(
            Operation.START_NEXT, statusDetails=status_details, stepTimeoutInMinutes=step_timeout_minutes
        )
        return read_execution(said)

    async def describe(
        self, job_id: str = NEXT, execution_number: int | None = None, *, include_document: bool = True
    ) -> JobExecution | None:
        """Return a pending execution; None when ``$next`` is asked for and nothing is pending."""
        said = await self._call(
            Operation.DESCRIBE, job_id, executionNumber=execution_number, includeJobDocument=include_document
        )
        return read_execution(said)

    async def update(
        self,
        job_id: str,
        status: Status,
        *,
        status_details: Mapping[str, str] | None = None,
        expected_version: int | None = None,
        execution_number: int | None = None,
        step_timeout_minutes: int | None = None,
        include_state: bool = False,
        include_document: bool = False,
        client_token: str | None = None,
    ) -> Updated:
        """Report on an execution. ``client_token`` repeats an earlier report whose answer was lost."""
        said = await self._call(
            Operation.UPDATE,
            job_id,
            client_token,
            status=status.value,
            statusDetails=status_details,
            expectedVersion=expected_version,
            executionNumber=execution_number,
            stepTimeoutInMinutes=step_timeout_minutes,
            includeJobExecutionState=include_state or None,
            includeJobDocument=include_document or None,
        )
        return read_updated(said)

    async def _call(
        self, operation: Operation, job_id: str | None = None, token: str | None = None, **asked: Any
    ) -> dict[str, Any]:
        token = token or uuid4().hex
        topic = self._topics.request(self.thing_name, operation, job_id)
        return await self._calls.ask(token, topic, request(token, **asked))

    async def connected(self) -> None:
        """Return when a link is attached."""
        await self._calls.online()
