"""Who a connecting device is: by its token, or, where the operator allows it, by its word."""

from __future__ import annotations

from broker.identity import Credentials, Identity
from domain.errors import InvalidRequest
from domain.names import thing_name
from storage import tokens
from storage.store import Store


class DeviceCredentials:
    """Checks tokens against the store. ``insecure`` also lets in devices that show none."""

    def __init__(self, store: Store, *, insecure: bool = False) -> None:
        self._store = store
        self._insecure = insecure

    async def __call__(self, credentials: Credentials) -> Identity | None:
        """Return the thing, or None. A user name, where given, must be the thing's name."""
        if credentials.password is None:
            return self._by_word(credentials) if self._insecure else None
        try:
            token = credentials.password.decode("ascii")
        except UnicodeDecodeError:
            return None
        thing = await self._store.read(tokens.verify, token)
        if thing is None or credentials.name not in ("", thing):
            return None
        return Identity(thing)

    @staticmethod
    def _by_word(credentials: Credentials) -> Identity | None:
        try:
            return Identity(thing_name(credentials.name or credentials.client_id))
        except InvalidRequest:
            return None
