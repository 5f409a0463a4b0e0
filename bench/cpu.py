"""Who used the processor while something was measured, and whether that spoils the figure."""

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple, Self

import psutil

from bench.processes import busy_seconds, cpu_seconds

#: From here on a single-threaded load may be what limits the rate.
LOAD_LIMIT = 0.8
#: From here on all cores together are, and on another machine the rate may be another.
BOX_LIMIT = 0.93


class Shares(NamedTuple):
    """Parts of one core by process; ``box`` and ``foreign`` are parts of the whole machine."""

    cores: Mapping[str, float]
    box: float
    foreign: float
    seconds: float


class Watch:
    """Begin with ``Watch.start``; ``stop`` gives the shares since then."""

    def __init__(self, pids: Mapping[str, int]):
        self._pids = pids
        self._began = time.perf_counter()
        self._busy = busy_seconds()
        self._before = {name: cpu_seconds(pid) for name, pid in pids.items()}

    @classmethod
    def start(cls, **pids: int) -> Self:
        return cls(pids)

    def stop(self) -> Shares:
        spent = time.perf_counter() - self._began
        used = {name: cpu_seconds(pid) - self._before[name] for name, pid in self._pids.items()}
        whole = spent * (psutil.cpu_count() or 1)
        busy = busy_seconds() - self._busy
        return Shares(
            {name: seconds / spent for name, seconds in used.items()},
            busy / whole,
            max(0.0, busy - sum(used.values())) / whole,
            spent,
        )


def spoken(rounds: Sequence[Shares], load: Sequence[float]) -> str:
    """Return what a reader must know of these rounds, warnings in capitals."""
    names = rounds[0].cores
    words = [f"{name} {100 * median(each.cores[name] for each in rounds):.0f} %" for name in names]
    text = "CPU: " + ", ".join(words)
    if median(load) > LOAD_LIMIT:
        text += f"; THE LOAD GENERATOR ITSELF IS AT {100 * median(load):.0f} % OF A CORE"
    box = median(each.box for each in rounds)
    if box > BOX_LIMIT:
        text += f"; all cores are exhausted ({100 * box:.0f} %)"
    foreign = median(each.foreign for each in rounds)
    if foreign > 0.05:
        text += f"; others used {100 * foreign:.0f} % of the machine"
    return text
