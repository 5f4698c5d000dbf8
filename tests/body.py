"""An answer of the service as a client reads it."""

from __future__ import annotations

import json
from typing import Any

from intentml.service.formats import as_json


def body(answer: Any) -> Any:
    """What JSON makes of it, its tables lists of rows."""
    return json.loads(as_json(answer))
