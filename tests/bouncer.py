"""A PgBouncer of a test's own in transaction mode, in front of a PostgreSQL server of the tests."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg
from ports import free_port
from postgres_server import USER, PostgresServer
from pydantic import SecretStr
from sites import PostgresDatabase

BOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
BOUNCER_HINT = "sudo apt-get install pgbouncer"

_FILE = """[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = 200
query_wait_timeout = 20
server_login_retry = 1
admin_users = postgres
logfile = {folder}/log
pidfile = {folder}/pid
"""


class Bouncer:
    """``pool``: how many connections to the server it has for all who come."""

    def __init__(self, server: PostgresServer, *, pool: int = 4) -> None:
        self.server, self.port = server, free_port()
        self.folder = Path(mkdtemp(prefix="bouncer-"))
        (self.folder / "users").write_text('"postgres" ""\n')
        said = _FILE.format(server=server.port, port=self.port, folder=self.folder, pool=pool)
        (self.folder / "ini").write_text(said)
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, USER, USER)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and return when it answers."""
        assert BOUNCER is not None
        # It refuses to run as root. If this process is killed, it goes with it.
        changed = ["--reuid", USER, "--regid", USER, "--init-groups"] if os.geteuid() == 0 else []
        command = ["setpriv", "--pdeathsig", "INT", *changed, BOUNCER, "-q", str(self.folder / "ini")]
        self.process = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url("pgbouncer"), autocommit=True, connect_timeout=5).close()
            except psycopg.OperationalError:
                assert self.process.poll() is None, self.log()
                assert time.monotonic() < deadline, self.log()
                time.sleep(0.02)
            else:
                return

    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text() if file.exists() else ""

    def stop(self, *, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


class Bounced(PostgresDatabase):
    """A database that is reached through a bouncer only, by whatever a store does."""

    def __init__(self, bouncer: Bouncer, folder: Path) -> None:
        super().__init__(bouncer.server, folder)
        self.direct = self.url
        self.url = bouncer.url(self.direct.rpartition("/")[2])

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"database_direct_url": SecretStr(self.direct)}
