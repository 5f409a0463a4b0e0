"""Measurements of the whole product; in no wheel. Packets and Mosquitto come from the tools of the tests."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

sys.path.insert(0, str(ROOT / "tests" / "broker"))
