"""Writes the tables of docs/aws.md: what each AWS operation and each field of its shapes means here.

Both sides are read, not retyped: the service models that boto3 comes with, and the models of api/aws. A
member that our models lack, or that a model of ours has and AWS's has not, is an error and not a row.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape
from pydantic import BaseModel

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from api.aws.operation import Operation  # noqa: E402
from api.aws.operations import CONTROL, DATA  # noqa: E402
from api.aws.shapes import Approximated, NotHonoured, Output  # noqa: E402

PAGE: Final = ROOT / "docs" / "aws.md"
BEGIN: Final = "<!-- made by tools/aws_table.py: {} -->"
END: Final = "<!-- end -->"


class Disagreement(Exception):
    """Our models and AWS's do not have the same members."""


def service(name: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


PLANES: Final = (("iot", CONTROL), ("iot-jobs-data", DATA))


# --- one member ---


def marks(annotation: Any) -> Iterator[object]:
    """Yield all metadata of an annotation, however deep."""
    if get_origin(annotation) is Annotated:
        yield from annotation.__metadata__
    for part in get_args(annotation):
        if not isinstance(part, str):
            yield from marks(part)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation is about: itself, or what a list or an option is of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        found = model_in(part)
        if found is not None:
            return found
    return None


def fields(model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a model by the name on the wire."""
    return {info.serialization_alias or info.alias or name: info for name, info in model.model_fields.items()}


def verdict(model: type[BaseModel], member: str) -> str:
    """Return what becomes of a member."""
    noted = getattr(model, "APPROXIMATED", {}).get(member)
    info = fields(model)[member]
    for mark in (*info.metadata, *marks(info.annotation)):
        if isinstance(mark, NotHonoured):
            return f"refused: {mark.why}"
        if isinstance(mark, Approximated):
            noted = mark.how
    return "honoured" if noted is None else f"approximated: {noted}"


# --- shapes ---


class Shapes:
    """All structures that operations have, each with the rows of its table."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, str]] = {}
        #: Members that our model has beside AWS's.
        self.more: dict[str, list[str]] = {}
        #: Structures that we send as we keep them, without a model that could be read.
        self.kept: dict[str, StructureShape] = {}

    def add(self, shape: Shape | None, model: type[BaseModel] | None, where: str) -> None:
        """Note a structure and what lies in it."""
        if isinstance(shape, ListShape):
            shape = shape.member
        if not isinstance(shape, StructureShape):
            return
        if model is None:
            self.kept[shape.name] = shape
            return
        if shape.name in self.rows:
            self._merge(shape, model, where)
            return
        self.rows[shape.name] = {}
        self._merge(shape, model, where)

    def _merge(self, shape: StructureShape, model: type[BaseModel], where: str) -> None:
        ours, rows = fields(model), self.rows[shape.name]
        silent = getattr(model, "NEVER_SENT", {})
        for member, inner in shape.members.items():
            if member in silent:
                found = f"never sent: {silent[member]}"
            elif member not in ours:
                raise Disagreement(f"{where}: {model.__name__} lacks {shape.name}.{member}")
            else:
                found = verdict(model, member)
                if not found.startswith("refused"):
                    self.add(inner, model_in(ours[member].annotation), f"{where}.{member}")
            if rows.get(member, "honoured") == "honoured":
                rows[member] = found
        more = sorted(ours.keys() - shape.members.keys())
        if more and issubclass(model, Output):
            raise Disagreement(f"{where}: {model.__name__} has {more}, which {shape.name} has not")
        if more:
            self.more[shape.name] = more


def shapes_of(name: str, operations: tuple[Operation, ...]) -> Shapes:
    """Return the shapes of a plane's operations; raises ``Disagreement``."""
    found, model = Shapes(), service(name)
    for operation in operations:
        theirs = model.operation_model(operation.name)
        found.add(theirs.input_shape, operation.given, operation.name)
        found.add(theirs.output_shape, operation.answer, operation.name)
    left = sorted(found.kept.keys() - found.rows.keys())
    if left:
        raise Disagreement(f"{name}: no model of ours says what {', '.join(left)} means")
    return found


# --- the page ---


def operation_rows() -> Iterator[str]:
    yield "| operation | request | role | members that are not simply honoured |"
    yield "|---|---|---|---|"
    for name, operations in PLANES:
        shapes, model = shapes_of(name, operations), service(name)
        for operation in operations:
            theirs = model.operation_model(operation.name)
            odd = []
            for shape in (theirs.input_shape, theirs.output_shape):
                rows = {} if shape is None else shapes.rows.get(shape.name, {})
                odd += [f"`{member}` {text}" for member, text in rows.items() if text != "honoured"]
            prefix = "/aws/iot-jobs-data" if name == "iot-jobs-data" else "/aws/iot"
            request = f"`{operation.method} {prefix}{operation.path}`"
            cells = (operation.name, request, operation.role, "; ".join(dict.fromkeys(odd)) or "-")
            yield f"| {' | '.join(cells)} |"


def absent_rows() -> Iterator[str]:
    """Name what AWS has and we do not."""
    for name, operations in PLANES:
        have = {operation.name for operation in operations}
        lacking = [each for each in service(name).operation_names if each not in have]
        yield f"`{name}`: {len(have)} operations here, {len(lacking)} not: {', '.join(lacking)}."
        yield ""


#: An operation is about jobs if its name says so.
def about_jobs(name: str) -> bool:
    return "Job" in name


def shape_rows() -> Iterator[str]:
    yield "| shape | field | what becomes of it |"
    yield "|---|---|---|"
    for name, operations in PLANES:
        mine = tuple(each for each in operations if about_jobs(each.name))
        shapes = shapes_of(name, mine)
        suffix = " (data plane)" if name == "iot-jobs-data" else ""
        for shape, rows in shapes.rows.items():
            for member, text in rows.items():
                yield f"| {shape}{suffix} | `{member}` | {text} |"


TABLES: Final[Mapping[str, Any]] = {
    "operations": operation_rows,
    "absent": absent_rows,
    "fields": shape_rows,
}


def filled(page: str) -> str:
    """Return the page with its tables made anew."""
    for name, rows in TABLES.items():
        begin = BEGIN.format(name)
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(END)
        if not found or not closed:
            raise Disagreement(f"{PAGE.name} has no place for the table of {name}: {begin} … {END}")
        table = "\n".join(rows()).rstrip()
        page = f"{before}{begin}\n\n{table}\n\n{END}{after}"
    return page


def main() -> int:
    """Write the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
