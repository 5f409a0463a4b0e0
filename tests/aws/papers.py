"""Certificates that a test makes itself: with other keys, other authorities, and for other uses than ours."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

START = datetime(2024, 1, 1, tzinfo=UTC)


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def self_signed(common_name="device", *, key=None, days=3650, use=None, extension=None):
    """Return a certificate in PEM, which nobody but its own key has signed."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name(common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=days))
    )
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(serialization.Encoding.PEM).decode()


def for_servers():
    return self_signed(use=ExtendedKeyUsageOID.SERVER_AUTH)


def spoilt():
    """Return a certificate that can be read until somebody asks what it may be used for."""
    return self_signed(extension=x509.UnrecognizedExtension(x509.ExtensionOID.EXTENDED_KEY_USAGE, b"spoilt"))


def request(common_name="t1", *, key=None):
    """Return a signing request in PEM and its key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([]) if common_name is None else name(common_name)
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode(), key


def weak_request():
    return request(key=rsa.generate_private_key(public_exponent=65537, key_size=1024))[0]


def read(pem):
    return x509.load_pem_x509_certificate(pem.encode())
