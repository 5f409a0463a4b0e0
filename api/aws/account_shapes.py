"""What is said and told about the account as a whole: endpoints, and which events are published."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from api.aws.shapes import IN_QUERY, Approximated, Epoch, Input, Output
from domain.event_kinds import EventKind


class EndpointInput(Input):
    endpoint_type: Annotated[
        Annotated[str, Field(max_length=128)] | None,
        IN_QUERY,
        Approximated(
            "iot:Data-ATS, iot:Data, iot:Jobs, iot:CredentialProvider; each has one answer, by setting"
        ),
    ] = None


class EndpointOutput(Output):
    endpoint_address: str


class Configuration(BaseModel):
    """Whether a kind of event is published; its member alone is capitalised."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_pascal)

    enabled: bool = False


Configurations = Annotated[
    dict[EventKind, Configuration],
    Approximated("kept and shown; only JOB and JOB_EXECUTION have events here"),
]


class NothingInput(Input):
    """There is nothing to say."""


class UpdateEventsInput(Input):
    event_configurations: Configurations = {}  # noqa: RUF012 - pydantic copies it


class EventsOutput(Output):
    event_configurations: Configurations
    creation_date: Epoch | None = None
    last_modified_date: Epoch | None = None
