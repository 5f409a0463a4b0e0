"""Who may come in: from a CONNECT to an admitted client or a refusal, before any session is touched."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import structlog

from broker.embedded.limits import Limits
from broker.embedded.packets import Connect, Will
from broker.identity import Authenticate, Credentials
from domain.errors import Unavailable
from domain.permissions import goes_unheard, may_connect, may_publish
from domain.topics import Topics

log = structlog.get_logger(__name__)

_MINUTE: Final = 60.0
_ADDRESSES: Final = 1_000


class Refusal(IntEnum):
    """CONNACK return codes of MQTT 3.1.1, and one that only MQTT 5 can say."""

    PROTOCOL_VERSION = 1
    CLIENT_ID = 2
    UNAVAILABLE = 3
    CREDENTIALS = 4
    NOT_AUTHORIZED = 5
    METHOD = 6


@dataclass(frozen=True, slots=True)
class Admitted:
    """A client that is who it says. ``client_id`` may have been chosen for it."""

    thing_name: str
    client_id: str
    will: Will | None


class Admission:
    """Asks for credentials, holds client ids and wills to the thing they come from."""

    def __init__(
        self, authenticate: Authenticate, topics: Topics, limits: Limits, clock: Callable[[], float]
    ) -> None:
        self._authenticate = authenticate
        self._topics = topics
        self._failures = Failures(limits, clock)
        self._questions = asyncio.Semaphore(limits.questions)

    async def decide(
        self, connect: Connect, address: str, certificate_id: str | None = None
    ) -> Admitted | Refusal:
        """Return the client or why not. A wrong guess takes longer the more of them came before."""
        try:
            decision = await self._decide(connect, certificate_id)
        except Unavailable:
            return Refusal.UNAVAILABLE
        if decision is Refusal.CREDENTIALS:
            await asyncio.sleep(self._failures.note(address))
        return decision

    async def _decide(self, connect: Connect, certificate_id: str | None) -> Admitted | Refusal:
        if not connect.client_id and not connect.clean:
            return Refusal.CLIENT_ID
        async with self._questions:
            identity = await self._authenticate(
                Credentials(connect.client_id, connect.username, connect.password, certificate_id)
            )
        if identity is None:
            return Refusal.CREDENTIALS
        thing = identity.thing_name
        client_id = connect.client_id or f"{thing}:{secrets.token_hex(8)}"
        if not identity.any_client_id and not may_connect(thing, client_id):
            return Refusal.CLIENT_ID
        will = connect.will
        if will is not None and goes_unheard(self._topics, thing, will.topic):
            will = None
        if will is not None and not self._may_leave(thing, will):
            log.warning("refused", thing=thing, reason="its will is no request of its own")
            return Refusal.NOT_AUTHORIZED
        return Admitted(thing, client_id, will)

    def _may_leave(self, thing_name: str, will: Will) -> bool:
        return not will.retain and will.qos <= 1 and may_publish(self._topics, thing_name, will.topic)


class Failures:
    """Counts failed CONNECTs by address, for a bounded number of addresses."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._by_address: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, address: str) -> float:
        """Count one more and return for how many seconds its refusal is to be held back."""
        now = self._clock()
        times = self._by_address.setdefault(address, deque(maxlen=self._limits.failures_per_minute + 1))
        self._by_address.move_to_end(address)
        if len(self._by_address) > _ADDRESSES:
            self._by_address.popitem(last=False)
        times.append(now)
        many = len(times) == times.maxlen and now - times[0] < _MINUTE
        return self._limits.failure_delay if many else 0.0
