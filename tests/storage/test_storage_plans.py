"""What PostgreSQL plans for every verb while it takes each table for one of a million rows: by index."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from postgres_server import PostgresServer
from sites import PostgresDatabase
from sqlalchemy import event
from test_storage_growth import BEFORE, SMALL, TABLES, WALKS, WORK_LISTS, Crowd

#: What cannot cost more than this goes over a handful of rows.
_FEW = 20
_INDEX_SCANS = ("Index Scan", "Index Only Scan", "Bitmap Index Scan")


@pytest.fixture(scope="module")
def crowd(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    crowd = Crowd(PostgresDatabase(postgres_server, tmp_path_factory.mktemp("crowd")), SMALL)
    crowd.do(lambda connection: connection.exec_driver_sql("ANALYZE"))
    # It believes in so many rows on the pages that there are.
    crowd.do(
        lambda connection: connection.exec_driver_sql(
            "UPDATE pg_class SET reltuples = 1000000 WHERE relnamespace = 'public'::regnamespace"
        )
    )
    yield crowd
    crowd.close()


def planned(crowd: Crowd, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Run a walk without leaving a trace; return each statement with its plan."""
    said: list[tuple[str, Any]] = []
    now = crowd.now
    with crowd.writer.connect() as connection:
        transaction = connection.begin()
        crowd.do = lambda verb, *args, **kwargs: verb(connection, *args, **kwargs)  # type: ignore[method-assign]
        BEFORE.get(name, lambda _: None)(crowd)
        note = lambda _c, _cursor, statement, parameters, _x, many: said.append(  # noqa: E731
            (statement, parameters[0] if many else parameters)
        )
        event.listen(connection, "before_cursor_execute", note)
        try:
            WALKS[name](crowd)
            event.remove(connection, "before_cursor_execute", note)
            return [
                (
                    statement,
                    connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar()[0],
                )
                for statement, values in said
                if statement.split(None, 1)[0] in {"SELECT", "WITH", "UPDATE", "INSERT", "DELETE"}
            ]
        finally:
            del crowd.do
            crowd.now = now
            transaction.rollback()


def walked(node: dict[str, Any], *, limited: bool = False) -> Iterator[str]:
    """Yield the nodes that go over a whole table of ours, but for those that a LIMIT ends."""
    kind = node["Node Type"]
    index = node.get("Index Name")
    # An empty table has no pages for a million rows to be on.
    if node["Total Cost"] < _FEW:
        return
    whole = kind == "Seq Scan" or (kind in _INDEX_SCANS and "Index Cond" not in node)
    # By how it begins: of a table in partitions they are what is read.
    ours = node.get("Relation Name", "").startswith(TABLES) or index is not None
    if whole and ours and index not in WORK_LISTS and not (limited and kind != "Seq Scan"):
        yield json.dumps({key: value for key, value in node.items() if key != "Plans"})
    # What sorts or groups reads everything before it gives anything.
    ends = kind == "Limit" or (limited and kind not in {"Sort", "Aggregate", "Hash"})
    for each in node.get("Plans", ()):
        yield from walked(each, limited=ends)


@pytest.mark.parametrize("name", WALKS)
def test_every_statement_has_an_index_to_go_by(crowd: Crowd, name: str) -> None:
    statements = planned(crowd, name)
    assert statements
    for statement, plan in statements:
        assert not list(walked(plan["Plan"])), statement
