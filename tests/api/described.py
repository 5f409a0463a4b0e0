"""Holds an answer against what the server's own OpenAPI document says about that path, method and status."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator

#: What is served beside the table of routes, and is no JSON that a schema describes.
BESIDE = re.compile(r"/openapi\.json|/docs(/.*)?")
#: What is served as it is, whatever its type.
CONTENT = re.compile(r"/artifacts/[^/]+/content|/authority/ca\.pem")
#: Answers that come before any operation is found.
NOWHERE = {400, 401, 403, 404, 405, 503}
HEADERS = {
    "Server": "thingjobs",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class Description:
    """Get one by ``description``."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._components = {"components": _strict(document["components"])}
        self._paths = [
            (
                re.compile(
                    re.sub(r"{\w+}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))
                ),
                item,
            )
            for path, item in document["paths"].items()
        ]

    def check(self, method: str, target: str, status: int, headers: Mapping[str, str], raw: bytes) -> None:
        """Raise ``AssertionError`` if the document does not allow this answer."""
        path = target.partition("?")[0]
        said = f"{method} {path} -> {status} {raw[:300]!r}"
        check_headers(headers, path, said)
        if BESIDE.fullmatch(path) and status < 400:
            return
        if CONTENT.fullmatch(path) and status < 400:
            assert str(status) in self._paths_item(path)["get"]["responses"], said
            return
        assert headers["Content-Type"] == "application/json", said
        if method == "HEAD":
            assert raw == b"", said
            return
        schema = self._schema(method, path, status, said)
        errors = list(Draft202012Validator({**self._components, **schema}).iter_errors(json.loads(raw)))
        assert not errors, f"{said}: {errors[0].message} at {errors[0].json_path}"

    def _paths_item(self, path: str) -> Mapping[str, Any] | None:
        return next((item for pattern, item in self._paths if pattern.fullmatch(path)), None)

    def _schema(self, method: str, path: str, status: int, said: str) -> Mapping[str, Any]:
        item = self._paths_item(path)
        if item is None or method.lower() not in item:
            assert status in NOWHERE, said
            return {"$ref": "#/components/schemas/Error"}
        responses = item[method.lower()]["responses"]
        assert str(status) in responses, f"{said}: the document knows {sorted(responses)}"
        response = responses[str(status)]
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        return response["content"]["application/json"]["schema"]


@lru_cache
def description(raw: bytes) -> Description:
    return Description(json.loads(raw))


def check_headers(headers: Mapping[str, str], path: str, said: str) -> None:
    """Raise ``AssertionError`` if a header is missing that every answer carries."""
    for name, value in HEADERS.items():
        assert headers[name] == value, (said, name)
    assert headers["X-Request-Id"], said
    assert headers["Cache-Control"] == "no-store" or BESIDE.fullmatch(path), said
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], said


def _strict(node: Any) -> Any:
    """Members that the document does not name are not allowed: it must tell all."""
    if isinstance(node, list):
        return [_strict(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    found = {name: _strict(value) for name, value in node.items()}
    return {"additionalProperties": False, **found} if isinstance(node.get("properties"), dict) else found
