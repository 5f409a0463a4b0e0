"""Targets of jobs: from what the caller wrote to keys of things and groups, and from there to things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, text

from domain.errors import Conflict, InvalidRequest, JobsError, UnknownTarget
from domain.job import MAX_TARGETS
from domain.names import Target, parse_target
from domain.registry import Registration
from storage import dynamic
from storage.lists import bound, ints, texts
from storage.millis import to_millis
from storage.nesting import DESCENDANTS, members_of
from storage.policy import Policy


class Resolved(NamedTuple):
    """One target as written, and the key of what it names: a thing or a group."""

    text: str
    thing: int | None
    group: int | None


def resolve(
    connection: Connection, targets: Sequence[str], *, policy: Policy, at: datetime
) -> list[Resolved]:
    """Return what the targets name, each thing or group once, in the order first named.

    A plain name means a thing, else a group, else a new thing. Registers unknown things, unless the policy
    is strict. Raises ``InvalidRequest`` for a bad spelling and ``UnknownTarget`` for what does not exist.
    """
    if not targets:
        raise InvalidRequest("targets must name at least one thing or thing group")
    if len(targets) > MAX_TARGETS:
        raise InvalidRequest(f"targets has {len(targets)} entries; at most {MAX_TARGETS} are allowed")
    parsed = [(text_, parse_target(text_)) for text_ in targets]
    things = thing_keys(connection, (t.name for _, t in parsed if t.kind != "thinggroup"))
    groups = group_keys(connection, (t.name for _, t in parsed if t.kind != "thing" and t.name not in things))
    groups.update(group_keys(connection, (t.name for _, t in parsed if t.kind == "thinggroup")))
    _refuse_unsettled(connection, groups.values())
    unknown = [t for _, t in parsed if _is_unknown(t, things, groups)]
    things.update(_register(connection, unknown, policy=policy, at=at))
    found: dict[tuple[int | None, int | None], Resolved] = {}
    for written, target in parsed:
        thing = None if target.kind == "thinggroup" else things.get(target.name)
        group = None if thing is not None else groups.get(target.name)
        found.setdefault((thing, group), Resolved(written, thing, group))
    return list(found.values())


def _refuse_unsettled(connection: Connection, groups: Iterable[int]) -> None:
    statement = text(
        f"SELECT g.name, g.sweep FROM {ints(connection, 'keys')} k CROSS JOIN thing_groups g "
        "WHERE g.id = k.v AND (g.sweep <> '' OR g.built_to IS NOT NULL) ORDER BY g.name LIMIT 1"
    )
    row = connection.execute(statement, {"keys": bound(connection, sorted(groups))}).one_or_none()
    if row is not None and row.sweep:
        raise UnknownTarget(f"targets: thing group {row.name!r} is being deleted")
    if row is not None:
        raise Conflict(f"targets: thing group {row.name!r} is still being built; try again when it is ACTIVE")


def exclusions(connection: Connection, targets: Sequence[str], *, at: datetime) -> list[Resolved]:
    """Return what the exclusions of a job name; nothing is registered for them.

    Raises ``UnknownTarget`` for what does not exist: to pass it over would let out what was to stay in.
    """
    if not targets:
        return []
    try:
        # Nobody is registered by being excluded, whatever the policy.
        return resolve(connection, targets, policy=Policy(Registration.STRICT, strictly=""), at=at)
    except JobsError as error:
        raise type(error)(str(error).replace("targets", "excludedTargets", 1)) from None


def _is_unknown(target: Target, things: dict[str, int], groups: dict[str, int]) -> bool:
    if target.kind == "thinggroup":
        return target.name not in groups
    return target.name not in things and (target.kind == "thing" or target.name not in groups)


def _register(
    connection: Connection, unknown: Sequence[Target], *, policy: Policy, at: datetime
) -> dict[str, int]:
    for target in unknown:
        if target.kind == "thinggroup":
            raise UnknownTarget(f"targets: there is no thing group {target.name!r}")
        if policy.registration is Registration.STRICT:
            raise UnknownTarget(f"targets: there is no thing {target.name!r}{policy.strictly}")
    return register(connection, (target.name for target in unknown), at=at)


_INSERT_THING: Final = text("INSERT INTO things (name, thing_id, created_at) VALUES (:name, :thing_id, :at)")


def register(connection: Connection, names: Iterable[str], *, at: datetime) -> dict[str, int]:
    """Create things that do not exist yet; return their keys by name."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    created = to_millis(at)
    connection.execute(
        _INSERT_THING, [{"name": name, "thing_id": str(uuid4()), "at": created} for name in wanted]
    )
    keys = thing_keys(connection, wanted)
    dynamic.registered(connection, sorted(keys.values()), at=at)
    return keys


def thing_keys(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the keys of those names that are live things."""
    return _keys(
        connection,
        "SELECT t.name, t.id FROM {names} n CROSS JOIN things t WHERE t.name = n.v AND t.deleted_at IS NULL",
        names,
    )


def group_keys(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the keys of those names that are groups."""
    return _keys(
        connection, "SELECT g.name, g.id FROM {names} n CROSS JOIN thing_groups g WHERE g.name = n.v", names
    )


def _keys(connection: Connection, statement: str, names: Iterable[str]) -> dict[str, int]:
    wanted = sorted(set(names))
    if not wanted:
        return {}
    found = connection.execute(
        text(statement.format(names=texts(connection, "names"))), {"names": bound(connection, wanted)}
    )
    return {row[0]: row[1] for row in found}


def add(
    connection: Connection,
    key: int,
    resolved: Sequence[Resolved],
    *,
    first: int,
    excluded: bool = False,
) -> None:
    """Write down what a job targets or leaves out, numbered from ``first``."""
    if resolved:
        connection.execute(
            text(
                'INSERT INTO job_targets (job, position, text, thing, "group", excluded) '
                "VALUES (:job, :position, :text, :thing, :group, :excluded)"
            ),
            [
                {"job": key, "position": position, "excluded": excluded, **target._asdict()}
                for position, target in enumerate(resolved, first)
            ],
        )


#: What a job's exclusions name, and what is in the groups among them.
_BARRED: Final = (
    'barred(id) AS (SELECT x."group" FROM job_targets x WHERE x.job = :job AND x.excluded '
    'AND x."group" IS NOT NULL UNION SELECT g.id FROM thing_groups g JOIN barred b ON g.parent = b.id) '
)
_NOT_BARRED: Final = (
    # Each a list made once: a look at a job's targets for every thing would be their product.
    "c.thing NOT IN (SELECT x.thing FROM job_targets x WHERE x.job = :job AND x.excluded "
    "AND x.thing IS NOT NULL) "
    "AND c.thing NOT IN ({barred_members})"
)


#: The things that targets cover, as ``c``.
_COVERED: Final = "(SELECT k.v AS thing FROM {things} k UNION {members}) c "


def covered(connection: Connection, job_key: int, condition: str) -> tuple[str, dict[str, object]]:
    """Return a SELECT of what a job's targets cover now where ``c.thing`` meets a condition."""
    source = f"SELECT c.thing FROM {_COVERED} WHERE {condition} AND {_NOT_BARRED}"
    return _of_targets(connection, source, of_job(connection, job_key))


def of_job(connection: Connection, job_key: int) -> list[Resolved]:
    """Return the targets of a job, its exclusions not among them."""
    rows = connection.execute(
        text(
            'SELECT text, thing, "group" FROM job_targets WHERE job = :job AND NOT excluded ORDER BY position'
        ),
        {"job": job_key},
    )
    return [Resolved(row.text, row.thing, row.group) for row in rows]


class Covered(NamedTuple):
    """Whether a job's targets name a thing, by itself or by a group around it, and whether exclusions do."""

    by_target: bool
    by_exclusion: bool


def covers(connection: Connection, job_key: int, thing_key: int) -> Covered:
    """Return how the targets of a job stand to a thing, as groups are now."""
    found = connection.execute(
        text(
            'WITH RECURSIVE up(id) AS (SELECT m."group" FROM group_members m WHERE m.thing = :thing UNION '
            "SELECT g.parent FROM thing_groups g JOIN up u ON g.id = u.id WHERE g.parent IS NOT NULL) "
            "SELECT DISTINCT x.excluded FROM job_targets x WHERE x.job = :job "
            'AND (x.thing = :thing OR x."group" IN (SELECT id FROM up))'
        ),
        {"job": job_key, "thing": thing_key},
    )
    kinds = {bool(excluded) for excluded in found.scalars()}
    return Covered(False in kinds, True in kinds)


def unbarred(connection: Connection, job_key: int, things: Sequence[int]) -> Sequence[int]:
    """Return those of the things that no exclusion of the job names, as groups are now."""
    excludes = text("SELECT 1 FROM job_targets WHERE job = :job AND excluded LIMIT 1")
    if connection.execute(excludes, {"job": job_key}).scalar() is None:
        return things
    left = text(
        f"WITH RECURSIVE {_BARRED}SELECT k.v FROM {ints(connection, 'keys')} k WHERE NOT EXISTS "
        "(SELECT 1 FROM job_targets x WHERE x.job = :job AND x.thing = k.v AND x.excluded) "
        'AND NOT EXISTS (SELECT 1 FROM group_members m JOIN thing_groups g ON g.id = m."group" '
        "WHERE m.thing = k.v AND g.sweep = '' AND g.id IN (SELECT id FROM barred)) ORDER BY k.v"
    )
    return list(connection.execute(left, {"job": job_key, "keys": bound(connection, things)}).scalars())


def barred(connection: Connection, job_key: int, resolved: Sequence[Resolved]) -> list[str]:
    """Return the names of the things that these targets cover and the job's exclusions take out again."""
    source, parameters = _of_targets(
        connection,
        f"SELECT t.name FROM {_COVERED} CROSS JOIN things t WHERE t.id = c.thing AND t.deleted_at IS NULL "
        f"AND NOT ({_NOT_BARRED}) ORDER BY t.id",
        resolved,
    )
    return list(connection.execute(text(source), {**parameters, "job": job_key}).scalars())


def _of_targets(
    connection: Connection, statement: str, resolved: Sequence[Resolved]
) -> tuple[str, dict[str, object]]:
    """Return a statement over what targets cover with all it refers to, and what to bind for it."""
    below = DESCENDANTS.format(roots=ints(connection, "groups")).rstrip()
    filled = statement.format(
        things=ints(connection, "things"),
        members=members_of(connection, "below"),
        barred_members=members_of(connection, "barred"),
    )
    return f"{below}, {_BARRED}{filled}", {
        "groups": bound(connection, [r.group for r in resolved if r.group is not None]),
        "things": bound(connection, [r.thing for r in resolved if r.thing is not None]),
    }
