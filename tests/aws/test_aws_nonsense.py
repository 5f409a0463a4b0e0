"""What no client sends: nonsense in any member of any operation is never trouble of ours (contract 4.6)."""

import json
from urllib.parse import quote

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from sites import BOTH

from api.aws.operations import CONTROL, DATA

DIALECTS = BOTH

NONSENSE = [
    None, True, 0, -1, 1.5, 10**30, "", "x", "x" * 3000, "\x00", "\ud800", "ü;\n", "arn:aws:iot:::thing/",
    [], {}, [None], [{}], [[]], {"": ""}, {"a": None}, {"attributes": None}, {"Key": 1},
    {"thingGroupDescription": {}}, {"attributePayload": []}, {"JOB": None}, [{"Key": "a", "Value": None}],
]  # fmt: skip
#: Something for what has to be there, so that what is behind it is looked at.
ANYTHING = {"string": "x", "list": ["x"], "structure": {}, "map": {}}
SERVICES = {
    prefix: ServiceModel(Loader().load_service_model(name, "service-2"), name)
    for prefix, name in (("/aws/iot", "iot"), ("/aws/iot-jobs-data", "iot-jobs-data"))
}
PLANES = [
    *(pytest.param("/aws/iot", each, id=each.name) for each in CONTROL),
    *(pytest.param("/aws/iot-jobs-data", each, id=f"data-{each.name}") for each in DATA),
]


def told(answer):
    status, headers, raw = answer
    assert headers["content-type"].startswith("application/json")
    body = json.loads(raw)
    if status != 200:
        assert headers["x-amzn-errortype"].endswith("Exception")
        assert isinstance(body["message"], str)
    return status


@pytest.mark.parametrize(("prefix", "operation"), PLANES)
def test_nonsense_is_refused_or_means_nothing(shared_site, prefix, operation):
    fields = operation.given.model_fields
    members = [info.alias or name for name, info in fields.items()]
    plain = {piece[1:-1]: "x" for piece in operation.segments if piece.startswith("{")}

    shape = SERVICES[prefix].operation_model(operation.name).input_shape
    needed = {
        member: ANYTHING[shape.members[member].type_name]
        for member in (() if shape is None else shape.required_members)
        if member in members and not shape.members[member].serialization.get("location")
    }

    def send(path=None, query="", body=None):
        said = plain | (path or {})
        where = "/".join(
            quote(said[piece[1:-1]], safe="") if piece.startswith("{") else piece
            for piece in operation.segments
        )
        raw = b"" if body is None else json.dumps(body).encode()
        return told(shared_site.exchange(operation.method, f"{prefix}/{where}{query}", raw))

    in_query = {member: name for name, member in operation.query.items()}
    for member in members:
        for value in NONSENSE:
            if member in plain:
                if isinstance(value, str) and value not in ("", "\ud800"):
                    assert send(path={member: value}) < 500, (member, value)
            elif member in in_query:
                if isinstance(value, str) and value != "\ud800":
                    assert send(query=f"?{in_query[member]}={quote(value)}") < 500, (member, value)
            elif operation.method not in ("GET", "DELETE"):
                assert send(body=needed | {member: value}) < 500, (member, value)
