"""The dispatcher: takes requests from a link, answers them in batches, acknowledges after the commit.

One batch is in flight at a time; what arrives meanwhile is the next one (group commit). Requests are
answered in the order they came, so the order of each thing's requests is kept.

While a database that several processes share is out of reach nobody is answered: the batch waits for it,
what comes behind it stays at the broker, whose window is full soon, and all of it is somebody else's if our
duty ends meanwhile (docs/decisions/0008). A file of our own is not waited for: nobody else could answer.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Final

import structlog

from broker import replies
from broker.backoff import Backoff
from broker.link import Received
from domain.errors import InvalidRequest, JobsError, Throttled, Unavailable
from domain.messages import Refused, Request, error_reply, parse_request
from domain.topics import RequestTopic, Topics, rejected
from storage import device, leases
from storage.leases import Deposed, Term
from storage.policy import LENIENT, Policy
from storage.store import Store

log = structlog.get_logger(__name__)

BATCH: Final = 200
MAX_WAITING: Final = 10_000
#: For how many seconds a batch is tried that a store which is there cannot do; then each request alone.
HOLD: Final = 30.0

#: A message, and what is asked in it or why that is refused.
Asked = tuple[Received, Request | Refused]


class Dispatcher:
    """Implements ``broker.link.Door``; what concerns notifications it passes on."""

    def __init__(
        self,
        store: Store,
        topics: Topics,
        *,
        clock: Callable[[], datetime],
        max_waiting: int = MAX_WAITING,
        hold: float = HOLD,
        policy: Policy = LENIENT,
    ) -> None:
        self._store = store
        self._policy = policy
        self._topics = topics
        self._clock = clock
        #: Who hears of new listeners and lost sessions; set before the link starts.
        self.greet: Callable[[str], None] = _ignore
        self.forget: Callable[[], None] = _ignore
        #: Who keeps account of connections and contacts.
        self.came: Callable[[str], None] = _ignore
        self.left: Callable[[str], None] = _ignore
        self.heard: Callable[[Iterable[str]], None] = _ignore
        self._max_waiting = max_waiting
        self._hold = hold
        self._term: Term | None = None
        self._inbox: deque[Asked] = deque()
        self._arrived = asyncio.Event()
        self._turn = asyncio.Lock()
        self._answered = asyncio.Event()
        self._answered.set()

    # --- what the link calls ---

    def receive(self, message: Received) -> None:
        if len(self._inbox) >= self._max_waiting:
            full = Throttled(f"{self._max_waiting} requests are waiting already; try again")
            self._refuse(message, Refused(full, replies.token_of(message.payload)))
            return
        # Read at once: the store is at work on others meanwhile.
        self._inbox.append((message, self._read(message)))
        self._arrived.set()

    def connected(self, thing_name: str) -> None:
        self.came(thing_name)

    def disconnected(self, thing_name: str) -> None:
        self.left(thing_name)

    def subscribed(self, thing_name: str) -> None:
        self.greet(thing_name)

    def session_lost(self) -> None:
        self.forget()

    # --- what the process calls ---

    def begin(self, term: Term | None) -> None:
        """Answer within this term. What came in an earlier one comes again, to whoever is to answer it."""
        self._term = term
        self._inbox.clear()
        self._arrived.clear()

    async def run(self) -> None:
        """Answer batches until cancelled."""
        while True:
            await self._arrived.wait()
            await self.answer_batch()

    async def answer_batch(self) -> int:
        """Answer up to ``BATCH`` waiting requests; return how many."""
        async with self._turn:
            batch = [self._inbox.popleft() for _ in range(min(BATCH, len(self._inbox)))]
            if not self._inbox:
                self._arrived.clear()
            if batch:
                self._answered.clear()
                try:
                    await self._answer(batch)
                finally:
                    self._answered.set()
        return len(batch)

    async def drain(self) -> None:
        """Return when every request received so far has been answered."""
        # The first one that finds nothing has waited for every one before it.
        while await self.answer_batch():
            pass

    async def replied(self) -> None:
        """Return when the batch in flight, if any, has been answered: replies go before notifications."""
        await self._answered.wait()

    # --- one batch ---

    async def _answer(self, batch: Sequence[Asked]) -> None:
        requests = [asked for _, asked in batch if not isinstance(asked, Refused)]
        self.heard([request.thing_name for request in requests])
        try:
            answers = iter(await self._ask_store(requests, hold=self._hold))
        except Deposed as error:
            log.warning("requests are left unacknowledged", requests=len(batch), reason=str(error))
            return
        # From here to the end nothing awaits: all answers of the batch go out before any notification.
        at = self._clock()
        for message, asked in batch:
            if isinstance(asked, Refused):
                self._refuse(message, asked)
            else:
                self._finish(message, partial(replies.render, message.topic, asked, next(answers), at=at))

    def _read(self, message: Received) -> Request | Refused:
        topic: RequestTopic | None = None
        try:
            topic = self._topics.parse(message.topic)
            return parse_request(topic, message.payload, _digest)
        except Refused as refusal:
            return refusal
        except InvalidRequest as error:
            return Refused(error, replies.token_of(message.payload))
        except Exception:
            log.exception("a request could not be read", topic=message.topic)
            return Refused(JobsError("internal error"), replies.token_of(message.payload))

    def _refuse(self, message: Received, refusal: Refused) -> None:
        reply = partial(error_reply, refusal.error, at=self._clock(), client_token=refusal.client_token)
        self._finish(message, lambda: (rejected(message.topic), reply()))

    def _finish(self, message: Received, render: Callable[[], tuple[str, bytes]]) -> None:
        """Answer and acknowledge: whatever goes wrong, nothing stays unacknowledged and nobody else waits."""
        try:
            topic, payload = render()
        except Exception:
            log.exception("an answer could not be written", topic=message.topic)
            topic = rejected(message.topic)
            payload = error_reply(JobsError("internal error"), at=self._clock())
        try:
            message.answer(topic, payload)
        except Exception:
            log.exception("an answer could not be given", topic=message.topic)
        message.ack()

    async def _ask_store(self, requests: Sequence[Request], *, hold: float) -> list[device.Answer]:
        """Return an answer per request; if a batch fails for no reason of ours, each is tried alone."""
        if not requests:
            return []
        try:
            return await self._insist(requests, hold)
        except Deposed:
            raise
        except Unavailable as error:
            if len(requests) == 1 or not self._store.is_shared:
                log.warning("the store cannot serve", requests=len(requests), reason=str(error))
                return [error] * len(requests)
        except Exception:
            if len(requests) == 1:
                log.exception("a request failed", thing=requests[0].thing_name, job=requests[0].job_id)
                return [JobsError("internal error")]
            log.exception("a batch failed", requests=len(requests))
        log.warning("requests of a batch are tried one by one", requests=len(requests))
        return [answer for request in requests for answer in await self._ask_store([request], hold=0)]

    async def _insist(self, requests: Sequence[Request], hold: float) -> list[device.Answer]:
        """Ask a store that is shared until it answers: what it has done already it says again.

        Raises ``Unavailable`` if it is there and still could not do it for ``hold`` seconds.
        """
        loop, backoff = asyncio.get_running_loop(), Backoff(random.Random())  # noqa: S311 - apart, not secret
        refusing_since: float | None = None
        while True:
            try:
                # Made anew each time: another term may have begun.
                verb = leases.fenced(device.answer, self._term)
                return await self._store.write(verb, requests, policy=self._policy, at=self._clock())
            except Deposed:
                raise
            except Unavailable as error:
                if not self._store.is_shared:
                    raise
                now = loop.time()
                refusing_since = (refusing_since or now) if self._store.ready else None
                if refusing_since is not None and now - refusing_since >= hold:
                    raise
                log.warning("requests wait for the store", requests=len(requests), reason=str(error))
            await asyncio.sleep(backoff.after(0))


def _digest(payload: bytes) -> str:
    return blake2b(payload, digest_size=12).hexdigest()


def _ignore(*_: object) -> None:
    """Nobody wants to know."""
