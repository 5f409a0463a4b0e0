"""A running server, and what its devices need to come in: a password, or a certificate."""

from copy import copy
from pathlib import Path
from typing import Any

from whole import Whole


class Site:
    """``port`` takes passwords, ``mtls_port`` takes certificates of the CA in ``ca``."""

    def __init__(self, whole: Whole, ca: Path, certificates: Path) -> None:
        self.whole = whole
        self.broker = whole.broker
        self.port = whole.port
        self.mtls_port = whole.secure_port
        self.ca = ca
        self._certificates = certificates

    def behind(self, port: int) -> "Site":
        """Return this site as seen through something that listens here instead."""
        seen = copy(self)
        seen.port = seen.mtls_port = port
        return seen

    @property
    def quiet(self) -> dict[str, Any]:
        """What an SDK must be told where it has a password, beyond the password.

        Mosquitto compares the whole user name, so what the SDK says of itself behind it must stay away.
        """
        return {} if self.broker == "embedded" else {"disable_metrics": True}

    def password(self, thing: str) -> dict[str, Any]:
        return {"username": thing, "password": self.whole.secrets[thing]}

    def certificate(self, thing: str) -> tuple[str, str]:
        """Return the paths of a thing's certificate and private key."""
        folder = self._certificates / thing
        return str(folder / "certificate.pem"), str(folder / "private.key")
