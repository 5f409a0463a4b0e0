"""``thingjobs new-key``: make the bearer key that a server on a public address asks for."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import UsageRefused


def new_key_command(
    file: Annotated[Path, typer.Argument(help="Where the key is kept; name it in THINGJOBS_API_KEY_FILE.")],
) -> None:
    """Write a fresh API key to FILE, readable by you alone; a key that is there already stays."""
    typer.echo(f"new key in {file}" if write_key(file) else f"kept the key in {file}")


def write_key(path: Path) -> bool:
    """Create ``path`` with a random key, mode 0600; False if it exists. Whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"tj_{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails where a rename would replace the key of a second caller
        except FileExistsError:
            return False
        finally:
            draft.unlink()
    except OSError as error:
        raise UsageRefused(f"cannot write a key to {path}: {error.strerror}") from None
    return True
