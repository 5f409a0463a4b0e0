"""Documents of AWS's device client that are not for this device or make no sense: rejected, with a reason."""

import pytest
from device_client import command, document, handler, reason

from domain.execution import Status

INVALID = "Unable to execute job, invalid job document provided: "


PATHS = "path: handlers are only taken from this agent's own handler directory"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (handler("one.sh", path="/usr/bin"), PATHS),
        (handler("absent.sh"), "unknown operation: there is no handler 'absent.sh' here"),
        (handler("link.sh"), "unknown operation: there is no handler 'link.sh' here"),
        (handler("plain.sh"), "the handler 'plain.sh' is not executable"),
        (
            handler("one.sh", runAsUser="nobody-of-that-name"),
            "runAsUser: there is no user 'nobody-of-that-name' here",
        ),
        (handler("../one.sh"), f"{INVALID}steps.1.action.input.handler: String should match pattern"),
        (handler("sub/one.sh"), f"{INVALID}steps.1.action.input.handler: String should match pattern"),
        (handler("-rf"), f"{INVALID}steps.1.action.input.handler: String should match pattern"),
    ],
)
async def test_a_step_that_cannot_run_here_rejects_the_job_before_the_first_one_runs(
    worked, handlers, script, log, *, step, said
):
    script("one.sh")
    script("plain.sh", mode=0o600)
    (handlers / "link.sh").symlink_to("/bin/true")
    execution = await worked(document(handler("one.sh"), step), handlers=handlers)
    assert reason(execution, Status.REJECTED).startswith(said)
    assert not log.exists()


async def test_without_a_handler_directory_commands_run_and_handlers_do_not(worked):
    execution = await worked(document(handler("one.sh")))
    said = "this agent has no handler directory and runs no handlers"
    assert reason(execution, Status.REJECTED) == said


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"version": "2.0"}, "version: Input should be '1.0'"),
        ({"version": 1.0}, "version: Input should be '1.0'"),
        ({"steps": []}, "steps: Tuple should have at least 1 item"),
        ({"steps": {}}, "steps: "),
        ({"steps": [{}]}, "steps.0.action: Field required"),
        ({"steps": [{"action": {"name": "x", "type": "runDance", "input": {}}}]}, "steps.0.action.type: "),
        (
            {"steps": [{"action": {"name": "x", "type": "runHandler"}}]},
            "steps.0.action.input: Field required",
        ),
        (
            {"steps": [{"action": {"name": "x", "type": "runHandler", "input": {}}}]},
            "x: input.handler is missing",
        ),
        ({"steps": [command("")]}, "a command: input.command is missing"),
        ({"steps": [command([])]}, "a command: input.command is missing"),
        ({"steps": [command([5])]}, "steps.0.action.input.command.0: Input should be a valid string"),
        ({"steps": [command("true")] * 101}, "steps: Tuple should have at most 100 items"),
        ({"steps": [command("true", allowStdErr=-1)]}, "steps.0.action.allowStdErr: "),
        ({"steps": [command("true", ignoreStepFailure="perhaps")]}, "steps.0.action.ignoreStepFailure: "),
        ({"steps": [command("true", timeoutSeconds=0)]}, "steps.0.action.timeoutSeconds: "),
        ({"finalStep": {"action": {"type": "runCommand"}}}, "finalStep.action.input: Field required"),
        ({"conditions": [{"key": "k", "value": ["v"], "type": "novel"}]}, "conditions.0.type: "),
        ({"conditions": [{"key": "k", "value": []}]}, "conditions.0.value: "),
        ({"conditions": [{"value": ["v"]}]}, "conditions.0.key: Field required"),
    ],
)
async def test_a_document_that_makes_no_sense_is_rejected_with_the_member_at_fault(worked, broken, said):
    execution = await worked(document(command("true")) | broken)
    assert reason(execution, Status.REJECTED).startswith(INVALID + said)


SYSTEM = {"key": "operatingSystem", "value": ["ubuntu", "debian"], "type": "stringEqual"}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"operatingSystem": "debian"}, None),
        ({"operatingSystem": "redhat"}, "redhat here, and the document is for ubuntu or debian"),
        ({}, "this agent was not told what that is here"),
    ],
)
async def test_conditions_choose_the_devices_a_document_is_for(worked, facts, said):
    execution = await worked(document(command("true"), conditions=[SYSTEM]), facts=facts)
    if said is None:
        assert execution.status is Status.SUCCEEDED
    else:
        assert reason(execution, Status.REJECTED) == f"condition operatingSystem: {said}"


async def test_all_conditions_must_hold(worked):
    facts = {"operatingSystem": "debian", "model": "lamp"}
    other = {"key": "model", "value": "kettle"}
    execution = await worked(document(command("true"), conditions=[SYSTEM, other]), facts=facts)
    assert execution.status is Status.REJECTED


async def test_what_the_schema_does_not_know_is_no_matter(worked):
    more = {"_comment": "for people", "conditions": []}
    assert (await worked(document(command("true", novel=1), **more))).status is Status.SUCCEEDED
