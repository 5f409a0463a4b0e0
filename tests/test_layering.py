"""Who may import whom: a new arrow, door, cycle or long file is argued here first (docs/decisions/0001)."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Package -> the packages of ours it may import, itself apart.
ARROWS = {
    "domain": set(),
    "storage": {"domain"},
    "agent": {"domain"},
    "broker": {"storage", "domain"},
    "api": {"storage", "domain"},
    "cli": {"domain", "storage", "agent", "broker", "api"},
}

#: Dependency -> the files and folders that are its door; nobody else imports it.
DOORS = {
    "pydantic": ("domain/", "storage/", "agent/", "broker/", "api/", "cli/"),
    "pydantic_core": ("domain/", "storage/", "agent/", "broker/", "api/", "cli/"),
    # pydantic refuses typing.TypedDict before Python 3.12.
    "typing_extensions": ("domain/", "storage/", "agent/", "broker/", "api/", "cli/"),
    "amqtt": ("broker/embedded/",),
    "paho": ("broker/mqtt.py", "broker/mqtt_client.py", "broker/conversation", "agent/link.py"),
    "sqlalchemy": ("storage/",),
    "alembic": ("storage/",),
    "psycopg": ("storage/",),
    "psycopg_pool": ("storage/",),
    "sqlite3": ("storage/",),
    "aiohttp": ("api/", "cli/"),  # a device carries paho and pydantic, and nothing else
    "aiohttp.web": ("api/",),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "pydantic_settings": ("cli/",),
    "structlog": ("cli/", "api/", "broker/", "storage/"),
    "cronsim": ("domain/cron.py",),
    "lark": ("domain/query.py",),
    "jsonschema": ("domain/parameters.py",),
    "obstore": ("api/",),
    "cryptography": ("storage/",),
}

#: The ground floor does no I/O and reads no clock; ``datetime`` is there for its types.
NOT_IN_DOMAIN = {"asyncio", "os", "socket", "threading", "subprocess", "time", "random", "logging", "pathlib"}

LONGEST_FILE = 350

PACKAGED = sorted(path for package in ARROWS for path in (ROOT / package).rglob("*.py"))
WRITTEN = sorted(
    [*PACKAGED, *(path for folder in ("tests", "tools", "bench") for path in (ROOT / folder).rglob("*.py"))]
)


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return place(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(tree: ast.AST, path: Path) -> set[str]:
    """Every name that is imported anywhere in the file: ``from a import b`` gives ``a`` and ``a.b``."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)}:{node.lineno} imports relatively"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def run_time_tree(tree: ast.Module) -> ast.Module:
    """Return the tree without what only a type checker reads: such imports cannot make a cycle."""

    class Cut(ast.NodeTransformer):
        def visit_If(self, node):
            return None if for_types_only(node) else self.generic_visit(node)

    return Cut().visit(tree)


def read(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def below(name: str, parent: str) -> bool:
    return name == parent or name.startswith(f"{parent}.")


def foreign_arrows(names: set[str], package: str) -> set[str]:
    """Return what ``package`` imports of ours without leave."""
    ours = {name.partition(".")[0] for name in names} & set(ARROWS)
    return ours - ARROWS[package] - {package}


def forced_doors(names: set[str], file: str) -> set[str]:
    """Return the dependencies a file imports though it is not their door; the most exact row decides."""
    forced = set()
    for name in names:
        rows = [dependency for dependency in DOORS if below(name, dependency)]
        if rows and not file.startswith(DOORS[max(rows, key=len)]):
            forced.add(name)
    return forced


def undeclared(names: set[str]) -> set[str]:
    known = sys.stdlib_module_names | set(ARROWS) | {dependency.partition(".")[0] for dependency in DOORS}
    return {name for name in names if name.partition(".")[0] not in known}


@pytest.mark.parametrize("path", PACKAGED, ids=place)
def test_imports_keep_the_law(path):
    names, file = imports(read(path), path), place(path)
    package = file.partition("/")[0]
    assert not foreign_arrows(names, package), "a package it may not know"
    assert not forced_doors(names, file), "a dependency with another door"
    assert not undeclared(names), "a dependency without a door: add a row to DOORS"


@pytest.mark.parametrize("path", [path for path in PACKAGED if place(path).startswith("domain/")], ids=place)
def test_the_ground_floor_does_no_io_and_reads_no_clock(path):
    tree = read(path)
    assert not {name.partition(".")[0] for name in imports(tree, path)} & NOT_IN_DOMAIN
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not {call for call in calls if call.endswith((".now", ".utcnow", ".today")) or call == "open"}


@pytest.mark.parametrize("path", WRITTEN, ids=place)
def test_no_file_is_too_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", [path for path in WRITTEN if path.name != "conftest.py"], ids=place)
def test_the_first_line_of_a_file_says_its_idea(path):
    tree = read(path)
    assert ast.get_docstring(tree), "no docstring"
    assert tree.body[0].lineno == 1


def test_modules_import_each_other_without_cycles():
    modules = {module_of(path): path for path in PACKAGED}
    graph = {
        name: {
            other for other in imports(run_time_tree(read(path)), path) if other in modules and other != name
        }
        for name, path in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("import storage", "domain/x.py"),
        ("from broker.link import Link", "api/x.py"),
        ("from api import server", "broker/x.py"),
        ("import storage.store", "agent/x.py"),
        ("import cli", "storage/x.py"),
    ],
)
def test_the_law_sees_a_forbidden_arrow(source, file):
    assert foreign_arrows(imports(ast.parse(source), ROOT / file), file.partition("/")[0])


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("import paho.mqtt.client as mqtt", "broker/x.py"),
        ("from amqtt.broker import Broker", "broker/mqtt.py"),
        ("from aiohttp import web", "agent/x.py"),
        ("import sqlalchemy as sa", "api/x.py"),
        ("def late():\n    import typer", "agent/x.py"),
    ],
)
def test_the_law_sees_a_dependency_through_the_wrong_door(source, file):
    assert forced_doors(imports(ast.parse(source), ROOT / file), file)


def test_the_law_sees_a_dependency_without_a_door():
    assert undeclared({"requests", "os", "domain.errors"}) == {"requests"}
