"""A nested mapping as the flat texts and names that MLflow keeps.

What comes in: a recipe or any mapping of mappings. What goes out: `a.b.c` -> text, no longer than
MLflow takes. It imports no mlflow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST_VALUE = 6000
LONGEST_NAME = 250
_NOT_IN_A_NAME = re.compile(r"[^\w\-. :/]")


def flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Every value of a nested mapping under its path; text stays as it is, the rest is JSON.

    >>> flat({"priors": {"windows": 3, "horizons_days": (7, 28)}, "about": "counts"})
    {'priors.windows': '3', 'priors.horizons_days': '[7, 28]', 'about': 'counts'}
    """
    return {allowed_name(path): shortened(_text(value)) for path, value in _leaves(values, "")}


def allowed_name(name: str) -> str:
    """The name without the characters that MLflow refuses.

    >>> allowed_name("orders 5+")
    'orders 5_'
    """
    return _NOT_IN_A_NAME.sub("_", name)[:LONGEST_NAME]


def shortened(text: str) -> str:
    """The text; one that is longer than MLflow takes is cut, and says so at its end."""
    if len(text) <= LONGEST_VALUE:
        return text
    told = f" ... (cut from {len(text):,} characters)"
    return text[: LONGEST_VALUE - len(told)] + told


def _leaves(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
