"""``runAsUser``: either who we are already, or, for root, anybody this machine knows."""

from __future__ import annotations

import os
import pwd

from agent.errors import JobRejected
from agent.handlers.process import User


def to_run_as(name: str) -> User | None:
    """Return whom to become, None for no change. Raises ``JobRejected`` where that cannot be."""
    if not name:
        return None
    try:
        entry = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise JobRejected(f"runAsUser: there is no user {name[:64]!r} here") from None
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise JobRejected(f"runAsUser: this agent is not root and cannot run as {name[:64]!r}")
    return User(entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(name, entry.pw_gid)))
