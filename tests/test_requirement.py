"""A requirement that is not there: skipped on a laptop, failed in CI, and always by name."""

import pytest


def test_what_is_there_is_no_reason_to_stop(requirement, monkeypatch):
    monkeypatch.setenv("CI", "true")
    requirement("a broker", "/usr/sbin/broker", "install it")


def test_what_is_missing_skips_here_with_the_reason(requirement, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"a broker.*install it"):
        requirement("a broker", None, "install it")


def test_what_is_missing_fails_in_ci(requirement, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"a broker.*install it"):
        requirement("a broker", None, "install it")
