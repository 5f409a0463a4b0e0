"""Device tokens: shown once, stored as a hash, checked in one indexed look-up.

A token is 256 random bits, so a plain hash is enough; a slow one would make a reconnecting fleet a
denial of service.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from domain.errors import NotFound
from storage.millis import to_millis
from storage.signals import Signal, raise_after_commit

_SHAPE: Final = re.compile(r"tj_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


def issue(connection: Connection, thing_name: str, *, at: datetime) -> str:
    """Return a new token for a thing; it cannot be shown again. Raises ``NotFound``."""
    key = connection.execute(
        text("SELECT id FROM things WHERE name = :name AND deleted_at IS NULL"), {"name": thing_name}
    ).scalar()
    if key is None:
        raise NotFound(f"There is no thing {thing_name}")
    name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    connection.execute(
        text("INSERT INTO tokens (name, digest, thing, created_at) VALUES (:name, :digest, :thing, :at)"),
        {"name": name, "digest": _digest(secret), "thing": key, "at": to_millis(at)},
    )
    return f"tj_{name}_{secret}"


def verify(connection: Connection, token: str) -> str | None:
    """Return the name of the thing whose valid token this is, or None."""
    shape = _SHAPE.fullmatch(token)
    row = (
        shape
        and connection.execute(
            text(
                "SELECT k.digest, t.name FROM tokens k JOIN things t ON t.id = k.thing "
                "WHERE k.name = :name AND k.revoked_at IS NULL AND t.deleted_at IS NULL"
            ),
            {"name": shape.group(1)},
        ).one_or_none()
    )
    if not shape or not row:
        return None
    return str(row.name) if hmac.compare_digest(_digest(shape.group(2)), bytes(row.digest)) else None


def revoke(connection: Connection, thing_name: str, *, at: datetime) -> int:
    """Void all tokens of a thing; return how many. Live connections are dropped soon after."""
    gone = connection.execute(
        text(
            "UPDATE tokens SET revoked_at = :at WHERE revoked_at IS NULL AND thing = "
            "(SELECT id FROM things WHERE name = :name AND deleted_at IS NULL)"
        ),
        {"at": to_millis(at), "name": thing_name},
    ).rowcount
    raise_after_commit(connection, Signal.REVOKED)
    return int(gone)


def revoked_since(connection: Connection, at: datetime) -> dict[int, str]:
    """Return the tokens that were revoked at or after ``at``, by key, and whose they were."""
    found = connection.execute(
        text("SELECT k.id, t.name FROM tokens k JOIN things t ON t.id = k.thing WHERE k.revoked_at >= :at"),
        {"at": to_millis(at)},
    )
    return {row.id: row.name for row in found}


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
