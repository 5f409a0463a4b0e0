"""Groups inside groups: the statements that go down and up."""

from __future__ import annotations

from typing import Final

#: A group and everything below it.
DESCENDANTS: Final = (
    "WITH RECURSIVE below(id) AS (SELECT v FROM {roots} r UNION "
    "SELECT g.id FROM thing_groups g JOIN below b ON g.parent = b.id) "
)
#: A group and everything above it.
ANCESTORS: Final = (
    "WITH RECURSIVE above(id) AS (SELECT v FROM {roots} r UNION "
    "SELECT g.parent FROM thing_groups g JOIN above a ON g.id = a.id WHERE g.parent IS NOT NULL) "
)
