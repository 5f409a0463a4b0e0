"""Servers on PostgreSQL and Mosquitto, each in a process of its own, and everybody who speaks to them."""

import asyncio
import http.client
from contextlib import AsyncExitStack

import checker
import ledger
from actors import PAUSE, Operator
from database_relay import Relay
from fleet import Fleet
from history import History
from mosquitto_server import DISPATCHER, MosquittoServer, secret
from servers import Nursery, ServerProcess
from sites import PostgresDatabase

PATIENCE = 60.0
#: What an operator may hear while there is trouble: an answer, or when to come again.
ANSWERS = {200, 503}


class Grounds:
    """One database behind a wire that can be cut; ``add`` starts a server on it, with a broker of its own."""

    def __init__(self, database: PostgresDatabase, nursery: Nursery) -> None:
        self.database = database
        self.wire = Relay(database.server.port)
        self.history = History()
        self.operator = Operator(self.history)
        self.servers: list[ServerProcess] = []
        self.brokers: list[MosquittoServer] = []
        self._nursery = nursery
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        await self.wire.mend()

    async def add(self, things: list[str], *, acl: str | None = None) -> ServerProcess:
        folder = self.database.folder
        folder.mkdir(exist_ok=True)
        number = len(self.servers)
        broker = MosquittoServer(folder / f"mosquitto-{number}", users=things, acl=acl)
        self._stack.push_async_callback(broker.kill)
        await broker.start()
        config = folder / f"server-{number}.toml"
        url = self.database.url.replace(f":{self.database.server.port}/", f":{self.wire.port}/")
        config.write_text(
            f'database_url = "{url}"\nbroker = "external"\n'
            f'broker_host = "127.0.0.1"\nbroker_port = {broker.port}\n'
            f'broker_username = "{DISPATCHER}"\nbroker_password = "{secret(DISPATCHER)}"\n'
        )
        config.chmod(0o600)
        server = ServerProcess(self._nursery, folder / "keys", f"--config={config}")
        self._stack.push_async_callback(server.kill)
        await server.start()
        self.servers.append(server)
        self.brokers.append(broker)
        return server

    def fleet(self, server: ServerProcess, things: list[str]) -> Fleet:
        return Fleet(server, self.history, things, secret)

    async def create(self, job: str, targets: list[str]) -> None:
        await self.operator.create(self.servers[0].place, job, targets)

    async def until_rest(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not ledger.postgres_at_rest(self.database.url):  # noqa: ASYNC110 - other processes work
                await asyncio.sleep(10 * PAUSE)

    async def must_be_well(self, versions: int) -> None:
        """Hold what everybody was told against the database; all work has been done in so many versions."""
        await self.until_rest()
        now = await asyncio.to_thread(ledger.of_postgres, self.database.url)
        assert checker.everything(self.history, now) == []
        assert {each.status for each in now.executions} == {"SUCCEEDED"}
        assert {each.version for each in now.executions} == {versions}
        assert {job.status for job in now.jobs} == {"COMPLETED"}
        assert [each for each in self.history.said if each.refused] == []
        for server in self.servers:
            assert not [line for line in server.log if "Traceback" in line], "".join(server.log)

    async def close(self) -> None:
        await self._stack.aclose()
        await self.wire.cut()


class Watcher:
    """An operator who looks again and again: what is answered must be right, or say when to come again."""

    def __init__(self, server: ServerProcess, job: str) -> None:
        self.seen: dict[int, int] = dict.fromkeys(ANSWERS, 0)
        self._server, self._path = server, f"/jobs/{job}"
        self._news = asyncio.Condition()

    async def watch(self) -> None:
        while True:
            status, later = await asyncio.to_thread(_look, self._server.place.http, self._path)
            assert status in ANSWERS, status
            assert (status == 503) == (later is not None)
            async with self._news:
                self.seen[status] += 1
                self._news.notify_all()
            await asyncio.sleep(PAUSE)

    async def sees(self, status: int) -> None:
        """Return at the next such answer."""
        before = self.seen[status]
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.seen[status] > before)


def _look(port: int, path: str) -> tuple[int, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Retry-After")
    finally:
        connection.close()
