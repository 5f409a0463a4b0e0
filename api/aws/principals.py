"""Operations on what a certificate is for: things get it and lose it (a connection ends with that)."""

from __future__ import annotations

from typing import Final

from api.aws.certificate_ids import of_principal
from api.aws.certificate_shapes import (
    AttachPrincipalInput,
    DetachPrincipalInput,
    PrincipalList,
    PrincipalListV2,
    PrincipalThing,
    PrincipalThingsInput,
    PrincipalThingsV2Input,
    ThingNameList,
    ThingNameListV2,
    ThingPrincipal,
    ThingPrincipalsInput,
    ThingPrincipalsV2Input,
)
from api.aws.operation import AwsCall, Operation, errors
from api.aws.shapes import Empty
from domain.certificates import PrincipalType
from domain.roles import Role
from storage import principals
from storage.pages import Page
from storage.principals import Attached


async def attach(call: AwsCall[AttachPrincipalInput]) -> Empty:
    given = call.given
    certificate = of_principal(given.principal, arns=call.options.arns)
    await call.store.write(principals.attach, certificate, given.thing_name, given.thing_principal_type)
    return Empty()


async def detach(call: AwsCall[DetachPrincipalInput]) -> Empty:
    certificate = of_principal(call.given.principal, arns=call.options.arns)
    await call.store.write(principals.detach, certificate, call.given.thing_name, at=call.at)
    return Empty()


async def of_thing(call: AwsCall[ThingPrincipalsInput]) -> PrincipalList:
    found = await _of_thing(call, None)
    arn = call.options.arns.certificate
    return PrincipalList(principals=tuple(arn(each) for each, _ in found.items), next_token=found.next_token)


async def of_thing_v2(call: AwsCall[ThingPrincipalsV2Input]) -> PrincipalListV2:
    found = await _of_thing(call, call.given.thing_principal_type)
    told = tuple(
        ThingPrincipal(principal=call.options.arns.certificate(each), thing_principal_type=kind)
        for each, kind in found.items
    )
    return PrincipalListV2(thing_principal_objects=told, next_token=found.next_token)


async def _of_thing(
    call: AwsCall[ThingPrincipalsInput] | AwsCall[ThingPrincipalsV2Input], kind: PrincipalType | None
) -> Page[Attached]:
    given = call.given
    return await call.store.read(
        principals.of_thing,
        given.thing_name,
        kind=kind,
        max_results=given.max_results,
        next_token=given.next_token,
    )


async def things_of(call: AwsCall[PrincipalThingsInput]) -> ThingNameList:
    found = await _things_of(call, None)
    return ThingNameList(things=tuple(each for each, _ in found.items), next_token=found.next_token)


async def things_of_v2(call: AwsCall[PrincipalThingsV2Input]) -> ThingNameListV2:
    found = await _things_of(call, call.given.thing_principal_type)
    told = tuple(PrincipalThing(thing_name=each, thing_principal_type=kind) for each, kind in found.items)
    return ThingNameListV2(principal_thing_objects=told, next_token=found.next_token)


async def _things_of(
    call: AwsCall[PrincipalThingsInput] | AwsCall[PrincipalThingsV2Input], kind: PrincipalType | None
) -> Page[Attached]:
    given = call.given
    return await call.store.read(
        principals.things_of,
        of_principal(given.principal, arns=call.options.arns),
        kind=kind,
        max_results=given.max_results,
        next_token=given.next_token,
    )


_ERRORS: Final = errors("IR RNF TH UA SU IF")
OPERATIONS: Final = (
    Operation(
        "AttachThingPrincipal", "PUT", "/things/{thingName}/principals", attach,
        errors=_ERRORS, role=Role.ADMIN,
    ),
    Operation(
        "DetachThingPrincipal", "DELETE", "/things/{thingName}/principals", detach,
        errors=_ERRORS, role=Role.ADMIN,
    ),
    Operation("ListThingPrincipals", "GET", "/things/{thingName}/principals", of_thing, errors=_ERRORS),
    Operation(
        "ListThingPrincipalsV2", "GET", "/things/{thingName}/principals-v2", of_thing_v2, errors=_ERRORS
    ),
    Operation("ListPrincipalThings", "GET", "/principals/things", things_of, errors=_ERRORS),
    Operation("ListPrincipalThingsV2", "GET", "/principals/things-v2", things_of_v2, errors=_ERRORS),
)  # fmt: skip
