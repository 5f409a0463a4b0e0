"""Which lifecycle events are published over MQTT: thin translations onto the verbs of the store."""

from __future__ import annotations

import logging
from typing import Any, Final

from api.call import Call
from api.configuration_schema import EventConfigurationsView, PutEventConfigurations
from api.shapes import Nothing
from domain.event_kinds import EventKind
from storage import event_configurations

_log = logging.getLogger(__name__)

_MEMBERS: Final = {"job": EventKind.JOB, "job_execution": EventKind.JOB_EXECUTION}


async def get(call: Call[Nothing, Nothing]) -> EventConfigurationsView:
    return await _view(call)


async def put(call: Call[Nothing, PutEventConfigurations]) -> EventConfigurationsView:
    asked = {kind: getattr(call.body, member) for member, kind in _MEMBERS.items()}
    changes = {kind: on for kind, on in asked.items() if on is not None}
    await call.store.write(event_configurations.put, changes, at=call.at)
    for kind, on in changes.items():
        _log.info("events of the kind %s switched %s by %s", kind, "on" if on else "off", call.actor)
    return await _view(call)


async def _view(call: Call[Any, Any]) -> EventConfigurationsView:
    found = await call.store.read(event_configurations.get)
    return EventConfigurationsView(
        **{member: found.enabled[kind] for member, kind in _MEMBERS.items()},
        created_at=found.created_at,
        last_modified_at=found.last_modified_at,
    )
