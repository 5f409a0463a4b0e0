"""Certificates and keys as bytes: read with plain errors, written as PEM."""

from __future__ import annotations

import ssl
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from domain.certificates import Facts
from domain.errors import BadCertificate, InvalidRequest

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

#: What AWS takes, and every TLS library of devices.
_RSA_BITS: Final = (2048, 8192)
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_PROBLEMS: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)


def read_certificate(pem: str, *, field: str) -> x509.Certificate:
    """Return the one certificate in ``pem``. Raises ``BadCertificate``, also for a key not known here."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        keys = [certificate.public_key() for certificate in found]
        for each in found:  # they are read piece by piece, and any piece may be spoilt
            facts(each)
            is_for_clients(each)
        # OpenSSL is stricter here and there, and it is OpenSSL that will be shown it.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=pem)
    except (*_PROBLEMS, ssl.SSLError) as error:
        raise BadCertificate(f"{field} is not a certificate in PEM: {_said(error)}") from None
    if len(found) != 1:
        raise BadCertificate(f"{field} holds {len(found)} certificates, not one")
    try:
        checked_key(keys[0], field=field)
    except InvalidRequest as error:
        raise BadCertificate(str(error)) from None
    return found[0]


def _said(error: Exception) -> str:
    """Return what a library has found wrong, without where it says more about itself."""
    return str(error).partition(". See ")[0][:120]


def read_request(pem: str, *, field: str) -> x509.CertificateSigningRequest:
    """Return a signing request whose signature is right. Raises ``InvalidRequest``."""
    try:
        found = x509.load_pem_x509_csr(pem.encode())
        key, right, _ = found.public_key(), found.is_signature_valid, found.subject
    except _PROBLEMS as error:
        raise InvalidRequest(f"{field} is not a signing request in PEM: {_said(error)}") from None
    if not right:
        raise InvalidRequest(f"{field} is not signed by the key in it")
    checked_key(key, field=field)
    return found


def checked_key(key: object, *, field: str) -> PublicKey:
    """Return a key that devices may have: RSA of 2048 bits or more, or on a NIST curve."""
    if isinstance(key, rsa.RSAPublicKey) and _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return key
    shown = f"{type(key).__name__.lstrip('_')} of {getattr(key, 'key_size', '?')} bits"
    raise InvalidRequest(
        f"{field}: its key is {shown}; RSA of {_RSA_BITS[0]} to {_RSA_BITS[1]} bits and the curves P-256, "
        "P-384, P-521 are known here"
    )


def facts(certificate: x509.Certificate) -> Facts:
    """Return what the registry keeps of a certificate."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    common_name = str(names[0].value) if names else ""
    return Facts(
        certificate_id=certificate.fingerprint(hashes.SHA256()).hex(),
        pem=pem_of(certificate),
        common_name=common_name if common_name.isprintable() else "",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def is_for_clients(certificate: x509.Certificate) -> bool:
    """Return whether TLS will take it from a client: it says nothing of its use, or names this one."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in uses or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in uses


def is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, *_PROBLEMS):
        return False
    return True


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def private_pem(key: PrivateKey) -> str:
    """Return a key as AWS gives it out (PKCS #1 for RSA), which old devices' libraries read too."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def public_pem(key: PublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
