"""Secrets that must be read again: sealed in the database by a key that lies beside it, in a file of its own.

Whoever gets hold of a copy of the database alone has none of them.
"""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import Unavailable
from storage import private_file

FILE: Final = "vault.key"
_KEY: Final = 32
_NONCE: Final = 12
_TAG: Final = 16


class Vault:
    """Seals with AES-256-GCM. Its key is made when something is sealed for the first time."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE
        self._found: AESGCM | None = None
        self._lock = threading.Lock()

    def seal(self, secret: bytes, *, name: str) -> bytes:
        """Return the secret sealed for what is called ``name``. Raises ``Unavailable``."""
        with self._lock:
            cipher = self._cipher()
            if cipher is None:
                cipher = self._new_cipher()
        nonce = secrets.token_bytes(_NONCE)
        return nonce + cipher.encrypt(nonce, secret, name.encode())

    def unseal(self, sealed: bytes, *, name: str) -> bytes | None:
        """Return the secret, or None if another key, or for another name, has sealed it."""
        with self._lock:
            cipher = self._cipher()
        if cipher is None or len(sealed) < _NONCE + _TAG:
            return None
        try:
            return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except InvalidTag:
            return None

    def _new_cipher(self) -> AESGCM:
        with private_file.alone(self._path.parent):
            # Another process may have made it meanwhile.
            if self._cipher() is None:
                private_file.write(self._path, secrets.token_bytes(_KEY))
            made = self._cipher()
        assert made is not None
        return made

    def _cipher(self) -> AESGCM | None:
        if self._found is None:
            key = private_file.read(self._path)
            if key is not None and len(key) != _KEY:
                raise Unavailable(f"{self._path} does not hold a key of {_KEY} bytes")
            self._found = None if key is None else AESGCM(key)
        return self._found


def decoy(size: int) -> bytes:
    """Return what looks like a sealed secret of ``size`` bytes and is none; it takes as long to find out."""
    return secrets.token_bytes(_NONCE + size + _TAG)
