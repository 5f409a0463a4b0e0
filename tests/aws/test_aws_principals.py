"""What certificates are for, with boto3: attached, exclusive or not, listed from both sides."""

import re

import pytest
from aws_site import arn
from sites import BOTH

DIALECTS = BOTH

UNKNOWN = arn(f"cert/{'0' * 64}")
EXCLUSIVE, SHARED = "EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"


@pytest.fixture
def iot(shared_site):
    return shared_site.iot


@pytest.fixture
def certificate(iot):
    return iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]


@pytest.fixture
def things(shared_site, request):
    """Give the names of three things of this test's own."""
    stem = re.sub(r"\W", "_", request.node.name)[-60:]
    names = [f"{stem}-{each}" for each in "abc"]
    shared_site.things(*names)
    return names


def test_a_thing_and_its_certificate_are_found_from_both_sides(iot, things, certificate):
    first, second, _ = things
    other = iot.create_keys_and_certificate()["certificateArn"]
    iot.attach_thing_principal(thingName=first, principal=certificate)
    iot.attach_thing_principal(thingName=second, principal=certificate)
    iot.attach_thing_principal(thingName=first, principal=other)
    assert iot.list_principal_things(principal=certificate)["things"] == [first, second]
    assert set(iot.list_thing_principals(thingName=first)["principals"]) == {certificate, other}
    assert iot.list_thing_principals_v2(thingName=second)["thingPrincipalObjects"] == [
        {"principal": certificate, "thingPrincipalType": SHARED}
    ]
    iot.detach_thing_principal(thingName=first, principal=certificate)
    assert iot.list_principal_things(principal=certificate)["things"] == [second]


def test_attaching_again_is_no_error_and_may_change_the_kind(iot, things, certificate):
    for kind in (SHARED, SHARED, EXCLUSIVE):
        iot.attach_thing_principal(thingName=things[0], principal=certificate, thingPrincipalType=kind)
    assert iot.list_principal_things_v2(principal=certificate)["principalThingObjects"] == [
        {"thingName": things[0], "thingPrincipalType": EXCLUSIVE}
    ]


def test_an_exclusive_certificate_is_for_one_thing(iot, things, certificate):
    first, second, _ = things
    iot.attach_thing_principal(thingName=first, principal=certificate, thingPrincipalType=EXCLUSIVE)
    with pytest.raises(iot.exceptions.InvalidRequestException, match="exclusively"):
        iot.attach_thing_principal(thingName=second, principal=certificate)
    iot.attach_thing_principal(thingName=first, principal=certificate, thingPrincipalType=SHARED)
    iot.attach_thing_principal(thingName=second, principal=certificate)
    with pytest.raises(iot.exceptions.InvalidRequestException, match="alone"):
        iot.attach_thing_principal(thingName=first, principal=certificate, thingPrincipalType=EXCLUSIVE)


def test_lists_go_by_pages_and_by_kind(iot, things, certificate):
    for name in things:
        iot.attach_thing_principal(thingName=name, principal=certificate)
    pages = list(
        iot.get_paginator("list_principal_things").paginate(
            principal=certificate, PaginationConfig={"PageSize": 2}
        )
    )
    assert [page["things"] for page in pages] == [things[:2], things[2:]]
    assert not iot.list_principal_things_v2(principal=certificate, thingPrincipalType=EXCLUSIVE)[
        "principalThingObjects"
    ]
    found = iot.list_thing_principals_v2(thingName=things[0], thingPrincipalType=SHARED, maxResults=1)
    assert [each["principal"] for each in found["thingPrincipalObjects"]] == [certificate]
    assert not iot.list_thing_principals_v2(thingName=things[0], thingPrincipalType=EXCLUSIVE)[
        "thingPrincipalObjects"
    ]


def test_what_is_not_there_is_not_found(iot, things, certificate):
    gone = iot.exceptions.ResourceNotFoundException
    for call, given in (
        (iot.attach_thing_principal, {"thingName": "nobody", "principal": certificate}),
        (iot.attach_thing_principal, {"thingName": things[0], "principal": UNKNOWN}),
        (iot.detach_thing_principal, {"thingName": things[0], "principal": certificate}),
        (iot.detach_thing_principal, {"thingName": "nobody", "principal": certificate}),
        (iot.list_thing_principals, {"thingName": "nobody"}),
        (iot.list_thing_principals_v2, {"thingName": "nobody"}),
        (iot.list_principal_things, {"principal": UNKNOWN}),
        (iot.list_principal_things_v2, {"principal": UNKNOWN}),
    ):
        with pytest.raises(gone):
            call(**given)


@pytest.mark.parametrize(
    "principal",
    [
        "0" * 64,
        "us-east-1:11111111-2222-3333-4444-555555555555",
        arn("thing/t1"),
        arn("cert/short"),
        arn(f"cert/{'0' * 64}").replace("123456789012", "210987654321"),
        arn(f"cert/{'0' * 64}").replace("us-east-1", "eu-west-1"),
    ],
)
def test_a_principal_that_is_no_certificate_of_ours_is_refused(iot, things, principal):
    for call, given in (
        (iot.attach_thing_principal, {"thingName": things[0]}),
        (iot.detach_thing_principal, {"thingName": things[0]}),
        (iot.list_principal_things, {}),
        (iot.list_principal_things_v2, {}),
    ):
        with pytest.raises(iot.exceptions.InvalidRequestException):
            call(**given, principal=principal)
