"""Access keys: issued, listed, looked up by whoever checks a signature, revoked."""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Connection, text

from domain.access_keys import AccessKey, IssuedKey, check
from domain.errors import NotFound
from domain.roles import Role
from storage.millis import from_millis, to_millis
from storage.pages import Page, cut, size, start
from storage.signals import Signal, raise_after_commit
from storage.vault import Vault, decoy

log = structlog.get_logger(__name__)

#: How exact it is known when a key was used last: a signed request is to cost no write.
LAST_USE: Final = timedelta(minutes=1)
#: 30 bytes in base64: 40 characters, as AWS's secrets have.
_SECRET: Final = 30
_DECOY: Final = decoy(40)
_NOBODYS: Final = secrets.token_urlsafe(_SECRET)

_COLUMNS: Final = (
    "SELECT k.id, k.key_id, k.sealed_secret, k.role, t.name AS thing_name, k.description, k.created_at, "
    "k.last_used_at, k.revoked_at FROM access_keys k LEFT JOIN things t ON t.id = k.thing "
)


class Found(NamedTuple):
    """What was found for a key id. Where no valid key is called so, ``secret`` is one that nobody has."""

    key: AccessKey | None
    secret: str

    def __repr__(self) -> str:
        return f"Found({self.key!r})"


def create(
    connection: Connection,
    vault: Vault,
    role: Role,
    *,
    thing_name: str | None = None,
    description: str | None = None,
    at: datetime,
) -> IssuedKey:
    """Issue a pair; its secret cannot be shown again. Raises ``InvalidRequest``, ``NotFound`` (the thing)."""
    check(role, thing_name, description)
    key_id = f"TJAK{base64.b32encode(secrets.token_bytes(10)).decode()}"
    secret = secrets.token_urlsafe(_SECRET)
    connection.execute(
        text(
            "INSERT INTO access_keys (key_id, sealed_secret, role, thing, description, created_at) "
            "VALUES (:key_id, :sealed, :role, :thing, :description, :at)"
        ),
        {
            "key_id": key_id,
            "sealed": vault.seal(secret.encode(), name=key_id),
            "role": role.value,
            "thing": None if thing_name is None else _thing(connection, thing_name),
            "description": description,
            "at": to_millis(at),
        },
    )
    return IssuedKey(get(connection, key_id), secret)


def get(connection: Connection, key_id: str) -> AccessKey:
    """Return a key, also a revoked one. Raises ``NotFound``."""
    row = connection.execute(text(f"{_COLUMNS} WHERE k.key_id = :key_id"), {"key_id": key_id}).one_or_none()
    if row is None:
        raise NotFound(f"There is no access key {key_id}")
    return _key(row)


def page(connection: Connection, *, max_results: int, next_token: str | None) -> Page[AccessKey]:
    """Return keys, newest first, revoked ones too."""
    question = ("access-keys",)
    after = start(connection, question, next_token)
    where = "" if after is None else "WHERE k.id < :after"
    found = connection.execute(
        text(f"{_COLUMNS} {where} ORDER BY k.id DESC LIMIT :limit"),
        {"after": after, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.id, _key(row)) for row in found], max_results)


def find(connection: Connection, vault: Vault, key_id: str) -> Found:
    """Return the valid key of this id and its secret; takes as long whether there is one or not."""
    row = connection.execute(
        text(f"{_COLUMNS} WHERE k.key_id = :key_id AND k.revoked_at IS NULL"), {"key_id": key_id}
    ).one_or_none()
    secret = vault.unseal(_DECOY if row is None else bytes(row.sealed_secret), name=key_id)
    if row is None:
        return Found(None, _NOBODYS)
    if secret is None:
        log.error("an access key cannot be read: it was not sealed with this vault.key", key=key_id)
        return Found(None, _NOBODYS)
    return Found(_key(row), secret.decode())


def verify(connection: Connection, vault: Vault, key_id: str, secret: str) -> AccessKey | None:
    """Return the valid key whose secret this is, or None."""
    found = find(connection, vault, key_id)
    right = hmac.compare_digest(found.secret.encode(), secret.encode(errors="surrogateescape"))
    return found.key if right else None


def note_use(connection: Connection, key_id: str, *, at: datetime) -> None:
    """Note that a key was used, if that is news."""
    connection.execute(
        text(
            "UPDATE access_keys SET last_used_at = :at "
            "WHERE key_id = :key_id AND (last_used_at IS NULL OR last_used_at <= :before)"
        ),
        {"at": to_millis(at), "before": to_millis(at - LAST_USE), "key_id": key_id},
    )


def is_news(key: AccessKey, at: datetime) -> bool:
    """Return whether it is worth noting that a key is used now."""
    return key.last_used_at is None or at - key.last_used_at >= LAST_USE


def revoke(connection: Connection, key_id: str, *, at: datetime) -> None:
    """Void a key from now on; once more is no error. Raises ``NotFound``."""
    get(connection, key_id)
    connection.execute(
        text("UPDATE access_keys SET revoked_at = :at WHERE key_id = :key_id AND revoked_at IS NULL"),
        {"at": to_millis(at), "key_id": key_id},
    )
    raise_after_commit(connection, Signal.REVOKED)


def leave(connection: Connection, thing: int, *, at: datetime) -> None:
    """Void the keys of a thing that is being deleted."""
    connection.execute(
        text("UPDATE access_keys SET revoked_at = :at WHERE thing = :thing AND revoked_at IS NULL"),
        {"at": to_millis(at), "thing": thing},
    )


def revoked_since(connection: Connection, at: datetime) -> dict[int, str]:
    """Return the keys that were revoked at or after ``at``: their ids by their numbers."""
    found = connection.execute(
        text("SELECT id, key_id FROM access_keys WHERE revoked_at >= :at"), {"at": to_millis(at)}
    )
    return {row.id: row.key_id for row in found}


def _thing(connection: Connection, name: str) -> int:
    found = connection.execute(
        text("SELECT id FROM things WHERE name = :name AND deleted_at IS NULL"), {"name": name}
    ).scalar()
    if found is None:
        raise NotFound(f"There is no thing {name}")
    return int(found)


def _key(row: Any) -> AccessKey:
    return AccessKey(
        key_id=row.key_id,
        role=Role(row.role),
        thing_name=row.thing_name,
        description=row.description,
        created_at=from_millis(row.created_at),
        last_used_at=None if row.last_used_at is None else from_millis(row.last_used_at),
        revoked_at=None if row.revoked_at is None else from_millis(row.revoked_at),
    )
