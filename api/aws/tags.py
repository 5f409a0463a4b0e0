"""Operations on tags: of jobs, job templates, thing groups, thing types, billing groups, policies."""

from __future__ import annotations

from typing import Final

from api.aws import labels, names
from api.aws.operation import AwsCall, Operation, errors
from api.aws.shapes import Empty
from api.aws.tag_shapes import ListTagsInput, TagInput, TagList, UntagInput
from domain.roles import Role
from storage import tags


async def tag(call: AwsCall[TagInput]) -> Empty:
    await call.store.write(tags.label, _resource(call), labels.pairs(call.given.tags))
    return Empty()


async def untag(call: AwsCall[UntagInput]) -> Empty:
    await call.store.write(tags.unlabel, _resource(call), call.given.tag_keys)
    return Empty()


async def page(call: AwsCall[ListTagsInput]) -> TagList:
    found = await call.store.read(tags.page, _resource(call), next_token=call.given.next_token)
    shown = tuple(labels.Tag.model_validate({"Key": key, "Value": value}) for key, value in found.items)
    return TagList(tags=shown, next_token=found.next_token)


def _resource(call: AwsCall[TagInput] | AwsCall[UntagInput] | AwsCall[ListTagsInput]) -> str:
    return names.resource(call.given.resource_arn, member="resourceArn", arns=call.options.arns)


OPERATIONS: Final = (
    Operation("TagResource", "POST", "/tags", tag, errors=errors("IR IF RNF TH LE"), role=Role.OPERATOR),
    Operation("UntagResource", "POST", "/untag", untag, errors=errors("IR IF RNF TH"), role=Role.OPERATOR),
    Operation("ListTagsForResource", "GET", "/tags", page, errors=errors("IR IF RNF TH")),
)
