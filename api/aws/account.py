"""Operations on the account as a whole: where clients find it, and which events it publishes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from api.aws.account_shapes import (
    Configuration,
    EndpointInput,
    EndpointOutput,
    EventsOutput,
    NothingInput,
    UpdateEventsInput,
)
from api.aws.operation import AwsCall, Operation, errors
from api.aws.shapes import Empty
from api.endpoints import Endpoints
from api.errors import shown
from domain.errors import InvalidRequest
from domain.roles import Role
from storage import event_configurations

_ENDPOINTS: Final[Mapping[str, Callable[[Endpoints], str]]] = {
    "iot:Data-ATS": lambda endpoints: endpoints.mqtt,
    "iot:Data": lambda endpoints: endpoints.mqtt,
    "iot:Jobs": lambda endpoints: endpoints.http,
    # There is no such service here; programs ask before they know whether they need it.
    "iot:CredentialProvider": lambda endpoints: endpoints.http,
}


async def describe_endpoint(call: AwsCall[EndpointInput]) -> EndpointOutput:
    said = call.given.endpoint_type or "iot:Data"
    if said not in _ENDPOINTS:
        raise InvalidRequest(f"endpointType {shown(said)} is not one of {', '.join(_ENDPOINTS)}")
    return EndpointOutput(endpoint_address=_ENDPOINTS[said](call.options.endpoints))


async def describe_events(call: AwsCall[NothingInput]) -> EventsOutput:
    found = await call.store.read(event_configurations.get)
    return EventsOutput(
        event_configurations={
            kind: Configuration.model_validate({"Enabled": on}) for kind, on in found.enabled.items()
        },
        creation_date=found.created_at,
        last_modified_date=found.last_modified_at,
    )


async def update_events(call: AwsCall[UpdateEventsInput]) -> Empty:
    changes = {kind: said.enabled for kind, said in call.given.event_configurations.items()}
    await call.store.write(event_configurations.put, changes, at=call.at)
    return Empty()


OPERATIONS: Final = (
    Operation("DescribeEndpoint", "GET", "/endpoint", describe_endpoint, errors=errors("IF IR UA TH")),
    Operation(
        "DescribeEventConfigurations", "GET", "/event-configurations", describe_events, errors=errors("IF TH")
    ),
    Operation(
        "UpdateEventConfigurations", "PATCH", "/event-configurations", update_events,
        errors=errors("IR IF TH"), role=Role.OPERATOR,
    ),
)  # fmt: skip
