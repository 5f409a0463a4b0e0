"""Whose certificates the broker's TLS listener takes: our authority's, and those registered as they are.

TLS only proves that the client has the key; what the certificate is good for, the store says at CONNECT.
OpenSSL wants a trust anchor for each. A certificate registered without its authority is one itself, which
``VERIFY_X509_PARTIAL_CHAIN`` allows; new ones are added to the context in use, and none needs to be taken
out, since the store no longer answers for it.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final

import structlog

from domain.errors import Unavailable
from storage import certificates
from storage.store import Store

log = structlog.get_logger(__name__)

#: What AWS's SDKs ask for on port 443; who asks for nothing gets nothing.
_ALPN: Final = ["x-amzn-mqtt-ca"]


class Trust:
    """Gives out one context, up to date. Raises ``Unavailable`` for files that cannot be used."""

    def __init__(self, store: Store, *, certificate: Path, key: Path, authority_pem: str) -> None:
        self._store = store
        self._files = (certificate, key)
        self._written_at = _written_at(*self._files)
        self._context = _context(certificate, key)
        self._context.load_verify_locations(cadata=authority_pem)
        self._known = 0
        self._stale = True
        self._one_at_a_time = asyncio.Lock()

    def wake(self) -> None:
        """Look into the store before the next handshake."""
        self._stale = True

    async def context(self) -> ssl.SSLContext:
        """Return the context, which knows every certificate that was registered before this call.

        The server's own certificate is read again when its file has changed.
        """
        async with self._one_at_a_time:
            if self._stale:
                self._stale = False
                try:
                    await self._learn()
                except BaseException:
                    self._stale = True
                    raise
        written_at = _written_at(*self._files)
        if written_at != self._written_at:
            self._written_at = written_at
            self._renew()
        return self._context

    def _renew(self) -> None:
        try:
            _load(self._context, *self._files)
        except Unavailable as error:
            log.warning("goes on with the certificate it had", reason=str(error))
        else:
            log.info("has a new certificate", file=str(self._files[0]))

    async def _learn(self) -> None:
        for key, pem in await self._store.read(certificates.trusted, after=self._known):
            try:
                self._context.load_verify_locations(cadata=pem)
            except ssl.SSLError as error:
                log.warning("cannot trust a certificate", key=key, reason=str(error))
            self._known = key


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(_ALPN)
    _load(context, certificate, key)
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # Tried apart: a pair that does not fit must not spoil the context in use.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(f"cannot use {certificate} with {key} for TLS: {error}") from error


def _written_at(*files: Path) -> tuple[int, ...]:
    try:
        return tuple(file.stat().st_mtime_ns for file in files)
    except OSError:
        return ()


def _no_password() -> str:
    raise OSError("the key is encrypted, and nobody is here to type its password")
