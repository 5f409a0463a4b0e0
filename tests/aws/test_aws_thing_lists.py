"""Lists of things with boto3 and its paginators: filters and pages (contract 4.4)."""

import pytest
from asking import refused
from aws_site import arn, opened_site


def attributes(**pairs):
    return {"attributes": pairs}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Give a server with seven things, some of two types."""
    with opened_site(tmp_path_factory.mktemp("things") / "data") as site:
        for kind in ("pump", "valve"):
            site.iot.create_thing_type(thingTypeName=kind)
        for number, kind in enumerate(["pump", "valve", None, "pump", None, "pump", "valve"]):
            typed = {} if kind is None else {"thingTypeName": kind}
            site.iot.create_thing(
                thingName=f"t{number}",
                attributePayload=attributes(model=f"rev{number % 2}"),
                **typed,
            )
        site.iot.create_thing(thingName="wild", attributePayload=attributes(model="re_v", a=""))
        yield site.iot


def listed(iot, **said):
    return [thing["thingName"] for thing in iot.list_things(**said)["things"]]


def test_a_list_says_what_aws_says(many):
    answer = many.list_things()
    assert "nextToken" not in answer
    assert answer["things"][1:3] == [
        {
            "thingName": "t1",
            "thingTypeName": "valve",
            "thingArn": arn("thing/t1"),
            "attributes": {"model": "rev1"},
            "version": 1,
        },
        {
            "thingName": "t2",
            "thingArn": arn("thing/t2"),
            "attributes": {"model": "rev0"},
            "version": 1,
        },
    ]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, "t0 t1 t2 t3 t4 t5 t6 wild"),
        ({"thingTypeName": "pump"}, "t0 t3 t5"),
        ({"thingTypeName": "pum"}, ""),
        ({"attributeName": "model", "attributeValue": "rev0"}, "t0 t2 t4 t6"),
        ({"attributeName": "model", "attributeValue": "rev"}, ""),
        (
            {"attributeName": "model", "attributeValue": "rev", "usePrefixAttributeValue": True},
            "t0 t1 t2 t3 t4 t5 t6",
        ),
        ({"attributeName": "model", "attributeValue": "re_", "usePrefixAttributeValue": True}, "wild"),
        (
            {"attributeName": "model", "attributeValue": "", "usePrefixAttributeValue": True},
            "t0 t1 t2 t3 t4 t5 t6 wild",
        ),
        (
            {"attributeName": "model", "attributeValue": "rev", "usePrefixAttributeValue": False},
            "",
        ),
        ({"attributeName": "a", "attributeValue": ""}, "wild"),
        (
            {"attributeName": "model", "attributeValue": "rev0", "thingTypeName": "valve"},
            "t6",
        ),
    ],
)
def test_filters_go_together(many, said, found):
    assert listed(many, **said) == found.split()
    paged = many.get_paginator("list_things").paginate(**said, PaginationConfig={"PageSize": 2})
    assert [thing["thingName"] for page in paged for thing in page["things"]] == found.split()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"attributeName": "model"}, "attributeName and attributeValue are given together"),
        ({"attributeValue": "model"}, "attributeName and attributeValue are given together"),
        ({"usePrefixAttributeValue": True}, "usePrefixAttributeValue needs attributeName"),
        ({"attributeName": "a b", "attributeValue": "x"}, "attributeName 'a b'"),
        ({"thingTypeName": "a b"}, "thingTypeName 'a b'"),
        ({"maxResults": 251}, "maxResults"),
        ({"nextToken": "never"}, "nextToken 'never'"),
    ],
)
def test_lists_that_cannot_be(many, said, told):
    code, status, message = refused(many.list_things, **said)
    assert (code, status) == ("InvalidRequestException", 400)
    assert told in message


def test_a_token_is_good_for_its_own_list_only(many):
    token = many.list_things(maxResults=2)["nextToken"]
    assert refused(many.list_things, nextToken=token, thingTypeName="pump")[0] == "InvalidRequestException"
