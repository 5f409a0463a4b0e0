"""What an external broker asks us: whether a client may come in, and what it may say and hear there.

The questions are EMQX's (HTTP authentication and authorization). It takes an error's status for no opinion,
so that even a store that is down is answered for with a plain no.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from typing import Annotated, Final, Literal

from aiohttp.hdrs import METH_POST as POST
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from api.call import ApiOptions, Call
from api.route import INVALID, Route
from api.shapes import Answer, Nothing, Request
from domain.access_keys import AccessKey
from domain.errors import Unavailable
from domain.permissions import may_connect, may_publish, may_subscribe
from storage import access_keys, admittance


def _said(value: object) -> str:
    """Take numbers and truth values as brokers spell them in text, and nothing for what is missing."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else ""


Said = Annotated[
    str,
    BeforeValidator(_said),
    WithJsonSchema({"description": "Text; whatever else it is, it is taken as such"}),
]


class Question(Request):
    """What it is about. Other members, which a broker's configuration may well send, mean nothing here."""

    model_config = ConfigDict(extra="ignore", alias_generator=None)


class Connecting(Question):
    clientid: Said = ""
    username: Said = ""
    password: Said = ""


class Acting(Question):
    """`name` is what the answer to the first question called so: a user name may be missing."""

    name: Said = ""
    action: Said = ""
    topic: Said = ""
    qos: Said = "0"
    retain: Said = "false"


class Verdict(Answer):
    model_config = ConfigDict(alias_generator=None)

    result: Literal["allow", "deny"]


class Admission(Verdict):
    """`client_attrs.name` is who it is: to be sent with each question about what it may do."""

    is_superuser: bool = False
    client_attrs: dict[str, str] = Field(default_factory=dict)


async def admit(call: Call[Nothing, Connecting]) -> Admission:
    asked = call.body
    dispatcher = call.options.dispatcher
    if dispatcher is not None and asked.username == dispatcher.name:
        right = hmac.compare_digest(dispatcher.password.encode(), asked.password.encode())
        return Admission(result="allow" if right else "deny", is_superuser=right)
    # What AWS's SDKs say of themselves stands behind a question mark.
    user_name = asked.username.partition("?")[0]
    try:
        found = await call.store.read(admittance.by_password, call.store.vault, user_name, asked.password)
    except Unavailable:
        found = None
    if found is None or (found.key is None and not may_connect(found.name, asked.clientid)):
        return Admission(result="deny")
    if found.key is not None:
        await _note(call, found.key)
    return Admission(result="allow", client_attrs={"name": found.name})


async def permit(call: Call[Nothing, Acting]) -> Verdict:
    allowed = _may(call.options, call.body)
    return Verdict(result="allow" if allowed else "deny")


def _may(options: ApiOptions, asked: Acting) -> bool:
    match asked.action:
        case "publish":
            plain = asked.retain == "false" and asked.qos in ("0", "1")
            return plain and may_publish(options.topics, asked.name, asked.topic)
        case "subscribe":
            return bool(asked.name) and may_subscribe(options.topics, asked.name, asked.topic)
        case _:
            return False


async def _note(call: Call[Nothing, Connecting], key: AccessKey) -> None:
    if access_keys.is_news(key, call.at):
        with suppress(Unavailable):
            await call.store.write(access_keys.note_use, key.key_id, at=call.at)


BROKERS: Final = (
    Route(
        POST,
        "/internal/mqtt/auth",
        "admitMqttClient",
        admit,
        summary="For an external broker: whether a client may connect, and who it is",
        errors=INVALID,
    ),
    Route(
        POST,
        "/internal/mqtt/acl",
        "permitMqttAction",
        permit,
        summary="For an external broker: whether a client may publish or subscribe there",
        errors=INVALID,
    ),
)
