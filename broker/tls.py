"""How TLS towards a broker is set up, and what it means when it fails: in the words of the settings."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.link import LinkDown

#: What OpenSSL calls that which goes wrong in practice, and what to do about it.
_CAUSES: Final = {
    "WRONG_VERSION_NUMBER": "what listens there does not speak TLS",
    "HTTP_REQUEST": "what listens there does not speak TLS",
    "CERTIFICATE_REQUIRED": "the broker wants a certificate of ours (broker_tls_cert_file)",
    "HANDSHAKE_FAILURE": "the broker agrees to nothing; does it want our certificate (broker_tls_cert_file)?",
    "UNKNOWN_CA": "the broker does not know who issued our certificate (broker_tls_cert_file)",
    "BAD_CERTIFICATE": "the broker refuses our certificate (broker_tls_cert_file)",
    "CERTIFICATE_EXPIRED": "our certificate (broker_tls_cert_file) has expired",
    "CERTIFICATE_REVOKED": "our certificate (broker_tls_cert_file) is revoked",
    "CERTIFICATE_UNKNOWN": "the broker refuses our certificate (broker_tls_cert_file)",
    "UNSUPPORTED_CERTIFICATE": "the broker cannot use our certificate (broker_tls_cert_file)",
    "DECRYPT_ERROR": "the broker refuses our certificate (broker_tls_cert_file)",
    "PROTOCOL_VERSION": "the broker speaks no version of TLS that we do (1.2 and 1.3)",
}


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak TLS to a broker. Without ``ca_file`` the authorities of this machine count."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    checks_name: bool = True

    def context(self) -> ssl.SSLContext:
        """Read the files, as they are now. Raises ``LinkDown`` naming the one that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise LinkDown(f"broker_tls_ca_file={self.ca_file}: {_fault(error)}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.checks_name
        if self.cert_file is not None and self.key_file is not None:
            for name, path in (("cert", self.cert_file), ("key", self.key_file)):
                try:
                    path.read_bytes()
                except OSError as error:
                    raise LinkDown(f"broker_tls_{name}_file={path}: {error.strerror}") from None
            try:
                # A key with a passphrase would have OpenSSL ask for it at the terminal.
                context.load_cert_chain(self.cert_file, self.key_file, password=_no_passphrase)
            except (OSError, ValueError) as error:
                files = f"broker_tls_cert_file={self.cert_file}, broker_tls_key_file={self.key_file}"
                raise LinkDown(f"{files}: {_fault(error)}") from None
        return context


def cause(error: ssl.SSLError) -> str:
    """Return what is wrong in words that name the setting, as far as OpenSSL tells."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is not accepted (broker_tls_ca_file): {error.verify_message}"
    reason = error.reason or str(error)
    return next((text for part, text in _CAUSES.items() if part in reason), reason.replace("_", " ").lower())


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase; keep it in a file without one that only we may read")


def _fault(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return str(getattr(error, "strerror", None) or error)
