"""How long the next attempt waits."""

import random

import pytest

from broker.backoff import CAP_SECONDS, FIRST_SECONDS, STABLE_SECONDS, Backoff


class Longest(random.Random):
    """Chance at its worst: always the bound itself."""

    def uniform(self, a, b):
        return b


def test_the_bound_doubles_up_to_its_cap():
    backoff = Backoff(Longest())
    bounds = [backoff.after(0) for _ in range(100)]
    assert bounds[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert bounds == sorted(bounds)
    assert set(bounds[10:]) == {CAP_SECONDS}


def test_a_success_that_lasted_starts_again():
    backoff = Backoff(Longest())
    for _ in range(10):
        backoff.after(0)
    assert backoff.after(STABLE_SECONDS + 1) == FIRST_SECONDS


def test_a_success_that_did_not_last_is_a_failure():
    backoff = Backoff(Longest())
    for _ in range(10):
        backoff.after(0)
    assert backoff.after(STABLE_SECONDS - 1) == CAP_SECONDS


@pytest.mark.parametrize("seed", range(20))
def test_every_wait_lies_within_the_bound(seed):
    backoff = Backoff(random.Random(seed))
    assert all(0 <= backoff.after(0) <= CAP_SECONDS for _ in range(50))
