"""Every command that a document shows is run, and prints what the document says."""

import re

import pytest
from walkthrough import ROOT, Step, Walk, blocks, files, pattern, steps

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

#: What stands in blocks without output: what it begins with, and what proves it instead.
PROVEN = {
    "make demo": "the README's console block runs it with ARGS=--exit",
    "make test": "CI runs it",
    "make check": "CI runs it",
    "make bench": "tests/bench runs it with --quick",
    "thingjobs db upgrade": "tests/crash/test_crash_upgrade.py goes through all of it under load",
    "mosquitto_ctrl": "tests/broker/test_mosquitto_dynamic_security.py runs it",
    "THINGJOBS_BROKER=external": "tests/cli/test_serve_external.py runs it on a real Mosquitto",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_shows_is_what_happens(document, tmp_path):
    text = document.read_text(encoding="utf-8")
    with Walk(tmp_path) as walk:
        for name, content in files(text).items():
            walk.save(name, content)
        for step in steps(text):
            walk.take(step)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_command_without_output_is_proven_elsewhere(document):
    for body in blocks(document.read_text(encoding="utf-8"), "sh"):
        for command in body.splitlines():
            assert command.startswith(tuple(PROVEN)), command


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
        assert (document.parent / target).exists(), target


def test_the_readme_leads_to_every_document():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"docs/{path.name}" in readme for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (("a…c",), "abbbc\n", True),
        (("a 1.5 s",), "a  22.5 s\n", True),
        (("first", "...", "last"), "first\nx\ny\nlast\n", True),
        (("a",), "b\n", False),
        (("a",), "a\nb\n", False),
        ((), "unexpected\n", False),
    ],
)
def test_output_is_compared_but_for_what_changes(shown, printed, same):
    assert bool(pattern(shown).fullmatch(printed)) is same


def test_commands_and_their_output_are_told_apart():
    text = "```console\n$ one\nout\n$ two &\n```\ntext\n```sh\nthree\n```\n"
    assert list(steps(text)) == [Step("one", ("out",)), Step("two &", ())]
    assert blocks(text, "sh") == ["three\n"]
