"""paho's client on a socket of ours: what it must not do by itself."""

from __future__ import annotations

import time
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from broker.wire import Wire

V311: Final = MQTTProtocolVersion.MQTTv311
V5: Final = MQTTProtocolVersion.MQTTv5


class WireClient(Client):
    """paho on a socket that is connected already: its own connecting would block the event loop."""

    def __init__(
        self, wire: Wire, client_id: str, *, version: MQTTProtocolVersion, is_forgotten: bool
    ) -> None:
        """``is_forgotten``: the broker keeps nothing of us afterwards; in MQTT 5 the properties say it."""
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if version == V5 else is_forgotten,
            protocol=version,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._wire = wire

    def _create_socket(self) -> Wire:
        return self._wire

    def hears(self) -> None:
        """Note that the broker lives: paho does not see all that it sends."""
        self._last_bytes_received = time.monotonic()
