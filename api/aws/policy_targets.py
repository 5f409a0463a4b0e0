"""Operations on what policies are attached to: certificates and thing groups, in AWS's new words and old."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

from api.aws import names
from api.aws.certificate_ids import certificate_id, of_principal
from api.aws.operation import AwsCall, Operation, errors
from api.aws.policies import named, summary
from api.aws.policy_shapes import (
    AttachedInput,
    PolicyList,
    PolicyPrincipalList,
    PolicyPrincipalsInput,
    PrincipalInput,
    PrincipalPoliciesInput,
    TargetInput,
    TargetList,
    TargetsInput,
)
from api.aws.shapes import Empty
from api.errors import shown
from domain.errors import InvalidRequest, NotFound
from domain.roles import Role
from storage import policies

_KIND: Final = re.compile(r"arn:[^:]*:iot:[^:]*:[^:]*:(cert|thinggroup)/.+")


async def attach(call: AwsCall[TargetInput]) -> Empty:
    await call.store.write(policies.attach, named(call), _target(call), at=call.at)
    return Empty()


async def detach(call: AwsCall[TargetInput]) -> Empty:
    """Detach; AWS has no error for what is not there, so that is none here."""
    with suppress(NotFound):
        await call.store.write(policies.detach, named(call), _target(call))
    return Empty()


async def of_target(call: AwsCall[AttachedInput]) -> PolicyList:
    given = call.given
    found = await call.store.read(
        policies.of_target,
        _target(call),
        recursive=given.recursive,
        max_results=given.page_size,
        marker=given.marker,
    )
    return PolicyList(
        policies=tuple(summary(call, name) for name in found.items), next_marker=found.next_token
    )


async def targets(call: AwsCall[TargetsInput]) -> TargetList:
    given = call.given
    found = await call.store.read(
        policies.targets, named(call), max_results=given.page_size, marker=given.marker
    )
    return TargetList(targets=tuple(_arn(call, each) for each in found.items), next_marker=found.next_token)


async def attach_principal(call: AwsCall[PrincipalInput]) -> Empty:
    await call.store.write(policies.attach, named(call), _principal(call), at=call.at)
    return Empty()


async def detach_principal(call: AwsCall[PrincipalInput]) -> Empty:
    await call.store.write(policies.detach, named(call), _principal(call))
    return Empty()


async def policies_of_principal(call: AwsCall[PrincipalPoliciesInput]) -> PolicyList:
    given = call.given
    found = await call.store.read(
        policies.of_target,
        _principal(call),
        ascending=given.ascending_order,
        max_results=given.page_size,
        marker=given.marker,
    )
    return PolicyList(
        policies=tuple(summary(call, name) for name in found.items), next_marker=found.next_token
    )


async def principals(call: AwsCall[PolicyPrincipalsInput]) -> PolicyPrincipalList:
    given = call.given
    found = await call.store.read(
        policies.targets,
        named(call),
        prefix="cert/",
        ascending=given.ascending_order,
        max_results=given.page_size,
        marker=given.marker,
    )
    return PolicyPrincipalList(
        principals=tuple(_arn(call, each) for each in found.items), next_marker=found.next_token
    )


def _target(call: AwsCall[Any]) -> str:
    said, arns = call.given.target, call.options.arns
    kind = _KIND.fullmatch(said)
    if kind is None:
        raise InvalidRequest(f"target {shown(said)} is not the ARN of a certificate or of a thing group")
    name = names.plain(said, kind[1], member="target", arns=arns)
    return f"cert/{certificate_id(name)}" if kind[1] == "cert" else f"thinggroup/{name}"


def _principal(call: AwsCall[Any]) -> str:
    return f"cert/{of_principal(call.given.principal, arns=call.options.arns)}"


def _arn(call: AwsCall[Any], target: str) -> str:
    kind, _, name = target.partition("/")
    arns = call.options.arns
    return arns.certificate(name) if kind == "cert" else arns.group(name)


_COMMON: Final = "IR TH UA SU IF"
_OLD: Final = errors(f"{_COMMON} RNF")
OPERATIONS: Final = (
    Operation(
        "AttachPolicy", "PUT", "/target-policies/{policyName}", attach,
        errors=errors(f"{_COMMON} RNF LE"), role=Role.ADMIN,
    ),
    Operation(
        "DetachPolicy", "POST", "/target-policies/{policyName}", detach,
        errors=errors(f"{_COMMON} LE"), role=Role.ADMIN,
    ),
    Operation(
        "ListAttachedPolicies", "POST", "/attached-policies/{target}", of_target,
        errors=errors(f"{_COMMON} RNF LE"),
    ),
    Operation(
        "ListTargetsForPolicy", "POST", "/policy-targets/{policyName}", targets,
        errors=errors(f"{_COMMON} RNF LE"),
    ),
    Operation(
        "AttachPrincipalPolicy", "PUT", "/principal-policies/{policyName}", attach_principal,
        errors=errors(f"{_COMMON} RNF LE"), role=Role.ADMIN,
    ),
    Operation(
        "DetachPrincipalPolicy", "DELETE", "/principal-policies/{policyName}", detach_principal,
        errors=_OLD, role=Role.ADMIN,
    ),
    Operation("ListPrincipalPolicies", "GET", "/principal-policies", policies_of_principal, errors=_OLD),
    Operation("ListPolicyPrincipals", "GET", "/policy-principals", principals, errors=_OLD),
)  # fmt: skip
