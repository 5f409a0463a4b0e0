"""How many connections this process can hold: as many as it has file descriptors for, less some for the rest.

Without one left, newcomers would queue in the kernel, where nobody can answer or close them.
"""

from __future__ import annotations

import resource
from typing import Final

import structlog

log = structlog.get_logger(__name__)

#: For the database, the log, the REST API and its clients.
_OTHERS: Final = 256


def places(wanted: int) -> int:
    """Return at most ``wanted``; asks the system for more descriptors if those there are do not suffice."""
    needed = wanted + _OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not _enough(soft, needed):
        soft = needed if _enough(hard, needed) else hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if _enough(soft, needed):
        return wanted
    found = min(wanted, max(soft - _OTHERS, soft // 2))
    log.warning("has room for fewer devices than it might", connections=found, file_descriptors=soft)
    return found


def _enough(descriptors: int, needed: int) -> bool:
    return descriptors == resource.RLIM_INFINITY or descriptors >= needed
