"""Who comes in at a broker by password: a device with its token, or a monitor with its access key."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from domain.access_keys import AccessKey, is_key_id
from domain.permissions import monitor
from domain.roles import Role
from storage import access_keys, tokens
from storage.vault import Vault


class Admitted(NamedTuple):
    """Under which name it is on the broker: the thing's, or the one ``domain.permissions.monitor`` gives."""

    name: str
    #: The key that a monitor has shown; it may call itself what it likes.
    key: AccessKey | None = None


def by_password(connection: Connection, vault: Vault, user_name: str, password: str) -> Admitted | None:
    """Return who it is, or None. A user name, where given, must be the thing's name or an access key's id."""
    if is_key_id(user_name):
        key = access_keys.verify(connection, vault, user_name, password)
        if key is not None and key.role is not Role.DEVICE:
            return Admitted(monitor(user_name), key)
    thing = tokens.verify(connection, password)
    if thing is None or user_name not in ("", thing):
        return None
    return Admitted(thing)
