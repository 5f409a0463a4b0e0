"""What an operator's commands are given and cannot use is one line and a code, never a trace."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "open").write_text("a-key-that-everybody-reads")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["things", "token", "t", "--url", NOWHERE, "--api-key-file", "missing"], 2, "No such file"),
        (["things", "token", "t", "--url", NOWHERE, "--api-key-file", "."], 2, "Is a directory"),
        (["things", "token", "t", "--url", NOWHERE, "--api-key-file", "binary"], 2, "not UTF-8"),
        (["things", "token", "t", "--url", NOWHERE, "--api-key-file", "open"], 2, "every user may read"),
        (["things", "revoke", "t", "--url", "http://127.0.0.1:abc"], 1, "not an http address"),
        (["things", "token", "t", "--url", "ftp://x"], 1, "not an http address"),
        (["things", "token", "t", "--url", NOWHERE], 1, "no answer"),
        (["new-key", "."], 2, "it is a directory"),
        (["new-key", "open"], 2, "every user may read"),
    ],
)
def test_what_cannot_be_used_is_named(files, monkeypatch, arguments, code, words):
    monkeypatch.chdir(files)
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == code
    assert words in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
