"""How a PostgreSQL server is reached: by which URL, on connections of which kind, and whether it answers.

A URL may name several hosts and what they are wanted for, as libpq reads it
(``postgresql://a,b/name?target_session_attrs=read-write``).
"""

from __future__ import annotations

import select
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import ExecStatus
from sqlalchemy import Connection, Engine, RootTransaction, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import QueuePool

from domain.errors import InvalidRequest
from storage.overseer import Answer, Place

WRITERS: Final = 8
READERS: Final = 4
#: Kept by libpq: how soon a server is given up that does not answer the network. A URL may say otherwise.
CONNECT: Final[Mapping[str, Any]] = {
    "application_name": "thingjobs",
    "connect_timeout": 4,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
#: Milliseconds, for one transaction. They hold from the next statement on.
LIMITS: Final = {
    "lock_timeout": 5000,
    "statement_timeout": 30_000,
    # A process of ours that stands still in a transaction holds locks: the server ends it for others' sake.
    "idle_in_transaction_session_timeout": 10_000,
}
#: Seconds for the answer to a question on a new connection: behind a bouncer it may have to wait for others.
_ANSWER_WITHIN: Final = 8.0

#: By the beginning of the SQLSTATE, what makes a connection worthless: a bouncer has no server for it, the
#: server ends, or it has become one that cannot write.
_ENDED: Final = ("08", "57P", "25006")

_NO_URL: Final = "the database URL is none: postgresql://user@host/name is one"


def parameters(url: str) -> dict[str, Any]:
    """Return what libpq reads out of a URL. Raises ``InvalidRequest`` for one of another kind."""
    scheme, colon, rest = url.partition("://")
    kind = scheme.partition("+")[0]
    if not colon:
        raise InvalidRequest(_NO_URL)
    if kind not in {"postgresql", "postgres"}:
        raise InvalidRequest(f"the database URL begins with {scheme}, not with postgresql")
    try:
        found = conninfo_to_dict(f"{kind}://{rest}")
    except psycopg.Error:
        raise InvalidRequest(_NO_URL) from None
    if not all(port.isascii() and port.isdigit() for port in str(found.get("port") or 0).split(",") if port):
        raise InvalidRequest(_NO_URL)
    return found


def with_password(url: str, password: str) -> str:
    """Return the URL with a password in it, unless it has one. Raises ``InvalidRequest`` for what is none."""
    if parameters(url).get("password"):
        return url
    return f"{url}{'&' if '?' in url else '?'}password={quote(password, safe='')}"


def connect(url: str, **more: Any) -> psycopg.Connection[Any]:
    """Return a connection outside of any pool, that commits by itself. Raises ``psycopg.Error``."""
    return psycopg.connect(**{**CONNECT, **parameters(url), **more}, autocommit=True, prepare_threshold=None)


def knock(url: str, place: Place | None = None, *, asks: bool = True) -> Answer:
    """Ask the server something on a new connection; at ``place``, if the URL leaves a choice.

    The connection alone (``asks`` is false) proves little: a bouncer gives one while its server is frozen.
    """
    if place is None:
        at: dict[str, Any] = {}
    else:
        at = {**place._asdict(), "hostaddr": place.hostaddr or None, "target_session_attrs": "any"}
    try:
        with closing(connect(url, **at)) as driver:
            return _answer(driver) if asks else Answer.WELCOME
    except psycopg.errors.ConnectionTimeout:
        return Answer.NONE
    except psycopg.Error:
        return Answer.REFUSAL


def _answer(driver: psycopg.Connection[Any]) -> Answer:
    # Past `execute`, which would wait for as long as it takes.
    driver.pgconn.send_query(b"SELECT 1")
    driver.pgconn.flush()
    watch = select.poll()
    watch.register(driver.fileno(), select.POLLIN)
    if not watch.poll(_ANSWER_WITHIN * 1000):
        return Answer.NONE
    result = driver.pgconn.get_result()
    return Answer.WELCOME if result and result.status == ExecStatus.TUPLES_OK else Answer.REFUSAL


def engine(url: str, *, connections: int, isolation: str, read_only: bool = False) -> Engine:
    """Return an engine of up to so many connections. Raises ``InvalidRequest`` for a URL of another kind."""
    parameters(url)
    made = create_engine(
        "postgresql+psycopg://",
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        # The driver would begin transactions with a journey of its own.
        isolation_level="AUTOCOMMIT",
        # Prepared statements are state of a session.
        connect_args={"prepare_threshold": None},
        # It would look that type up on every new connection.
        use_native_hstore=False,
    )

    # To ask for more would be an error of another kind on a standby, which cannot be told from ours.
    begin = f"BEGIN ISOLATION LEVEL {isolation}{' READ ONLY' if read_only else ''}"

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        more = connection.get_execution_options().get("begins", "")
        # Without parameters it may be several statements, which are one journey.
        connection.exec_driver_sql(f"{begin}; {more}", execution_options={"no_parameters": True})

    @event.listens_for(made, "do_connect")
    def _connect(
        _dialect: Any, _record: Any, _arguments: list[Any], wanted: dict[str, Any]
    ) -> psycopg.Connection[Any]:
        # Not SQLAlchemy's own way: it reads no URL with several hosts.
        return psycopg.connect(**{**CONNECT, **parameters(url), **wanted})

    @event.listens_for(made, "handle_error")
    def _judge(context: ExceptionContext) -> None:
        state: Any = getattr(context.original_exception, "sqlstate", None)
        if (state or "").startswith(_ENDED):
            context.is_disconnect = True

    return made


def writer(url: str) -> Engine:
    """Return the engine of writing connections.

    READ COMMITTED: every statement sees what was committed when it began, so one that follows a lock sees
    what the lock's last holder did. What a verb must not see changing it locks (``storage.beside``).
    """
    return engine(url, connections=WRITERS, isolation="READ COMMITTED")


def readers(url: str) -> Engine:
    """Return the engine of reading connections; each transaction sees one snapshot and cannot write."""
    return engine(url, connections=READERS, isolation="REPEATABLE READ", read_only=True)


def begun(connection: Connection, *limits: str, then: str = "") -> RootTransaction:
    """Begin a transaction with these limits, all in one journey."""
    begins = "".join(f"SET LOCAL {limit} = {LIMITS[limit]}; " for limit in limits) + then
    return connection.execution_options(begins=begins).begin()
