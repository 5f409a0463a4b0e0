"""The index of things with boto3: asked for as scripts do before their dynamic groups, and searched."""

import pytest
from asking import body, refused

from domain.roles import Role
from storage import presence

REGISTRY = {"thingIndexingMode": "REGISTRY"}
AS_IT_IS = {
    "thingIndexingConfiguration": {
        "thingIndexingMode": "REGISTRY",
        "thingConnectivityIndexingMode": "STATUS",
        "deviceDefenderIndexingMode": "OFF",
        "namedShadowIndexingMode": "OFF",
    },
    "thingGroupIndexingConfiguration": {"thingGroupIndexingMode": "OFF"},
}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"thingIndexingConfiguration": REGISTRY},
        {"thingIndexingConfiguration": {**REGISTRY, "thingConnectivityIndexingMode": "OFF"}},
        {"thingIndexingConfiguration": {**REGISTRY, "customFields": [], "filter": {}}},
        AS_IT_IS,
    ],
    ids=str,
)
def test_what_is_done_anyway_may_be_asked_for(shared_site, said):
    assert body(shared_site.iot.update_indexing_configuration(**said)) == {}
    assert body(shared_site.iot.get_indexing_configuration()) == AS_IT_IS


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"thingIndexingMode": "REGISTRY_AND_SHADOW"}, "'REGISTRY_AND_SHADOW': there are no shadows"),
        ({"thingIndexingMode": "OFF"}, "thingIndexingMode 'OFF': things are found by queries at all times"),
        ({"thingIndexingMode": "SOME"}, "thingIndexingMode 'SOME': it is not one of REGISTRY, OFF, "),
        ({"thingConnectivityIndexingMode": "ON"}, "thingConnectivityIndexingMode 'ON'"),
        ({"deviceDefenderIndexingMode": "VIOLATIONS"}, "IndexingMode 'VIOLATIONS': nothing here"),
        ({"namedShadowIndexingMode": "ON"}, "namedShadowIndexingMode 'ON': there are no shadows"),
        (
            {"customFields": [{"name": "attributes.rpm", "type": "Number"}]},
            "'type': 'Number'}]: it is not honoured: fields need no type here",
        ),
        ({"managedFields": [{"name": "thingName", "type": "String"}]}, "which fields there are is fixed"),
        ({"filter": {"geoLocations": [{"name": "at", "order": "LatLon"}]}}, "nor sockets are searched"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_done_is_refused_with_the_reason(shared_site, more, reason):
    said = {"thingIndexingConfiguration": {**REGISTRY, **more}}
    code, status, message = refused(shared_site.iot.update_indexing_configuration, **said)
    assert (code, status) == ("InvalidRequestException", 400)
    assert "thingIndexingConfiguration." in message
    assert reason in message


def test_groups_are_not_searched(shared_site):
    said = {"thingGroupIndexingConfiguration": {"thingGroupIndexingMode": "ON"}}
    code, _, message = refused(shared_site.iot.update_indexing_configuration, **said)
    assert (code, "thingGroupIndexingMode 'ON': groups are" in message) == ("InvalidRequestException", True)


# --- searching ---


def search(site, query, **more):
    return body(site.iot.search_index(queryString=query, **more))


def test_a_thing_is_found_with_all_that_is_known_of_it(shared_site, fleet):
    iot, pump, name = shared_site.iot, fleet.name("pump"), fleet.name("p-1")
    iot.create_thing_type(thingTypeName=pump)
    made = iot.create_thing(
        thingName=name, thingTypeName=pump, attributePayload={"attributes": {"rpm": "950"}}
    )
    for group in ("b", "a"):
        iot.create_thing_group(thingGroupName=fleet.name(group))
        iot.add_thing_to_thing_group(thingGroupName=fleet.name(group), thingName=name)
    iot.create_thing(thingName=fleet.name("p-2"), thingTypeName=pump)
    door = shared_site.door
    door.run(door.store.write(presence.note, presence.Contacts(came=[name], left=[], heard=[]), at=door.at))
    viewer = shared_site.client("iot", keys=shared_site.new_keys(Role.VIEWER))
    found = body(
        viewer.search_index(
            indexName="AWS_Things",
            queryString=f"thingTypeName:{pump} AND attributes.rpm > 900",
            queryVersion="2017-09-30",
        )
    )
    assert found == {
        "things": [
            {
                "thingName": name,
                "thingId": made["thingId"],
                "thingTypeName": pump,
                "thingGroupNames": [fleet.name("a"), fleet.name("b")],
                "attributes": {"rpm": "950"},
                "connectivity": {"connected": True, "timestamp": int(door.at.timestamp() * 1000)},
            }
        ]
    }
    away = search(shared_site, f"thingTypeName:{pump} AND connectivity.connected:false")["things"]
    assert [(each["thingName"], each["thingGroupNames"], each["connectivity"]) for each in away] == [
        (fleet.name("p-2"), [], {"connected": False})
    ]


def test_pages_go_on_where_the_last_one_ended(shared_site, fleet):
    names = [f"{fleet.name('s')}-{number}" for number in range(5)]
    shared_site.things(*names)
    query, token, seen = f"thingName:{fleet.name('s')}-*", {}, []
    while True:
        page = search(shared_site, query, maxResults=2, **token)
        seen.append([each["thingName"] for each in page["things"]])
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert seen == [names[:2], names[2:4], names[4:]]
    # AWS's largest pages may be asked for; ours are smaller.
    assert len(search(shared_site, query, maxResults=500)["things"]) == 5


def test_what_cannot_be_searched_for_is_refused(shared_site, fleet):
    iot = shared_site.iot
    for said in ({"queryString": "shadow.reported.x:1"}, {"queryString": "thingName:a", "queryVersion": "1"}):
        assert refused(iot.search_index, **said)[:2] == ("InvalidQueryException", 400)
    code, _, message = refused(iot.search_index, queryString="thingName:a", indexName="AWS_ThingGroups")
    assert (code, "indexName" in message) == ("InvalidRequestException", True)
    assert refused(iot.search_index, queryString="thingName:a", nextToken="x")[0] == "InvalidRequestException"
