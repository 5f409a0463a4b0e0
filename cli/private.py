"""Files with secrets: refused if every user may read them, written for their owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from cli.errors import UsageRefused

#: How the names of all our environment variables begin.
PREFIX: Final = "THINGJOBS_"
SECRET_BYTES_MAX: Final = 4096


def write_private(path: Path, text: str, *, replace: bool = False) -> bool:
    """Write ``path`` with mode 0600; False if it exists and is not to be replaced. Makes its folder."""
    if not path.name:
        raise UsageRefused(f"cannot write {path}: it is a directory")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return _publish(draft, path, replace=replace)
    except OSError as error:
        raise UsageRefused(f"cannot write {path}: {error.strerror}") from None


def _publish(draft: Path, path: Path, *, replace: bool) -> bool:
    try:
        if replace:
            draft.replace(path)
        else:
            path.hardlink_to(draft)  # fails where a rename would replace what a second caller wrote
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def read_secret(path: Path, setting: str) -> str:
    """Return the secret in a file without its line end; refuses a file that every user may read."""
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            content = file.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise UsageRefused(f"{setting}: cannot read {path}: {error.strerror}") from None
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        raise UsageRefused(f"{setting}: every user may read {path}; chmod 600 it")
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise UsageRefused(f"{setting}: {path} is not UTF-8 text") from None
    if not secret or len(content) > SECRET_BYTES_MAX:
        raise UsageRefused(f"{setting}: {path} is empty or longer than {SECRET_BYTES_MAX} bytes")
    return secret
