"""``thingjobs new-key``: make the bearer key that a server on a public address asks for."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from cli.private import read_secret, write_private


def new_key_command(
    file: Annotated[Path, typer.Argument(help="Where the key is kept; name it in THINGJOBS_API_KEY_FILE.")],
) -> None:
    """Write a fresh API key to FILE, readable by you alone; a key that is there already stays."""
    if write_key(file):
        typer.echo(f"new key in {file}")
        return
    read_secret(file, "FILE")
    typer.echo(f"kept the key in {file}")


def write_key(path: Path) -> bool:
    """Create ``path`` with a random key; False if there is one."""
    return write_private(path, f"tj_{secrets.token_urlsafe(32)}\n")
