"""Bodies and answers of access keys: our own paths beside the customer's, in the same manner."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.fields import Text, ThingName, Time
from api.shapes import Answer, Request
from domain.roles import Role


class CreateAccessKey(Request):
    """For whom a key is. The role DEVICE speaks for one thing, which it needs; no other role has one."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {
                    "properties": {"role": {"const": "DEVICE"}, "thingName": {"type": "string"}},
                    "required": ["thingName"],
                },
                {
                    "properties": {
                        "role": {"enum": ["ADMIN", "OPERATOR", "VIEWER"]},
                        "thingName": {"type": "null"},
                    }
                },
            ]
        }
    )

    role: Role
    thing_name: ThingName | None = None
    description: Text | None = None


class AccessKeyCreated(Answer):
    """The only time that the secret is shown."""

    created: Literal[True] = True
    access_key_id: str
    secret_access_key: Annotated[str, Field(repr=False)]
    role: Role
    thing_name: str | None


class AccessKeyView(Answer):
    """An access key without its secret."""

    access_key_id: str
    role: Role
    thing_name: Annotated[str | None, Field(description="The thing that the role DEVICE speaks for")]
    description: str | None
    created_at: Time
    last_used_at: Annotated[Time | None, Field(description="To the minute")]
    revoked_at: Annotated[Time | None, Field(description="Since when it is void")]


class AccessKeyList(Answer):
    access_keys: tuple[AccessKeyView, ...]
    next_token: str | None
