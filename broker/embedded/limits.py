"""What one connection, one thing and one address may cost the broker (promises S30 to S33, F20)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, bytes and counts. Over a limit means an answer that says so, or a closed connection."""

    #: Beyond it a connection is closed: one that has said nothing yet, or else the newcomer.
    connections: int = 10_000
    connect_deadline: float = 10.0
    #: Credentials looked up at a time: a fleet that comes back at once must not keep others off the store.
    questions: int = 64
    first_packet: int = 4 * 1024
    packet: int = 256 * 1024
    #: Any packet but a PUBLISH: sixteen filters of 256 bytes, and room.
    control_packet: int = 8 * 1024
    keep_alive: int = 1_200
    filters_per_subscribe: int = 16
    subscriptions: int = 50
    sessions_per_thing: int = 8
    #: Messages on their way to one session that it has not acknowledged.
    window: int = 32
    queue_messages: int = 100
    queue_bytes: int = 256 * 1024
    #: Requests and answers open on one connection before its further requests are held back.
    open_requests: int = 32
    #: Sessions kept for things that are not connected, and for how long.
    sleeping_sessions: int = 10_000
    session_expiry: float = 24 * 3600.0
    take_over_pause: float = 1.0
    #: How long who has subscribed has to ask by itself before it is told of work it has not begun.
    greeting: float = 1.5
    #: What may wait for one who listens for lifecycle events: there are few, and each hears of all things.
    listener_messages: int = 10_000
    listener_bytes: int = 8 * 1024 * 1024
    #: How long an event waits for one that takes none; and after a start, for the first who listens to come
    #: back, and to ask for the rest of what it wants to hear.
    listener_patience: float = 5.0
    listeners_return: float = 30.0
    listeners_settle: float = 0.5
    #: Failed CONNECTs of one address within a minute before its next refusal is delayed.
    failures_per_minute: int = 10
    failure_delay: float = 1.0
    #: How long a closing broker lets connections take what is theirs.
    flush: float = 5.0
