"""What is said and told about the authority that signs certificates: there is one, this server's own."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from api.aws.certificate_shapes import Validity
from api.aws.shapes import IN_QUERY, Approximated, Epoch, Input, Label, MarkerPaging, Output, Query
from domain.certificates import CertificateMode


class OneAuthorityInput(Input):
    certificate_id: Annotated[str, Label("caCertificateId")]


class ListAuthoritiesInput(MarkerPaging):
    ascending_order: Annotated[bool, Query("isAscendingOrder")] = False
    template_name: Annotated[
        Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,36}$")] | None,
        IN_QUERY,
        Approximated("no authority has a provisioning template here, so none is listed by one"),
    ] = None


class AuthoritySummary(Output):
    certificate_arn: str
    certificate_id: str
    status: Literal["ACTIVE"] = "ACTIVE"
    creation_date: Epoch


class AuthorityList(Output):
    certificates: tuple[AuthoritySummary, ...]
    next_marker: str | None = None


class AuthorityDescription(AuthoritySummary):
    """``autoRegistrationStatus``: what it has signed comes in once it is registered, not by itself."""

    certificate_pem: str
    owned_by: str
    auto_registration_status: Literal["DISABLE"] = "DISABLE"
    last_modified_date: Epoch
    customer_version: int = 1
    generation_id: str
    validity: Validity
    certificate_mode: CertificateMode = CertificateMode.DEFAULT


class AuthorityDescribed(Output):
    NEVER_SENT: ClassVar = {"registrationConfig": "devices are not provisioned at their first connection"}

    certificate_description: AuthorityDescription
