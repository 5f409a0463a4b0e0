"""Who a connecting device is: by its token, or, where the operator allows it, by its word."""

from __future__ import annotations

from broker.identity import Credentials, Identity
from domain.certificates import thing_for
from domain.errors import InvalidRequest
from domain.names import thing_name
from storage import certificates, tokens
from storage.store import Store


class DeviceCredentials:
    """Checks tokens against the store. ``insecure`` also lets in devices that show none."""

    def __init__(self, store: Store, *, insecure: bool = False) -> None:
        self._store = store
        self._insecure = insecure

    async def __call__(self, credentials: Credentials) -> Identity | None:
        """Return the thing, or None. A user name, where given, must be the thing's name.

        Who shows a certificate is judged by that alone: AWS's SDKs put figures about themselves into the
        user name.
        """
        if credentials.certificate_id is not None:
            return await self._by_certificate(credentials.certificate_id, credentials.client_id)
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

    async def _by_certificate(self, certificate_id: str, client_id: str) -> Identity | None:
        names = await self._store.read(certificates.things_let_in, certificate_id)
        name = thing_for(names, client_id)
        return None if name is None else Identity(name, any_client_id=True)

    @staticmethod
    def _by_word(credentials: Credentials) -> Identity | None:
        try:
            return Identity(thing_name(credentials.name or credentials.client_id))
        except InvalidRequest:
            return None
