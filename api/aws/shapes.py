"""What every input and every output of the AWS planes has in common, and where its members travel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, PlainSerializer
from pydantic.alias_generators import to_camel
from pydantic_core.core_schema import CoreSchema, no_info_before_validator_function

from api.fields import digits
from domain.config import whole
from storage.pages import MAX_RESULTS


@dataclass(frozen=True, slots=True)
class Query:
    """Marks a member that travels in the query; ``name`` where that is another than the member's own."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """Marks a member that travels in a header."""

    name: str


@dataclass(frozen=True, slots=True)
class Approximated:
    """Marks a member that is honoured in another way than by AWS; docs/aws.md says how in these words."""

    how: str


@dataclass(frozen=True, slots=True)
class NotHonoured:
    """Marks a member that we do not act on: any value but an empty one is refused, with the reason."""

    why: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(self._check, handler(source))

    def _check(self, value: object) -> object:
        if value in (None, {}, [], False):
            return None
        raise ValueError(f"it is not honoured: {self.why}")


@dataclass(frozen=True, slots=True)
class Label:
    """Marks a member that the path knows by another name."""

    name: str


IN_QUERY: Final = Query()


class Input(BaseModel):
    """All that an operation is told: path, query, headers and body as one set of members.

    Unknown members are refused. AWS ignores them, but a client checks what it sends against the service's
    model, so what we do not know is newer than us and must not be dropped without a word (decision 0006).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class DeviceInput(Input):
    """An input of the data plane: firmware may send more than anybody reads (contract 3.2)."""

    model_config = ConfigDict(extra="ignore")


class Output(BaseModel):
    """A body that is sent with 200; members without a value are left out."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True
    )

    #: Members that differ from AWS's, and how; for docs/aws.md.
    APPROXIMATED: ClassVar[Mapping[str, str]] = {}
    #: Members that AWS's shape has and that are never sent, and why.
    NEVER_SENT: ClassVar[Mapping[str, str]] = {}


class Empty(Output):
    """Nothing to say."""


def seconds(moment: datetime) -> float:
    """Return epoch seconds with milliseconds (contract 1.1)."""
    return round(moment.timestamp(), 3)


def whole_seconds(moment: datetime) -> int:
    return int(moment.timestamp())


#: Times of the control plane, and of the data plane.
Epoch = Annotated[datetime, PlainSerializer(seconds, return_type=float)]
EpochSeconds = Annotated[datetime, PlainSerializer(whole_seconds, return_type=int)]


def number(value: object) -> int:
    """Read a whole number, from the body or as a query spells it."""
    return digits(value) if isinstance(value, str) else whole(value)


WholeNumber = Annotated[int, BeforeValidator(number)]
_Results = Annotated[int, Field(ge=1, le=MAX_RESULTS), BeforeValidator(number), IN_QUERY]
Token = Annotated[str | None, Field(max_length=1024), IN_QUERY]


class Paging(Input):
    """How most lists are asked for."""

    max_results: _Results = MAX_RESULTS
    next_token: Token = None


class MarkerPaging(Input):
    """How the lists of certificates and policies are asked for."""

    page_size: _Results = MAX_RESULTS
    marker: Token = None
