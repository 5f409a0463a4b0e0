"""What all tables share: one metadata, one way to name things, one type for keys and one for times."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: SQLite numbers rows itself only for exactly INTEGER; PostgreSQL wants 64 bits.
Key: Final = BigInteger().with_variant(Integer(), "sqlite")
Millis: Final = BigInteger()
