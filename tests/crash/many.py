"""Several processes of each kind on one PostgreSQL and one Mosquitto; any may be ended at any moment."""

import asyncio
import json
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack

import checker
import ledger
import psycopg
from database_relay import Relay
from history import History
from mosquitto_server import DISPATCHER, MosquittoServer, secret, shipped_acl
from ports import free_port
from servers import Nursery, Process
from sites import PostgresDatabase

ROOT = "$aws/things"
PATIENCE = 120.0
#: What each command says once it is there, and which setting names its port.
SIGNS = {"api": "REST API", "dispatcher": "MQTT", "scheduler": "clock"}
PORTS = {"api": "http_port", "dispatcher": "health_port", "scheduler": "health_port"}
#: Until one that ended since somebody else was away is started again, as a service manager would.
AGAIN = 0.2
#: What is left to do, and for whom.
_LEFT = """
    SELECT 'execution', j.job_id, t.name, e.status, e.version FROM executions e
        JOIN jobs j ON j.id = e.job JOIN things t ON t.id = e.thing
        WHERE e.status IN ('QUEUED', 'IN_PROGRESS')
    UNION ALL SELECT 'job', job_id, sweep, status, waiting FROM jobs
        WHERE waiting > 0 OR sweep <> '' OR look_at = 0
    UNION ALL SELECT 'thing', sweep, name, '', notify_seq - notified_seq FROM things
        WHERE notify_seq > notified_seq OR sweep <> ''
    LIMIT 50
"""


class Part(Process):
    """One process of ours; its port is the same after every start."""

    def __init__(self, nursery: Nursery, command: str, many: "Many", **settings: object) -> None:
        self.command = command
        self.port = free_port()
        #: What its processes have said.
        self.said: list[str] = []
        config = many.configured(f"{command}-{self.port}", {PORTS[command]: self.port, **settings})
        super().__init__(nursery, [command, config], SIGNS[command])

    async def up(self) -> None:
        """Start it, again and again while somebody whom it needs at the start is away."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.launch()
                if await self.listens():
                    return
                assert await self.ended() == 1, "".join(self.log)
                self.said += self.log
                await asyncio.sleep(AGAIN)

    async def down(self, how: signal.Signals) -> int:
        """End it and return its exit code."""
        self.signal(how)
        code = await self.ended()
        self.said += self.log
        self.log.clear()
        return code


class Many:
    """``parts`` are the processes that are there, or are about to be again."""

    def __init__(
        self,
        database: PostgresDatabase,
        nursery: Nursery,
        things: Sequence[str],
        *,
        root: str = ROOT,
        **settings: object,
    ) -> None:
        self.database = database
        #: Between our processes and the database.
        self.wire = Relay(database.server.port)
        self.things = things
        self.root = root
        self.history = History()
        self.parts: list[Part] = []
        self._all: list[Part] = []
        database.folder.mkdir(exist_ok=True)
        acl = shipped_acl().replace(ROOT, root)
        # Where dispatchers share, each has a session of its own under the one name.
        apart = {"use_username_as_clientid": "false"} if settings.get("dispatchers") == "shared" else {}
        folder = database.folder / "mosquitto"
        self.broker = MosquittoServer(folder, users=things, acl=acl, settings=apart)
        self._nursery = nursery
        self._settings: dict[str, object] = {
            "data_dir": str(database.folder / "keys"),
            "broker": "external",
            "broker_host": "127.0.0.1",
            "broker_port": self.broker.port,
            "broker_username": DISPATCHER,
            "broker_password": secret(DISPATCHER),
            "topic_root": root,
            **settings,
        }
        self._stack = AsyncExitStack()

    def url_by(self, wire: Relay) -> str:
        return self.database.url.replace(f":{self.database.server.port}/", f":{wire.port}/")

    def configured(self, name: str, more: dict[str, object]) -> str:
        """Write a file of settings; return the flag that names it."""
        file = self.database.folder / f"{name}.toml"
        lines = {**self._settings, **more}.items()
        file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in lines))
        file.chmod(0o600)
        return f"--config={file}"

    async def open(self, *commands: str) -> None:
        """Start the broker and one process of each of these commands."""
        await self.wire.mend()
        self._stack.push_async_callback(self.wire.cut)
        self._settings["database_url"] = self.url_by(self.wire)
        self._stack.push_async_callback(self.broker.kill)
        await self.broker.start()
        for command in commands:
            await self.add(command)

    async def add(self, command: str, *, nursery: Nursery | None = None, **settings: object) -> Part:
        """Start one more process; of another version of the program if that is what the nursery bears."""
        part = Part(nursery or self._nursery, command, self, **settings)
        self._stack.push_async_callback(part.kill)
        await part.up()
        self.parts.append(part)
        self._all.append(part)
        return part

    async def drop(self, part: Part) -> None:
        """Have one end for good, as it is told to."""
        self.parts.remove(part)
        assert await part.down(signal.SIGTERM) == 0, "".join(part.said)

    @property
    def apis(self) -> list[int]:
        return [part.port for part in self.parts if part.command == "api"]

    async def until_done(self) -> None:
        """Return when no work is left and no server owes anything."""
        left: list[tuple[object, ...]] = []
        try:
            async with asyncio.timeout(PATIENCE):
                while left := await asyncio.to_thread(self._left):  # noqa: ASYNC110 - other processes work
                    await asyncio.sleep(AGAIN)
        except TimeoutError:
            said = [line for part in self.parts for line in (f"--- {part.command}\n", *part.log[-20:])]
            raise AssertionError("\n".join(map(str, left)) + "\n" + "".join(said)) from None

    def _left(self) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database.url) as connection:
            return connection.execute(_LEFT).fetchall()

    async def must_be_well(self) -> None:
        """Hold what everybody was told against the database, and look into every log."""
        now = await asyncio.to_thread(ledger.of_postgres, self.database.url)
        found = checker.everything(self.history, now)
        assert found == [], "\n".join(map(str, found[:20]))
        check = Process(self._nursery, ["db", "check", self.configured("check", {})], "nothing")
        check.launch()
        assert await check.ended() == 0, "".join(check.log)
        said = [line for part in self._all for line in (*part.said, *part.log)]
        assert not [line for line in said if "Traceback" in line or "[error" in line], "".join(said)[-20_000:]

    async def close(self) -> None:
        await self._stack.aclose()
