"""JSON as a client may send it."""

from __future__ import annotations

import pytest

from intentml.errors import MalformedRequestError
from intentml.service.parsing import NO_NUMBER, parsed


def test_what_is_json_says_what_it_says() -> None:
    body = '{"a": [1, 2.5, null, true, "é😀", 123456789012345678901234567890], "b": {}}'
    assert parsed(body.encode()) == {
        "a": [1, 2.5, None, True, "é😀", 123456789012345678901234567890],
        "b": {},
    }
    assert parsed(b'"\\ud83d\\ude00 \\\\ud800"') == "😀 \\ud800"


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400"])
def test_a_number_that_is_none_fits_no_field(number: bytes) -> None:
    assert parsed(b"[" + number + b"]") == [NO_NUMBER]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not a JSON object"),
        (b"{", "not a JSON object"),
        (b"{}x", "not a JSON object"),
        (b"1" * 5_000, "not a JSON object"),
        (b'{"a":1,"a":1}', "a key stands twice"),
        (b'[{"b":{"a":1,"a":2}}]', "a key stands twice"),
        (b'"\xff"', "no Unicode text"),
        (b'"\\ud800"', "no Unicode text"),
        (b'{"\\uDC00": 1}', "no Unicode text"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_none_is_told_why_without_a_word_of_it(body: bytes, why: str) -> None:
    with pytest.raises(MalformedRequestError, match=why):
        parsed(body)
