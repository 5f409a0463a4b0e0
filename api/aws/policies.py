"""Operations on policies and their versions. They are kept, not applied (docs/security.md)."""

from __future__ import annotations

from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from api.aws import labels, names
from api.aws.errors import taken
from api.aws.operation import AwsCall, Operation, errors
from api.aws.policy_shapes import (
    CreatePolicyInput,
    CreateVersionInput,
    ListPoliciesInput,
    OnePolicyInput,
    OneVersionInput,
    PolicyCreated,
    PolicyDescribed,
    PolicyList,
    PolicySummary,
    VersionCreated,
    VersionDescribed,
    VersionList,
    VersionSummary,
)
from api.aws.shapes import Empty
from api.errors import shown
from domain.errors import AlreadyExists, InvalidRequest
from domain.policies import MAX_DOCUMENT
from domain.roles import Role
from storage import policies


async def create(call: AwsCall[CreatePolicyInput]) -> PolicyCreated:
    given, arn = call.given, call.options.arns.policy(call.given.policy_name)
    try:
        made = await call.store.write(
            policies.create,
            given.policy_name,
            given.policy_document,
            labels=labels.pairs(given.tags),
            at=call.at,
        )
    except AlreadyExists as error:
        raise taken(error, given.policy_name, arn) from None
    return PolicyCreated(
        policy_name=made.name,
        policy_arn=arn,
        policy_document=made.default.document,
        policy_version_id=str(made.default.number),
    )


async def describe(call: AwsCall[OnePolicyInput]) -> PolicyDescribed:
    found = await call.store.read(policies.get, named(call))
    return PolicyDescribed(
        policy_name=found.name,
        policy_arn=call.options.arns.policy(found.name),
        policy_document=found.default.document,
        default_version_id=str(found.default.number),
        creation_date=found.created_at,
        last_modified_date=found.last_modified_at,
        generation_id=_generation(found.name, found.default.number),
    )


async def delete(call: AwsCall[OnePolicyInput]) -> Empty:
    await call.store.write(policies.delete, named(call))
    return Empty()


async def page(call: AwsCall[ListPoliciesInput]) -> PolicyList:
    given = call.given
    found = await call.store.read(
        policies.page, ascending=given.ascending_order, max_results=given.page_size, marker=given.marker
    )
    return PolicyList(
        policies=tuple(summary(call, name) for name in found.items), next_marker=found.next_token
    )


async def create_version(call: AwsCall[CreateVersionInput]) -> VersionCreated:
    given = call.given
    made = await call.store.write(
        policies.add_version, named(call), given.policy_document, default=given.set_as_default, at=call.at
    )
    return VersionCreated(
        policy_arn=call.options.arns.policy(made.policy_name),
        policy_document=made.document,
        policy_version_id=str(made.number),
        is_default_version=made.is_default,
    )


async def describe_version(call: AwsCall[OneVersionInput]) -> VersionDescribed:
    found = await call.store.read(policies.version, named(call), _number(call))
    return VersionDescribed(
        policy_arn=call.options.arns.policy(found.policy_name),
        policy_name=found.policy_name,
        policy_document=found.document,
        policy_version_id=str(found.number),
        is_default_version=found.is_default,
        creation_date=found.created_at,
        last_modified_date=found.created_at,
        generation_id=_generation(found.policy_name, found.number),
    )


async def versions(call: AwsCall[OnePolicyInput]) -> VersionList:
    found = await call.store.read(policies.versions, named(call))
    told = (
        VersionSummary(
            version_id=str(each.number), is_default_version=each.is_default, create_date=each.created_at
        )
        for each in found
    )
    return VersionList(policy_versions=tuple(told))


async def set_default(call: AwsCall[OneVersionInput]) -> Empty:
    await call.store.write(policies.set_default, named(call), _number(call))
    return Empty()


async def delete_version(call: AwsCall[OneVersionInput]) -> Empty:
    await call.store.write(policies.delete_version, named(call), _number(call))
    return Empty()


def named(call: AwsCall[Any]) -> str:
    return names.plain(call.given.policy_name, "policy", member="policyName", arns=call.options.arns)


def summary(call: AwsCall[Any], name: str) -> PolicySummary:
    return PolicySummary(policy_name=name, policy_arn=call.options.arns.policy(name))


def _number(call: AwsCall[OneVersionInput]) -> int:
    said = call.given.policy_version_id
    if not (said.isascii() and said.isdecimal() and len(said) <= 9):
        raise InvalidRequest(f"policyVersionId {shown(said)} is not a number")
    return int(said)


def _generation(name: str, number: int) -> str:
    return str(uuid5(NAMESPACE_OID, f"{name}/{number}"))


_COMMON: Final = "IR TH UA SU IF"
_LIMIT: Final = 6 * MAX_DOCUMENT  # JSON may spell a character in six bytes
OPERATIONS: Final = (
    Operation(
        "CreatePolicy", "POST", "/policies/{policyName}", create,
        errors=errors(f"{_COMMON} RAE MP"), role=Role.ADMIN, limit=_LIMIT,
    ),
    Operation("GetPolicy", "GET", "/policies/{policyName}", describe, errors=errors(f"{_COMMON} RNF")),
    Operation(
        "DeletePolicy", "DELETE", "/policies/{policyName}", delete,
        errors=errors(f"{_COMMON} RNF DC"), role=Role.ADMIN,
    ),
    Operation("ListPolicies", "GET", "/policies", page, errors=errors(_COMMON)),
    Operation(
        "CreatePolicyVersion", "POST", "/policies/{policyName}/version", create_version,
        errors=errors(f"{_COMMON} RNF MP VLE"), role=Role.ADMIN, limit=_LIMIT,
    ),
    Operation(
        "GetPolicyVersion", "GET", "/policies/{policyName}/version/{policyVersionId}", describe_version,
        errors=errors(f"{_COMMON} RNF"),
    ),
    Operation(
        "ListPolicyVersions", "GET", "/policies/{policyName}/version", versions,
        errors=errors(f"{_COMMON} RNF"),
    ),
    Operation(
        "DeletePolicyVersion", "DELETE", "/policies/{policyName}/version/{policyVersionId}", delete_version,
        errors=errors(f"{_COMMON} RNF DC"), role=Role.ADMIN,
    ),
    Operation(
        "SetDefaultPolicyVersion", "PATCH", "/policies/{policyName}/version/{policyVersionId}", set_default,
        errors=errors(f"{_COMMON} RNF"), role=Role.ADMIN,
    ),
)  # fmt: skip
