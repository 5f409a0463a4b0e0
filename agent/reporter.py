"""All updates of one execution: one at a time, each on the version that the one before it left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

from agent.client import JobsClient
from agent.errors import (
    GONE,
    BadReply,
    Busy,
    ExecutionGone,
    NoReply,
    NotFound,
    Rejected,
    TerminalStateReached,
    VersionMismatch,
)
from agent.journal import ExecutionKey, key_of
from domain.execution import PENDING, ExecutionState, Status

_log = logging.getLogger(__name__)

#: Each round means that somebody else wrote in between; a third one in a row is no accident.
MAX_OVERTAKEN: Final = 3
#: Seconds.
SETTLE: Final = 5.0


class Reporter:
    """Speaks for one execution; ``accepted`` is called for every update the server took."""

    def __init__(
        self,
        client: JobsClient,
        key: ExecutionKey,
        version: int | None,
        accepted: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._key = key
        self._lock = asyncio.Lock()
        self.version = version
        self._accepted = accepted

    async def progress(self, details: Mapping[str, str]) -> None:
        """Report once; whatever the server makes of it is no reason to stop working.

        Raises ``ExecutionGone``.
        """
        try:
            await self._report(Status.IN_PROGRESS, details, uuid4().hex)
        except (NoReply, Rejected, BadReply) as error:
            _log.info("%s: progress not confirmed: %s", self._key.job_id, error)

    async def step(self, details: Mapping[str, str], minutes: int) -> None:
        """Arm the step timer (-1 removes it); return when it is armed. Raises ``ExecutionGone``."""
        await self._insist(Status.IN_PROGRESS, details, uuid4().hex, step_timeout_minutes=minutes)

    async def outcome(self, status: Status, details: Mapping[str, str], token: str) -> None:
        """Report the end, for as long as it takes. Raises ``ExecutionGone`` if it ended otherwise."""
        await self._insist(status, details, token)

    async def look(self) -> None:
        """Ask whether this execution is still there. Raises ``ExecutionGone``.

        Another one may stand under its name: the job was deleted and made again.
        """
        try:
            found = await self._client.describe(
                self._key.job_id, self._key.execution_number, include_document=False
            )
        except (NotFound, TerminalStateReached) as error:
            raise ExecutionGone(error.state.status if error.state else None) from None
        if found is None or key_of(found) != self._key:
            raise ExecutionGone(None)

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Wait (a while) for a report on its way, so that its version is known; send none meanwhile."""
        try:
            async with asyncio.timeout(SETTLE):
                await self._lock.acquire()
        except TimeoutError:
            # The server is silent. The next report will be told which version there is.
            yield
            return
        try:
            yield
        finally:
            self._lock.release()

    async def _insist(
        self,
        status: Status,
        details: Mapping[str, str],
        token: str,
        step_timeout_minutes: int | None = None,
    ) -> None:
        while True:
            try:
                return await self._report(status, details, token, step_timeout_minutes)
            except (NoReply, Busy) as error:
                _log.warning("%s: asking again: %s", self._key.job_id, error)

    async def _report(
        self, status: Status, details: Mapping[str, str], token: str, step_timeout_minutes: int | None = None
    ) -> None:
        async with self._lock:
            for overtaken in range(1, MAX_OVERTAKEN + 1):
                try:
                    updated = await self._client.update(
                        self._key.job_id,
                        status,
                        status_details=details,
                        expected_version=self.version,
                        execution_number=self._key.execution_number,
                        step_timeout_minutes=step_timeout_minutes,
                        include_state=True,
                        client_token=token,
                    )
                except VersionMismatch as error:
                    if _is_ours(error.state, status, details):
                        return
                    if error.state is None or error.state.status not in PENDING or overtaken == MAX_OVERTAKEN:
                        raise ExecutionGone(error.state.status if error.state else None) from None
                    # An update of ours whose answer was lost, or another hand: go on from what is now.
                    _log.warning("%s: %s", self._key.job_id, error)
                    await self.look()
                    self.version = error.state.version_number
                    token = uuid4().hex
                except GONE as error:
                    if _is_ours(error.state, status, details):
                        return
                    raise ExecutionGone(error.state.status if error.state else None) from None
                else:
                    self._accepted()
                    self.version = updated.state.version_number if updated.state else None
                    return


def _is_ours(state: ExecutionState | None, status: Status, details: Mapping[str, str]) -> bool:
    """Tell whether the execution stands as this very report would leave it: its answer was lost."""
    return (
        state is not None
        and status not in PENDING
        and state.status is status
        and dict(state.status_details) == dict(details)
    )
