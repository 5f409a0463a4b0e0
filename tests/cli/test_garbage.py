"""A settled process keeps what it began with out of every search, and still finds later cycles."""

import subprocess
import sys

SCRIPT = """
import gc
import weakref
from cli import garbage

class Ring:
    pass

garbage.settle()
assert gc.get_freeze_count() > 1_000
ring = Ring()
ring.self = ring
seen = weakref.ref(ring)
del ring
crowd = [[] for _ in range(100_000)]
assert seen() is None
"""


def test_a_cycle_made_after_the_start_goes_and_the_start_is_left_alone():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=60)
