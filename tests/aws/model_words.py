"""Holds what a server has said against a service model: only what the model has, all of the right type."""

import json
from typing import Any

from botocore import parsers
from botocore.model import OperationModel, Shape

_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "double": (int, float),
    "float": (int, float),
    "integer": (int,),
    "list": (list,),
    "long": (int,),
    "map": (dict,),
    "string": (str,),
    "structure": (dict,),
    "timestamp": (int, float),
}


def conforms(shape: Shape, value: Any, path: str = "") -> None:
    """Raise ``AssertionError`` for what is not of the shape, naming the place."""
    kinds = _TYPES[shape.type_name]
    assert isinstance(value, kinds), (path, value)
    assert bool in kinds or not isinstance(value, bool), (path, value)
    match shape.type_name:
        case "structure":
            strange = set(value) - set(shape.members)
            assert not strange, (path, strange)
            for name, each in value.items():
                conforms(shape.members[name], each, f"{path}.{name}")
        case "list":
            for number, each in enumerate(value):
                conforms(shape.member, each, f"{path}[{number}]")
        case "map":
            for key, each in value.items():
                conforms(shape.key, key, f"{path} key")
                conforms(shape.value, each, f"{path}.{key}")
        case "string":
            assert not shape.enum or value in shape.enum, (path, value)


def success(model: OperationModel, status: int, headers: dict[str, str], raw: bytes) -> dict[str, Any]:
    """Check an answer with 200 and return what botocore makes of it."""
    assert headers["content-type"] == "application/json"
    body = json.loads(raw)
    if model.output_shape is None:
        assert body == {}
    else:
        conforms(model.output_shape, body)
    parser = parsers.create_parser("rest-json")
    return parser.parse({"body": raw, "headers": headers, "status_code": status}, model.output_shape)


def failure(
    model: OperationModel, status: int, headers: dict[str, str], raw: bytes, beside: dict[str, int]
) -> str:
    """Check an answer that tells an error; return its code. ``beside``: codes that every operation has."""
    code, body = headers["x-amzn-errortype"], json.loads(raw)
    assert headers["content-type"] == "application/json"
    known = {each.name: each for each in model.error_shapes}
    if code in known:
        wanted = known[code].metadata["error"]["httpStatusCode"]
        strange = set(body) - set(known[code].members)
        assert not strange, (code, strange)
    else:
        assert code in beside, (code, body)
        wanted = beside[code]
        assert set(body) == {"message"}
    assert status == wanted, (code, status)
    assert all(isinstance(said, str) for said in body.values()), body
    assert body["message"]
    for trace in ("Traceback", 'File "', "sqlalchemy", "sqlite3", "pydantic", "cryptography", "0x7f"):
        assert trace not in body["message"], body
    return code
