"""The console script as a person meets it: help, version, and errors of one line."""

import subprocess
import sys
from importlib.metadata import version

import pytest
import typer
from typer.testing import CliRunner

from cli.errors import OneLineErrors, UsageRefused, exit_code
from cli.main import app
from domain.errors import InvalidRequest, NotFound

HEAVY = ("aiohttp", "sqlalchemy", "amqtt", "paho", "alembic", "pydantic_settings")


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


def test_version_is_that_of_the_distribution():
    answer = run("--version")
    assert (answer.exit_code, answer.stdout) == (0, f"thingjobs {version('thingjobs')}\n")


def test_every_command_says_what_it_is_for():
    commands = typer.main.get_command(app).commands
    assert {"demo", "serve", "agent", "fleet", "things", "new-key"} <= commands.keys()
    for name, command in commands.items():
        assert command.help, name
        assert run(name, "--help").exit_code == 0


def test_an_unknown_command_is_a_usage_error():
    answer = run("no-such-command")
    assert answer.exit_code == 2
    assert "no-such-command" in answer.stderr


def test_the_console_script_starts_without_heavy_libraries():
    code = f"import sys, cli.main; print([name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"


def failing(error):
    broken = typer.Typer(cls=OneLineErrors)

    @broken.callback()
    def root():
        """Exists so that the command below stays a sub-command."""

    @broken.command()
    def go():
        raise error

    return CliRunner().invoke(broken, ["go"])


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (UsageRefused("no such setting"), 2, ["thingjobs: no such setting"]),
        (NotFound("job 'j' is not known"), 1, ["thingjobs: job 'j' is not known"]),
        (
            ExceptionGroup("tasks", [NotFound("one"), ExceptionGroup("deeper", [InvalidRequest("two")])]),
            1,
            ["thingjobs: one", "thingjobs: two"],
        ),
        (
            ExceptionGroup("tasks", [NotFound("one"), UsageRefused("two")]),
            2,
            ["thingjobs: one", "thingjobs: two"],
        ),
    ],
)
def test_an_error_of_ours_is_one_line_and_a_code(error, code, lines):
    answer = failing(error)
    assert (answer.exit_code, answer.stdout) == (code, "")
    assert answer.stderr.splitlines() == lines


def test_a_bug_keeps_its_trace():
    error = RuntimeError("bug")
    assert exit_code(error) is None
    assert exit_code(ExceptionGroup("tasks", [NotFound("one"), error])) is None
    assert failing(error).exception is error
