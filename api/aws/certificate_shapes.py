"""What is said and told about certificates and the things they are for."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from api.aws.shapes import (
    IN_QUERY,
    Approximated,
    Epoch,
    Header,
    Input,
    MarkerPaging,
    Output,
    Paging,
    Query,
)
from domain.certificates import CertificateMode, CertificateStatus, PrincipalType

_Flag = Annotated[bool, IN_QUERY]
_Pem = Annotated[str, Field(min_length=1, max_length=65_536)]
_Ascending = Annotated[bool, Query("isAscendingOrder")]
_STATUSES = Approximated("ACTIVE, INACTIVE and REVOKED; nothing is transferred or waits for activation here")
#: An ARN; a certificate's is the only kind of principal there is.
_Principal = Annotated[str, Header("x-amzn-principal"), Approximated("the ARN of a certificate")]
_Kind = Annotated[PrincipalType, IN_QUERY]


class CreateKeysInput(Input):
    """``setAsActive``: let it in at once."""

    set_as_active: _Flag = False


class CsrInput(Input):
    """A signing request in PEM."""

    certificate_signing_request: Annotated[str, Field(min_length=1, max_length=4096)]
    set_as_active: _Flag = False


class RegisterInput(Input):
    """A certificate of an authority that is known here, which is our own."""

    certificate_pem: _Pem
    ca_certificate_pem: Annotated[
        str | None, Field(max_length=65_536), Approximated("our own authority's, or none")
    ] = None
    set_as_active: _Flag = False
    status: Annotated[CertificateStatus | None, _STATUSES] = None


class RegisterWithoutCaInput(Input):
    """A certificate as it is."""

    certificate_pem: _Pem
    status: Annotated[CertificateStatus | None, _STATUSES] = None


class OneCertificateInput(Input):
    certificate_id: str


class UpdateCertificateInput(OneCertificateInput):
    new_status: Annotated[CertificateStatus, IN_QUERY, _STATUSES]


class DeleteCertificateInput(OneCertificateInput):
    force_delete: _Flag = False


class ListCertificatesInput(MarkerPaging):
    ascending_order: _Ascending = False


class CertificateRegistered(Output):
    certificate_arn: str
    certificate_id: str


class CertificateMade(CertificateRegistered):
    certificate_pem: str


class KeyPair(Output):
    """Told once and kept nowhere; its members alone are capitalised."""

    public_key: Annotated[str, Field(alias="PublicKey")]
    private_key: Annotated[str, Field(alias="PrivateKey", repr=False)]


class KeysMade(CertificateMade):
    key_pair: KeyPair


class Validity(Output):
    not_before: Epoch
    not_after: Epoch


class CertificateDescription(Output):
    NEVER_SENT: ClassVar = {
        "previousOwnedBy": "certificates are not transferred between accounts",
        "transferData": "certificates are not transferred between accounts",
    }

    certificate_arn: str
    certificate_id: str
    ca_certificate_id: str | None
    status: CertificateStatus
    certificate_pem: str
    owned_by: str
    creation_date: Epoch
    last_modified_date: Epoch
    customer_version: int
    generation_id: str
    validity: Validity
    certificate_mode: CertificateMode


class CertificateDescribed(Output):
    certificate_description: CertificateDescription


class CertificateSummary(Output):
    certificate_arn: str
    certificate_id: str
    status: CertificateStatus
    certificate_mode: CertificateMode
    creation_date: Epoch


class CertificateList(Output):
    certificates: tuple[CertificateSummary, ...]
    next_marker: str | None = None


class AttachPrincipalInput(Input):
    thing_name: str
    principal: _Principal
    thing_principal_type: _Kind = PrincipalType.NON_EXCLUSIVE_THING


class DetachPrincipalInput(Input):
    thing_name: str
    principal: _Principal


class ThingPrincipalsInput(Paging):
    thing_name: str


class ThingPrincipalsV2Input(ThingPrincipalsInput):
    thing_principal_type: Annotated[PrincipalType | None, IN_QUERY] = None


class PrincipalThingsInput(Paging):
    principal: _Principal


class PrincipalThingsV2Input(PrincipalThingsInput):
    thing_principal_type: Annotated[PrincipalType | None, IN_QUERY] = None


class PrincipalList(Output):
    principals: tuple[str, ...]
    next_token: str | None = None


class ThingPrincipal(Output):
    principal: str
    thing_principal_type: PrincipalType


class PrincipalListV2(Output):
    thing_principal_objects: tuple[ThingPrincipal, ...]
    next_token: str | None = None


class ThingNameList(Output):
    things: tuple[str, ...]
    next_token: str | None = None


class PrincipalThing(Output):
    thing_name: str
    thing_principal_type: PrincipalType


class ThingNameListV2(Output):
    principal_thing_objects: tuple[PrincipalThing, ...]
    next_token: str | None = None
