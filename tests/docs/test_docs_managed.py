"""The table of managed templates in the docs is that of the code."""

import json
import re
from pathlib import Path

from domain import managed

PAGE = Path(__file__).parents[2] / "docs" / "documents.md"
ROW = re.compile(r"^\| `(AWS-[A-Za-z-]+)` \| (.+) \| (.+) \|$", re.MULTILINE)


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_each_is_there_with_its_handler_and_what_it_needs():
    found = {}
    for template in managed.TEMPLATES.values():
        (step,) = json.loads(template.document)["steps"]
        said = step["action"]["input"]
        needed = [parameter.key for parameter in template.parameters if not parameter.optional]
        found[template.name] = (said.get("handler"), needed)
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert {
        name: (None if handler.startswith("none") else words(handler)[0], words(needed))
        for name, handler, needed in rows
    } == found
    assert [name for name, *_ in rows] == list(managed.TEMPLATES)


def test_what_is_optional_is_so_where_the_page_says():
    for template in managed.TEMPLATES.values():
        optional = {parameter.key for parameter in template.parameters if parameter.optional}
        assert optional == {"runAsUser"} | ({"pathToHandler"} if '"handler"' in template.document else set())
