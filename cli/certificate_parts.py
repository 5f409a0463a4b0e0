"""The certificate authority of a server, and its listener for devices with certificates, as settings say."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Final

from broker.embedded.listener import Secure
from broker.trust import Trust
from cli.endpoint_parts import endpoints_of
from cli.settings import Settings
from storage.authority import Authority
from storage.signals import Signal
from storage.store import Store

#: Names by which this machine itself reaches the listener, whatever it is called elsewhere.
_HERE: Final = ("localhost", "127.0.0.1", "::1")
_ANYWHERE: Final = ("0.0.0.0", "::", "[::]")  # noqa: S104 - compared, not bound


async def authority_of(settings: Settings, *, at: datetime) -> Authority:
    """Return the data directory's own authority; makes it at the first start. Raises ``Unavailable``."""
    return await asyncio.to_thread(Authority.open, settings.data_dir, at=at)


async def secure_listener(
    settings: Settings, store: Store, authority: Authority, *, at: datetime
) -> Secure | None:
    """Return what the embedded broker listens with for certificates. Raises ``Unavailable``."""
    certificate, key = await asyncio.to_thread(_own_certificate, settings, authority, at)
    if settings.broker != "embedded" or not settings.mqtts:
        return None
    trust = Trust(store, certificate=certificate, key=key, authority_pem=authority.pem)
    store.listen(Signal.TRUSTED, trust.wake)
    return Secure(settings.mqtts_host, settings.secure_port, trust.context)


def _own_certificate(settings: Settings, authority: Authority, at: datetime) -> tuple[Path, Path]:
    """Return the server's certificate and its key. For an external broker ours is made to be copied."""
    if settings.tls_cert_file is not None and settings.tls_key_file is not None:
        return settings.tls_cert_file, settings.tls_key_file
    # What DescribeEndpoint names must be in it; what X.509 has no letters for cannot.
    public = [*settings.tls_names.split(","), _without_port(endpoints_of(settings).mqtt), settings.mqtts_host]
    names = [name for name in (*public, *_HERE) if name and name.isascii() and name not in _ANYWHERE]
    return authority.for_server(names, at=at)


def _without_port(endpoint: str) -> str:
    host, colon, port = endpoint.rpartition(":")
    # An address of IPv6 has more colons, and no brackets to tell a port by.
    return host if colon and ":" not in host and port.isdecimal() else endpoint
