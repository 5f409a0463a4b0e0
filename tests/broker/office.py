"""Certificates for a broker and for the dispatcher: good ones and bad ones."""

import datetime as dt
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


class Paper(NamedTuple):
    """A certificate and its key, in files."""

    cert: Path
    key: Path


class Office:
    """An authority that certifies whatever it is asked to."""

    def __init__(self, directory: Path, name: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(f"authority {name}")
        self._certificate = self._sign(
            self._name, self._key, x509.BasicConstraints(ca=True, path_length=0), NOW + DAY, []
        )
        self.ca = directory / f"{name}-ca.pem"
        self.ca.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *alternatives: str, until: dt.datetime = NOW + DAY) -> Paper:
        """Certify a common name, and the addresses besides."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._sign(
            _named(name), key, x509.BasicConstraints(ca=False, path_length=None), until, [*alternatives]
        )
        paper = Paper(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        paper.cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        paper.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        paper.key.chmod(0o600)
        return paper

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        constraints: x509.BasicConstraints,
        until: dt.datetime,
        alternatives: list[str],
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 10 * DAY)
            .not_valid_after(until)
            .add_extension(constraints, critical=True)
        )
        if alternatives:
            names = [x509.IPAddress(ip_address(each)) for each in alternatives]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
