"""What a server that is killed stands on: a database and a broker that live on, and how to look at them."""

from pathlib import Path

import ledger
from footing import Footing
from history import Ledger
from mosquitto_server import MosquittoServer, secret
from sites import MakeSite, PostgresDatabase, Site
from told import told

#: Those who may come in besides the one thing of a scene.
ROBOTS = [f"robot-{number}" for number in range(16)]


class OneFile:
    """The database of a server that has it to itself."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def at_rest(self) -> bool:
        """Tell whether a running server has nothing left to do."""
        return ledger.at_rest(self._data)

    def now(self) -> Ledger:
        """Return what is committed while a server runs."""
        return ledger.of_running(self._data)

    def left(self) -> Ledger:
        """Return what a killed server has left."""
        return ledger.of_killed(self._data)


class SharedDatabase:
    """The same of a database that others could work on as well."""

    def __init__(self, site: PostgresDatabase) -> None:
        self._site = site

    def at_rest(self) -> bool:
        return ledger.postgres_at_rest(self._site.url)

    def now(self) -> Ledger:
        return ledger.of_postgres(self._site.url)

    def left(self) -> Ledger:
        """Return it, and end the duties of the killed: how long others wait for those is shown elsewhere."""
        self._site.script("UPDATE leases SET until = 0")
        return ledger.of_postgres(self._site.url)


Books = OneFile | SharedDatabase


class Standing:
    """One footing in a folder."""

    def __init__(self, folder: Path, footing: Footing, make_site: MakeSite, things: list[str]) -> None:
        folder.mkdir(exist_ok=True)
        self.footing = footing
        self.site: Site = make_site(folder / "data")
        self.data = self.site.folder
        shared = isinstance(self.site, PostgresDatabase)
        self.books: Books = SharedDatabase(self.site) if shared else OneFile(self.data)
        self.broker: MosquittoServer | None = None
        if footing.broker == "mosquitto":
            self.broker = MosquittoServer(folder / "mosquitto", users=things)
        #: What tells a server to stand on it.
        self.flags = [told(folder / "thingjobs.toml", self.site, self.broker)]

    async def open(self) -> None:
        if self.broker is not None:
            await self.broker.start()

    async def close(self) -> None:
        if self.broker is not None:
            await self.broker.kill()
        self.site.drop()

    def password(self, name: str) -> str | None:
        """Return what a device says; the embedded broker lets everybody in."""
        return None if self.broker is None else secret(name)

    def rows(self, statement: str) -> list[tuple]:
        """Look at the tables past the server: what is committed."""
        rows, stop = self.site.looker()
        try:
            return rows(statement)
        finally:
            stop()
