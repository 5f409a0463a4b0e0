"""statusDetails: ten pairs, their limits, and how numbers become text (contract 1.6)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.details import MAX_PAIRS, MAX_VALUE, first_control, status_details
from domain.errors import InvalidRequest

keys = st.from_regex(r"[a-zA-Z0-9:_-]{1,128}", fullmatch=True)
good_characters = st.characters(exclude_categories=["C"]) | st.sampled_from("\t\n\r")
good = st.dictionaries(keys, st.text(good_characters, min_size=1, max_size=30), max_size=MAX_PAIRS)


@given(good)
def test_what_is_within_the_limits_is_kept_as_it_is(details: dict[str, str]) -> None:
    assert status_details(details) == details


@given(st.dictionaries(keys, st.booleans() | st.integers() | st.floats(-1e300, 1e300), max_size=MAX_PAIRS))
def test_numbers_and_truth_become_their_json_text_and_then_stay(details: dict) -> None:
    kept = status_details(details)
    assert kept.keys() == details.keys()
    assert status_details(kept) == kept
    for name, value in details.items():
        assert kept[name] == (str(value).lower() if isinstance(value, bool) else repr(value))


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=12))
def test_anything_is_kept_within_the_limits_or_refused(details: dict) -> None:
    try:
        kept = status_details(details)
    except InvalidRequest:
        return
    assert len(kept) <= MAX_PAIRS
    assert all(1 <= len(value) <= MAX_VALUE for value in kept.values())


def test_the_limits_are_reached_and_not_passed() -> None:
    assert len(status_details({f"k{n}": "v" for n in range(10)})) == 10
    assert status_details({"k" * 128: "v" * 1024})
    for bad in ({f"k{n}": "v" for n in range(11)}, {"k" * 129: "v"}, {"k": "v" * 1025}, {"k": ""}, {"": "v"}):
        with pytest.raises(InvalidRequest):
            status_details(bad)


@pytest.mark.parametrize(
    "bad",
    [
        None, [], "x", 7, True, {"k": None}, {"k": {}}, {"k": []}, {"k": ["x"]}, {1: "x"}, {None: "x"},
        {"k k": "x"}, {"k\n": "x"}, {"k.": "x"}, {"é": "x"}, {"k": "\0"},
        {"k": "\x1b[31m"}, {"k": "\x7f"}, {"k": "\u202e"},
        {"k": "\ud800"}, {"k": "\ue000"}, {"k": "\U000e0001"}, {"k": float("nan")}, {"k": float("inf")},
        {"k": 10**1024}, {"k": 10**5000},
    ],
    ids=lambda value: ascii(value)[:30] if not isinstance(value, dict) or "k" not in value else None,
)  # fmt: skip
def test_anything_else_is_refused(bad: object) -> None:
    with pytest.raises(InvalidRequest, match="statusDetails"):
        status_details(bad)


@given(st.text())
def test_control_characters_are_what_unicode_calls_category_c(text: str) -> None:
    expected = next((c for c in text if unicodedata.category(c).startswith("C")), None)
    assert first_control(text) == expected
