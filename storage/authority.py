"""Our own certificate authority: it signs for devices and for us; its key stays in the data directory."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from domain.certificates import LAST_DAY, Facts, NewKeys
from domain.errors import InvalidRequest, Unavailable
from storage import private_file
from storage.x509_files import (
    PublicKey,
    checked_key,
    facts,
    is_signed_by,
    pem_of,
    private_pem,
    public_pem,
    read_certificate,
    read_request,
)

FOLDER: Final = "authority"
#: The clocks of devices are often a little behind.
_EARLIER: Final = timedelta(hours=1)
_SERVER_LIFE: Final = timedelta(days=730)
_DEFAULT_NAME: Final = "Thingjobs device"
_NAME_MAX: Final = 64
_RESERVED: Final = "thingjobs."


class Authority:
    """Signs certificates. ``Authority.open`` makes it for a data directory that has none yet."""

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._folder = folder
        self._key = key
        self._certificate = certificate
        self.facts: Final = facts(certificate)
        self.pem: Final = self.facts.pem
        self.certificate_id: Final = self.facts.certificate_id
        self.created_at: Final = self.facts.not_before + _EARLIER

    @classmethod
    def open(cls, data_dir: Path, *, at: datetime) -> Authority:
        """Return the authority of a data directory. Raises ``Unavailable`` if its files cannot be used."""
        folder = data_dir / FOLDER
        kept = private_file.read(folder / "ca.key")
        if kept is None:
            with private_file.alone(data_dir):
                kept = private_file.read(folder / "ca.key")
                # Unless another process has made it meanwhile.
                if kept is None:
                    return cls._new(folder, at=at)
        try:
            key = serialization.load_pem_private_key(kept, None)
            certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        except (OSError, ValueError, TypeError) as error:
            raise Unavailable(f"the certificate authority in {folder} cannot be used: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise Unavailable(
                f"the certificate authority in {folder} cannot be used: ca.key does not fit ca.pem"
            )
        return cls(folder, key, certificate)

    @classmethod
    def _new(cls, folder: Path, *, at: datetime) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        # The number tells authorities of several installations apart for whoever has to.
        name = _name(f"Thingjobs authority {serial & 0xFFFFFFFF:08x}")
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(at - _EARLIER)
            .not_valid_after(LAST_DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        # The key last: with it the authority is there.
        private_file.write(folder / "ca.pem", pem_of(certificate).encode())
        private_file.write(folder / "ca.key", private_pem(key).encode())
        return cls(folder, key, certificate)

    def for_device(self, public_key: PublicKey, *, common_name: str | None = None, at: datetime) -> Facts:
        """Return a new certificate for a device's key. A name too long for X.509 is left out, never cut."""
        fits = common_name is not None and len(common_name) <= _NAME_MAX
        return facts(self._sign(public_key, _name(common_name if fits else None), at=at))

    def for_request(self, pem: str, *, at: datetime) -> Facts:
        """Return a certificate for a signing request, with its subject. Raises ``InvalidRequest``."""
        request = read_request(pem, field="certificateSigningRequest")
        key = checked_key(request.public_key(), field="certificateSigningRequest")
        subject = request.subject if len(request.subject) else _name()
        for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME):
            if str(name.value).startswith(_RESERVED):
                raise InvalidRequest(
                    f"certificateSigningRequest: common names that begin with {_RESERVED} are those of parts "
                    "of the server, to whom an external broker gives more rights than to things"
                )
        try:
            return facts(self._sign(key, subject, at=at))
        except (ValueError, TypeError) as error:
            raise InvalidRequest(
                f"certificateSigningRequest: its subject cannot be signed: {error}"
            ) from None

    def has_signed(self, pem: str) -> bool:
        return is_signed_by(read_certificate(pem, field="certificatePem"), self._certificate)

    def for_server(self, names: Sequence[str], *, at: datetime) -> tuple[Path, Path]:
        """Return the files of a server certificate and its key, good for these names and addresses.

        Those that are there are kept while they name the same and the half of their life is left.
        """
        certificate, key = self._folder / "server.pem", self._folder / "server.key"
        wanted = [_alternative(name) for name in dict.fromkeys(names)]
        with private_file.alone(self._folder.parent):
            if not self._serves(certificate, key, wanted, at=at):
                self._make_for_server(certificate, key, wanted, at=at)
        return certificate, key

    def _make_for_server(
        self, certificate: Path, key: Path, wanted: Sequence[x509.GeneralName], *, at: datetime
    ) -> None:
        own = ec.generate_private_key(ec.SECP256R1())
        made = self._sign(
            own.public_key(),
            _name("Thingjobs server"),
            at=at,
            names=wanted,
            ends_at=min(at + _SERVER_LIFE, LAST_DAY),
        )
        private_file.write(key, private_pem(own).encode())
        private_file.write(certificate, (pem_of(made) + self.pem).encode())

    def _serves(
        self, certificate: Path, key: Path, wanted: Sequence[x509.GeneralName], *, at: datetime
    ) -> bool:
        own = private_file.read(key)
        if own is None:
            return False
        try:
            found = x509.load_pem_x509_certificate(certificate.read_bytes())
            private = serialization.load_pem_private_key(own, None)
            named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
            return False
        return (
            found.public_key() == private.public_key()
            and is_signed_by(found, self._certificate)
            and set(named) == set(wanted)
            and found.not_valid_before_utc <= at
            and found.not_valid_after_utc - at >= _SERVER_LIFE / 2
        )

    def _sign(
        self,
        key: PublicKey,
        subject: x509.Name,
        *,
        at: datetime,
        names: Sequence[x509.GeneralName] = (),
        ends_at: datetime = LAST_DAY,
    ) -> x509.Certificate:
        """Sign for a device, or with ``names`` for a server."""
        use = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - _EARLIER)
            .not_valid_after(ends_at)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def new_keys() -> tuple[NewKeys, PublicKey]:
    """Return an RSA key pair of 2048 bits, as AWS makes them. Takes a tenth of a second and more."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return NewKeys(public_pem(key.public_key()), private_pem(key)), key.public_key()


def _name(common_name: str | None = None) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or _DEFAULT_NAME)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError:
        raise InvalidRequest(f"{name!r} is neither an address nor a host's name in ASCII") from None


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
