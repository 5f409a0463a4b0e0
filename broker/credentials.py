"""Who connects: a device, by token, certificate or, where that is allowed, word; or a monitor, by its key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import structlog

from broker.identity import Credentials, Identity
from domain.access_keys import AccessKey
from domain.certificates import thing_for
from domain.errors import InvalidRequest, Unavailable
from domain.names import thing_name
from storage import access_keys, admittance, certificates
from storage.store import Store

log = structlog.get_logger(__name__)


class DeviceCredentials:
    """Checks what is shown against the store. ``insecure`` also lets in devices that show nothing."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], insecure: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._insecure = insecure

    async def __call__(self, credentials: Credentials) -> Identity | None:
        """Return who it is, or None. A user name, where given, must be the thing's name.

        A monitor's user name is the id of its access key, its password the secret.

        Who shows a certificate is judged by that alone: AWS's SDKs put figures about themselves into the
        user name.
        """
        if credentials.certificate_id is not None:
            return await self._by_certificate(credentials.certificate_id, credentials.client_id)
        if credentials.password is None:
            return self._by_word(credentials) if self._insecure else None
        try:
            password = credentials.password.decode("ascii")
        except UnicodeDecodeError:
            return None
        found = await self._store.read(admittance.by_password, self._store.vault, credentials.name, password)
        if found is None or found.key is None:
            return None if found is None else Identity(found.name)
        await self._note(found.key)
        return Identity(found.name, any_client_id=True)

    async def _note(self, key: AccessKey) -> None:
        now = self._clock()
        if access_keys.is_news(key, now):
            with suppress(Unavailable):
                await self._store.write(access_keys.note_use, key.key_id, at=now)

    async def _by_certificate(self, certificate_id: str, client_id: str) -> Identity | None:
        names = await self._store.read(certificates.things_let_in, certificate_id)
        name = thing_for(names, client_id)
        if name is not None:
            return Identity(name, any_client_id=True)
        why = await self._store.read(certificates.why_shut, certificate_id)
        reason = why or f"the client id {client_id[:64]!a} is of none of its {len(names)} things"
        log.warning("refuses a certificate", certificate=certificate_id, reason=reason)
        return None

    @staticmethod
    def _by_word(credentials: Credentials) -> Identity | None:
        try:
            return Identity(thing_name(credentials.name or credentials.client_id))
        except InvalidRequest:
            return None
