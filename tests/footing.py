"""What a server of the tests stands on: a broker and a database, together in the ways that are promised."""

from typing import NamedTuple


class Footing(NamedTuple):
    """``database`` is a dialect, as SQLAlchemy spells it."""

    broker: str
    database: str

    def __str__(self) -> str:
        return "-".join(self)


FOOTINGS = (
    Footing("embedded", "sqlite"),
    Footing("mosquitto", "sqlite"),
    Footing("mosquitto", "postgresql"),
)
