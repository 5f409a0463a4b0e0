"""What is said and told about policies, their versions, and what they are attached to."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from api.aws.labels import Tag
from api.aws.shapes import IN_QUERY, Approximated, Epoch, Header, Input, MarkerPaging, Output, Query
from domain.policies import MAX_DOCUMENT

_Document = Annotated[
    str,
    Field(max_length=MAX_DOCUMENT),
    Approximated("kept as it is and not applied: what a device may do is fixed"),
]
_Flag = Annotated[bool, IN_QUERY]
_Ascending = Annotated[bool, Query("isAscendingOrder")]
_Target = Annotated[str, Approximated("the ARN of a certificate or of a thing group")]
_Principal = Annotated[str, Header("x-amzn-iot-principal"), Approximated("the ARN of a certificate")]


class OnePolicyInput(Input):
    policy_name: str


class CreatePolicyInput(OnePolicyInput):
    policy_document: _Document
    tags: tuple[Tag, ...] = ()


class CreateVersionInput(OnePolicyInput):
    policy_document: _Document
    set_as_default: _Flag = False


class OneVersionInput(OnePolicyInput):
    policy_version_id: str


class ListPoliciesInput(MarkerPaging):
    ascending_order: _Ascending = False


class TargetInput(OnePolicyInput):
    target: _Target


class AttachedInput(MarkerPaging):
    target: _Target
    recursive: _Flag = False


class TargetsInput(MarkerPaging):
    policy_name: str


class PrincipalInput(OnePolicyInput):
    principal: _Principal


class PrincipalPoliciesInput(MarkerPaging):
    principal: _Principal
    ascending_order: _Ascending = False


class PolicyPrincipalsInput(MarkerPaging):
    policy_name: Annotated[str, Header("x-amzn-iot-policy")]
    ascending_order: _Ascending = False


class PolicyCreated(Output):
    policy_name: str
    policy_arn: str
    policy_document: str
    policy_version_id: str


class PolicyDescribed(Output):
    policy_name: str
    policy_arn: str
    policy_document: str
    default_version_id: str
    creation_date: Epoch
    last_modified_date: Epoch
    generation_id: str


class VersionCreated(Output):
    policy_arn: str
    policy_document: str
    policy_version_id: str
    is_default_version: bool


class VersionDescribed(Output):
    APPROXIMATED: ClassVar = {"lastModifiedDate": "a version never changes: when it was created"}

    policy_arn: str
    policy_name: str
    policy_document: str
    policy_version_id: str
    is_default_version: bool
    creation_date: Epoch
    last_modified_date: Epoch
    generation_id: str


class VersionSummary(Output):
    version_id: str
    is_default_version: bool
    create_date: Epoch


class VersionList(Output):
    policy_versions: tuple[VersionSummary, ...]


class PolicySummary(Output):
    policy_name: str
    policy_arn: str


class PolicyList(Output):
    policies: tuple[PolicySummary, ...]
    next_marker: str | None = None


class TargetList(Output):
    targets: tuple[str, ...]
    next_marker: str | None = None


class PolicyPrincipalList(Output):
    principals: tuple[str, ...]
    next_marker: str | None = None
