"""What tells that an AWS SDK sends a call again because it has not heard the answer.

The services' models have no client tokens here. But SDKs number their calls in a header, and a call that they
send again has the same number: it gets the answer that was lost instead of being done twice.
"""

from __future__ import annotations

from typing import Annotated, Final

from api.aws.shapes import Header

InvocationId = Annotated[str | None, Header("amz-sdk-invocation-id")]
#: Longer ones are not of AWS's SDKs, which send a UUID.
_LONGEST: Final = 48


def token(invocation_id: str | None) -> str | None:
    """Return a client token as verbs take it, None if the caller has sent nothing that could be one."""
    said = invocation_id or ""
    usable = 0 < len(said) <= _LONGEST and said.isascii() and said.isprintable()
    return f"aws-sdk:{said}" if usable else None
