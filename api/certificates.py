"""Operations on the certificates of a thing: all it needs to connect, in one call, and the end of it."""

from __future__ import annotations

import asyncio
import logging

from api.call import Call
from api.certificate_schema import AuthorityCertificate, CertificateIssued, CertificatesRevoked
from api.shapes import Nothing
from domain.errors import Unavailable
from storage import principals, things
from storage.authority import Authority, new_keys

_log = logging.getLogger(__name__)


async def issue(call: Call[Nothing, Nothing]) -> CertificateIssued:
    name, authority = call.path["thingName"], _authority(call)
    await call.store.read(things.get, name)
    keys, public = await asyncio.to_thread(new_keys)
    made = authority.for_device(public, common_name=name, at=call.at)
    await call.store.write(principals.issue, made, name, at=call.at)
    _log.info("certificate %s for %s issued by %s", made.certificate_id, name, call.actor)
    return CertificateIssued(
        thing_name=name,
        certificate_id=made.certificate_id,
        certificate_pem=made.pem,
        private_key=keys.private,
        authority_pem=authority.pem,
    )


async def authority_pem(call: Call[Nothing, Nothing]) -> AuthorityCertificate:
    return AuthorityCertificate(text=_authority(call).pem)


def _authority(call: Call[Nothing, Nothing]) -> Authority:
    if call.options.authority is None:
        raise Unavailable("this server has no certificate authority")
    return call.options.authority


async def revoke(call: Call[Nothing, Nothing]) -> CertificatesRevoked:
    name = call.path["thingName"]
    revoked = await call.store.write(principals.revoke, name, at=call.at)
    _log.info("%d certificates of %s revoked by %s", revoked, name, call.actor)
    return CertificatesRevoked(revoked=revoked)
