"""A thing that follows a document's exchanges: publishes its lines with ``>``, expects those with ``<``."""

import json
import queue
import re
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE = 15.0
_MESSAGE = re.compile(r"^([<>]) (\S+)\n((?:[^<>].*\n?)+)", re.MULTILINE)
#: Members whose value is another one each time; that they are whole numbers is all that can be said.
_TIMES = {"timestamp", "queuedAt", "startedAt", "lastUpdatedAt", "approximateSecondsBeforeTimedOut"}


@dataclass(frozen=True)
class Message:
    """One line of an exchange and its payload; ``said`` by the thing, or heard by it."""

    said: bool
    topic: str
    payload: Any


def messages(block: str) -> list[Message]:
    return [Message(arrow == ">", topic, json.loads(body)) for arrow, topic, body in _MESSAGE.findall(block)]


def thing_of(message: Message) -> str:
    return message.topic.split("/")[2]


class Wire:
    """A connected thing. Everything it hears is kept until asked for."""

    def __init__(self, port: int, thing: str, token: str) -> None:
        self._heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._ready: queue.Queue[None] = queue.Queue()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=thing)
        self._client.username_pw_set(thing, token)
        self._client.on_message = lambda _c, _u, m: self._heard.put((m.topic, json.loads(m.payload)))
        self._client.on_subscribe = lambda *_: self._ready.put(None)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(f"$aws/things/{thing}/jobs/#", qos=1)
        self._ready.get(timeout=PATIENCE)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def take(self, message: Message) -> None:
        """Publish, or hear exactly this next."""
        if message.said:
            self._client.publish(message.topic, json.dumps(message.payload), qos=1)
            return
        topic, payload = self._heard.get(timeout=PATIENCE)
        assert (topic, _timeless(payload)) == (message.topic, _like(message.payload, payload))


def _timeless(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: type(v).__name__ if k in _TIMES else _timeless(v) for k, v in node.items()}
    return [_timeless(value) for value in node] if isinstance(node, list) else node


def _like(shown: Any, heard: Any) -> Any:
    """Return what the document shows without times, and with what was heard where it shows ``…``."""
    shown = _timeless(shown)
    if isinstance(shown, dict) and shown.get("message") == "…":
        shown["message"] = heard.get("message")
    return shown
