"""How much is measured: the sizes of a real run, and small ones that only show that everything works."""

import resource
from dataclasses import dataclass, field
from pathlib import Path

from mosquitto_server import BINARY
from postgres_server import BINARIES

NO_MOSQUITTO = "needs mosquitto (apt-get install mosquitto)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Counts, seconds and table sizes."""

    rounds: int
    #: Of what takes long.
    few: int = 3
    clients: int = 50
    lanes: int = 10
    seconds: float = 2.0
    warm: float = 0.5
    #: At half load: long enough for what happens now and then.
    paced: float = 6.0
    creations: tuple[int, ...] = (10_000, 100_000)
    creation_rounds: int = 3
    #: On PostgreSQL, with its processes apart.
    creation_apart: int = 1_000_000
    listeners: tuple[int, ...] = (1_000, 10_000)
    #: How many of them, one at work or all.
    dispatchers: tuple[int, ...] = (1, 2, 3)
    #: Of two fleets together.
    agents: int = 5_000
    connects: tuple[int, ...] = (1_000, 5_000)
    table_things: tuple[int, int] = (1_000, 100_000)
    table_jobs: int = 10
    #: Things of ten jobs each, and things that are connected.
    scale_things: tuple[int, ...] = (100, 1_000, 10_000, 100_000)
    scale_connected: tuple[int, ...] = (10, 1_000, 5_000)
    tick_jobs: int = 1_000
    tick_things: tuple[int, int] = (1, 1_000)
    #: Things, and one finished execution for each.
    stored: int = 100_000
    page: int = 250
    probes: int = 200
    #: Seconds without work after which a server counts as idle.
    idle: float = 1.0


FULL = Sizes(rounds=7)
QUICK = Sizes(
    rounds=1,
    few=1,
    clients=3,
    lanes=2,
    seconds=0.3,
    warm=0.1,
    paced=0.4,
    creations=(20, 60),
    creation_rounds=1,
    # More than are latched at once.
    creation_apart=3_000,
    listeners=(5,),
    dispatchers=(1, 2),
    agents=6,
    connects=(5,),
    table_things=(10, 20),
    table_jobs=2,
    scale_things=(5,),
    scale_connected=(2, 4),
    tick_jobs=5,
    tick_things=(1, 40),
    stored=400,
    page=3,
    probes=5,
    idle=0.2,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measure is given: how much, and a folder on the disk that is measured."""

    sizes: Sizes
    folder: Path
    #: Whether there is one to measure with.
    mosquitto: bool = BINARY is not None
    postgres: bool = BINARIES is not None
    #: What went wrong on one footing, by name: the others are measured all the same.
    failures: dict[str, str] = field(default_factory=dict)


def allow_files() -> int:
    """Raise the limit of open files for us and our children as far as we may; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
