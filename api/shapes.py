"""What every body, every query and every answer has in common."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from api.fields import NextToken, digits
from storage.pages import MAX_RESULTS


class Request(BaseModel):
    """A body or a query. Unknown members are refused: a typo must not go out to a fleet as a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    #: Whether it is any bytes instead of JSON.
    binary: ClassVar[bool] = False


class Nothing(Request):
    """No member or query parameter is known."""


class Paging(Request):
    """How every list is asked for."""

    max_results: Annotated[int, Field(ge=1, le=MAX_RESULTS), BeforeValidator(digits)] = MAX_RESULTS
    next_token: NextToken = None


class Answer(BaseModel):
    """A body that is sent with 200, unless it says otherwise."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        # Everything is always sent, so the description may promise it.
        json_schema_serialization_defaults_required=True,
    )

    binary: ClassVar[bool] = False

    @property
    def left_out(self) -> frozenset[str]:
        """Return the members that this answer does without; the description must not promise them."""
        return frozenset()

    @property
    def http_status(self) -> int:
        return 200


class Text(Answer):
    """An answer that is sent as the text it is."""

    binary: ClassVar[bool] = True
    media_type: ClassVar[str] = "text/plain"
    text: str


class Error(Answer):
    """Every failure, whatever its status."""

    error: Annotated[str, Field(description="The reason; it names the field and the value")]
