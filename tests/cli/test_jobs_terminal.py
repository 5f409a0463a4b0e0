"""``thingjobs jobs`` at a terminal: it draws, and asks before it takes something away."""

import os
import pty
import subprocess

import pytest
from job_site import THINGJOBS, opened

from domain.execution import Status


@pytest.fixture
def site(tmp_path):
    with opened(tmp_path) as found:
        found.create()
        yield found


def at_terminal(site, *arguments, answer=""):
    """Run a command with a terminal for input and output; return its exit code and what it showed."""
    ours, theirs = pty.openpty()
    env = {**os.environ, **site.env, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [THINGJOBS, "jobs", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:
        # That is how a terminal says that nobody is at its other end any more.
        pass
    os.close(ours)
    return process.wait(30), shown.decode()


@pytest.mark.parametrize("command", ["cancel", "abort"])
@pytest.mark.parametrize(("answer", "code", "status"), [("n\n", 1, "IN_PROGRESS"), ("y\n", 0, "CANCELED")])
def test_a_person_is_asked_before_something_is_taken_away(site, command, answer, code, status):
    ended, shown = at_terminal(site, command, "j", answer=answer)
    assert (ended, f"{command} j?" in shown) == (code, True)
    assert ["status", status] in [line.split() for line in site.says("show", "j").splitlines()]


def test_who_is_sure_is_not_asked(site):
    ended, shown = at_terminal(site, "delete", "j", "--force", "--yes")
    assert (ended, "?" in shown) == (0, False)
    assert site.run("show", "j").exit_code == 1


def test_a_list_is_drawn_as_a_table(site):
    ended, shown = at_terminal(site, "list")
    assert (ended, "\N{BOX DRAWINGS LIGHT HORIZONTAL}" in shown, "Queued 2" in shown) == (0, True, True)


def test_watch_draws_a_bar_for_each_status(site):
    for thing in ("lamp", "door"):
        site.report(thing, Status.SUCCEEDED)
    ended, shown = at_terminal(site, "watch", "j")
    assert (ended, "COMPLETED" in shown, "Succeeded" in shown) == (0, True, True)
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" in shown
