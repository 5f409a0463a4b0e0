"""What ``thingjobs fleet`` is told on its command line, and the one line it says when that makes no sense."""

import pytest
from typer.testing import CliRunner

from cli.main import app


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--tokens-file", "/no/such/file"],
            "--tokens-file: cannot read /no/such/file: No such file or directory",
        ),
        (["--tokens-file", "{open}"], "--tokens-file: every user may read {open}; chmod 600 it"),
        (["--tokens-file", "{text}"], "--tokens-file: {text} is not JSON: "),
        (["--tokens-file", "{list}"], "--tokens-file: {list} must hold one object, thing names to tokens"),
        (["--tokens-file", "{some}"], "--tokens-file: {some} has no token for sim-0002 (9 missing)"),
        (["--min-duration", "5", "--max-duration", "1"], "durations must not be negative, and the shortest "),
        (["--prefix", "a b"], "thingName 'a b' does not match "),
        (["--prefix", "x" * 125], "thingName "),
    ],
)
def test_options_that_make_no_sense_are_one_line_and_another_exit_code(tmp_path, arguments, said):
    files = {
        "open": ("{}", 0o644),
        "text": ("tokens", 0o600),
        "list": ("[]", 0o600),
        "some": ('{"sim-0001": "x"}', 0o600),
    }
    paths = {name: str(tmp_path / name) for name in files}
    for name, (content, mode) in files.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(mode)
    done = CliRunner().invoke(app, ["fleet", *(argument.format(**paths) for argument in arguments)])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"thingjobs: {said.format(**paths)}")
    assert len(done.stderr.splitlines()) == 1
