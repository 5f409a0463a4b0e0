"""A key is random, long, private, and never replaced."""

import stat

from typer.testing import CliRunner

from cli.keys import write_key
from cli.main import app
from cli.settings import load


def test_a_new_key_is_private_and_opens_a_public_server(tmp_path):
    path = tmp_path / "deep" / "api-key"
    answer = CliRunner().invoke(app, ["new-key", str(path)])
    assert (answer.exit_code, answer.stdout) == (0, f"new key in {path}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() not in answer.output
    settings = load(http_host="0.0.0.0", api_key_file=path)
    assert settings.api_key.get_secret_value() == path.read_text().strip()


def test_two_keys_differ(tmp_path):
    assert write_key(tmp_path / "a")
    assert write_key(tmp_path / "b")
    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()


def test_a_key_that_is_there_stays_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "api-key"
    assert write_key(path)
    before = path.read_text()
    assert not write_key(path)
    assert path.read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["api-key"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    answer = CliRunner().invoke(app, ["new-key", str(tmp_path / "file" / "api-key")])
    assert answer.exit_code == 2
    assert answer.stderr.startswith("thingjobs: cannot write ")
    assert answer.stderr.count("\n") == 1
