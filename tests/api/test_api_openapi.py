"""The OpenAPI document: valid, complete, and of one mind with the customer's document."""

import re

import pytest
from http_door import opened
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.routes import CUSTOMER, ROUTES

KEY = "k" * 32

#: What the customer's document prints of requests: a star marks what it calls required.
PRINTED = {
    "associateTargets": {"targets*"},
    "cancelJob": {"comment", "force"},
    "cancelJobExecution": {"expectedVersion", "statusDetails", "detailsMap", "action", "progress", "force"},
    "createJob": {"targets*", "targetSelection*", "document*", "description"},
    "createJobTemplate": {"document*", "description*"},
    "deleteJob": {"force"},
    "deleteJobExecution": {"executionNumber", "force"},
    "updateJob": {"description"},
}
MEDIA = {"application/json", "application/octet-stream", "application/x-pem-file"}


@pytest.fixture(scope="module")
def document(shared_door):
    return shared_door.ok("GET", "/openapi.json")


@pytest.fixture(scope="module")
def operations(document):
    return {
        operation["operationId"]: (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def resolved(document, schema):
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def test_it_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_is_in_it_and_nothing_else(operations):
    routes = {route.name: (route.method.lower(), route.path) for route in ROUTES}
    assert {name: row[:2] for name, row in operations.items()} == routes


def test_every_operation_says_what_it_is_and_what_it_may_answer(document, operations):
    for name, (_, path, operation) in operations.items():
        assert operation["summary"], name
        assert {"200", "400", "422", "500", "503"} <= set(operation["responses"]), name
        declared = {entry["name"] for entry in operation["parameters"] if entry["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path)), name
        for response in operation["responses"].values():
            if "$ref" in response:
                assert response["$ref"].rpartition("/")[2] in document["components"]["responses"]
            else:
                assert set(response["content"]) <= MEDIA


@pytest.mark.parametrize("route", CUSTOMER, ids=lambda route: route.name)
def test_the_bodies_know_what_the_customers_document_prints(document, operations, route):
    operation = operations[route.name][2]
    if route.name not in PRINTED:
        assert "requestBody" not in operation
        return
    body = operation["requestBody"]
    schema = resolved(document, body["content"]["application/json"]["schema"])
    wanted = {name.removesuffix("*") for name in PRINTED[route.name]}
    assert wanted <= set(schema["properties"])
    starred = {name.removesuffix("*") for name in PRINTED[route.name] if name.endswith("*")}
    # With a template, a job needs no document of its own, nor one made from a job: the schema says so by
    # alternatives.
    elsewhere = {"document"} if route.name in ("createJob", "createJobTemplate") else set()
    assert set(schema.get("required", [])) == starred - elsewhere
    assert body["required"] is bool(starred or route.name == "updateJob")


def test_bounds_are_said_in_the_words_of_json_schema(document, operations):
    (size,) = (p for p in operations["listJobs"][2]["parameters"] if p["name"] == "maxResults")
    assert (size["schema"]["minimum"], size["schema"]["maximum"]) == (1, 250)
    minutes = document["components"]["schemas"]["TimeoutConfig"]["properties"]["inProgressTimeoutInMinutes"]
    assert minutes == {"type": "integer", "minimum": 1, "maximum": 10080}
    assert not re.search(r'"(ge|le|gt|lt)":', str(document).replace("'", '"'))


def test_everything_an_answer_carries_is_promised(document):
    for name in ("JobView", "TemplateView", "ExecutionView", "ThingView", "GroupView", "JobCreated", "Error"):
        schema = document["components"]["schemas"][name]
        # What is planned and what is made are one answer: who makes a job is not told of a plan.
        mostly = {"plan"} if name == "JobCreated" else set()
        assert set(schema["required"]) == set(schema["properties"]) - mostly, name


def test_the_key_is_asked_for_when_there_is_one(tmp_path, document):
    assert "security" not in document
    with opened(tmp_path / "data", api_key=KEY) as door:
        locked = door.ok("GET", "/openapi.json", headers={"Authorization": f"Bearer {KEY}"})
    assert locked["security"] == [{"key": []}]
    assert locked["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}
    for path in ("/healthz", "/authority/ca.pem"):
        assert locked["paths"][path]["get"]["security"] == []
        assert "401" not in locked["paths"][path]["get"]["responses"]
    assert "401" in locked["paths"]["/jobs"]["get"]["responses"]
    assert [error.message for error in OpenAPIV31SpecValidator(locked).iter_errors()] == []


def test_nothing_in_it_points_elsewhere(document):
    assert "http://" not in str(document)
    assert "https://" not in str(document)
