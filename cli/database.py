"""The database that the settings name: opened, or brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cli.errors import UsageRefused
from cli.settings import Settings, env_name
from domain.errors import InvalidRequest
from storage.store import Store


def url_of(settings: Settings) -> str | None:
    """Return where the database is, with the password, wherever that was set; None for SQLite."""
    if settings.database_url is None:
        return None
    url, password = settings.database_url.get_secret_value(), settings.database_password
    if password is None:
        return url
    with _named():
        from storage import postgres  # noqa: PLC0415 - its driver is an extra

        return postgres.with_password(url, password.get_secret_value())


def opened(settings: Settings) -> Store:
    """Return the store. Raises ``Unavailable``, also where a server's schema is not that of this program."""
    url = url_of(settings)
    if url is None:
        return Store.open(settings.data_dir)
    with _named():
        return Store.connect(url, data_dir=settings.data_dir)


def upgrade(settings: Settings) -> None:
    """Bring the schema up to date. Raises ``Unavailable``."""
    url = url_of(settings)
    if url is None:
        # Opening brings a file up to date: nobody else has it.
        from storage.sqlite import File  # noqa: PLC0415 - only one of the two is needed

        File(settings.data_dir).close()
        return
    with _named():
        from storage import postgres  # noqa: PLC0415 - its driver is an extra

        postgres.upgrade(url)


@contextmanager
def _named() -> Iterator[Any]:
    """Name the setting in what is said about it."""
    try:
        yield
    except ImportError as error:
        raise UsageRefused(
            f"PostgreSQL needs the extra: pip install 'thingjobs[postgres]' ({error})"
        ) from None
    except InvalidRequest as error:
        raise UsageRefused(f"{env_name('database_url')}: {error}") from None
