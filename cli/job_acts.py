"""``thingjobs jobs …``: what an operator does to jobs, over the REST API."""

# ruff: noqa: PLC0415 - what is heavy is imported inside the command that needs it

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from cli.operators import HERE, ActingFor, AsJson, JobId, Yes, acting, ask, json_file
from cli.things import KeyFile, Url

Comment = Annotated[str | None, typer.Option(help="Why, for the job and its timeline.")]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="The job as JSON, as createJob takes it; - is stdin.")
]
OnThing = Annotated[str | None, typer.Option("--thing", help="Only the execution on this thing.")]

#: Steering: the command and its path, what it is for, what it prints, and whether it takes something away.
_STEERING: Final = (
    ("pause", "Let nothing more of a job begin; what runs goes on.", "paused {job}", False),
    ("resume", "Let a paused job go on; failures so far count no more.", "resumed {job}", False),
    ("approve", "Let the gate pass that waits for a person.", "approved {job}", False),
    ("abort", "Cancel a job as its abort criteria would; what runs may finish.", "aborted {job}", True),
    ("retry-failed", "Give things that failed another execution.", "retrying on {retried} things", False),
)


def create_command(
    file: File,
    *,
    json: AsJson = False,
    actor: ActingFor = None,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Create the job that FILE describes."""
    from cli import tell

    answer = acting(url, api_key_file, actor).call("POST", "/jobs", json_file(file))
    if json:
        tell.as_json(answer)
    else:
        typer.echo(f"created {answer['jobId']}")


def plan_command(
    file: File,
    *,
    json: AsJson = False,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Say what the job that FILE describes would do, and when, without creating it."""
    from cli import tell
    from cli.rest import Rest

    answer = Rest(url, api_key_file).call("POST", "/jobs?dryRun=true", json_file(file))
    if json:
        tell.as_json(answer)
    else:
        tell.outline(answer["plan"])


def associate_command(
    job_id: JobId,
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET…", help="Things, groups or ARNs of either.")
    ],
    *,
    actor: ActingFor = None,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Add targets to a continuous job."""
    rest = acting(url, api_key_file, actor)
    rest.call("PUT", rest.path("jobs", job_id, "associate"), {"targets": targets})
    typer.echo(f"associated {len(targets)} targets with {job_id}")


def cancel_command(
    job_id: JobId,
    *,
    thing: OnThing = None,
    comment: Comment = None,
    force: Annotated[bool, typer.Option("--force", help="Also what is IN_PROGRESS.")] = False,
    yes: Yes = False,
    actor: ActingFor = None,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Cancel a job, or its execution on one thing."""
    rest = acting(url, api_key_file, actor)
    what = _named(job_id, thing)
    ask(f"cancel {what}?", yes=yes)
    said = {} if comment is None else {"comment": comment}
    if thing is not None and said:
        raise typer.BadParameter("an execution's cancel takes no comment", param_hint="--comment")
    rest.call("PUT", f"{_path(rest, job_id, thing)}/cancel", {**said, "force": force})
    typer.echo(f"canceled {what}")


def delete_command(
    job_id: JobId,
    *,
    thing: OnThing = None,
    force: Annotated[bool, typer.Option("--force", help="Although it is IN_PROGRESS.")] = False,
    yes: Yes = False,
    actor: ActingFor = None,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Delete a job with its executions and its timeline, or its execution on one thing."""
    rest = acting(url, api_key_file, actor)
    what = _named(job_id, thing)
    ask(f"delete {what}?", yes=yes)
    rest.call("DELETE", f"{_path(rest, job_id, thing)}?force={str(force).lower()}")
    typer.echo(f"deleted {what}")


def promote_command(
    job_id: JobId,
    *,
    full: Annotated[bool, typer.Option("--full", help="All waves, not only the next.")] = False,
    comment: Comment = None,
    actor: ActingFor = None,
    url: Url = HERE,
    api_key_file: KeyFile = None,
) -> None:
    """Open the next wave whatever its gate says; a paused job goes on by that."""
    rest = acting(url, api_key_file, actor)
    said = {} if comment is None else {"comment": comment}
    rest.call("POST", rest.path("jobs", job_id, "promote"), {**said, "full": full})
    typer.echo(f"promoted {job_id}")


def _steering(verb: str, done: str, *, takes: bool) -> Callable[..., None]:
    def command(
        job_id: JobId,
        *,
        comment: Comment = None,
        yes: Yes = False,
        actor: ActingFor = None,
        url: Url = HERE,
        api_key_file: KeyFile = None,
    ) -> None:
        rest = acting(url, api_key_file, actor)
        if takes:
            ask(f"{verb} {job_id}?", yes=yes)
        said = {} if comment is None else {"comment": comment}
        answer = rest.call("POST", rest.path("jobs", job_id, verb), said)
        typer.echo(done.format_map({**answer, "job": job_id}))

    return command


def _named(job_id: str, thing: str | None) -> str:
    return job_id if thing is None else f"{job_id} on {thing}"


def _path(rest: Any, job_id: str, thing: str | None) -> str:
    return str(rest.path("jobs", job_id, *(() if thing is None else ("things", thing))))


def add_acts(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("create")(create_command)
    app.command("plan")(plan_command)
    app.command("associate")(associate_command)
    app.command("promote")(promote_command)
    for verb, purpose, done, takes in _STEERING:
        app.command(verb, help=purpose)(_steering(verb, done, takes=takes))
    app.command("cancel")(cancel_command)
    app.command("delete")(delete_command)
