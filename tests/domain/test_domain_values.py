"""Values per thing: how a table of them is read, and what is no such table."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.values import MAX_COLUMNS, MAX_TEXT, few, from_csv, together, value


def test_a_table_is_read_by_thing_and_every_value_is_a_string():
    text = '\ufeffthingName, slot ,note\r\nt1,1,"a, ""b""\nc"\r\n\r\n t2 ,,é\n'
    assert from_csv(text) == {"t1": {"slot": "1", "note": 'a, "b"\nc'}, "t2": {"note": "é"}}
    assert from_csv("thingName") == {}


BAD = [
    ("", "first column"),
    ("name,a\nt,1", "first column"),
    ("thingName,a b\n", "line 1: the name 'a b'"),
    ("thingName,a,a\n", "line 1: the column a is there twice"),
    ("thingName,a\nt", "line 2 has 1 cells; the first line has 2"),
    ("thingName,a\nt,1\nt,2", "line 3: thing t has a row already"),
    ("thingName,a\nt,1\nu v,2", "line 3: thingName 'u v'"),
    ('thingName,a\nt,"1', "line 2: "),
    ("thingName,a\nt,x\0y", "line 2: "),
    (f"thingName,a\nt,{'x' * (MAX_TEXT + 1)}", "line 2: a has more than"),
    (f"thingName,a\nt,{'x' * 200_000}", "line 2: "),
    (
        "thingName," + ",".join(f"c{n}" for n in range(MAX_COLUMNS + 1)) + "\nt" + ",1" * (MAX_COLUMNS + 1),
        f"at most {MAX_COLUMNS}",
    ),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_a_bad_table_is_refused_by_the_line_at_fault(text, words):
    with pytest.raises(InvalidRequest) as refusal:
        from_csv(text)
    assert words in str(refusal.value)


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
THINGS = st.from_regex(r"[a-zA-Z0-9:_-]{1,20}", fullmatch=True)
TABLES = st.dictionaries(THINGS, st.fixed_dictionaries({"a": CELLS, "b": CELLS}), max_size=5)


@given(table=TABLES, end=st.sampled_from(["\n", "\r\n"]))
def test_what_a_writer_of_csv_writes_is_what_is_read(table, end):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["thingName", "a", "b"])
    writer.writerows([thing, row["a"], row["b"]] for thing, row in table.items())
    assert from_csv(out.getvalue()) == table


def outcome(text):
    try:
        from_csv(text)
    except InvalidRequest as refusal:
        return str(refusal)
    return "valuesCsv is taken"


@given(text=st.text() | st.text(alphabet='thingName,\n"a').map(lambda tail: f"thingName,{tail}"))
def test_any_text_is_a_table_or_refused_in_words(text):
    assert "valuesCsv" in outcome(text)


@pytest.mark.parametrize("raw", ["", "x", 0, 1.5, True])
def test_strings_numbers_and_booleans_are_values(raw):
    assert value("a", raw) is raw


@pytest.mark.parametrize("raw", [None, [], {}, "\0", "x" * (MAX_TEXT + 1)])
def test_nothing_else_is_a_value(raw):
    with pytest.raises(InvalidRequest, match=r"^a "):
        value("a", raw)


def test_the_two_ways_to_give_values_add_up_but_never_say_the_same_twice():
    assert together({"t": {"a": 1}}, {"t": {"b": "x"}, "u": {"a": "y"}}) == {
        "t": {"a": 1, "b": "x"},
        "u": {"a": "y"},
    }
    with pytest.raises(InvalidRequest, match="thing t the value a"):
        together({"t": {"a": 1}}, {"t": {"a": "1"}})


def test_only_a_few_things_are_named():
    assert few(["b", "a"]) == "a, b"
    assert few([f"t{n}" for n in range(7)]) == "t0, t1, t2, t3, t4 and 2 more"
    assert few(["a"], 100_000) == "a and 99999 more"
