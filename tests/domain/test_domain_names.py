"""Names, targets and ARNs: what may be an id, and that printing and reading are inverse (contract 1.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import names
from domain.errors import InvalidRequest
from domain.names import Arns, Target, parse_target

thing_names = st.from_regex(names.THING_PATTERN, fullmatch=True)
CHECKS = {
    names.thing_name: 128,
    names.group_name: 128,
    names.job_id: 64,
    names.template_id: 64,
}


@pytest.mark.parametrize(("check", "longest"), CHECKS.items(), ids=lambda value: str(value)[:20])
def test_a_name_has_one_character_to_its_limit(check, longest: int) -> None:
    for good in ("a", "A-z_0", "x" * longest):
        assert check(good) == good
    for bad in ("", "x" * (longest + 1), "x" * 10_000):
        with pytest.raises(InvalidRequest, match="does not match") as refusal:
            check(bad)
        assert len(str(refusal.value)) < 200


# Wildcards, separators, control characters, look-alikes, direction marks, lone surrogates.
BAD = [
    *"+#/$\0.* \n\t%'", "\N{CYRILLIC SMALL LETTER A}", "\N{FULLWIDTH LATIN SMALL LETTER A}",
    "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{ARABIC-INDIC DIGIT THREE}", "\u202e", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=ascii)
@pytest.mark.parametrize("check", CHECKS)
def test_a_name_holds_none_of_these_anywhere(check, bad: str) -> None:
    for text in (bad, f"a{bad}", f"{bad}a", f"a{bad}a"):
        with pytest.raises(InvalidRequest):
            check(text)


def test_a_colon_may_stand_in_a_thing_and_not_in_a_job() -> None:
    assert names.thing_name("a:b") == "a:b"
    with pytest.raises(InvalidRequest):
        names.job_id("a:b")


@given(thing_names, st.sampled_from(["aws", "aws-cn", "aws-us-gov"]))
def test_a_target_may_be_spelled_in_three_ways(name: str, partition: str) -> None:
    arns = Arns(partition=partition)
    assert parse_target(name) == Target(None, name)
    assert parse_target(f"thing/{name}") == parse_target(arns.thing(name)) == Target("thing", name)
    assert parse_target(f"thinggroup/{name}") == parse_target(arns.group(name)) == Target("thinggroup", name)


@given(st.text(max_size=200) | st.text(alphabet="arn:aws:iot::thinggroup/x+\n", max_size=60))
def test_whatever_is_written_is_a_target_or_refused(text: str) -> None:
    try:
        target = parse_target(text)
    except InvalidRequest:
        return
    assert names.thing_name(target.name) == target.name
    assert text.endswith(target.name)


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iot:us-east-1:123456789012:job/j", "arn:aws:iot:us-east-1:123456789012:thing/",
        "arn:aws:iot:us-east-1:123456789012:thing/a/b", "arn:aws:s3:us-east-1:1:thing/a", "arn:thing/a",
        "arn:aws:iot:us-east-1:123456789012:thing/a\n", "thing/", "thinggroup/", "group/a", "thing/a/b",
        "thing/thing/a", "/a", "a/", "", "thing/\ud800",
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="targets"):
        parse_target(text)


def test_arns_are_printed_as_the_contract_says() -> None:
    arns = Arns()
    assert arns.thing("t") == "arn:aws:iot:us-east-1:123456789012:thing/t"
    assert arns.group("g") == "arn:aws:iot:us-east-1:123456789012:thinggroup/g"
    assert arns.job("j") == "arn:aws:iot:us-east-1:123456789012:job/j"
    assert arns.template("x") == "arn:aws:iot:us-east-1:123456789012:jobtemplate/x"
