"""A database as the migrations leave a new one: made once per process, then copied to where a store opens."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command

from storage import schema, sqlite


def lay(path: Path) -> Path:
    """Put a copy at ``path`` unless something is there; it has no keys yet: every store makes its own."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(_migrated())
    return path


def lay_in(data_dir: Path) -> Path:
    """Put a copy into a data directory, and return the directory."""
    lay(data_dir / "thingjobs.sqlite3")
    return data_dir


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "db"
        engine = sqlite.writer(path)
        with engine.begin() as connection:
            command.upgrade(schema.config(connection), "head")
        engine.dispose()
        assert not path.with_name("db-wal").exists(), "the log is in the file"
        return path.read_bytes()
