"""Every operation against the model that boto3 comes with: where it is, what it takes, says, raises."""

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from api.aws.errors import CODES, DATA_STATUS
from api.aws.operations import CONTROL, DATA

SERVICES = {
    name: ServiceModel(Loader().load_service_model(name, "service-2"), name)
    for name in ("iot", "iot-jobs-data")
}
OPERATIONS = [
    *(pytest.param("iot", each, id=each.name) for each in CONTROL),
    *(pytest.param("iot-jobs-data", each, id=f"data-{each.name}") for each in DATA),
]
#: What clients send beside their input, and which of the model's errors nothing here can be.
BESIDE = {"invocationId"}
NEVER = {
    "RegisterCertificate": {"CertificateConflictException"},
    "SearchIndex": {"IndexNotReadyException"},
}
#: What the verb behind an operation asks for, as it does over MQTT.
ASKED_LATER = {"UpdateJobExecution": {"status"}}


def members(shape):
    return {} if shape is None else shape.members


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_an_operation_is_where_it_is_and_raises_what_it_raises(service, operation):
    theirs = SERVICES[service].operation_model(operation.name)
    path = theirs.http["requestUri"].partition("?")[0]
    assert (operation.method, operation.path) == (theirs.http["method"], path)
    told = {CODES[code].name: CODES[code].status for code in operation.errors}
    if service == "iot-jobs-data":
        told |= {name: status for name, status in DATA_STATUS.items() if name in told}
    known = {each.name: each.metadata["error"]["httpStatusCode"] for each in theirs.error_shapes}
    never = NEVER.get(operation.name, set())
    assert told == {name: status for name, status in known.items() if name not in never}


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_an_input_has_each_member_where_the_client_puts_it(service, operation):
    theirs = members(SERVICES[service].operation_model(operation.name).input_shape)
    ours = {info.alias or name for name, info in operation.given.model_fields.items()}
    assert ours - BESIDE == set(theirs)
    places = {
        "uri": {
            operation.labels.get(piece[1:-1], piece[1:-1])
            for piece in operation.segments
            if piece.startswith("{")
        },
        "querystring": set(operation.query.values()),
        "header": set(operation.headers.values()) - BESIDE,
    }
    for place, found in places.items():
        wanted = {name for name, each in theirs.items() if each.serialization.get("location") == place}
        assert (place, found) == (place, wanted)
    for query, member in operation.query.items():
        assert query == theirs[member].serialization.get("name", member)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_what_the_model_requires_is_required_and_nothing_else(service, operation):
    theirs = SERVICES[service].operation_model(operation.name).input_shape
    required = set() if theirs is None else set(theirs.required_members)
    ours = {info.alias or name for name, info in operation.given.model_fields.items() if info.is_required()}
    assert ours == required - ASKED_LATER.get(operation.name, set())


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_an_answer_says_what_the_model_says(service, operation):
    theirs = set(members(SERVICES[service].operation_model(operation.name).output_shape))
    fields = operation.answer.model_fields.items()
    ours = {info.serialization_alias or info.alias or name for name, info in fields}
    assert ours | set(operation.answer.NEVER_SENT) == theirs
