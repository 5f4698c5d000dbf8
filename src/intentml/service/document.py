"""The OpenAPI document: what FastAPI knows of the paths, with examples, keys and what headers tell.

What comes in: FastAPI's document and a folder of examples. What goes out: `/docs.json`. BentoML's own
document calls FastAPI's schemas of OpenAPI 3.1 by 3.0, and leaves keys and examples out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intentml.service.keys import FREE

PATH = "/docs.json"
ANSWERS, ERRORS = "answers", "errors"
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer im_..."},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_NUMBER = {"type": "integer", "minimum": 0}
# Headers of an answer by its status; the request's id is in all.
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "401": {"WWW-Authenticate": {"description": "How to send a key.", "schema": {"type": "string"}}},
    "429": {"Retry-After": {"description": "When to come again, in seconds.", "schema": _NUMBER}},
    "503": {"Retry-After": {"description": "When to come again, in seconds.", "schema": _NUMBER}},
}
_REQUEST_ID = {"X-Request-ID": {"description": "Names the request in the log.", "schema": {"type": "string"}}}
_PROBE = {
    "summary": "Whether the process answers",
    "security": [],
    "responses": {"200": {"description": "It does."}},
}
_METRICS = {
    "summary": "Figures for Prometheus",
    "security": [{}, {"bearer": []}, {"api_key": []}],
    "responses": {"200": {"description": "Text of Prometheus.", "content": {"text/plain": {}}}},
}


def example_name(path: str) -> str:
    """The file of a path's example.

    >>> example_name("/audiences/preview")
    'audiences_preview.json'
    """
    return path.strip("/").replace("/", "_") + ".json"


def document(told: Mapping[str, Any], examples: Path) -> dict[str, Any]:
    """The whole document.

    Args:
        told: What FastAPI says of the paths.
        examples: A folder: requests, in `answers` what they were answered, in `errors` one of each status.
    """
    paths = {
        path: {method: _operation(path, told_of, examples) for method, told_of in methods.items()}
        for path, methods in told["paths"].items()
    }
    paths |= {path: {"get": _PROBE} for path in ("/livez", "/readyz", "/healthz")}
    paths["/metrics"] = {"get": _METRICS}
    components = {**told.get("components", {}), "securitySchemes": _SECURITY}
    return {**told, "servers": [{"url": "/"}], "paths": paths, "components": components}


def _operation(path: str, told: Mapping[str, Any], examples: Path) -> dict[str, Any]:
    operation = json.loads(json.dumps(told))
    # Without any key configured none is needed: the empty choice.
    operation["security"] = [] if path in FREE else [{}, *({name: []} for name in _SECURITY)]
    for status, answer in operation["responses"].items():
        answer["headers"] = {**_REQUEST_ID, **_HEADERS.get(status, {})}
        _show(answer, examples / ERRORS / f"{status}.json")
    name = example_name(path)
    if "requestBody" in operation:
        _show(operation["requestBody"], examples / name)
    _show(operation["responses"]["200"], examples / ANSWERS / name)
    return dict(operation)


def _show(body: dict[str, Any], file: Path) -> None:
    if file.exists():
        body["content"]["application/json"]["example"] = json.loads(file.read_text("utf-8"))
