"""A PostgreSQL server of a test session's own: made, started and thrown away, under a user who may."""

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import psycopg
from alembic import command
from emptied import empty, shape
from ports import free_port

from storage import reach, schema

HINT = "sudo apt-get install postgresql"
#: PostgreSQL refuses to run as root; Debian's package has made this user for it.
USER = "postgres"
TEMPLATE = "migrated"
#: Settings of a server whose databases live for the length of a test.
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}


def binaries() -> Path | None:
    """Return the folder of the newest server's programs, None if there is none (15 and later count)."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    if found and int(found[-1].parts[-3]) >= 15:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return None if on_path is None else Path(on_path).resolve().parent


BINARIES = binaries()


class PostgresServer:
    """One cluster. ``durable``: as in production; else it forgets what a power cut would lose."""

    def __init__(
        self, *, durable: bool = False, settings: dict[str, str] | None = None, parent: Path | None = None
    ) -> None:
        assert BINARIES is not None
        self.folder = Path(mkdtemp(prefix="pg-", dir=parent))
        self.port = free_port()
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "port": str(self.port),
            "max_connections": "100",
            "shared_buffers": "64MB",
            **({} if durable else FORGETFUL),
            **(settings or {}),
        }
        self._numbers = count(1)
        self._shape: str | None = None
        self._spare: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        #: Whether it ends with this process only: started in another thread it ends with that already.
        self.lasts = True
        self._admin: psycopg.Connection | None = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER, USER)
        self._fill(self.folder / "data")
        self.start()

    def _fill(self, data: Path) -> None:
        # A language's order on purpose: what must be in the order of bytes has to say so itself.
        locale = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"]
        made = ["--username=postgres", "--auth=trust", "--no-sync", f"--pgdata={data}"]
        self._as_user([BINARIES / "initdb", *locale, *made]).wait()

    def _as_user(self, command_: list[object]) -> subprocess.Popen[bytes]:
        # If this process is killed, the server goes with it.
        changed = ["--reuid", USER, "--regid", USER, "--init-groups"] if os.geteuid() == 0 else []
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", *changed, *map(str, command_)],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def start(self) -> None:
        """Start it, and return when it answers."""
        self.lasts = threading.current_thread() is threading.main_thread()
        flags = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        self.process = self._as_user([BINARIES / "postgres", "-D", self.folder / "data", *flags])
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self, *, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it: at once, as a crash would (SIGQUIT), or with whatever signal is given."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Stop every process of it where it stands; the network stays up."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, which: signal.Signals) -> None:
        assert self.process is not None
        main = self.process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for pid in (main, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, which)

    def close(self) -> None:
        if self.process is not None:
            self.thaw()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self, *, template: str | None = TEMPLATE) -> str:
        """Give a database, with today's tables unless ``template`` is None; return its name."""
        if template == TEMPLATE:
            self._make_template()
        name = f"t{next(self._numbers)}"
        if template == TEMPLATE and self._spare:
            self.admin(f"ALTER DATABASE {self._spare.pop()} RENAME TO {name}")
        else:
            self.admin(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        """Let a database go. Emptied it serves the next test, by another name: this one is nobody's."""
        if self._shape is not None and self._has(name) and empty(self.url(name), self._shape):
            self._spare.append(f"spare{next(self._numbers)}")
            self.admin(f"ALTER DATABASE {name} RENAME TO {self._spare[-1]}")
        else:
            self.admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _has(self, name: str) -> bool:
        return self.admin(f"SELECT FROM pg_database WHERE datname = '{name}'").rowcount > 0

    def admin(self, statement: str) -> psycopg.Cursor:
        if self._admin is None:
            self._admin = psycopg.connect(self.url("postgres"), autocommit=True)
        return self._admin.execute(statement.encode())

    def _make_template(self) -> None:
        if self._shape is None:
            self.admin(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
            engine = reach.writer(self.url(TEMPLATE))
            with engine.begin() as connection:
                command.upgrade(schema.config(connection), "head")
            engine.dispose()
            self._shape = shape(self.url(TEMPLATE))
