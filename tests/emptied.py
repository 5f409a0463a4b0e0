"""Makes a PostgreSQL database that a test has used as good as new: a tenth of what making another costs."""

import psycopg

_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
#: What says of a change that it has been: every statement but those of rows leaves new rows in a catalogue,
#: or fewer. Of tables not those, which TRUNCATE writes, but what is in them; a planner's numbers count too.
_CATALOGUES = ("attribute", "attrdef", "constraint", "index", "namespace", "extension", "proc", "trigger")
_SHAPE = " UNION ALL ".join(
    [f"SELECT concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM pg_{name}" for name in _CATALOGUES]
    + [
        (
            "SELECT string_agg(concat_ws(' ', relname, reloptions, reltuples), ',' ORDER BY oid)"
            " FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384 AND reltuples > 0"
        ),
        "SELECT count(*)::text FROM pg_class WHERE oid >= 16384 AND reloptions IS NULL",
        "SELECT count(*)::text FROM pg_statistic WHERE starelid >= 16384",
        (
            "SELECT string_agg(setconfig::text, ',') FROM pg_db_role_setting s"
            " JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database()"
        ),
        "SELECT string_agg(version_num, ',') FROM alembic_version",
    ]
)
_EMPTY = """
    DO $$
    DECLARE used text;
    BEGIN
        SELECT string_agg(oid::regclass::text, ', ') INTO used FROM pg_class
        WHERE relkind = 'r' AND oid >= 16384 AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0;
        IF used IS NOT NULL THEN
            EXECUTE 'TRUNCATE ' || used || ' CASCADE';
        END IF;
        PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
        FROM pg_sequences WHERE last_value IS NOT NULL;
    END $$
"""


def shape(url: str) -> list[tuple]:
    """Return what tells a copy of a database whose tables nobody has altered from one where somebody has."""
    with psycopg.connect(url, autocommit=True) as connection:
        return _shape(connection)


def empty(url: str, expected: list[tuple]) -> bool:
    """End everybody's connections and remove all rows; tell whether it has the expected shape."""
    with psycopg.connect(url, autocommit=True, options="-c client_min_messages=warning") as connection:
        connection.execute(_END_OTHERS)
        connection.execute(_EMPTY)
        return _shape(connection) == expected


def _shape(connection: psycopg.Connection) -> list[tuple]:
    try:
        return connection.execute(_SHAPE.encode()).fetchall()
    except psycopg.errors.UndefinedTable:
        return []  # not migrated
