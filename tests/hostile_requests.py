"""What nobody should send, and what somebody will: bodies, numbers, texts, times and rules.

What comes in: nothing. What goes out: requests of the shop of `served_shop`, with the status that each must
get, or without one where any documented answer will do, as long as it is one.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

from served_shop import LINE, SHOP_CUSTOMER

Request = tuple[str, bytes]
PREVIEW, MEMBERS = "/audiences/preview", "/audiences/members"
EVERYBODY, NEXT_ORDER = "orders >= 0", "expected_next_order_at"


RICH = {"customer_id": "rich", "quantity": 1e308, "unit_price": 9.0}
MANY_HISTORIES = {"any": [{"purchased": {"last_days": n + 1}} for n in range(51)]}
PERCENT = "interested_in(brand = 'Oro', top 1e99999999999999999999%)"
PATTERNS = "((a{1000}){1000}){1000}"


def leaf(value: Any, field: str = "orders", op: str = ">=") -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


def rule(of: Any) -> dict[str, Any]:
    return {"audience": of}


def line(**cells: Any) -> dict[str, Any]:
    return {"orders": [LINE | cells]}


def lines(count: int, **cells: Any) -> dict[str, Any]:
    return {"orders": [LINE | {"customer_id": f"new-{one}"} | cells for one in range(count)]}


def cursor(content: bytes) -> dict[str, Any]:
    return rule(EVERYBODY) | {"cursor": base64.urlsafe_b64encode(content).decode()}


def nested(depth: int) -> bytes:
    return b'{"audience":' + b'{"all":[' * depth + json.dumps(leaf(1)).encode() + b"]}" * depth + b"}"


DEEP = 100_000
# Name, path, body (bytes as they are, else as JSON), status, code.
BODIES: tuple[tuple[str, str, Any, int, str], ...] = (
    ("truncated", "/predict", b'{"orders": [{"customer_id": "s', 400, "malformed"),
    ("nothing but white space", "/predict", b"  \n", 400, "malformed"),
    ("two documents", "/predict", b"{}{}", 400, "malformed"),
    ("brackets", "/predict", b"[" * DEEP, 400, "malformed"),
    ("closed brackets", "/predict", b"[" * DEEP + b"]" * DEEP, 400, "malformed"),
    ("deep objects", "/orders", b'{"orders":' * DEEP + b"1" + b"}" * DEEP, 400, "malformed"),
    ("deep inside a field", "/predict", b'{"orders":' + b"[" * DEEP + b"]" * DEEP + b"}", 400, "malformed"),
    ("a key twice", "/interested_in", b'{"category":"TEA","category":"CUPS"}', 400, "malformed"),
    ("a key twice, deep", "/predict", b'{"orders":[{"status":"a","status":"b"}]}', 400, "malformed"),
    ("no UTF-8", "/interested_in", b'{"category":"\xff\xfe"}', 400, "malformed"),
    ("UTF-16", "/interested_in", '{"category":"TEA"}'.encode("utf-16"), 400, "malformed"),
    ("a byte order mark", "/interested_in", b'\xef\xbb\xbf{"category":"TEA"}', 400, "malformed"),
    ("half a character", "/customers", b'{"customer_ids":["\\ud800"]}', 400, "malformed"),
    ("half a character, in capitals", "/predict", b'{"orders":[{"status":"\\uDFFF"}]}', 400, "malformed"),
    ("half a character as a key", "/recommend", b'{"\\ud800":1}', 400, "malformed"),
    ("half a character in a rule", PREVIEW, b'{"audience":{"field":"\\udc00"}}', 400, "malformed"),
    ("a whole one of two halves", "/customers", b'{"customer_ids":["\\ud83d\\ude00"]}', 200, ""),
    ("NaN as an id", "/customers", b'{"customer_ids":[NaN]}', 422, "request"),
    ("Infinity as an id", "/recommend", b'{"customer_id":-Infinity}', 422, "request"),
    ("a number too large as an id", "/recommend", b'{"customer_id":1e400}', 422, "request"),
    ("NaN in a rule", PREVIEW, b'{"audience":{"field":"orders","op":"=","value":NaN}}', 422, "rule"),
    ("ten thousand digits", "/customers", b'{"customer_ids":[1' + b"0" * 10_000 + b"]}", 400, "malformed"),
    ("a flag as a limit", "/interested_in", {"category": "TEA", "limit": True}, 422, "request"),
    ("a flag as a share", "/interested_in", {"category": "TEA", "share": True}, 422, "request"),
    ("a flag as a price", "/interested_in", {"new_product": {"price": True}}, 422, "request"),
    ("a flag as days of a rule", PREVIEW, rule({"purchased": {"last_days": True}}), 422, "rule"),
    ("a quoted number in a rule", PREVIEW, rule({"bucket": {"salt": "a", "end": "1"}}), 422, "rule"),
    ("a limit of nothing", "/interested_in", {"category": "TEA", "limit": 0}, 422, "scores"),
    ("a limit below nothing", "/recommend", {"customer_id": SHOP_CUSTOMER, "limit": -1}, 422, "scores"),
    ("a limit beyond all", "/interested_in", {"category": "TEA", "limit": 10**400}, 422, "request"),
    ("a list beyond all", "/recommend", {"customer_id": SHOP_CUSTOMER, "limit": 100_001}, 422, "request"),
    ("10,001 products", "/interested_in", {"product": [str(n) for n in range(10_001)]}, 413, "too_large"),
    ("a page of nothing", MEMBERS, rule(EVERYBODY) | {"limit": 0}, 422, "request"),
    ("a page beyond all", MEMBERS, rule(EVERYBODY) | {"limit": 10_001}, 422, "request"),
    ("no history", "/predict", {"orders": []}, 422, "data"),
    ("no new orders", "/orders", {"orders": []}, 422, "contract"),
    ("an order of tomorrow", "/orders", line(ordered_at="2200-01-01"), 422, "time"),
    ("an order of a day that is none", "/orders", line(ordered_at="2024-02-30"), 422, "contract"),
    ("an order of nobody", "/orders", line(customer_id="\n"), 422, "request"),
    ("an order of a word for nobody", "/orders", line(customer_id="null"), 422, "request"),
    ("an unknown product", "/predict", line(product_id="caviar"), 200, ""),
    ("an unknown product asked for", "/interested_in", {"product": "caviar"}, 404, "unknown_target"),
    ("1,001 histories", "/predict", lines(1_001), 413, "too_large"),
    ("1,001 new customers", "/orders", lines(1_001), 413, "too_large"),
    ("1,001 ids", "/lifecycle", {"customer_ids": [str(n) for n in range(1_001)]}, 413, "too_large"),
    ("sums beyond all numbers", "/predict", lines(3, **RICH), 200, ""),
    ("a field that nobody has", MEMBERS, rule(EVERYBODY) | {"fields": ["email"]}, 422, "rule"),
    ("a field twice", MEMBERS, rule(EVERYBODY) | {"fields": ["orders", "orders"]}, 200, ""),
    ("a cursor of text", MEMBERS, rule(EVERYBODY) | {"cursor": "é"}, 422, "request"),
    ("a cursor of another rule", MEMBERS, cursor(b'["c1", "1 2 3"]'), 409, "conflict"),
    ("a cursor of numbers", MEMBERS, cursor(b"[1, 2]"), 422, "request"),
    ("a cursor of brackets", MEMBERS, cursor(b"[" * 9_000), 422, "request"),
    ("a cursor of bytes", MEMBERS, cursor(b"\xff\xfe"), 422, "request"),
    ("a cursor beyond all", MEMBERS, rule(EVERYBODY) | {"cursor": "A" * 20_001}, 422, "request"),
    ("a rule 33 deep", PREVIEW, nested(33), 422, "rule"),
    ("a rule 10,000 deep", PREVIEW, nested(10_000), 400, "malformed"),
    ("brackets of a rule", PREVIEW, rule("(" * DEEP + EVERYBODY + ")" * DEEP), 422, "rule"),
    ("a rule that denies itself", PREVIEW, rule("not " * DEEP + EVERYBODY), 422, "rule"),
    ("a rule of 501 parts", PREVIEW, rule({"any": [leaf(n) for n in range(501)]}), 422, "rule"),
    ("a rule of 20,000 parts", PREVIEW, rule(" or ".join([EVERYBODY] * 20_000)), 422, "rule"),
    ("a rule of 10,001 values", PREVIEW, rule(leaf(list(range(10_001)), op="in")), 422, "rule"),
    ("51 histories asked", PREVIEW, rule(MANY_HISTORIES), 422, "rule"),
    ("a digit too many", PREVIEW, rule(leaf(2**63)), 422, "rule"),
    ("thousands of digits", PREVIEW, rule("orders >= 1" + "0" * 5_000), 422, "rule"),
    ("a percentage beyond all", PREVIEW, rule(PERCENT), 422, "rule"),
    ("a look ahead", PREVIEW, rule(leaf("(?=a)", "country", "matches")), 422, "rule"),
    ("a reference back", PREVIEW, rule(leaf(r"(a)\1", "country", "matches")), 422, "rule"),
    ("a pattern of patterns", PREVIEW, rule(leaf(PATTERNS, "country", "matches")), 422, "rule"),
    ("a pattern of brackets", PREVIEW, rule(leaf("(" * 499 + ")" * 499, "country", "matches")), 422, "rule"),
    ("a pattern beyond all", PREVIEW, rule(leaf("a" * 1_001, "country", "matches")), 422, "rule"),
    ("a pattern that takes for ever elsewhere", PREVIEW, rule(leaf("(a+)+$", "country", "matches")), 200, ""),
    ("a circle", PREVIEW, rule({"similar_to": {"audience": "unnamed", "top": 1}}), 422, "rule"),
    ("a day after which there is none", PREVIEW, rule(leaf("9999-12-31", NEXT_ORDER, "=")), 422, "rule"),
)  # fmt: skip

NUMBERS = (
    *(
        b"1e400",
        b"1" + b"0" * 400,
        b"-1" + b"0" * 400,
        b"NaN",
        b"Infinity",
        b"true",
        b'"1"',
        b"1e308",
        b"-0.0",
    ),
    *(
        b"9223372036854775808",
        b"18446744073709551616",
        b"2147483648",
        b"5e-324",
        b"-1",
        b"0",
        b"0.5",
        b"null",
    ),
)
TEXTS = (
    *(
        "a" * 10_000,
        "a\x00b",
        "\x00",
        "\n",
        "\r\nX-Injected: 1",
        "\ufffe",
        "\u202e",
        "😀",
        "a'b",
        'a"b',
        "\\",
    ),
    *(
        "'; DROP TABLE customers; --",
        "' OR 1=1 --",
        "orders >= 1; COPY customers TO 'stolen'",
        "%",
        "*",
        "{}",
    ),
    *("../../etc/passwd", "/etc/passwd", "secret.yaml", "file:///etc/passwd", "http://127.0.0.1:9/a.yaml"),
    *("read_text('/etc/passwd')", "${jndi:ldap://127.0.0.1:9/a}", "null", "-1"),
)
TIMES = (
    *(
        "9999-12-31",
        "9999-12-31T23:59:59.999999-23:59",
        "10000-01-01",
        "0000-01-01",
        "0001-01-01T00:00+23:59",
    ),
    *("1677-09-21", "2262-04-12", "2263-01-01", "2017-02-30", "2024-03-01T25:00", "2024-03-01T10:00+99:99"),
    *(
        "now",
        "NaT",
        "infinity",
        "",
        " ",
        "2024-03-01\x00",
        "20240301",
        "2024-W10-1",
        "２０２４-03-01",
        "1709251200",
    ),
)
_AT_NUMBER: tuple[tuple[str, str], ...] = (
    *(
        ("/interested_in", f'{{"category":"TEA","{name}":%s}}')
        for name in ("limit", "share", "min_probability")
    ),
    ("/interested_in", '{"category":"TEA","horizon_days":%s}'),
    ("/interested_in", '{"new_product":{"category":"TEA","price":%s}}'),
    ("/interested_in", '{"category":%s}'),
    ("/recommend", '{"customer_id":"anchor","limit":%s}'),
    ("/recommend", '{"customer_id":"anchor","exclude_bought_days":%s}'),
    ("/customers", '{"customer_ids":[%s]}'),
    ("/predict", '{"orders":[{"customer_id":%s,"order_id":%s,"ordered_at":"2024-03-01"}],"interests":1}'),
    ("/predict", '{"orders":[{"customer_id":"a","order_id":"1","ordered_at":%s}]}'),
    (
        "/predict",
        '{"orders":[{"customer_id":"a","order_id":"1","ordered_at":"2024-03-01","quantity":%s,"unit_price":%s}]}',
    ),
    (
        "/predict",
        '{"orders":[{"customer_id":"a","order_id":"1","ordered_at":"2024-03-01","discount":%s,"tax":%s}]}',
    ),
    ("/predict", '{"orders":[{"customer_id":"a","order_id":"1","ordered_at":"2024-03-01"}],"interests":%s}'),
    ("/explain", '{"customer_id":"anchor","no_order":%s,"horizon_days":%s}'),
    *(
        (PREVIEW, f'{{"audience":{{"field":"{name}","op":">=","value":%s}}}}')
        for name in ("orders", "monetary")
    ),
    (PREVIEW, '{"audience":{"field":"expected_next_order_at","op":">=","value":%s}}'),
    (PREVIEW, '{"audience":{"purchased":{"last_days":%s,"orders":{"at_least":%s}}}}'),
    (PREVIEW, '{"audience":{"interested_in":{"category":["TEA"],"top":%s}}}'),
    (PREVIEW, '{"audience":{"interested_in":{"category":["TEA"],"top_share":%s}}}'),
    (PREVIEW, '{"audience":{"within_km":{"latitude":1,"longitude":%s,"km":%s}}}'),
    (PREVIEW, '{"audience":{"bucket":{"salt":"a","start":0,"end":%s}}}'),
    (MEMBERS, '{"audience":"orders >= 0","limit":%s}'),
)


def numbers() -> Iterator[Request]:
    """Every number in every place of one."""
    for (path, body), number in itertools.product(_AT_NUMBER, NUMBERS):
        yield path, body.encode().replace(b"%s", number)


def texts() -> Iterator[Request]:
    """Every text in every place of one."""
    for text in TEXTS:
        for path, body in _at_text(text):
            yield path, json.dumps(body).encode()


def times() -> Iterator[Request]:
    """Every time in every place of one."""
    for number, when in enumerate(TIMES):
        for name in ("ordered_at", "recorded_at", "returned_at"):
            yield "/predict", json.dumps(line(**{name: when})).encode()
            yield "/orders", json.dumps(line(customer_id=f"late-{number}", **{name: when})).encode()
        for op, value in (("=", when), (">", when), ("<=", when), ("between", [when, when])):
            yield PREVIEW, json.dumps(rule(leaf(value, NEXT_ORDER, op))).encode()


def _at_text(text: str) -> Iterator[tuple[str, Any]]:
    anchor = {"customer_id": SHOP_CUSTOMER}
    yield from (("/customers", {"customer_ids": [text]}), ("/recommend", {"customer_id": text}))
    yield "/recommend", anchor | {"keyword": text}
    yield from (("/interested_in", {name: text}) for name in ("category", "product", "brand", "keyword"))
    yield from (("/interested_in", {"new_product": {name: text}}) for name in ("name", "category", "brand"))
    yield from (("/interested_in", {"category": "TEA", "audience": text}), ("/interested_in", {text: 1}))
    for name in ("customer_id", "order_id", "product_id", "currency", "status", "promo_code", "channel"):
        yield from (("/predict", line(**{name: text})), ("/orders", line(**{name: text})))
    yield from (("/explain", {"orders": [LINE], name: text}) for name in ("category", "product", "brand"))
    yield "/explain", {"customer_id": text, "no_order": True}
    yield from ((PREVIEW, rule(told)) for told in (text, {"audience": text}, leaf(1, field=text)))
    for op in ("=", "in", "contains", "starts with", "ends with", "matches", "not matches", ">"):
        yield PREVIEW, rule(leaf([text] if op == "in" else text, "country", op))
    yield PREVIEW, rule({"purchased": {"product": [text]}})
    yield PREVIEW, rule({"purchased": {"keyword": text}})
    yield PREVIEW, rule({"event": {"type": [text], "source": [text], "campaign_id": [text]}})
    yield PREVIEW, rule({"bucket": {"salt": text, "end": 0.5}})
    yield PREVIEW, rule({"similar_to": {"audience": text, "top": 1}})
    yield from ((MEMBERS, rule(EVERYBODY) | more) for more in ({"fields": [text]}, {"cursor": text}))
    yield "/audiences/explain", rule(EVERYBODY) | {"customer_id": text}
    yield "/audiences/compare", {"audiences": [text]}
