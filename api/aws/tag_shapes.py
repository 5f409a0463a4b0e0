"""What is said and told about tags; most operations that create something take them too."""

from __future__ import annotations

from typing import Annotated

from api.aws.labels import Tag
from api.aws.shapes import IN_QUERY, Input, Output, Token


class TagInput(Input):
    resource_arn: str
    tags: tuple[Tag, ...]


class UntagInput(Input):
    resource_arn: str
    tag_keys: tuple[str, ...]


class ListTagsInput(Input):
    resource_arn: Annotated[str, IN_QUERY]
    next_token: Token = None


class TagList(Output):
    tags: tuple[Tag, ...]
    next_token: str | None = None
