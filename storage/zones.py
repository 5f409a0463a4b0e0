"""Whose clock a thing keeps: its own zone, else that of a group around it, else UTC."""

from __future__ import annotations

from typing import Final

from domain.registry import MAX_DEPTH

#: The zone of the row ``t`` of things; of its groups the nearest one that has a zone, then the first by name.
ZONE_SQL: Final = (
    "COALESCE(t.time_zone, (WITH RECURSIVE around(id, distance) AS ("
    'SELECT m."group", 0 FROM group_members m WHERE m.thing = t.id UNION '
    "SELECT g.parent, a.distance + 1 FROM around a JOIN thing_groups g ON g.id = a.id "
    f"WHERE g.parent IS NOT NULL AND a.distance < {MAX_DEPTH}) "
    "SELECT g.time_zone FROM around a JOIN thing_groups g ON g.id = a.id "
    "WHERE g.time_zone IS NOT NULL ORDER BY a.distance, g.name LIMIT 1), 'UTC')"
)
