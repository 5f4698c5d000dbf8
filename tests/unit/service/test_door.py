"""The door: what every request goes through."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from intentml.service.door import Door

SECRET = "secret-7"


def test_a_failure_of_ours_is_told_without_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    """A bug cannot be asked for over the wire: the door is handed an application that has one."""

    async def buggy(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError(SECRET)

    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [(b"x-request-id", b"r-1")]}
    asyncio.run(Door(buggy, {"/predict"})(scope, receive, send))
    assert sent[0]["status"] == 500
    error = json.loads(sent[1]["body"])["error"]
    assert (error["code"], error["request_id"]) == ("bug", "r-1")
    assert "request r-1 failed: KeyError" in caplog.text
    assert "in buggy" in caplog.text
    assert SECRET not in caplog.text + json.dumps(error)
