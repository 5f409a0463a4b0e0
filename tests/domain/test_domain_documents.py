"""Documents go through to the letter; anything but a plain JSON object is refused (contract 1.4)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.documents import MAX_BYTES, MAX_DEPTH, document_text
from domain.errors import InvalidRequest

plain = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(plain, max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(plain, max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)
documents = st.dictionaries(st.text(plain, max_size=8), values, max_size=5)


@given(documents, st.sampled_from([None, 0, 2]), st.booleans())
def test_a_text_is_kept_to_the_letter(document: dict, indent: int | None, ascii_only) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    for written in (text, f" \n{text}\t"):
        assert document_text(written) == written


@given(documents)
def test_an_object_is_written_so_that_it_reads_the_same(document: dict) -> None:
    text = document_text(document)
    assert json.loads(text) == document
    assert document_text(text) == text


@given(st.text(max_size=60) | st.text(alphabet='{}[]":,\\u0d8fe1 \n', max_size=40))
def test_any_text_is_kept_or_refused(text: str) -> None:
    try:
        kept = document_text(text)
    except InvalidRequest:
        return
    assert kept == text
    assert isinstance(json.loads(text), dict)


def nested(depth: int) -> str:
    return '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)


def sized(size: int) -> str:
    return json.dumps({"a": "x" * (size - 9)})


def test_the_limits_are_what_they_say_and_a_byte_is_a_byte() -> None:
    assert len(sized(MAX_BYTES)) == MAX_BYTES
    assert document_text(sized(MAX_BYTES))
    assert document_text(nested(MAX_DEPTH))
    umlauts = json.dumps({"a": "ü" * (MAX_BYTES // 2 - 4)}, ensure_ascii=False)
    assert len(umlauts.encode()) > MAX_BYTES > len(umlauts)
    for bad in (sized(MAX_BYTES + 1), nested(MAX_DEPTH + 1), umlauts):
        with pytest.raises(InvalidRequest, match=r"at most|nested deeper"):
            document_text(bad)


BAD = {
    "no text and no object": 7,
    "nothing": None,
    "a list": [],
    "an empty text": "",
    "a list in a text": "[]",
    "a text in a text": '"x"',
    "null": "null",
    "half an object": "{",
    "two objects": "{}{}",
    "a comma too many": '{"a":1,}',
    "a comment": "{} // x",
    "single quotes": "{'a':1}",
    "a byte order mark": "\ufeff{}",
    "no number": '{"a":NaN}',
    "infinity": '{"a":Infinity}',
    "minus infinity": '{"a":-Infinity}',
    "a name twice": '{"a":1,"a":1}',
    "a name twice, inside": '{"b":[{"a":1,"a":2}]}',
    "a name twice, spelled differently": '{"a":1,"\\u0061":2}',
    "a zero character": '{"a":"\\u0000"}',
    "a zero character in a name": '{"\\u0000":1}',
    "a raw control character": '{"a":"\x01"}',
    "half a surrogate pair": '{"a":"\\ud800"}',
    "half a surrogate pair, raw": '{"a":"\ud800"}',
    "half a surrogate pair in an object": {"a": "\ud800"},
    "infinity in an object": {"a": float("inf")},
    "a set in an object": {"a": {1}},
    "very deep": "[" * 100_000,
    "very deep objects": '{"a":' * 5_000,
    "a number of five thousand digits": '{"a":1' + "0" * 5_000 + "}",
    "such a number in an object": {"a": 10**5_000},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_is_no_document_is_refused_with_a_reason(bad: object) -> None:
    with pytest.raises(InvalidRequest, match="document"):
        document_text(bad)
