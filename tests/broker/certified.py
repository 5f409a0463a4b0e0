"""Devices with certificates: what a thing is given to show, as files, and a socket that shows it."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from raw import CONNACK, Raw, connect

from domain.certificates import CertificateMode, CertificateStatus, Facts, NewKeys, PrincipalType
from storage import certificates, principals
from storage.authority import Authority, new_keys
from storage.store import Store

#: Making keys is what takes long here, and any will do.
_KEYS: list[tuple[NewKeys, Any]] = []


@dataclass(frozen=True)
class Papers:
    """What a device has: paths for its SDK, and the id by which the registry knows its certificate."""

    certificate: Path
    key: Path
    authority: Path
    certificate_id: str

    def context(self, *, latest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority)
        context.load_cert_chain(self.certificate, self.key)
        context.maximum_version = latest
        return context


async def papers(
    store: Store,
    data_dir: Path,
    folder: Path,
    *things: str,
    status: CertificateStatus = CertificateStatus.ACTIVE,
    issuer: Authority | None = None,
    known: bool = True,
) -> Papers:
    """Issue a certificate for these things (which must be there) and write it to ``folder``.

    ``issuer`` is another authority than the server's: then it is registered without its authority.
    ``known`` False: nobody registers it.
    """
    at = datetime.now(UTC)
    ours = Authority.open(data_dir, at=at)
    keys, public = _keys()
    found = (issuer or ours).for_device(public, common_name=things[0] if things else None, at=at)
    if known:
        mode = CertificateMode.DEFAULT if issuer is None else CertificateMode.SNI_ONLY
        await store.write(certificates.register, found, status=status, mode=mode, at=at)
        for thing in things:
            kind = PrincipalType.NON_EXCLUSIVE_THING
            await store.write(principals.attach, found.certificate_id, thing, kind)
    return _written(folder, found, keys, ours)


def write_papers(issuer: Authority, folder: Path, thing: str, *, server: Authority | None = None) -> Papers:
    """Issue a certificate that no registry knows; ``server`` is whose certificate the server has."""
    keys, public = _keys()
    found = issuer.for_device(public, common_name=thing, at=datetime.now(UTC))
    return _written(folder, found, keys, server or issuer)


def _keys() -> tuple[NewKeys, Any]:
    if not _KEYS:
        _KEYS.append(new_keys())
    return _KEYS[0]


def _written(folder: Path, found: Facts, keys: NewKeys, ours: Authority) -> Papers:
    folder.mkdir(parents=True, exist_ok=True)
    made = Papers(folder / "certificate.pem", folder / "private.key", folder / "ca.pem", found.certificate_id)
    made.certificate.write_text(found.pem)
    made.key.write_text(keys.private)
    made.authority.write_text(ours.pem)
    return made


async def dial(port: int, context: ssl.SSLContext) -> Raw:
    """Return a socket whose handshake is through as far as the client can tell."""
    return Raw(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost"))


async def turned_away(port: int, context: ssl.SSLContext) -> bool:
    """Return whether TLS itself refuses a client, which in TLS 1.3 hears of it only when it reads."""
    try:
        client = await dial(port, context)
    except (ssl.SSLError, ConnectionError):
        return True
    try:
        client.send(connect("t1"))
        return not await client.reader.read(1)
    except (ssl.SSLError, ConnectionError):
        return True
    finally:
        with suppress(ssl.SSLError):
            await client.close()


async def knock(port: int, shown: Papers, client_id: str = "any", **options: Any) -> tuple[Raw, int | None]:
    """Say CONNECT as AWS's SDKs do; return the socket and the code, None if the line was cut instead."""
    latest = options.pop("latest", ssl.TLSVersion.TLSv1_3)
    client = await dial(port, shown.context(latest=latest))
    client.send(connect(client_id, "?SDK=Python&Version=1.6.2", **options))
    answer = await client.read()
    if answer is None:
        await client.close()
        return client, None
    assert answer.kind == CONNACK
    return client, answer.body[1]
