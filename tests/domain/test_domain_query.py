"""Queries over things: what they mean, what is refused and where, and that nothing in them costs much."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.names import ATTRIBUTE_NAME_PATTERN
from domain.query import MAX_LENGTH, MAX_TERMS, matches, parse
from domain.query_terms import Facts

PUMP = Facts(
    "EU-pump-7",
    {"model": "Rev2", "rpm": "1500", "fw": "1.10.2", "a:b": "x=1", "v": "[1]", "none": ""},
    connected=True,
    thing_type="Pump:2",
)


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("thingName:eu-pump-7", True),
        ("thingName:EU-PUMP-*", True),
        ("thingName:eu-pump-", False),
        ("thingName:eu-pump-?", True),
        ("thingName:eu-pump-7?", False),
        ("thingName:e*p*-7", True),
        ("thingName:e*q*-7", False),
        ("thingName:*", True),
        ('thingName:"eu-pump-7"', True),
        ('thingName:"eu-*"', False),
        (r"thingName:eu\-pump-7", True),
        (r"thingName:eu-\*", False),
        ("thingTypeName:pump:2", True),
        ("thingTypeName:pump*", True),
        ("thingTypeName:valve", False),
        ("-thingTypeName:valve thingTypeName:[p TO q]", True),
        ("attributes.model:rev2", True),
        ("attributes.model:rev*", True),
        ("attributes.model:rev1", False),
        ("attributes.Model:rev2", False),
        ("attributes.colour:*", False),
        ("NOT attributes.colour:*", True),
        ("attributes.none:*", True),
        ('attributes.none:""', True),
        (r"attributes.a\:b:x=1", True),
        ('attributes.v:"[1]"', True),
        (r"attributes.v:\[1\]", True),
        ("attributes.rpm > 900", True),
        ("attributes.rpm:>900", True),
        ("attributes.rpm>1500", False),
        ("attributes.rpm>=1500.0", True),
        ("attributes.rpm<1e9", True),  # no number: compared as text
        ("attributes.rpm<1500", False),
        ("attributes.rpm<=1500", True),
        ("attributes.rpm > -1", True),
        ('attributes.rpm > "900"', False),
        ("attributes.model > 1", False),
        ("attributes.model > rev1", True),
        ("attributes.model <= REV2", True),
        ("attributes.colour < z", False),
        ("attributes.rpm:[1500 TO 1600]", True),
        ("attributes.rpm:{1500 TO 1600]", False),
        ("attributes.rpm:[1400 TO 1500}", False),
        ("attributes.rpm:{1400 TO 1500]", True),
        ("attributes.rpm:[* TO 1500]", True),
        ("attributes.rpm:[1501 TO *]", False),
        ("attributes.colour:[* TO *]", False),
        ("attributes.model:[rev1 TO rev3]", True),
        ("thingName:[eu TO ev}", True),
        ("connectivity.connected:true", True),
        ("connectivity.connected:False", False),
        ("thingName:eu-* attributes.model:rev1", False),
        ("thingName:eu-* AND attributes.model:rev2", True),
        ("thingName:us-* OR attributes.model:rev2", True),
        ("thingName:eu-* -attributes.model:rev2", False),
        ("thingName:us-* attributes.rpm>1 OR connectivity.connected:true", True),
        ("thingName:us-* (attributes.rpm>1 OR connectivity.connected:true)", False),
        ("NOT thingName:us-* AND NOT thingName:ap-*", True),
        ("NOT (thingName:us-* OR thingName:eu-*)", False),
        ("NOT -thingName:eu-*", True),
        ("(((thingName:eu-*)))\t\n", True),
    ],
)
def test_a_query_means_these_things(query: str, meant: bool) -> None:  # noqa: FBT001
    assert matches(parse(query), PUMP) is meant


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (
            "",
            (
                "query at its end: expected a field (thingName, thingTypeName, attributes.NAME, "
                "connectivity.connected) or NOT"
            ),
        ),
        ("pump", "query at character 1, 'pump': expected a field"),
        ("thingname:x", "query at character 1, 'thingname:x': expected a field"),
        ("thingGroupName:x", "query at character 1, 'thingGroupName:x"),
        ("thingName", "query at its end: expected a comparison (< <= > >=) or :"),
        ("thingName:", "query at its end: expected a value or a comparison"),
        ("thingName:x OR", "query at its end: expected a field"),
        ("thingName:x AND OR thingName:y", "query at character 17, 'OR thingName:y': expected a field"),
        ("(thingName:x", "query at its end: expected )"),
        ("thingName:x)", "query at character 12, ')': expected the end"),
        ("thingName:*x", "query at character 11, '*x': * cannot come first, unless it stands alone"),
        ("thingName:ü", "query at character 11, 'ü': expected a value"),
        ('thingName:"x', "query at character 11, '\"x'"),
        ("attributes.a:b ORthingName:x", "query at character 16, 'ORthingName:x'"),
        ("attributes.:x", "query at character 1, 'attributes.:x'"),
        (f"attributes.{'n' * 129}:x", "at most 128 characters"),
        ("attributes.n:[1 2]", "query at character 17, '2]': expected TO"),
        ("attributes.n:[1 TO b]", "one end of the range is a number and the other is not"),
        ("attributes.n:[1 TO 2", "query at its end: expected ] or }"),
        ("attributes.n:[a* TO b]", "has no wildcards"),
        ("attributes.n > *", "a comparison needs a value, not *"),
        ("connectivity.connected:maybe", "query at character 24, 'maybe': expected true or false"),
        ("connectivity.connected > true", "query at character 24"),
        ("thingName:x\0", "query at character 12"),
        ("thingName:x " * (MAX_TERMS + 1), f"query has {MAX_TERMS + 1} terms; at most {MAX_TERMS} are"),
        ("x" * (MAX_LENGTH + 1), f"query has {MAX_LENGTH + 1} characters; at most {MAX_LENGTH} are"),
    ],
)
def test_what_is_no_query_is_refused_where_it_goes_wrong(query: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(query)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("query", "prefix"),
    [
        ("thingName:EU-*", "eu-"),
        ("thingName:eu-1", "eu-1"),
        ("thingName:e?-1", "e"),
        ("attributes.a:eu-*", ""),
        ("thingName:eu-* attributes.a:x", "eu-"),
        ("thingName:eu-* thingName:eu-north-*", "eu-north-"),
        ("thingName:eu-north-* OR thingName:eu-nord-*", "eu-nor"),
        ("thingName:eu-* OR attributes.a:x", ""),
        ("-thingName:eu-*", ""),
        ("thingName > eu", ""),
    ],
)
def test_the_prefix_is_what_all_names_that_match_begin_with(query: str, prefix: str) -> None:
    assert parse(query).prefix == prefix


@pytest.mark.parametrize(
    "query", ["connectivity.connected:true", "thingName:x OR -connectivity.connected:true"]
)
def test_a_query_knows_whether_it_asks_for_connectivity(query: str) -> None:
    assert parse(query).asks_connectivity
    assert not parse("thingName:x OR -attributes.a:b").asks_connectivity


def test_the_longest_nesting_is_read_without_recursion() -> None:
    depth = (MAX_LENGTH - len("thingName:x")) // 2
    assert matches(parse(f"{'(' * depth}thingName:x{')' * depth}"), Facts("x", {}, connected=False))
    signs = MAX_LENGTH - len("thingName:x")
    assert matches(parse(f"{'-' * signs}thingName:x"), Facts("x", {}, connected=False)) is (signs % 2 == 0)


def test_no_pattern_makes_the_search_go_back_and_forth() -> None:
    """A search that backtracks would outlast us."""
    facts = Facts("x", {"a": "a" * 800}, connected=False)
    stars = parse(f"attributes.a:{'a*' * 450}b")
    assert not matches(stars, facts)


NAMES = st.from_regex(ATTRIBUTE_NAME_PATTERN, fullmatch=True)
VALUES = st.text("abzAB019_.,@/:#=[]-", max_size=12)


def quoted(value: str) -> str:
    return f'"{value}"'


@given(name=NAMES, value=VALUES)
def test_every_attribute_and_value_can_be_asked_for(name: str, value: str) -> None:
    field = f"attributes.{name.replace(':', chr(92) + ':')}"
    facts = Facts("t", {name: value}, connected=False)
    assert matches(parse(f"{field}:{quoted(value.swapcase())}"), facts)
    assert not matches(parse(f"{field}:{quoted(value + 'x')}"), facts)


@given(pattern=st.text("ab*?", min_size=1, max_size=8), text=st.text("abAB", max_size=10))
def test_wildcards_mean_what_the_plain_regular_expression_means(pattern: str, text: str) -> None:
    if pattern.startswith("*") and pattern != "*":
        pattern = f"a{pattern}"
    plain = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    found = matches(parse(f"attributes.a:{pattern}"), Facts("t", {"a": text}, connected=False))
    assert found is bool(re.fullmatch(plain, text, re.IGNORECASE))


TERMS = st.sampled_from(["thingName:aa*", "thingName:ab*", "attributes.a:1", "connectivity.connected:true"])
TREES = st.recursive(
    TERMS.map(lambda term: (term, term)),
    lambda inner: st.tuples(st.sampled_from(["AND", "OR", "", "NOT"]), inner, inner),
    max_leaves=MAX_TERMS,
)


def written(tree: tuple) -> str:
    if len(tree) == 2:
        return tree[0]
    joint, left, right = tree
    return f"NOT ({written(left)})" if joint == "NOT" else f"({written(left)}) {joint} ({written(right)})"


def meant(tree: tuple, facts: Facts) -> bool:
    if len(tree) == 2:
        return matches(parse(tree[0]), facts)
    joint, left, right = tree
    if joint == "NOT":
        return not meant(left, facts)
    join = any if joint == "OR" else all
    return join([meant(left, facts), meant(right, facts)])


FACTS = st.builds(
    Facts,
    st.text("abAB", min_size=1, max_size=3),
    st.dictionaries(st.just("a"), st.sampled_from("12")),
    st.booleans(),
)


@given(tree=TREES, facts=FACTS)
def test_and_or_not_and_parentheses_join_as_they_say(tree: tuple, facts: Facts) -> None:
    query = parse(written(tree))
    assert matches(query, facts) is meant(tree, facts)
    if matches(query, facts):
        assert facts.thing_name.lower().startswith(query.prefix)


PIECES = st.sampled_from([*'ab:.*?"\\()[]{}<>=- ', "thingName:", "attributes.a", " OR ", " TO "])


@given(st.lists(PIECES).map("".join))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with suppress(InvalidRequest):
        assert parse(text).text == text
