"""Details are made fit, so that a report is never refused for them."""

from hypothesis import given
from hypothesis import strategies as st

from agent.details import fit
from domain.details import status_details


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.floats())))
def test_whatever_a_handler_says_the_server_takes(said):
    assert status_details(fit(said)) == fit(said)


def test_long_values_are_cut_and_empty_ones_go():
    assert fit({"a": "", "b": None, "c": "x" * 2000}) == {"c": "x" * 1023 + "…"}


def test_program_output_keeps_its_lines():
    assert fit({"out": "a\n\tb\r\n\x1b[31mred"}) == {"out": "a\n\tb\r\n\N{REPLACEMENT CHARACTER}[31mred"}


def test_numbers_and_booleans_are_spelled_as_in_json():
    assert fit({"n": 7, "x": 0.5, "yes": True}) == {"n": "7", "x": "0.5", "yes": "true"}


def test_the_first_ten_pairs_stay():
    assert list(fit({f"k{i}": "v" for i in range(12)})) == [f"k{i}" for i in range(10)]
