"""Makes a PostgreSQL database that a test has used as good as new: a tenth of what making another costs."""

import psycopg

_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
#: Everything but the rows and where sequences stand. What a planner was told counts: plans would differ.
_SHAPE = """
    SELECT md5(string_agg(line, '\n' ORDER BY line COLLATE "C")) FROM (
        SELECT concat_ws(' ', oid::regclass, relkind, relpersistence, reloptions, greatest(reltuples, 0))
        FROM pg_class WHERE oid >= 16384 AND relkind <> 'i' AND relnamespace <> 'pg_toast'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', attrelid::regclass, attnum, attname, atttypid::regtype, attnotnull, attoptions)
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE attrelid >= 16384 AND attnum > 0 AND c.relnamespace <> 'pg_toast'::regnamespace
        UNION ALL SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
        UNION ALL SELECT pg_get_indexdef(indexrelid) || indisvalid FROM pg_index
        WHERE indexrelid >= 16384 AND indrelid::regclass::text NOT LIKE 'pg_toast.%'
        UNION ALL SELECT conrelid::regclass || pg_get_constraintdef(oid) FROM pg_constraint WHERE oid >= 16384
        UNION ALL SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_temp_%'
            AND nspname NOT LIKE 'pg_toast_temp_%'
        UNION ALL SELECT extname FROM pg_extension
        UNION ALL SELECT proname || prosrc FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT setconfig::text FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
            WHERE datname = current_database()
        UNION ALL SELECT 'analyzed ' || starelid::regclass FROM pg_statistic WHERE starelid >= 16384
        UNION ALL SELECT version_num FROM alembic_version
    ) AS lines (line)
"""
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


def shape(url: str) -> str:
    """Return what tells one migrated database that nobody has altered from all others."""
    with psycopg.connect(url, autocommit=True) as connection:
        return _shape(connection)


def empty(url: str, expected: str) -> bool:
    """End everybody's connections and remove all rows; tell whether it has the expected shape."""
    with psycopg.connect(url, autocommit=True, options="-c client_min_messages=warning") as connection:
        connection.execute(_END_OTHERS)
        connection.execute(_EMPTY)
        return _shape(connection) == expected


def _shape(connection: psycopg.Connection) -> str:
    try:
        found = connection.execute(_SHAPE.encode()).fetchone()
    except psycopg.errors.UndefinedTable:
        return "not migrated"
    assert found is not None
    return str(found[0])
