"""What external brokers say of their clients: EMQX and its like do, Mosquitto does not.

One thing may have several clients; it is gone when the last of them is.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic_core import from_json

from domain.errors import InvalidRequest
from domain.names import thing_name

#: Events as system messages, and as messages of a rule or event topic; both spellings are in use.
FILTERS: Final = (
    "$SYS/brokers/+/clients/+/connected",
    "$SYS/brokers/+/clients/+/disconnected",
    "$events/client_connected",
    "$events/client_disconnected",
    "$event/client_connected",
    "$event/client_disconnected",
)
_EVENT: Final = re.compile(
    r"(?:\$SYS/brokers/[^/]+/clients/[^/]+/|\$events?/client_)(?P<what>connected|disconnected)"
)


class ClientEvents:
    """Reads events and tells whose first client has come and whose last one has gone."""

    def __init__(self) -> None:
        self._clients: dict[str, set[str]] = {}

    def read(self, topic: str, payload: bytes) -> tuple[str, bool] | None:
        """Return a thing and whether it is connected now; None if that is no event, or changes nothing."""
        found = _EVENT.fullmatch(topic)
        who = found and _who(payload)
        if not found or who is None:
            return None
        thing, client = who
        clients = self._clients.setdefault(thing, set())
        if found["what"] == "connected":
            clients.add(client)
            return thing, True
        clients.discard(client)
        if clients:
            return None
        del self._clients[thing]
        return thing, False


def _who(payload: bytes) -> tuple[str, str] | None:
    """Return thing and client id: a client's user name is its thing's name, else its client id is."""
    try:
        said: Any = from_json(payload)
        client, user = said["clientid"], said.get("username")
        if not isinstance(client, str):
            return None
        return thing_name(user if user not in (None, "", "undefined") else client), client
    except (ValueError, KeyError, TypeError, AttributeError, InvalidRequest):
        return None
