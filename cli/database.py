"""The database that the settings name: opened, or brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import SecretStr

from cli.errors import UsageRefused
from cli.settings import Settings, env_name
from domain.errors import InvalidRequest
from storage.store import Store


def url_of(settings: Settings) -> str | None:
    """Return where the database is, with the password, wherever that was set; None for SQLite.

    It is that of the server itself, where a bouncer is between.
    """
    direct = _whole(settings, "database_direct_url")
    return _whole(settings, "database_url") if direct is None else direct


def opened(settings: Settings, *, browses: bool = True) -> Store:
    """Return the store, ``browses``: with the replica, if there is one.

    Raises ``Unavailable``, also where a server's schema is not that of this program.
    """
    url = _whole(settings, "database_url")
    if url is None:
        return Store.open(settings.data_dir)
    direct = _whole(settings, "database_direct_url")
    replica = _whole(settings, "database_replica_url") if browses else None
    standby = None if replica is None else (replica, float(settings.database_replica_lag_seconds))
    with _named("database_url"):
        return Store.connect(url, data_dir=settings.data_dir, direct=direct, standby=standby)


def upgrade(settings: Settings, *, finish: bool = False) -> None:
    """Bring the schema up to date, or else have older programs refused. Raises ``Unavailable``."""
    url = url_of(settings)
    if url is None:
        # Opening brings a file up to date: nobody else has it.
        from storage.sqlite import File  # noqa: PLC0415 - only one of the two is needed

        File(settings.data_dir).close()
        return
    with _named("database_url"):
        from storage import postgres  # noqa: PLC0415 - its driver is an extra

        postgres.upgrade(url, finish=finish)


def _whole(settings: Settings, name: str) -> str | None:
    """Return a URL with what it lacks of the password. Raises ``UsageRefused`` for what is none."""
    given: SecretStr | None = getattr(settings, name)
    if given is None:
        return None
    password = settings.database_password
    with _named(name):
        from storage import reach  # noqa: PLC0415 - its driver is an extra

        url = given.get_secret_value()
        reach.parameters(url)
        return url if password is None else reach.with_password(url, password.get_secret_value())


@contextmanager
def _named(setting: str) -> Iterator[Any]:
    """Name the setting in what is said about it."""
    try:
        yield
    except ImportError as error:
        raise UsageRefused(
            f"PostgreSQL needs the extra: pip install 'thingjobs[postgres]' ({error})"
        ) from None
    except InvalidRequest as error:
        raise UsageRefused(f"{env_name(setting)}: {error}") from None
