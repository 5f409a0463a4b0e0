"""A streaming standby of a PostgreSQL server of the tests: it follows, is held back, and takes over."""

import time
from pathlib import Path

import psycopg
from postgres_server import BINARIES, PostgresServer


class Standby(PostgresServer):
    """Made of a base backup of ``primary``, which goes on meanwhile."""

    def __init__(self, primary: PostgresServer) -> None:
        self._primary = primary
        # It gives up a query at once where that is in the way of what it has to follow.
        held = {"max_standby_streaming_delay": "0", "wal_retrieve_retry_interval": "200ms"}
        super().__init__(settings=held | {"synchronous_commit": "on"})

    def _fill(self, data: Path) -> None:
        made = ["--checkpoint=fast", "--write-recovery-conf", "--no-sync", f"--pgdata={data}"]
        said = self._as_user([BINARIES / "pg_basebackup", f"--dbname={self._primary.url('postgres')}", *made])
        assert said.wait() == 0, (self.folder / "log").read_text()

    def hold_back(self) -> None:
        """Take in what comes, and apply none of it."""
        self.admin("SELECT pg_wal_replay_pause()")
        self._until("SELECT pg_get_wal_replay_pause_state() = 'paused'")

    def go_on(self) -> None:
        self.admin("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Return when it has all that the primary has now."""
        with psycopg.connect(self._primary.url("postgres")) as connection:
            (there,) = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
        self._until(f"SELECT pg_last_wal_replay_lsn() >= '{there}'")

    def promote(self) -> None:
        """Become a primary, and return when it takes writes."""
        self.admin("SELECT pg_promote(wait => false)")
        self._until("SELECT NOT pg_is_in_recovery()")

    def _until(self, question: str) -> None:
        deadline = time.monotonic() + 60
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            while not connection.execute(question.encode()).fetchone()[0]:
                assert time.monotonic() < deadline, question
                time.sleep(0.02)


def both(one: PostgresServer, other: PostgresServer, database: str, wanted: str = "read-write") -> str:
    """Return a URL that leads to the first of two that is as wanted."""
    hosts = f"127.0.0.1:{one.port},127.0.0.1:{other.port}"
    return f"postgresql://postgres@{hosts}/{database}?target_session_attrs={wanted}"
