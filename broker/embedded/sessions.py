"""All sessions, found by thing and client id without a walk, and forgotten in time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from broker.embedded.limits import Limits
from broker.embedded.session import Session


class Sessions:
    """``clock`` is monotonic, in seconds. Every operation costs the same however many sessions there are."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._by_thing: dict[str, dict[str, Session]] = {}
        # In the order they fell asleep, so that the first is always the next to be forgotten.
        self._sleeping: OrderedDict[tuple[str, str], tuple[float, Session]] = OrderedDict()

    def of(self, thing_name: str) -> Iterator[Session]:
        """Yield the sessions of a thing; the caller may open and end sessions meanwhile."""
        yield from tuple(self._by_thing.get(thing_name, {}).values())

    def find(self, thing_name: str, client_id: str) -> Session | None:
        self._forget_expired()
        found = self._by_thing.get(thing_name, {}).get(client_id)
        asleep = self._sleeping.get((thing_name, client_id))
        if found is not None and asleep is not None and self._clock() - asleep[0] >= found.expiry:
            self.end(found)
            return None
        return found

    def open(self, thing_name: str, client_id: str, *, fresh: bool) -> tuple[Session, Session | None, bool]:
        """Return the session to use, one that had to make room for it, and whether it was there before."""
        found = self.find(thing_name, client_id)
        if found is not None and not fresh:
            self._sleeping.pop((thing_name, client_id), None)
            return found, None, True
        if found is not None:
            self.end(found)
        mine = self._by_thing.setdefault(thing_name, {})
        crowded_out = None
        if len(mine) >= self._limits.sessions_per_thing:
            crowded_out = next(iter(mine.values()))
            self.end(crowded_out)
            mine = self._by_thing.setdefault(thing_name, {})
        session = mine[client_id] = Session(thing_name, client_id, self._limits)
        return session, crowded_out, False

    def sleep(self, session: Session) -> None:
        """Keep a session whose connection has gone, for as long as it wants and may."""
        if session.expiry <= 0:
            self.end(session)
            return
        self._sleeping[session.thing_name, session.client_id] = (self._clock(), session)
        self._forget_expired()

    def end(self, session: Session) -> None:
        """Forget a session; what was to be said at its end is said."""
        key = (session.thing_name, session.client_id)
        session.ended = True
        mine = self._by_thing.get(session.thing_name, {})
        if mine.get(session.client_id) is session:
            del mine[session.client_id]
            self._sleeping.pop(key, None)
            if not mine:
                del self._by_thing[session.thing_name]
        if session.parting is not None:
            session.parting.say()

    def _forget_expired(self) -> None:
        while self._sleeping:
            since, session = next(iter(self._sleeping.values()))
            crowded = len(self._sleeping) > self._limits.sleeping_sessions
            if not crowded and self._clock() - since < self._limits.session_expiry:
                return
            self.end(session)
