"""How long links in a job's document are good for (contract 1.4, ``presignedUrlConfig``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.artifacts import LONGEST_LINK, SHORTEST_LINK
from domain.config import WHOLE, Config


class PresignedUrlConfig(Config):
    """The role is kept and shown, as AWS's clients expect; links are made as the server that makes them."""

    role_arn: Annotated[str, Field(min_length=20, max_length=2048)] | None = None
    expires_in_sec: Annotated[int, Field(ge=SHORTEST_LINK, le=LONGEST_LINK), WHOLE] | None = None
