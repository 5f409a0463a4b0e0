"""``thingjobs things …``: what an operator does with things, over the REST API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

things_app = typer.Typer(name="things", help="Things and their tokens.", no_args_is_help=True)

Url = Annotated[str, typer.Option("--url", envvar="THINGJOBS_URL", help="Where the REST API is.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--api-key-file", envvar="THINGJOBS_API_KEY_FILE", help="The API's bearer key."),
]


@things_app.command("token")
def token_command(
    name: Annotated[str, typer.Argument(help="The thing; it is registered if it is not yet.")],
    url: Url = "http://127.0.0.1:8080",
    api_key_file: KeyFile = None,
) -> None:
    """Make a token for a thing and print it; it is shown this once only."""
    from cli.rest import Rest  # noqa: PLC0415 - heavy imports only where needed

    rest = Rest(url, api_key_file)
    typer.echo(rest.token(name))


@things_app.command("revoke")
def revoke_command(
    name: Annotated[str, typer.Argument(help="The thing.")],
    url: Url = "http://127.0.0.1:8080",
    api_key_file: KeyFile = None,
) -> None:
    """Void all tokens of a thing; its connections end within seconds."""
    from cli.rest import Rest  # noqa: PLC0415

    rest = Rest(url, api_key_file)
    rest.call("DELETE", rest.path("things", name, "tokens"))
    typer.echo(f"revoked the tokens of {name}")
