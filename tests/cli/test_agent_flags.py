"""What ``thingjobs agent`` is told on its command line, and the one line it says when that makes no sense."""

import pytest
from typer.testing import CliRunner

from cli.agent import Teller, facts_flag
from cli.main import app


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Run the agent with these options; return what it says before it ends with 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THINGJOBS_TOKEN", raising=False)

    def run(*arguments, **environment):
        done = CliRunner(env=environment).invoke(app, ["agent", "--port", "1", "--thing", "lamp", *arguments])
        assert done.exit_code == 2
        return done.stderr.strip()

    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--thing", "a b"], "thingName 'a b' does not match"),
        (["--thing", ""], "thingName"),
        (["--token-file", "none"], "--token-file: cannot read none: No such file or directory"),
        (["--token", "x", "--token-file", "none"], "--token and --token-file exclude each other"),
        (["--fact", "debian"], "--fact 'debian' is not NAME=VALUE"),
        (["--fact", "=debian"], "--fact '=debian' is not NAME=VALUE"),
    ],
)
def test_options_that_make_no_sense_are_one_line(refused, arguments, said):
    line = refused(*arguments)
    assert line.startswith(f"thingjobs: {said}")
    assert "\n" not in line


def test_a_token_file_that_everybody_may_read_is_refused(refused, tmp_path):
    (tmp_path / "token").write_text("secret")
    (tmp_path / "token").chmod(0o644)
    said = refused("--token-file", "token")
    assert said == "thingjobs: --token-file: every user may read token; chmod 600 it"
    assert "secret" not in said


def test_facts_of_the_system_are_known_and_flags_beat_them():
    assert set(facts_flag([])) == {"operatingSystem", "architecture"}
    told = facts_flag(["model=lamp=2", "operatingSystem=plan9", "empty="])
    assert (told["model"], told["operatingSystem"], told["empty"]) == ("lamp=2", "plan9", "")


def test_what_is_said_twice_is_printed_once_and_drives_no_terminal(capsys):
    from agent.events import Event, Kind

    tell = Teller()
    for text in ("away", "away", "\x1b[31mred\nforged line", "away"):
        tell(Event(kind=Kind.DISCONNECTED, thing_name="lamp", text=text))
    tell(Event(kind=Kind.PROGRESS, thing_name="lamp", text="10%"))
    forged = r"lamp disconnected \x1b[31mred\nforged line"
    assert capsys.readouterr().out.splitlines() == [
        "lamp disconnected away",
        forged,
        "lamp disconnected away",
    ]
