"""The pauses between tries."""

import random

from agent.backoff import Backoff


def test_the_ceiling_doubles_up_to_the_cap_and_every_pause_is_below_it():
    for seed in range(200):
        backoff = Backoff(1.0, 30.0, random.Random(seed))
        for ceiling in (1, 2, 4, 8, 16, 30, 30, 30):
            assert 0 <= backoff.next() <= ceiling


def test_full_jitter_uses_the_whole_range():
    firsts = [Backoff(1.0, 30.0, random.Random(seed)).next() for seed in range(400)]
    assert min(firsts) < 0.1
    assert max(firsts) > 0.9


def test_reset_begins_anew_and_months_offline_do_not_overflow():
    backoff = Backoff(1.0, 30.0, random.Random(0), tries=10**6)
    assert backoff.next() <= 30
    backoff.reset()
    assert backoff.next() <= 1
