"""Whose client a certificate lets in, told by what it is attached to and by the client id."""

import pytest

from domain.certificates import thing_for


@pytest.mark.parametrize(
    ("things", "client_id", "expected"),
    [
        ([], "t1", None),
        (["t1"], "t1", "t1"),
        (["t1"], "anything", "t1"),
        (["t1"], "", "t1"),
        (["t1", "t2"], "t2", "t2"),
        (["t1", "t2"], "t2:main", "t2"),
        (["t1", "t2"], "t22", None),
        (["t1", "t2"], "", None),
        (["t1", "t1:sub"], "t1:sub", "t1:sub"),
        (["t1", "t1:sub"], "t1:sub:x", "t1:sub"),
        (["t1:sub", "t1"], "t1:other", "t1"),
    ],
)
def test_the_client_id_says_which_of_several_things(things, client_id, expected):
    assert thing_for(things, client_id) == expected
