"""Documents of AWS's device client for tests, and how a job ended on them."""

from domain.execution import Status


def handler(name, *args, **more):
    given = {"handler": name, **({"args": list(args)} if args else {}), "path": more.pop("path", "default")}
    return {"action": {"name": f"run {name}", "type": "runHandler", "input": given, **more}}


def command(text, **more):
    return {"action": {"name": "a command", "type": "runCommand", "input": {"command": text}, **more}}


def document(*steps, **more):
    return {"version": "1.0", "steps": list(steps), **more}


def reason(execution, status=Status.FAILED):
    assert execution.status is status
    return execution.status_details["reason"]
