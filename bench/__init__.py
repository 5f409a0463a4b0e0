"""Measurements of the product, in no wheel. Packets and servers come from the tools of the tests."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

sys.path[:0] = [str(ROOT / "tests" / "broker"), str(ROOT / "tests")]
