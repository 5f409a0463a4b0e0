"""Groups inside groups: the statements that go down and up."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

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


def members_of(connection: Connection, groups: str) -> str:
    """Return a SELECT of ``thing`` over the members of the groups that a common table of ``id`` lists."""
    if connection.dialect.name == "sqlite":
        return f'SELECT m.thing FROM {groups} b CROSS JOIN group_members m WHERE m."group" = b.id'
    # How many a recursive list holds PostgreSQL cannot know, and takes it for so many that it would rather
    # read all members there are. The fence has it look up each group's.
    return (
        f"SELECT m.thing FROM {groups} b CROSS JOIN LATERAL "
        '(SELECT g.thing FROM group_members g WHERE g."group" = b.id OFFSET 0) m'
    )
