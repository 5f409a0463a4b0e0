"""Parameters: which schemas are taken, and which values under them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.parameters import DIALECT, MAX_NODES, MAX_PATTERN, MAX_SCHEMA_BYTES, MAX_SCHEMAS, checked, values

SCHEMA = {
    "type": "object",
    "properties": {
        "version": {"type": "string", "pattern": r"^[0-9]+\.[0-9]+$"},
        "retries": {"type": "integer", "minimum": 0, "maximum": 5, "default": 2},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True},
    },
    "required": ["version"],
}

#: What is wrong, and a word of the reason.
BAD_SCHEMAS = [
    ({"type": "array"}, "type must be object"),
    ({"$ref": "https://example.org/x"}, "$ref"),
    ({"properties": {"a": {"$ref": "#/properties/a"}}}, "$ref"),
    ({"properties": {"a": {"$dynamicRef": "#x"}}}, "$dynamicRef"),
    ({"$schema": "http://json-schema.org/draft-07/schema#"}, DIALECT),
    ({"properties": {"a": {"patternProperties": {}}}}, "patternProperties"),
    ({"properties": {"a": {"minmum": 1}}}, "parameters.properties.a: the keyword 'minmum'"),
    ({"properties": {"a": {"type": "strin"}}}, "properties.a.type"),
    ({"properties": {"a b": {}}}, "the name 'a b'"),
    ({"properties": {"a": 1}}, "parameters.properties.a must be a schema"),
    ({"properties": {"a": {"pattern": "("}}}, "parameters.properties.a.pattern"),
    ({"properties": {"a": {"pattern": "(?=a)"}}}, "look-around"),
    ({"properties": {"a": {"pattern": r"(a)\1"}}}, "backreference"),
    ({"properties": {"a": {"pattern": "((a{1000}){1000}){9}"}}}, "size limit"),
    ({"properties": {"a": {"pattern": "a" * (MAX_PATTERN + 1)}}}, "longer than"),
    ({"properties": {"a": {"type": "integer", "default": "x"}}}, "parameters.properties.a.default"),
    ({"properties": {"a": {"minimum": "x"}}}, "properties.a.minimum"),
    ({"required": "a"}, "required"),
    ({"description": "x" * MAX_SCHEMA_BYTES}, "bytes"),
    ({"properties": {"a": {"maximum": float("inf")}}}, "JSON"),
    ({"properties": {f"p{n}": {} for n in range(MAX_SCHEMAS)}}, "more than 200 schemas"),
    ({"properties": {"a": {"default": [0] * 3000, "enum": [list(range(20))]}}}, "too large to check"),
    ([], "must be a JSON Schema"),
]


@pytest.mark.parametrize(("schema", "words"), BAD_SCHEMAS)
def test_a_bad_schema_is_refused_and_the_reason_names_the_place(schema, words):
    with pytest.raises(InvalidRequest) as refusal:
        checked(schema)
    assert words in str(refusal.value)


def test_a_schema_may_be_nested_only_so_deep():
    schema = {"type": "object"}
    for _ in range(20):
        schema = {"type": "object", "properties": {"a": schema}}
    with pytest.raises(InvalidRequest, match="nested deeper"):
        checked(schema)


@pytest.mark.parametrize("schema", [{}, SCHEMA, {"additionalProperties": True}, {"properties": {"a": True}}])
def test_a_good_schema_is_kept_as_it_is(schema):
    assert checked(schema) == schema


def test_defaults_are_filled_in_and_what_is_given_wins():
    assert values(SCHEMA, {"version": "1.2"}, ["retries"]) == {"version": "1.2", "retries": 2}
    assert values(SCHEMA, {"version": "1.2", "retries": 0}, []) == {"version": "1.2", "retries": 0}


#: Values, and how the reason begins.
BAD_VALUES = [
    ({}, "parameters.version is required"),
    ({"version": 1}, "parameters.version: 1 is not of type 'string'"),
    ({"version": "1.2x"}, "parameters.version: '1.2x' does not match"),
    ({"version": "1.2", "retries": 6}, "parameters.retries: 6 is greater than the maximum of 5"),
    ({"version": "1.2", "retries": True}, "parameters.retries"),
    ({"version": "1.2", "tags": ["a", "c"]}, "parameters.tags[1]"),
    ({"version": "1.2", "tags": ["a", "a"]}, "parameters.tags"),
    ({"version": "1.2", "colour": "red"}, "parameters.colour is not known to the template's schema"),
    ({"version": "1.2", "": 1}, "parameters: the name ''"),
    ({"version": "1.2", "tags": list(range(MAX_NODES))}, "parameters hold more than"),
    ({"version": "x" * 40_000}, "parameters have"),
    ({"version": float("nan")}, "parameters cannot be written as JSON"),
]


@pytest.mark.parametrize(("given_", "words"), BAD_VALUES)
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(given_, words):
    with pytest.raises(InvalidRequest) as refusal:
        values(SCHEMA, given_, [])
    assert str(refusal.value).startswith(words)


def test_what_the_document_names_must_be_given_even_if_the_schema_does_not_require_it():
    with pytest.raises(InvalidRequest, match=r"parameters\.tags is required"):
        values(SCHEMA, {"version": "1.2"}, ["tags"])


def test_a_schema_that_says_so_takes_more_than_it_declares():
    schema = checked({"additionalProperties": {"type": "integer"}})
    assert values(schema, {"a": 1}, []) == {"a": 1}
    with pytest.raises(InvalidRequest, match=r"parameters\.a"):
        values(schema, {"a": "x"}, [])


def test_without_a_schema_exactly_what_the_document_names_is_given():
    assert values({}, {"a": [1]}, ["a"]) == {"a": [1]}
    with pytest.raises(InvalidRequest, match=r"parameters\.b is not known to the document"):
        values({}, {"a": 1, "b": 2}, ["a"])
    with pytest.raises(InvalidRequest, match=r"parameters\.a is required"):
        values({}, {}, ["a"])


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_number_that_cannot_be_worked_with_is_refused_and_breaks_nothing(number):
    with pytest.raises(InvalidRequest, match="parameters"):
        values(checked({"properties": {"a": {"multipleOf": 0.5}}}), {"a": number}, [])


def test_a_check_that_would_take_long_is_not_begun():
    many = {"anyOf": [{"type": "string", "minLength": n} for n in range(150)]}
    schema = checked({"properties": {"a": {"items": many}}})
    assert values(schema, {"a": ["x"]}, []) == {"a": ["x"]}
    with pytest.raises(InvalidRequest, match="too large to check so many values"):
        values(schema, {"a": ["x"] * 500}, [])


def test_a_pattern_takes_time_by_the_length_of_the_text_alone():
    # By backtracking these would take 2^3000 steps.
    schema = checked({"properties": {"a": {"pattern": "^(a|a?)+$"}}})
    with pytest.raises(InvalidRequest, match="does not match"):
        values(schema, {"a": "a" * 3000 + "!"}, [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
KEYWORDS = [
    "type",
    "properties",
    "required",
    "default",
    "pattern",
    "items",
    "enum",
    "anyOf",
    "minimum",
    "not",
]


def outcome(schema, given_):
    try:
        values(checked(schema), given_, [])
    except InvalidRequest as refusal:
        return str(refusal)
    return "parameters are taken"


@given(
    schema=st.dictionaries(st.sampled_from(KEYWORDS), JSON), given_=st.dictionaries(st.text(max_size=3), JSON)
)
def test_whatever_comes_is_taken_or_refused_in_words(schema, given_):
    assert outcome(schema, given_).startswith("parameters")
