"""What is said and told about the index of things: how it is set up, and what a search finds in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from api.aws.group_shapes import INDEX, IndexName, QueryString
from api.aws.shapes import Approximated, Input, NotHonoured, Output
from domain.config import whole

_SHADOWS: Final = "there are no shadows here"
_OFF: Final = "things are found by queries at all times here, which cannot be switched off"
_TYPES: Final = "fields need no type here: a comparison with a number compares numbers"
_NO_DEFENDER: Final = "nothing here watches devices for violations"
_NO_GROUPS: Final = "groups are listed and described here, not searched"
_FIXED: Final = "which fields there are is fixed (docs/groups.md)"


def _mode(*taken: str, otherwise: Mapping[str, str]) -> AfterValidator:
    """Return the check of a mode: those that ask for what is not done here are refused with the reason."""

    def check(value: str) -> str:
        if value not in taken:
            raise ValueError(otherwise.get(value, f"it is not one of {', '.join((*taken, *otherwise))}"))
        return value

    return AfterValidator(check)


_ThingMode = Annotated[
    str,
    _mode("REGISTRY", otherwise={"OFF": _OFF, "REGISTRY_AND_SHADOW": f"{_SHADOWS}; REGISTRY is done"}),
]
_Defender = Annotated[str, _mode("OFF", otherwise={"VIOLATIONS": _NO_DEFENDER})]
_Shadows = Annotated[str, _mode("OFF", otherwise={"ON": _SHADOWS})]
_GroupMode = Annotated[str, _mode("OFF", otherwise={"ON": _NO_GROUPS})]
_ABOUT_THINGS: Final = Approximated(
    "REGISTRY, and connectivity STATUS or OFF, are taken: both are always on; anything else is refused"
)
_ABOUT_GROUPS: Final = Approximated("OFF is taken, ON is refused: groups are not searched")


_Unsaid = Annotated[Any, NotHonoured(_FIXED)]
_Untyped = Annotated[Any, NotHonoured(_TYPES)]
_Unfiltered = Annotated[Any, NotHonoured("neither shadows, places nor sockets are searched")]


class ThingIndexing(Input):
    """Nothing of it changes anything."""

    thing_indexing_mode: _ThingMode
    thing_connectivity_indexing_mode: Literal["OFF", "STATUS"] = "OFF"
    device_defender_indexing_mode: _Defender = "OFF"
    named_shadow_indexing_mode: _Shadows = "OFF"
    managed_fields: _Unsaid = None
    custom_fields: _Untyped = None
    filter: _Unfiltered = None


class GroupIndexing(Input):
    thing_group_indexing_mode: _GroupMode
    managed_fields: _Unsaid = None
    custom_fields: _Untyped = None


class UpdateIndexingInput(Input):
    thing_indexing_configuration: Annotated[ThingIndexing | None, _ABOUT_THINGS] = None
    thing_group_indexing_configuration: Annotated[GroupIndexing | None, _ABOUT_GROUPS] = None


class ThingIndexingTold(Output):
    NEVER_SENT: ClassVar = {"managedFields": _FIXED, "customFields": _TYPES, "filter": _SHADOWS}

    thing_indexing_mode: str = "REGISTRY"
    thing_connectivity_indexing_mode: str = "STATUS"
    device_defender_indexing_mode: str = "OFF"
    named_shadow_indexing_mode: str = "OFF"


class GroupIndexingTold(Output):
    NEVER_SENT: ClassVar = {"managedFields": _FIXED, "customFields": _TYPES}

    thing_group_indexing_mode: str = "OFF"


class Indexing(Output):
    """How it is, whatever anybody has asked for."""

    thing_indexing_configuration: ThingIndexingTold = ThingIndexingTold()
    thing_group_indexing_configuration: GroupIndexingTold = GroupIndexingTold()


class SearchInput(Input):
    index_name: IndexName = INDEX
    query_string: QueryString
    next_token: Annotated[str | None, Field(max_length=1024)] = None
    max_results: Annotated[
        Annotated[int, Field(ge=1), BeforeValidator(whole)], Approximated("pages have 250 things at most")
    ] = 100
    query_version: str | None = None


class Connectivity(Output):
    """``timestamp`` in milliseconds: when it came or went; none for one that never came."""

    NEVER_SENT: ClassVar = dict.fromkeys(
        ("disconnectReason", "keepAliveDuration", "cleanSession", "sessionExpiry", "clientId"),
        "that a thing is connected is known, not on which terms",
    )

    connected: bool
    timestamp: int | None = None


class ThingFound(Output):
    NEVER_SENT: ClassVar = {
        "shadow": _SHADOWS,
        "deviceDefender": _NO_DEFENDER,
    }

    thing_name: str
    thing_id: str
    thing_type_name: str | None = None
    thing_group_names: tuple[str, ...]
    attributes: dict[str, str]
    connectivity: Connectivity


class Found(Output):
    NEVER_SENT: ClassVar = {"thingGroups": _NO_GROUPS}

    things: tuple[ThingFound, ...]
    next_token: str | None = None
