"""The console script ``thingjobs``: which commands there are; each lives in a module of its own."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from cli.access_keys import keys_app
from cli.agent import agent_command
from cli.artifacts import artifacts_app
from cli.certificates import certificates_app
from cli.db import db_app
from cli.db_upgrade import upgrade_command
from cli.demo import demo_command
from cli.errors import OneLineErrors
from cli.fleet import fleet_command
from cli.jobs import jobs_app
from cli.keys import new_key_command
from cli.process_commands import api_command, dispatcher_command, scheduler_command
from cli.serve import serve_command
from cli.things import things_app
from cli.tokens import tokens_command

app = typer.Typer(
    name="thingjobs",
    cls=OneLineErrors,
    no_args_is_help=True,
    # A trace is for us and goes to the log; with local variables it could show secrets.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag's value
    if wanted:
        typer.echo(f"thingjobs {version('thingjobs')}")
        raise typer.Exit


@app.callback()
def thingjobs(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Self-hosted job broker for device fleets: jobs in by REST, out over MQTT, status back."""
    del show_version


app.command("serve")(serve_command)
app.command("api")(api_command)
app.command("dispatcher")(dispatcher_command)
app.command("scheduler")(scheduler_command)
app.command("demo")(demo_command)
app.command("fleet")(fleet_command)
app.command("agent")(agent_command)
app.command("new-key")(new_key_command)
db_app.command("upgrade")(upgrade_command)
things_app.command("tokens")(tokens_command)
app.add_typer(things_app)
app.add_typer(jobs_app)
app.add_typer(keys_app)
app.add_typer(certificates_app)
app.add_typer(artifacts_app)
app.add_typer(db_app)
