"""Answers about certificates of things: our own paths beside the customer's, in the same manner."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from api.shapes import Answer, Text


class CertificateIssued(Answer):
    """The only time that the private key is shown; it is kept nowhere."""

    created: Literal[True] = True
    thing_name: str
    certificate_id: Annotated[str, Field(description="SHA-256 of the certificate in hex, as AWS has it")]
    certificate_pem: str
    private_key: Annotated[str, Field(repr=False, description="In PEM, not encrypted")]
    authority_pem: Annotated[str, Field(description="The authority that signed it, and the server's own")]


class CertificatesRevoked(Answer):
    """How many certificates a thing had."""

    deleted: Literal[True] = True
    revoked: int


class AuthorityCertificate(Text):
    """The certificate that devices check this server by, in PEM. No secret: it is in every handshake."""

    media_type: ClassVar[str] = "application/x-pem-file"
