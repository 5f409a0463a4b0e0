"""Operations on the authority that devices and servers are checked against: our own and no other."""

from __future__ import annotations

from typing import Final
from uuid import NAMESPACE_OID, uuid5

from api.aws.authority_shapes import (
    AuthorityDescribed,
    AuthorityDescription,
    AuthorityList,
    AuthoritySummary,
    ListAuthoritiesInput,
    OneAuthorityInput,
)
from api.aws.certificate_ids import certificate_id
from api.aws.certificate_shapes import Validity
from api.aws.certificates import authority
from api.aws.operation import AwsCall, Operation, errors
from domain.errors import NotFound
from domain.names import Arns
from storage import pages
from storage.authority import Authority


async def describe(call: AwsCall[OneAuthorityInput]) -> AuthorityDescribed:
    wanted = certificate_id(call.given.certificate_id)
    ours, arns = authority(call), call.options.arns
    if wanted != ours.certificate_id:
        raise NotFound(f"There is no CA certificate {wanted}; the one there is is {ours.certificate_id}")
    described = AuthorityDescription(
        certificate_arn=arns.authority(ours.certificate_id),
        certificate_id=ours.certificate_id,
        creation_date=ours.created_at,
        certificate_pem=ours.pem,
        owned_by=arns.account,
        last_modified_date=ours.created_at,
        generation_id=str(uuid5(NAMESPACE_OID, ours.certificate_id)),
        validity=Validity(not_before=ours.facts.not_before, not_after=ours.facts.not_after),
    )
    return AuthorityDescribed(certificate_description=described)


async def page(call: AwsCall[ListAuthoritiesInput]) -> AuthorityList:
    given, ours = call.given, call.options.authority
    listed = [] if ours is None or given.template_name is not None else [ours]
    found = await call.store.read(
        pages.of,
        ("authorities", given.template_name),
        [(each.certificate_id, _summary(each, call.options.arns)) for each in listed],
        max_results=given.page_size,
        next_token=given.marker,
        member="marker",
    )
    return AuthorityList(certificates=found.items, next_marker=found.next_token)


def _summary(ours: Authority, arns: Arns) -> AuthoritySummary:
    return AuthoritySummary(
        certificate_arn=arns.authority(ours.certificate_id),
        certificate_id=ours.certificate_id,
        creation_date=ours.created_at,
    )


_COMMON: Final = "IR TH UA SU IF"
OPERATIONS: Final = (
    Operation(
        "DescribeCACertificate", "GET", "/cacertificate/{caCertificateId}", describe,
        errors=errors(f"{_COMMON} RNF"),
    ),
    Operation("ListCACertificates", "GET", "/cacertificates", page, errors=errors(_COMMON)),
)  # fmt: skip
