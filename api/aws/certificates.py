"""Operations on certificates, made here or registered as they are; a private key is told once, not kept."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from api.aws.certificate_ids import certificate_id
from api.aws.certificate_shapes import (
    CertificateDescribed,
    CertificateDescription,
    CertificateList,
    CertificateMade,
    CertificateRegistered,
    CertificateSummary,
    CreateKeysInput,
    CsrInput,
    DeleteCertificateInput,
    KeyPair,
    KeysMade,
    ListCertificatesInput,
    OneCertificateInput,
    RegisterInput,
    RegisterWithoutCaInput,
    UpdateCertificateInput,
    Validity,
)
from api.aws.errors import taken
from api.aws.operation import AwsCall, Operation, errors
from api.aws.shapes import Empty
from domain.certificates import Certificate, CertificateMode, CertificateStatus, Facts
from domain.errors import AlreadyExists, BadCertificate, Unavailable
from domain.roles import Role
from storage import certificates
from storage.authority import Authority, new_keys
from storage.x509_files import facts, is_for_clients, read_certificate

#: Bytes of a body with two certificates of the longest kind.
_LIMIT: Final = 300_000


async def create_keys(call: AwsCall[CreateKeysInput]) -> KeysMade:
    keys, public = await asyncio.to_thread(new_keys)
    made = authority(call).for_device(public, at=call.at)
    await _keep(call, made, active=call.given.set_as_active)
    return KeysMade(
        certificate_arn=call.options.arns.certificate(made.certificate_id),
        certificate_id=made.certificate_id,
        certificate_pem=made.pem,
        key_pair=KeyPair.model_construct(public_key=keys.public, private_key=keys.private),
    )


async def create_from_csr(call: AwsCall[CsrInput]) -> CertificateMade:
    made = authority(call).for_request(call.given.certificate_signing_request, at=call.at)
    await _keep(call, made, active=call.given.set_as_active)
    return CertificateMade(
        certificate_arn=call.options.arns.certificate(made.certificate_id),
        certificate_id=made.certificate_id,
        certificate_pem=made.pem,
    )


async def register(call: AwsCall[RegisterInput]) -> CertificateRegistered:
    given, ours = call.given, authority(call)
    if given.ca_certificate_pem is not None:
        theirs = facts(read_certificate(given.ca_certificate_pem, field="caCertificatePem"))
        if theirs.certificate_id != ours.certificate_id:
            raise BadCertificate(f"caCertificatePem: the authority {theirs.common_name!r} is not known here")
    if not ours.has_signed(given.certificate_pem):
        raise BadCertificate(
            "certificatePem is not signed by this server's authority; RegisterCertificateWithoutCA takes it"
        )
    status = CertificateStatus.ACTIVE if given.set_as_active else given.status
    return await _register(call, given.certificate_pem, status, CertificateMode.DEFAULT)


async def register_without_ca(call: AwsCall[RegisterWithoutCaInput]) -> CertificateRegistered:
    return await _register(call, call.given.certificate_pem, call.given.status, CertificateMode.SNI_ONLY)


async def _register(
    call: AwsCall[RegisterInput] | AwsCall[RegisterWithoutCaInput],
    pem: str,
    status: CertificateStatus | None,
    mode: CertificateMode,
) -> CertificateRegistered:
    read = read_certificate(pem, field="certificatePem")
    if not is_for_clients(read):
        raise BadCertificate("certificatePem says that it is not for clients of TLS (extended key usage)")
    found = facts(read)
    arn = call.options.arns.certificate(found.certificate_id)
    wanted = status or CertificateStatus.INACTIVE
    try:
        await call.store.write(certificates.register, found, status=wanted, mode=mode, at=call.at)
    except AlreadyExists as error:
        raise taken(error, found.certificate_id, arn) from None
    return CertificateRegistered(certificate_arn=arn, certificate_id=found.certificate_id)


async def describe(call: AwsCall[OneCertificateInput]) -> CertificateDescribed:
    found = await call.store.read(certificates.get, certificate_id(call.given.certificate_id))
    is_ours = found.mode is CertificateMode.DEFAULT
    described = CertificateDescription(
        certificate_arn=call.options.arns.certificate(found.certificate_id),
        certificate_id=found.certificate_id,
        ca_certificate_id=authority(call).certificate_id if is_ours else None,
        status=found.status,
        certificate_pem=found.facts.pem,
        owned_by=call.options.arns.account,
        creation_date=found.created_at,
        last_modified_date=found.last_modified_at,
        customer_version=found.version,
        generation_id=str(uuid5(NAMESPACE_OID, f"{found.certificate_id}/{found.version}")),
        validity=Validity(not_before=found.facts.not_before, not_after=found.facts.not_after),
        certificate_mode=found.mode,
    )
    return CertificateDescribed(certificate_description=described)


async def update(call: AwsCall[UpdateCertificateInput]) -> Empty:
    name = certificate_id(call.given.certificate_id)
    await call.store.write(certificates.set_status, name, call.given.new_status, at=call.at)
    return Empty()


async def delete(call: AwsCall[DeleteCertificateInput]) -> Empty:
    name = certificate_id(call.given.certificate_id)
    await call.store.write(certificates.delete, name, force=call.given.force_delete)
    return Empty()


async def page(call: AwsCall[ListCertificatesInput]) -> CertificateList:
    given = call.given
    found = await call.store.read(
        certificates.page,
        ascending=given.ascending_order,
        max_results=given.page_size,
        marker=given.marker,
    )
    return CertificateList(
        certificates=tuple(_summary(call, each) for each in found.items), next_marker=found.next_token
    )


def _summary(call: AwsCall[ListCertificatesInput], found: Certificate) -> CertificateSummary:
    return CertificateSummary(
        certificate_arn=call.options.arns.certificate(found.certificate_id),
        certificate_id=found.certificate_id,
        status=found.status,
        certificate_mode=found.mode,
        creation_date=found.created_at,
    )


async def _keep(call: AwsCall[Any], made: Facts, *, active: bool) -> None:
    status = CertificateStatus.ACTIVE if active else CertificateStatus.INACTIVE
    await call.store.write(certificates.register, made, status=status, at=call.at)


def authority(call: AwsCall[Any]) -> Authority:
    """Return what signs. Raises ``Unavailable`` where nothing does."""
    if call.options.authority is None:
        raise Unavailable("this server has no certificate authority")
    return call.options.authority


_COMMON: Final = "IR TH UA SU IF"
OPERATIONS: Final = (
    Operation(
        "CreateKeysAndCertificate", "POST", "/keys-and-certificate", create_keys,
        errors=errors(_COMMON), role=Role.ADMIN,
    ),
    Operation(
        "CreateCertificateFromCsr", "POST", "/certificates", create_from_csr,
        errors=errors(_COMMON), role=Role.ADMIN,
    ),
    Operation(
        "RegisterCertificate", "POST", "/certificate/register", register,
        errors=errors(f"{_COMMON} RAE CV CS"), role=Role.ADMIN, limit=_LIMIT,
    ),
    Operation(
        "RegisterCertificateWithoutCA", "POST", "/certificate/register-no-ca", register_without_ca,
        errors=errors(f"{_COMMON} RAE CV CS"), role=Role.ADMIN, limit=_LIMIT,
    ),
    Operation(
        "DescribeCertificate", "GET", "/certificates/{certificateId}", describe,
        errors=errors(f"{_COMMON} RNF"),
    ),
    Operation(
        "UpdateCertificate", "PUT", "/certificates/{certificateId}", update,
        errors=errors(f"{_COMMON} RNF CS"), role=Role.ADMIN,
    ),
    Operation(
        "DeleteCertificate", "DELETE", "/certificates/{certificateId}", delete,
        errors=errors(f"{_COMMON} RNF CS DC"), role=Role.ADMIN,
    ),
    Operation("ListCertificates", "GET", "/certificates", page, errors=errors(_COMMON)),
)  # fmt: skip
