"""``thingjobs jobs …``: what an operator asks about jobs, over the REST API."""

# ruff: noqa: PLC0415 - what is heavy is imported inside the command that needs it

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.job_acts import add_acts
from cli.operators import HERE, AsJson, JobId, Limit, ThingName
from cli.things import KeyFile, Url

jobs_app = typer.Typer(
    name="jobs",
    help="Jobs: create, look at, watch, steer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@jobs_app.command("list")
def list_command(
    *,
    status: Annotated[str | None, typer.Option(help="Only jobs of this status.")] = None,
    limit: Limit = 50,
    json: AsJson = False,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """List jobs, newest first."""
    from cli.operators import entries
    from cli.progress import words
    from cli.rest import Rest

    rest = Rest(url, api_key_file)
    found, more = entries(rest, "/jobs", "jobs", limit, status=status, extended="true")
    rows = [(job["jobId"], job["status"], job["createdAt"], words(job)) for job in found]
    _list("jobs", found, ("ID", "STATUS", "CREATED", "THINGS"), rows, json=json, cut=limit if more else None)


@jobs_app.command("show")
def show_command(
    job_id: JobId, *, json: AsJson = False, url: Url = HERE, api_key_file: KeyFile = None
) -> None:
    """Show a job as it stands, with its configuration."""
    from cli import tell
    from cli.progress import counts
    from cli.rest import Rest

    rest = Rest(url, api_key_file)
    answer = rest.call("GET", f"{rest.path('jobs', job_id)}?extended=true")
    if json:
        tell.as_json(answer)
        return
    job = dict(answer["job"])
    job["things"] = {name: count for name, count in counts(job).items() if count}
    del job["jobProcessDetails"]
    tell.outline(job)


@jobs_app.command("watch")
def watch_command(
    job_id: JobId,
    *,
    interval: Annotated[float, typer.Option(min=0.05, max=3600, help="Seconds between looks.")] = 1.0,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for a lost server.")] = 30.0,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Watch a job until it ends; the exit code is 0 when it is COMPLETED, and 1 otherwise."""
    from cli.rest import Rest
    from cli.watch import follow

    if follow(Rest(url, api_key_file), job_id, interval=interval, patience=patience) != "COMPLETED":
        raise typer.Exit(1)


@jobs_app.command("executions")
def executions_command(
    job_id: JobId,
    *,
    status: Annotated[str | None, typer.Option(help="Only executions of this status.")] = None,
    limit: Limit = 100,
    json: AsJson = False,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """List a job's executions, oldest first."""
    from cli.operators import entries
    from cli.rest import Rest

    rest = Rest(url, api_key_file)
    path = rest.path("jobs-executions", "jobs", job_id)
    found, more = entries(rest, path, "jobExecutions", limit, status=status)
    rows = []
    for entry in found:
        one = entry["jobExecution"]
        thing = entry["thingArn"].rpartition(":thing/")[2]
        rows.append((thing, one["executionNumber"], one["status"], one["queuedAt"], one["lastUpdatedAt"]))
    head = ("THING", "NUMBER", "STATUS", "QUEUED", "UPDATED")
    _list("jobExecutions", found, head, rows, json=json, cut=limit if more else None)


@jobs_app.command("events")
def events_command(
    job_id: JobId,
    thing: Annotated[str | None, typer.Argument(help="Only what happened on this thing.")] = None,
    *,
    acts: Annotated[bool, typer.Option("--acts", help="Only what operators and the clock did.")] = False,
    newest: Annotated[bool, typer.Option("--newest", help="Newest first.")] = False,
    limit: Limit = 100,
    json: AsJson = False,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """List what happened to a job, when and by whom, oldest first."""
    from cli.operators import entries
    from cli.rest import Rest

    rest = Rest(url, api_key_file)
    path = rest.path("jobs", job_id, *(() if thing is None else ("things", thing)), "events")
    order, kind = "newest" if newest else "oldest", "ACT" if acts else None
    found, more = entries(rest, path, "events", limit, order=order, kind=kind)
    rows = [(event["at"], event["thingName"], *_what(event)) for event in found]
    head = ("AT", "THING", "WHAT", "BY", "WHY")
    _list("events", found, head, rows, json=json, cut=limit if more else None)


def _what(event: dict[str, Any]) -> tuple[str, str, object]:
    """Return what happened, by whom, and what is told about it."""
    who = " for ".join(name for name in (event["actor"], event["actingFor"]) if name)
    if event["kind"] == "ACT":
        why = {"comment": event["comment"]} if event["comment"] else {}
        return event["act"], who or "clock", why | event["details"]
    before = "" if event["fromStatus"] is None else f"{event['fromStatus']} -> "
    return f"{before}{event['toStatus']}", who or event["cause"], event["statusDetails"]["detailsMap"]


@jobs_app.command("explain")
def explain_command(
    job_id: JobId, thing: ThingName, *, json: AsJson = False, url: Url = HERE, api_key_file: KeyFile = None
) -> None:
    """Say why a thing is not, or not yet, running a job; the most binding reason comes first."""
    from cli import tell
    from cli.rest import Rest

    rest = Rest(url, api_key_file)
    answer = rest.call("GET", rest.path("jobs", job_id, "things", thing, "explain"))
    (tell.as_json if json else tell.outline)(answer)


def _list(
    key: str, found: list[Any], head: tuple[str, ...], rows: list[Any], *, json: bool, cut: int | None
) -> None:
    from cli import tell

    if json:
        tell.as_json({key: found})
    else:
        tell.table(head, rows)
    if cut is not None:
        tell.more(cut)


add_acts(jobs_app)
