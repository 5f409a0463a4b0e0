"""Documents of AWS's device client, version 1.0 and the older form, worked with real programs."""

import asyncio
import grp
import os
import pwd
import sys

import pytest
from device_client import command, document, handler, reason
from scripted_link import running

from agent.handlers.table import equip
from domain.execution import Cause, Status


async def test_steps_run_in_order_and_the_final_one_last(worked, handlers, script, log, server):
    for name in ("one.sh", "two.sh", "last.sh"):
        script(name)
    execution = await worked(
        document(handler("one.sh", "a", "b c"), handler("two.sh"), finalStep=handler("last.sh")),
        handlers=handlers,
    )
    assert execution.status is Status.SUCCEEDED
    # What AWS passes first is the user to switch to; the switch is done.
    assert log.read_text() == "one.sh: a b c\ntwo.sh:\nlast.sh:\n"
    assert execution.status_details == {"action": "run last.sh", "progress": "100%"}


async def test_a_failing_step_ends_the_job_with_its_words_and_no_final_step(worked, handlers, script, log):
    script("one.sh", "echo broken >&2; exit 7")
    script("two.sh")
    execution = await worked(
        document(handler("one.sh"), handler("two.sh"), finalStep=handler("two.sh")), handlers=handlers
    )
    assert reason(execution) == "run one.sh ended with exit code 7"
    assert execution.status_details["stderr"] == "broken"
    assert log.read_text() == "one.sh:\n"


@pytest.mark.parametrize("ignore", [True, "true"])
async def test_a_failure_that_is_to_be_ignored_is(worked, handlers, script, log, ignore):
    script("one.sh", "exit 7")
    script("two.sh")
    steps = [
        handler("one.sh", ignoreStepFailure=ignore),
        command("/no/such/program", ignoreStepFailure=ignore),
        command("sleep,600", ignoreStepFailure=ignore, timeoutSeconds=0.1),
        handler("two.sh"),
    ]
    assert (await worked(document(*steps), handlers=handlers)).status is Status.SUCCEEDED
    assert log.read_text() == "one.sh:\ntwo.sh:\n"


async def test_a_failing_final_step_fails_the_job(worked):
    execution = await worked(document(command("true"), finalStep=command("false")))
    assert reason(execution) == "a command ended with exit code 1"


@pytest.mark.parametrize(
    ("allowed", "lines", "status"),
    [
        (None, 9, Status.SUCCEEDED),
        (2, 2, Status.SUCCEEDED),
        (2, 3, Status.FAILED),
        (0, 0, Status.SUCCEEDED),
        (0, 1, Status.FAILED),
    ],
)
async def test_lines_on_stderr_are_counted_where_a_limit_is_set(
    worked, handlers, script, *, allowed, lines, status
):
    script("noisy.sh", "\n".join(f"echo line {n} >&2" for n in range(lines)))
    limit = {} if allowed is None else {"allowStdErr": allowed}
    execution = await worked(document(handler("noisy.sh", **limit)), handlers=handlers)
    assert execution.status is status
    if status is Status.FAILED:
        told = f"run noisy.sh wrote {lines} lines to stderr; {allowed} are allowed"
        assert reason(execution) == told


async def test_a_last_line_without_a_newline_counts(worked, handlers, script):
    script("noisy.sh", "printf 'one\\ntwo' >&2")
    execution = await worked(document(handler("noisy.sh", allowStdErr=1)), handlers=handlers)
    assert "2 lines" in reason(execution)


@pytest.mark.parametrize(
    ("include", "told"), [(True, "one\ntwo"), ("true", "one\ntwo"), (False, None), (None, None)]
)
async def test_what_steps_write_to_stdout_is_told_where_it_is_asked_for(worked, include, told):
    more = {} if include is None else {"includeStdOut": include}
    execution = await worked(document(command("echo,one"), command("echo,two"), **more))
    assert execution.status_details.get("stdout") == told


async def test_the_words_of_a_command_are_separated_by_commas(worked):
    text = rf"{sys.executable},-c,import sys; print(chr(124).join(sys.argv[1:])),a\,b, c d ,$HOME"
    execution = await worked(document(command(text), includeStdOut=True))
    assert execution.status_details["stdout"] == "a,b|c d|$HOME"


async def test_a_command_may_be_a_list(worked):
    execution = await worked(document(command(["echo", "a, b"]), includeStdOut=True))
    assert execution.status_details["stdout"] == "a, b"


async def test_a_step_may_not_outlive_its_time(worked):
    execution = await worked(document(command("sleep,600", timeoutSeconds=0.2)))
    assert reason(execution) == "sleep took longer than 0.2 s"


async def test_a_cancel_stops_the_step_and_starts_no_other(make_agent, server, handlers, script, log):
    script("long.sh", "sleep 600")
    script("next.sh")
    agent = make_agent()
    equip(agent, handlers=handlers)
    server.create("one", document(handler("long.sh"), handler("next.sh"), finalStep=handler("next.sh")))
    async with running(agent.run()):
        async with asyncio.timeout(10):
            while not log.exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)
        server.end("one", Cause.FORCED_CANCEL)
        server.create("two", {"operation": "echo"})
        await server.ended("two")
    assert log.read_text() == "long.sh:\n"


async def test_the_older_form_names_one_handler(worked, handlers, script, log):
    script("install.sh", "echo done; echo careful >&2")
    execution = await worked(
        {"operation": "install.sh", "args": ["lftp", "wget"], "allowStdErr": 1, "includeStdOut": True},
        handlers=handlers,
    )
    assert execution.status is Status.SUCCEEDED
    assert log.read_text() == "install.sh: lftp wget\n"
    assert execution.status_details["stdout"] == "done"


async def test_the_path_may_name_the_handler_directory_and_no_other(worked, handlers, script, server):
    script("one.sh")
    execution = await worked(document(handler("one.sh", path=str(handlers))), handlers=handlers)
    assert execution.status is Status.SUCCEEDED


async def test_run_as_user_becomes_that_user(worked, server):
    if os.geteuid() != 0:
        pytest.skip("only root may become somebody else")
    execution = await worked(
        document(
            command("id,-un", runAsUser="nobody"), command("id,-gn", runAsUser="nobody"), includeStdOut=True
        )
    )
    user, group = execution.status_details["stdout"].split("\n")
    entry = pwd.getpwnam("nobody")
    assert (user, group) == ("nobody", grp.getgrgid(entry.pw_gid).gr_name)


async def test_run_as_user_may_name_who_we_are(worked):
    me = pwd.getpwuid(os.geteuid()).pw_name
    execution = await worked(document(command("id,-un", runAsUser=me), includeStdOut=True))
    assert execution.status_details["stdout"] == me


async def test_a_dead_agent_does_not_run_steps_again(make_agent, server, handlers, script, log):
    script("long.sh", "sleep 600")
    server.create("one", document(command("true"), handler("long.sh")))
    first = make_agent()
    equip(first, handlers=handlers)
    async with running(first.run()):
        async with asyncio.timeout(10):
            while not log.exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)
    second = make_agent(journal=first._journal)
    equip(second, handlers=handlers)
    async with running(second.run()):
        execution = await server.ended("one")
    assert reason(execution) == "agent restarted while working"
    assert execution.status_details["step"] == "run long.sh"
    assert log.read_text() == "long.sh:\n"
