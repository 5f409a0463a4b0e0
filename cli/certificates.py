"""``thingjobs certificates …``: all that a device needs to connect by TLS, in a folder, and its end."""

# ruff: noqa: PLC0415 - what is heavy is imported inside the command that needs it

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.operators import HERE, ActingFor
from cli.things import KeyFile, Url

certificates_app = typer.Typer(
    name="certificates",
    help="Certificates by which devices connect, as AWS's SDKs want them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
#: Files and the members of the answer that they hold; the key first, for it is nowhere else.
_FILES: Final[Mapping[str, str]] = {
    "private.key": "privateKey",
    "certificate.pem": "certificatePem",
    "ca.pem": "authorityPem",
}


@certificates_app.command("create")
def create_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the three files go.")],
    *,
    thing: Annotated[str, typer.Option(help="The thing; it is registered if it is not yet.")],
    actor: ActingFor = None,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Issue a certificate for a thing; write it, its private key and the authority's certificate to DIR."""
    from cli.errors import UsageRefused
    from cli.operators import acting
    from cli.private import write_private

    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        raise UsageRefused(f"{folder / there[0]} is there already; a private key is not written over")
    rest = acting(url, api_key_file, actor)
    rest.register(thing)
    made = rest.call("POST", rest.path("things", thing, "certificates"))
    for name, member in _FILES.items():
        write_private(folder / name, made[member])
    typer.echo(f"certificate {made['certificateId']}")
    for name in _FILES:
        typer.echo(str(folder / name))


@certificates_app.command("revoke")
def revoke_command(
    thing: Annotated[str, typer.Argument(metavar="THING", help="The thing.")],
    *,
    actor: ActingFor = None,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Take all certificates from a thing; its connections by them end within seconds."""
    from cli.operators import acting

    rest = acting(url, api_key_file, actor)
    gone = rest.call("DELETE", rest.path("things", thing, "certificates"))
    typer.echo(f"{gone['revoked']} certificates of {thing} revoked")
