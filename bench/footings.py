"""What a measure stands on: a broker, a database, the servers on them, and how many dispatchers there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mosquitto_server import secret
from postgres_server import HINT, PostgresServer

from bench.options import NO_MOSQUITTO, Bench
from bench.processes import Failed
from bench.rows import Row, Skipped
from bench.seed import issue
from bench.servers import Broker, Server, dispatcher, mosquitto, thingjobs
from domain.topics import DEFAULT_ROOT
from storage.store import Store

NO_POSTGRES = f"needs PostgreSQL 15 or newer: {HINT}"
#: Mosquitto delivers nothing of a shared subscription below ``$``.
NEUTRAL_ROOT = "things"
#: What anybody would give a server of this size; all else is as PostgreSQL comes, ``fsync`` among it.
POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB", "unix_socket_directories": ""}


class Footing(NamedTuple):
    """A broker and a database. ``shared``: all dispatchers work; otherwise one does and others stand by."""

    broker: str
    database: str
    dispatchers: int = 1
    shared: bool = False

    def __str__(self) -> str:
        words = f"{self.broker} + {self.database}"
        if self.shared:
            return f"{words}, {self.dispatchers} shared"
        return words if self.dispatchers == 1 else f"{words}, {self.dispatchers - 1} standing by"

    @property
    def root(self) -> str:
        return NEUTRAL_ROOT if self.shared else DEFAULT_ROOT

    def missing(self, bench: Bench) -> str | None:
        """Return what this machine lacks for it."""
        if self.broker == "Mosquitto" and not bench.mosquitto:
            return NO_MOSQUITTO
        return NO_POSTGRES if self.database == "PostgreSQL" and not bench.postgres else None


EMBEDDED = Footing("embedded", "SQLite")
MOSQUITTO = Footing("Mosquitto", "SQLite")
POSTGRESQL = Footing("Mosquitto", "PostgreSQL")
FOOTINGS = (EMBEDDED, MOSQUITTO, POSTGRESQL)


async def on_each(
    bench: Bench,
    letter: str,
    what: str,
    measured: Callable[[Bench, Footing], Awaitable[list[Row | Skipped]]],
    footings: Sequence[Footing] = FOOTINGS,
) -> list[Row | Skipped]:
    """Measure on one footing after the other; what cannot be, or fails, does not end the others."""
    rows: list[Row | Skipped] = []
    for footing in footings:
        if (reason := footing.missing(bench)) is not None:
            rows.append(Skipped(letter, f"{what}: {footing}", reason))
            continue
        try:
            rows += await measured(bench, footing)
        except Failed as failure:
            bench.failures[f"{what}: {footing}"] = str(failure)
    return rows


@dataclass(frozen=True, slots=True)
class Site:
    """Where a store lies: a directory, and a database elsewhere if not in it."""

    data: Path
    url: str | None = None
    pid: int | None = None

    def store(self) -> Store:
        return Store.open(self.data) if self.url is None else Store.connect(self.url, data_dir=self.data)


@dataclass(frozen=True, slots=True)
class Stand:
    """Servers that run on a footing; ``pids`` are all who work for devices there, by name."""

    footing: Footing
    site: Site
    server: Server
    broker: Broker | None
    port: int
    passwords: dict[str, str]
    pids: dict[str, int]


class Cluster:
    """The one PostgreSQL server of a run, started for the first database that is wanted of it."""

    def __init__(self) -> None:
        self._server: PostgresServer | None = None

    def database(self, stack: AsyncExitStack | ExitStack, parent: Path) -> tuple[str, int]:
        """Return the URL of a new database, which goes with the stack, and the server's process."""
        server = self._server = self._server or PostgresServer(durable=True, settings=POSTGRES, parent=parent)
        assert server.process is not None
        name = server.new_database()
        stack.callback(server.drop, name)
        return server.url(name), server.process.pid

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


CLUSTER = Cluster()


def site(stack: AsyncExitStack | ExitStack, folder: Path, database: str) -> Site:
    """Make an empty database, which lies in ``folder`` or, if it needs a server, is gone with the stack."""
    folder.mkdir(parents=True, exist_ok=True)
    if database == "SQLite":
        return Site(folder)
    # Not in a measure's folder, which goes with the measure.
    return Site(folder, *CLUSTER.database(stack, folder.parent.parent))


async def stand(
    stack: AsyncExitStack,
    bench: Bench,
    footing: Footing,
    name: str,
    fill: Callable[[Store], Awaitable[Sequence[str]]],
    *,
    on: Site | None = None,
) -> Stand:
    """Start all that a footing needs. ``fill`` fills the store and returns the things that may connect."""
    where = on or site(stack, bench.folder / name, footing.database)
    store = where.store()
    try:
        names = await fill(store)
        embedded = footing.broker == "embedded"
        passwords = await store.write(issue, names) if embedded else {name: secret(name) for name in names}
    finally:
        await store.close()
    broker = None
    if not embedded:
        broker = await mosquitto(
            stack, bench.folder / f"{name}-broker", names, root=footing.root, shared=footing.shared
        )
    env = {
        "THINGJOBS_TOPIC_ROOT": footing.root,
        "THINGJOBS_DISPATCHERS": "shared" if footing.shared else "exclusive",
    }
    server = await thingjobs(stack, where.data, broker=broker, database=where.url, env=env)
    pids = {"server": server.child.pid}
    for number in range(2, footing.dispatchers + 1):
        assert broker is not None
        assert where.url is not None
        log = bench.folder / f"{name}-{number}.log"
        other = await dispatcher(stack, where.data, broker=broker, database=where.url, env=env, log=log)
        pids[f"dispatcher {number}"] = other.pid
    if broker is not None:
        pids["broker"] = broker.pid
    if where.pid is not None:
        pids["database"] = where.pid
    port = server.mqtt_port if broker is None else broker.port
    return Stand(footing, where, server, broker, port, passwords, pids)
