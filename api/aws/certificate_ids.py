"""How AWS's calls name certificates: by id or ARN, in either case of hex."""

from __future__ import annotations

import re
from typing import Final

from api.aws import names
from api.errors import shown
from domain.errors import InvalidRequest
from domain.names import Arns

_ID: Final = re.compile(r"(?:0x)?([a-fA-F0-9]{64})")


def certificate_id(said: str) -> str:
    """Return an id as the registry has it. Raises ``InvalidRequest``."""
    found = _ID.fullmatch(said)
    if found is None:
        raise InvalidRequest(f"certificateId {shown(said)} is not 64 hexadecimal digits")
    return found[1].lower()


def of_principal(said: str, *, arns: Arns) -> str:
    """Return the id of the certificate that an ARN names. Raises ``InvalidRequest``, also for a plain id."""
    name = names.plain(said, "cert", member="principal", arns=arns)
    if name == said:
        raise InvalidRequest(f"principal {shown(said)} is not the ARN of a certificate")
    return certificate_id(name)
