"""The tasks behind ``make``: each sets up what it needs, says what it does, and passes exit codes on.

Standard library only, and nothing newer than Python 3.9: an old ``python3`` may start it, and it
then finds a newer one for the virtual environment.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

import debian
import environment
import node_sdk
from environment import BIN, PYTHON, ROOT
from words import SetupFailed, say

Task = Callable[[list[str]], int]


class Target(NamedTuple):
    """One line of ``make``: what it is for and what it does."""

    purpose: str
    task: Task


def run(command: Sequence[str]) -> int:
    """Run one step to its end, also when we are told to stop: its output must not trail behind ours."""
    step = subprocess.Popen(list(command), cwd=str(ROOT))
    try:
        code = step.wait()
    except BaseException:  # Ctrl-C, or SIGTERM by ``stop``
        step.terminate()
        step.wait()
        raise
    return code if code >= 0 else 128 - code


def stop(number: int, _frame: object) -> NoReturn:
    """End on a signal, by way of whoever is waiting for a step."""
    sys.exit(128 + number)


def become(command: Sequence[str]) -> NoReturn:
    """Replace this process, so that signals and the exit code are the command's own."""
    sys.stdout.flush()
    os.chdir(str(ROOT))
    os.execv(command[0], list(command))


def thingjobs(command: str) -> Task:
    """Return a task that runs one command of the console script."""

    def task(arguments: list[str]) -> int:
        environment.ready()
        become([str(BIN / "thingjobs"), command, *arguments])

    return task


def module(name: str, *given: str, system_packages: bool = False) -> Task:
    """Return a task that runs a module in the environment."""

    def task(arguments: list[str]) -> int:
        environment.ready()
        if system_packages:
            debian.ready()
        become([str(PYTHON), "-m", name, *given, *arguments])

    return task


def setup(_arguments: list[str]) -> int:
    """Create the environment and stop there."""
    environment.ready()
    debian.ready()
    node_sdk.ready()
    return 0


#: Files side by side, each in one process, in the order of tests/longest.py.
SIDE_BY_SIDE = ("--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder")


def test(arguments: list[str]) -> int:
    """Run everything side by side; what is asked for by name runs alone, so that ``--pdb`` works."""
    setup([])
    return module("pytest", *(() if arguments else SIDE_BY_SIDE))(arguments)


def soak(arguments: list[str]) -> int:
    """Live through weeks of random fleets on a virtual clock: many times the examples of ``test``."""
    os.environ.setdefault("SOAK", "30")
    return module(
        "pytest", "tests/storage/test_storage_virtual.py", "tests/storage/test_storage_forecast.py"
    )(arguments)


#: All of them run even if one fails: one look shows all there is to mend.
CHECKS: dict[str, list[str]] = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "layering": ["pytest", "-q", "tests/test_layering.py"],
}


def check(_arguments: list[str]) -> int:
    """Lint, format, types, layering."""
    environment.ready()
    failed = []
    for name, (tool, *rest) in CHECKS.items():
        say(f"{name}: {' '.join([tool, *rest])}")
        if run([str(PYTHON), "-m", tool, *rest]) != 0:
            failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def tidy(arguments: list[str]) -> int:
    """Rewrite the source in the house's format."""
    environment.ready()
    fixed = run([str(PYTHON), "-m", "ruff", "check", "--fix", *(arguments or ["."])])
    return run([str(PYTHON), "-m", "ruff", "format", *(arguments or ["."])]) or fixed


HEADER = "# Hash-locked for Python 3.11 to 3.14, no URLs. Made anew by `make lock`.\n"

#: Lock -> what it covers. The image's takes the versions that the whole one has found.
LOCKS = {
    "requirements.lock": ["--all-extras", "--group", "dev"],
    "deploy/requirements.lock": [
        "--extra",
        "docs",
        "--extra",
        "postgres",
        "-c",
        "requirements.lock",
    ],
}


def lock(arguments: list[str]) -> int:
    """Resolve pyproject.toml anew; ``ARGS=--upgrade`` takes the newest releases."""
    environment.ready()
    uv = environment.uv() or environment.install_uv()
    # No header and no annotations: uv would write machine paths and options into them.
    plain = ["--quiet", "--no-header", "--no-annotate", "--universal", "--generate-hashes"]
    for name, covered in LOCKS.items():
        code = run([uv, "pip", "compile", *plain, "pyproject.toml", *covered, "-o", name, *arguments])
        if code != 0:
            return code
        path = ROOT / name
        pins = path.read_text(encoding="utf-8").replace(HEADER, "")
        path.write_text(HEADER + pins, encoding="utf-8")
        say(f"{name}: {sum(line[:1].isalnum() for line in pins.splitlines())} pins")
    return 0


def tables(_arguments: list[str]) -> int:
    """Write the generated tables of docs/aws.md anew; a test tells when that is due."""
    environment.ready()
    return run([str(PYTHON), "tools/aws_table.py"])


def build(_arguments: list[str]) -> int:
    """Wheel and source archive in dist/, made by the locked build backend, so it works offline."""
    environment.ready()
    return run([str(PYTHON), "-m", "hatchling", "build"])


CACHES = (".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", "build", "dist", "bench-results")


def clean(arguments: list[str]) -> int:
    """Remove what tasks have made; data of servers stays."""
    kept = {".venv", ".git", "data"}
    made = [ROOT / name for name in CACHES]
    for folder in (path for path in ROOT.iterdir() if path.is_dir() and path.name not in kept):
        made += folder.rglob("__pycache__")
    made += [environment.VENV] if "--all" in arguments else []
    for path in made:
        shutil.rmtree(str(path), ignore_errors=True)
    say("clean")
    return 0


def usage(_arguments: list[str]) -> int:
    """List the targets."""
    print('make TARGET [ARGS="..."], each doing its own set-up; PYTHON=... picks the interpreter\n')
    for name, target in TARGETS.items():
        print(f"  {name:<8} {target.purpose}")
    return 0


TARGETS: dict[str, Target] = {
    "help": Target("this list", usage),
    "demo": Target(
        "server, broker, 50 simulated things, and a job to watch (ARGS=--exit)", thingjobs("demo")
    ),
    "serve": Target("the server alone, with its embedded broker, data in ./data", thingjobs("serve")),
    "fleet": Target("simulated things against a running server (ARGS=--help)", thingjobs("fleet")),
    "test": Target('all tests (ARGS="-k word", ARGS=tests/domain)', test),
    "crash": Target(
        "kill -9 at every system call of what changes state (twenty minutes)",
        module("pytest", "tests/crash", "--crash-points=all", "-rP", system_packages=True),
    ),
    "soak": Target("weeks of random fleets on a virtual clock, and plans held against them", soak),
    "check": Target("lint, format, types, layering: all that is read and not run", check),
    "format": Target("rewrite the source in the house's format", tidy),
    "bench": Target("measure and print a table (ARGS=--help)", module("bench", system_packages=True)),
    "lock": Target("resolve the dependencies anew (ARGS=--upgrade)", lock),
    "tables": Target("write what docs/aws.md says of AWS's operations and fields anew", tables),
    "build": Target("wheel and source archive in dist/", build),
    "setup": Target("only the set-up that the others do by themselves", setup),
    "clean": Target("remove caches and builds (ARGS=--all: .venv too)", clean),
}


def main(name: str = "help", *arguments: str) -> int:
    """Run one target; 2 if there is none of that name."""
    target = TARGETS.get(name)
    if target is None:
        say(f"no target {name!r}; there are: {', '.join(TARGETS)}")
        return 2
    signal.signal(signal.SIGTERM, stop)
    try:
        return target.task(list(arguments))
    except SetupFailed as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
