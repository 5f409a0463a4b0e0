"""Placeholders in job documents: an unknown or malformed one is refused at the door (contract 5.3, A13)."""

from __future__ import annotations

import re
from typing import Final

from domain.errors import InvalidRequest

_OPENING: Final = re.compile(r"\$\{aws:iot:")
#: A quotation mark (x22) would end the JSON string around it.
_WHOLE: Final = re.compile(
    r"\$\{aws:iot:(parameter|s3-presigned-url|code-sign-signature|package):[^{}\x22]+\}"
)


def refuse_unknown(document: str) -> None:
    """Raise ``InvalidRequest`` if a ``${aws:iot:…}`` in the document is of no known kind or not closed."""
    for opening in _OPENING.finditer(document):
        if not _WHOLE.match(document, opening.start()):
            shown = document[opening.start() : opening.start() + 64]
            raise InvalidRequest(f"document holds the placeholder {shown!r}, which is unknown or malformed")
