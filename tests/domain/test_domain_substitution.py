"""Placeholders: which are known, what they become, and that a document filled in is what it says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.documents import MAX_BYTES, document_text
from domain.errors import InvalidRequest, Undeliverable
from domain.substitution import (
    KEEP,
    RULES,
    Kind,
    Moment,
    Placeholder,
    deliver,
    fill,
    fill_parameters,
    is_plain,
    parameters_named,
    placeholders,
    text_of,
)

TYPED = "${thingjobs:parameter:x}"
TEXT = "${aws:iot:parameter:x}"


def spelled(document):
    """Put the two placeholders of parameter x where their words stand."""
    return document.replace("TYPED", TYPED).replace("PLAIN", TEXT)


#: Document, value of x, document filled in.
FILLED = [
    (spelled('{"a": "TYPED"}'), 5, '{"a": 5}'),
    (spelled('{"a": "TYPED"}'), True, '{"a": true}'),
    (spelled('{"a": "TYPED"}'), None, '{"a": null}'),
    (spelled('{"a": "TYPED"}'), {"b": [1, "c"]}, '{"a": {"b":[1,"c"]}}'),
    (spelled('{"a": "TYPED"}'), "word", '{"a": "word"}'),
    (spelled('{"a": "PLAIN"}'), 5, '{"a": "5"}'),
    (spelled('{"a": "PLAIN"}'), True, '{"a": "true"}'),
    (spelled('{"a": "PLAIN"}'), {"b": 1}, '{"a": "{\\"b\\":1}"}'),
    (spelled('{"a": "vTYPED."}'), 5, '{"a": "v5."}'),
    (spelled('{"a": "vTYPED."}'), 'say "hi"\\\n', '{"a": "vsay \\"hi\\"\\\\\\n."}'),
    (spelled('{"a": "TYPEDPLAIN"}'), 1, '{"a": "11"}'),
    (spelled('["TYPED", {"b":"PLAIN"}]'), 1, '[1, {"b":"1"}]'),
    # A character may be written as an escape, and what is not ours is left alone to the letter.
    ('{"a": "\\u0024{thingjobs:parameter:x}"}', 2, '{"a": 2}'),
    (spelled('{"a": "\\u00e9 $x ${HOME} \\/", "b": "TYPED"}'), 2, '{"a": "\\u00e9 $x ${HOME} \\/", "b": 2}'),
]


@pytest.mark.parametrize(("document", "value", "filled"), FILLED)
def test_a_placeholder_becomes_its_value(document, value, filled):
    assert fill(document, lambda _: value) == filled


MALFORMED = [
    "${thingjobs:}",
    "${thingjobs:parameter}",
    "${thingjobs:parameter:}",
    "${thingjobs:parameter:a b}",
    "${thingjobs:parameter:a",
    "${thingjobs:thing:colour}",
    "${thingjobs:thing:attributes.}",
    "${thingjobs:other:x}",
    "${aws:iot:x:y}",
    "${aws:iot:parameter:x.y}",
    "${thingjobs:artifact:../x}",
    "${thingjobs:parameter:${thingjobs:parameter:x}}",
    f"${{thingjobs:parameter:{'x' * 129}}}",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_unknown_or_malformed_is_refused_wherever_it_stands(text):
    for document in (json.dumps({"a": [f"before {text} after"]}), json.dumps([text]).replace("$", "\\u0024")):
        with pytest.raises(InvalidRequest, match="placeholder"):
            placeholders(document)


@pytest.mark.parametrize("space", ["", " ", "\n\t"])
def test_the_name_of_a_member_is_no_place_for_a_placeholder(space):
    with pytest.raises(InvalidRequest, match="name"):
        placeholders(spelled('{"TYPED"SPACE: 1}').replace("SPACE", space))


def test_every_kind_is_known_by_its_spelling():
    names = {Kind.THING: "name", Kind.S3_URL: "https://s3.amazonaws.com/b/k"}
    written = [Placeholder(kind, names.get(kind, "a")) for kind in Kind]
    assert set(RULES) == set(Kind)
    assert placeholders(json.dumps([str(placeholder) for placeholder in written])) == written
    assert [is_plain(str(p)) for p in written] == [False] * len(Kind)
    assert is_plain('{"a": "${HOME} $aws:iot thingjobs:"}')


def test_a_placeholder_that_is_kept_stays_to_the_letter():
    document = '{"a":"x${thingjobs:thing:name}","b":"${thingjobs:value:v}"}'
    assert fill(document, lambda _: KEEP) == document


def test_parameters_are_filled_in_and_what_comes_later_stays():
    document = spelled('{"a":"PLAIN ${thingjobs:thing:name}","b":"${aws:iot:package:p}"}')
    assert parameters_named(document) == {"x"}
    filled = fill_parameters(document, {"x": "1"})
    assert filled == '{"a":"1 ${thingjobs:thing:name}","b":"${aws:iot:package:p}"}'


@pytest.mark.parametrize(
    "document", ['{ "a" : "\\u00e9\\/${thingjobs:thing:name}" }', '{"a":"\\u00e9 \\u0024{HOME}"}', "{ }"]
)
def test_a_job_without_parameters_keeps_its_document_to_the_letter(document):
    assert fill_parameters(document, {}) == document


def test_what_is_filled_in_later_can_be_seen_in_what_a_job_keeps():
    kept = fill_parameters('{"a":"\\u0024{thingjobs:thing:name}"}', {})
    assert (kept, is_plain(kept)) == ('{"a":"${thingjobs:thing:name}"}', False)


def test_a_value_may_hold_what_is_filled_in_later_but_no_parameter():
    link = "${thingjobs:artifact:fw-2.bin}"
    assert fill_parameters(spelled('{"url":"TYPED"}'), {"x": link}) == spelled('{"url":"TYPED"}').replace(
        TYPED, link
    )
    with pytest.raises(InvalidRequest, match="in turn"):
        fill_parameters(spelled('{"url":"TYPED"}'), {"x": "${thingjobs:parameter:y}"})


def test_what_is_filled_in_is_not_looked_at_again():
    name = '{"a":"${thingjobs:thing:name}"}'
    assert fill(name, lambda _: "${thingjobs:thing:name}") == name


def test_a_document_that_gets_too_large_is_not_delivered():
    document = '{"a":"${thingjobs:value:x}"}'
    room = MAX_BYTES - len('{"a":""}')
    assert len(deliver(document, lambda _: "x" * room)) == MAX_BYTES
    with pytest.raises(Undeliverable, match=f"{MAX_BYTES + 1} bytes"):
        deliver(document, lambda _: "x" * (room + 1))
    with pytest.raises(Undeliverable):
        deliver(document, lambda _: "é" * (room // 2 + 1))


# --- the same done on the values instead of the text ---

VALUES = {
    "t": 'quote " and \\ and \n',
    "n": 1.5,
    "b": False,
    "o": {"k": ["ü", None]},
    "e": "",
    "p": "${HOME} $1 {}",
}
SPELLED = [str(Placeholder(kind, name)) for kind in (Kind.PARAMETER, Kind.AWS_PARAMETER) for name in VALUES]
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
STRINGS = st.lists(
    st.sampled_from(SPELLED) | WORDS | st.sampled_from(['"', "\\", "$", "${", "}"]), max_size=4
)
NAMES = WORDS.filter(lambda name: "${" not in name)
TREES = st.recursive(
    STRINGS.map("".join) | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def expected(node):
    """Do to the parsed document what ``fill`` does to its text, by replacing."""
    if isinstance(node, dict):
        return {name: expected(value) for name, value in node.items()}
    if isinstance(node, list):
        return [expected(value) for value in node]
    if not isinstance(node, str):
        return node
    for name, value in VALUES.items():
        if node == str(Placeholder(Kind.PARAMETER, name)):
            return value
    pieces = [node]
    for name, value in VALUES.items():
        for kind in (Kind.PARAMETER, Kind.AWS_PARAMETER):
            spelled = str(Placeholder(kind, name))
            pieces = [
                part
                for piece in pieces
                for part in (piece.replace(spelled, f"\0{text_of(value)}\0").split("\0") if piece else [""])
            ]
    return "".join(pieces)


@given(tree=TREES, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_a_document_filled_in_is_valid_and_says_what_its_values_say(tree, ascii_only, indent):
    document = json.dumps({"root": tree}, ensure_ascii=ascii_only, indent=indent)
    filled = fill(document, lambda placeholder: VALUES[placeholder.name])
    assert json.loads(filled) == expected({"root": tree})


@given(tree=TREES)
def test_without_placeholders_not_a_byte_changes(tree):
    document = json.dumps({"root": tree})
    plain = fill(document, lambda placeholder: VALUES[placeholder.name])
    assert fill(plain, lambda _: pytest.fail("nothing is left to fill in")) == plain


@given(values=st.fixed_dictionaries({"x": WORDS | st.integers() | st.booleans()}))
def test_a_job_keeps_a_document_that_would_be_taken_as_it_is(values):
    filled = fill_parameters(spelled('{"a":"TYPED","b":"-PLAIN"}'), values)
    assert document_text(filled) == filled


def test_the_moments_are_those_of_the_table():
    assert {kind.value: RULES[kind].moment for kind in Kind} == {
        "thingjobs:parameter": Moment.CREATION,
        "aws:iot:parameter": Moment.CREATION,
        "thingjobs:thing": Moment.DELIVERY,
        "thingjobs:value": Moment.DELIVERY,
        "thingjobs:artifact": Moment.DELIVERY,
        "thingjobs:artifact-sha256": Moment.DELIVERY,
        "thingjobs:artifact-size": Moment.DELIVERY,
        "aws:iot:s3-presigned-url": Moment.DELIVERY,
        "aws:iot:code-sign-signature": Moment.NEVER,
        "aws:iot:package": Moment.NEVER,
    }
