"""The project agrees with itself: lock, CI, README, Makefile, changelog, packages."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
LOCKS = ("requirements.lock", "deploy/requirements.lock")
#: What CI promises to run, and so what the README and CONTRIBUTING tell a person to run.
COMMANDS = ("make check", "make test")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def requirements() -> list[Requirement]:
    table = PROJECT["project"]
    groups = [table["dependencies"], *table["optional-dependencies"].values()]
    return [Requirement(line) for group in [*groups, PROJECT["dependency-groups"]["dev"]] for line in group]


def pins(lock: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text(lock), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def tracked() -> list[Path]:
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if answer.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in answer.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_hashes_and_no_url(name):
    lock = text(name)
    assert "://" not in lock
    assert "--index-url" not in lock
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)[1:]
    assert len(blocks) > 30
    assert not [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block]


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_the_lock_satisfies_the_project(requirement):
    assert requirement.specifier.contains(pins("requirements.lock")[canonicalize_name(requirement.name)])


def test_the_image_runs_what_was_tested_and_no_development_tool():
    image = pins("deploy/requirements.lock")
    assert image.items() <= pins("requirements.lock").items()
    assert not {"pytest", "mypy", "schemathesis", "hatchling"} & image.keys()
    wanted = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    assert wanted <= image.keys()


@pytest.mark.parametrize("name", [".ci/run", "README.md", "CONTRIBUTING.md"])
def test_a_person_is_told_what_ci_runs(name):
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", text(name)), f"{name} does not say `{command}`"


def test_ci_makes_nothing_else():
    assert tuple(re.findall(r"^(make \w+)", text(".ci/run"), re.MULTILINE)) == COMMANDS


def test_every_target_is_documented_by_make_alone():
    targets = re.search(r"^\.PHONY: (.+)$", text("Makefile"), re.MULTILINE)[1].split()
    listing = subprocess.run(
        [sys.executable, "tools/dev.py"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert set(re.findall(r"^  (\w+) +\S", listing, re.MULTILINE)) == set(targets)


def test_an_unknown_target_is_refused_with_the_list():
    answer = subprocess.run(
        [sys.executable, "tools/dev.py", "tset"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert answer.returncode == 2
    assert "test" in answer.stdout


def test_a_python_that_is_asked_for_is_never_replaced_by_another():
    environment = {**os.environ, "PYTHON": "/bin/false"}
    answer = subprocess.run(
        [sys.executable, "tools/dev.py", "setup"],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert "PYTHON=/bin/false is not Python 3.11 to 3.14" in answer.stdout


def test_the_changelog_starts_with_this_version():
    assert (
        re.search(r"^## \[([^]]+)\]", text("CHANGELOG.md"), re.MULTILINE)[1] == PROJECT["project"]["version"]
    )


def test_every_python_that_is_promised_is_classified():
    promised = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)}
    assert promised <= set(PROJECT["project"]["classifiers"])
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.15"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(package):
    assert (ROOT / package / "py.typed").is_file()


def test_every_relaxed_rule_of_the_linter_has_its_reason():
    table = (
        text("pyproject.toml").partition("[tool.ruff.lint]")[2].partition("[tool.ruff.lint.pydocstyle]")[0]
    )
    rows = [line for line in table.splitlines() if re.match(r'\s+"[A-Z]+\d*"|"[^"]+" = \[', line)]
    assert rows
    assert not [row for row in rows if "#" not in row and not row.endswith("[")]


def test_no_file_names_a_place_of_one_machine():
    places = re.compile(rb"/(?:work|root|home/[a-z]+|opt/(?:pypi|wheels)|Users/[A-Za-z]+)/")
    offenders = [path.relative_to(ROOT).as_posix() for path in tracked() if places.search(path.read_bytes())]
    assert not offenders


def test_no_two_modules_of_the_tests_share_a_name():
    """They are no packages: in one process the second would be taken for the first."""
    names = Counter(path.name for path in tracked() if path.is_relative_to(ROOT / "tests"))
    assert [name for name, count in names.items() if count > 1 and name.endswith(".py")] == ["conftest.py"]


def test_the_decisions_are_numbered_dated_and_settled():
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        content = record.read_text(encoding="utf-8")
        assert re.match(rf"# {record.name[:4]} \w", content), record.name
        assert re.search(r"^- Date: \d{4}-\d{2}-\d{2}$", content, re.MULTILINE), record.name
        assert re.search(r"^- Status: \w+", content, re.MULTILINE), record.name
        assert "## Outcome" in content, record.name


def test_the_wheel_carries_the_packages_and_nothing_else(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    for package in PACKAGES:
        assert f"{package}/py.typed" in names
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "storage" / "migrations").rglob("*.py")}
    assert sources
    assert sources <= set(names)
