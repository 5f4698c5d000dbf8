"""JSON as a client may send it: UTF-8, every key once, text that is text, numbers that are numbers.

What comes in: the bytes of a body. What goes out: what they say, or an error without a word of them. The
readers that come with Python take more than the standard allows, and what they take breaks further in.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from intentml.errors import MalformedRequestError

# Half a character of UTF-16, alone: no text can be written with it.
_HALVES = (b"\\ud", b"\\uD")


class _NoNumber:
    """What stands where NaN, Infinity or 1e400 stood: fits no field, so that its field is named."""

    def __repr__(self) -> str:
        return "no number"


NO_NUMBER: Final = _NoNumber()


def parsed(body: bytes) -> Any:
    """What a body says; `NO_NUMBER` for what is written as a number and is none.

    Raises:
        MalformedRequestError: It is no JSON, or would not mean the same to everybody.
    """
    try:
        text = body.decode("utf-8")
        found = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number, parse_float=_finite)
        if any(half in body for half in _HALVES):
            json.dumps(found, ensure_ascii=False, default=repr).encode()
    except UnicodeError:
        raise MalformedRequestError(
            "the body holds what is no Unicode text", hint="send it in UTF-8"
        ) from None
    except RecursionError:
        raise MalformedRequestError("the body is nested too deeply", hint="write it flatter") from None
    except ValueError:
        raise MalformedRequestError("the body is not a JSON object", hint="send one") from None
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; which of two values was meant nobody can say."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise MalformedRequestError(
            "a key stands twice in one object of the body", hint="name every field once"
        )
    return found


def _no_number(_: str) -> _NoNumber:
    return NO_NUMBER


def _finite(text: str) -> float | _NoNumber:
    number = float(text)
    return number if math.isfinite(number) else NO_NUMBER
