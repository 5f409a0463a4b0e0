"""``thingjobs keys …``: the access keys that AWS's clients sign with and monitors log in with."""

# ruff: noqa: PLC0415 - what is heavy is imported inside the command that needs it

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.operators import HERE, ActingFor, AsJson, Limit
from cli.things import KeyFile, Url
from domain.roles import Role

keys_app = typer.Typer(
    name="keys",
    help="Access keys: for boto3, for other clients of AWS's, for monitors.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_HEAD: Final = ("KEY", "ROLE", "THING", "CREATED", "LAST USED", "REVOKED", "DESCRIPTION")


@keys_app.command("create")
def create_command(
    *,
    role: Annotated[Role, typer.Option(help="What its holder may do.", case_sensitive=False)] = Role.OPERATOR,
    thing: Annotated[
        str | None, typer.Option(help="The thing that a key of the role DEVICE speaks for.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is for, for the list.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="A new file for it, for AWS_SHARED_CREDENTIALS_FILE.")
    ] = None,
    profile: Annotated[str, typer.Option(help="The name it has in such a file.", metavar="NAME")] = "default",
    json: AsJson = False,
    actor: ActingFor = None,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Issue an access key and print it as AWS's credentials file has it; it is shown this once only."""
    from cli import tell
    from cli.errors import UsageRefused
    from cli.operators import acting

    if not profile.isprintable() or "]" in profile:
        raise UsageRefused(f"--profile {profile!r} cannot stand in a credentials file")
    if file is not None and file.exists():
        raise UsageRefused(f"{file} is there already; a key is written to a new file only")
    asked = {"role": role.value, "thingName": thing, "description": description}
    rest = acting(url, api_key_file, actor)
    made = rest.call("POST", "/access-keys", asked)
    if json:
        tell.as_json(made)
        return
    text = (
        f"[{profile}]\naws_access_key_id = {made['accessKeyId']}\n"
        f"aws_secret_access_key = {made['secretAccessKey']}\n"
    )
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        _keep(file, text)
    except UsageRefused:
        # Its secret is nowhere now, so nobody is to wonder whose key that is.
        rest.call("DELETE", rest.path("access-keys", made["accessKeyId"]))
        raise
    typer.echo(f"access key {made['accessKeyId']} in {file}")


@keys_app.command("list")
def list_command(
    *, limit: Limit = 50, json: AsJson = False, url: Url = HERE, api_key_file: KeyFile = None
) -> None:
    """List access keys without their secrets, newest first, revoked ones too."""
    from cli import tell
    from cli.operators import entries
    from cli.rest import Rest

    found, more = entries(Rest(url, api_key_file), "/access-keys", "accessKeys", limit)
    if json:
        tell.as_json({"accessKeys": found})
    else:
        members = ("accessKeyId", "role", "thingName", "createdAt", "lastUsedAt", "revokedAt", "description")
        tell.table(_HEAD, [[key[member] for member in members] for key in found])
    if more:
        tell.more(limit)


@keys_app.command("revoke")
def revoke_command(
    key: Annotated[str, typer.Argument(help="The access key's id.")],
    *,
    actor: ActingFor = None,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Revoke an access key, at once and for good; a monitor's connection ends within seconds."""
    from cli.operators import acting

    rest = acting(url, api_key_file, actor)
    rest.call("DELETE", rest.path("access-keys", key))
    typer.echo(f"revoked {key}")


def _keep(file: Path, text: str) -> None:
    from cli.errors import UsageRefused
    from cli.private import write_private

    if not write_private(file, text):
        raise UsageRefused(f"{file} has just been made by somebody else")
