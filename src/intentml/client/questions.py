"""The conversations with the service: what is asked, in how many questions, and what their answers say.

What comes in: the arguments of the client's methods. What goes out: a conversation each (see `exchange`),
the same for the client that blocks and the one that awaits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from intentml.client import answers, reading
from intentml.client.exchange import Conversation, Question
from intentml.client.lines import order_lines
from intentml.errors import IntentmlError, RequestError, ServiceError

if TYPE_CHECKING:
    from intentml.client.lines import Orders

    Audience = str | Mapping[str, Any]
    """The name of an audience, or a rule: as text or as a tree."""

MAX_CUSTOMERS = 1_000
"""So many customers are asked about in one question."""
# New scores may be put in between two questions whose answers belong together; then all are asked anew.
_ROUNDS = 3


def get(path: str, *, again: bool = True) -> Question:
    """A question without a body."""
    return Question("GET", path, again=again)


def post(path: str, body: Mapping[str, Any], headers: tuple[tuple[str, str], ...] = ()) -> Question:
    """A question with a body; what is not given (None, nothing in it) is left out.

    >>> post("/recommend", {"customer_id": "C-7", "keyword": None}).content
    b'{"customer_id":"C-7"}'
    """
    given = {name: value for name, value in body.items() if value is not None}
    try:
        content = json.dumps(given, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise RequestError("a number is NaN or infinite", hint="JSON knows no such number") from None
    return Question("POST", path, content, (("content-type", "application/json"), *headers))


def interested_in(asked: Mapping[str, Any]) -> Conversation[answers.InterestedIn]:
    """Who wants to buy these?"""
    sets = {name: several(asked[name]) or None for name in ("product", "category", "brand")}
    return reading.interested_in((yield post("/interested_in", {**asked, **sets})))


def recommend(orders: Orders | None, asked: Mapping[str, Any]) -> Conversation[answers.Recommendation]:
    """What does this customer, known by id or with this history, want?"""
    history = {} if orders is None else {"orders": order_lines(orders)}
    return reading.recommendation((yield post("/recommend", {**history, **asked})))


def customers(ids: str | Iterable[str]) -> Conversation[answers.Customers]:
    """What is known and predicted of these?"""
    asked = of_customers("/customers", ids)
    return reading.customers((yield from of_one_version(lambda: in_turn(asked))))


def lifecycle(ids: str | Iterable[str]) -> Conversation[answers.Lifecycle]:
    """Where do these stand?"""
    asked = of_customers("/lifecycle", ids)
    return reading.lifecycle((yield from of_one_version(lambda: in_turn(asked))))


def predict(orders: Orders, horizon_days: int | None, interests: int) -> Conversation[answers.Predicted]:
    """What is to be expected of customers with these histories?"""
    lines = order_lines(orders)
    buyers = sorted({str(line.get("customer_id", "")) for line in lines})
    batch_of = {buyer: number // MAX_CUSTOMERS for number, buyer in enumerate(buyers)}
    places: list[list[int]] = [[] for _ in batches(buyers)]
    for place, line in enumerate(lines):
        places[batch_of[str(line.get("customer_id", ""))]].append(place)
    rest = {"horizon_days": horizon_days, "interests": interests}
    asked = [post("/predict", {"orders": [lines[place] for place in batch], **rest}) for batch in places]
    return reading.predicted((yield from of_one_version(lambda: in_turn(asked, places))))


def explain(orders: Orders | None, asked: Mapping[str, Any]) -> Conversation[answers.Explained]:
    """Why is a customer, with this history or known by id, expected to do that?"""
    history = {} if orders is None else {"orders": order_lines(orders)}
    return reading.explained((yield post("/explain", {**history, **asked})))


def add_orders(orders: Orders, idempotency_key: str) -> Conversation[answers.Accepted]:
    """These were ordered. The key is the same at every sending, so that they count once."""
    if not is_plain(idempotency_key):
        raise RequestError("the idempotency key is no plain text", hint="letters and digits, without spaces")
    headers = (("idempotency-key", idempotency_key),)
    return reading.accepted((yield post("/orders", {"orders": order_lines(orders)}, headers)))


def audiences() -> Conversation[answers.Audiences]:
    """Which audiences are there?"""
    return reading.audiences((yield get("/audiences")))


def preview(audience: Audience) -> Conversation[answers.Preview]:
    """How many are in?"""
    return reading.preview((yield post("/audiences/preview", {"audience": audience})))


def members(
    audience: Audience, fields: str | Iterable[str], limit: int | None, page_size: int
) -> Conversation[answers.Members]:
    """Who is in? All pages, or as many as hold the customers wanted."""
    if page_size < 1 or (limit is not None and limit < 1):
        raise RequestError("limit and page_size must be at least 1", hint="leave limit out to get everybody")
    asked = {"audience": audience, "fields": several(fields) or None}
    found = yield from of_one_version(lambda: pages(asked, limit, page_size))
    return reading.members(found, limit)


def explain_member(audience: Audience, customer_id: str) -> Conversation[answers.AudienceAnswer]:
    """Why is this customer in, or not?"""
    asked = {"audience": audience, "customer_id": customer_id}
    return reading.about_audience((yield post("/audiences/explain", asked)))


def compare(audiences: Sequence[str]) -> Conversation[answers.Comparison]:
    """How do these stand side by side?"""
    return reading.comparison((yield post("/audiences/compare", {"audiences": list(audiences)})))


def health() -> Conversation[answers.Health]:
    """What is served?"""
    return reading.health((yield get("/health")))


def ready() -> Conversation[bool]:
    """Is it ready to answer? Asked once: who asks waits as they like."""
    try:
        yield get("/ready", again=False)
    except IntentmlError as problem:
        if problem.status != 503:
            raise
        return False
    return True


def version() -> Conversation[dict[str, Any]]:
    """Which versions answer?"""
    return dict((yield get("/version")))


def reload() -> Conversation[answers.Answer]:
    """New scores, please."""
    return reading.reloaded((yield post("/admin/reload", {})))


def of_customers(path: str, ids: str | Iterable[str]) -> list[Question]:
    """Questions about all these customers, in the order of their ids, each asked about once."""
    wanted = sorted(set(several(ids)))
    return [post(path, {"customer_ids": batch}) for batch in batches(wanted)]


def in_turn(
    asked: Sequence[Question], places: Sequence[Sequence[int]] | None = None
) -> Conversation[list[reading.Body]]:
    """The answers of several questions.

    Args:
        asked: The questions.
        places: Where the rows of each stood before they were parted; an error tells those.
    """
    found: list[reading.Body] = []
    for number, question in enumerate(asked):
        try:
            found.append((yield question))
        except IntentmlError as problem:
            if places is not None:
                at = places[number]
                problem.rows = tuple(at[row] for row in problem.rows if row < len(at))
            raise
        if not is_of_one_version(found):
            break
    return found


def pages(asked: Mapping[str, Any], limit: int | None, page_size: int) -> Conversation[list[reading.Body]]:
    """The pages of an audience's members, from the first."""
    found: list[reading.Body] = []
    cursor, seen, count = None, set[str](), 0
    while limit is None or count < limit:
        left = page_size if limit is None else min(page_size, limit - count)
        page = yield post("/audiences/members", {**asked, "limit": left, "cursor": cursor})
        found.append(page)
        count, cursor = count + len(page["customers"]), page["next_cursor"]
        if cursor is None or not is_of_one_version(found):
            break
        if cursor in seen:
            raise ValueError("the pages go round in a circle")
        seen.add(cursor)
    return found


def of_one_version(
    ask: Callable[[], Conversation[list[reading.Body]]],
) -> Conversation[list[reading.Body]]:
    """Answers that are all from the same scores; asked anew where these were exchanged in between.

    Raises:
        ServiceError: They were exchanged each time.
    """
    for _ in range(_ROUNDS):
        found = yield from ask()
        if is_of_one_version(found):
            return found
    raise ServiceError(
        f"the scores were exchanged {_ROUNDS} times while these were asked about",
        code="version",
        hint="ask again, or for less at once",
    )


def is_of_one_version(found: Sequence[reading.Body]) -> bool:
    """Whether all answers are from the same scores."""
    return len({(body.get("as_of"), body.get("model_version")) for body in found}) < 2


def batches(ids: Sequence[str]) -> list[list[str]]:
    """Ids in parts that one question may ask about; of none, one part with none."""
    return [list(ids[at : at + MAX_CUSTOMERS]) for at in range(0, max(len(ids), 1), MAX_CUSTOMERS)]


def several(names: str | Iterable[str]) -> list[str]:
    """One name or more as a list of texts; ids may be numbers, also those of numpy.

    >>> several("CHEESE"), several(("BEEF", 7))
    (['CHEESE'], ['BEEF', '7'])
    """
    return [names] if isinstance(names, str) else [str(one) for one in names]


def is_plain(text: str) -> bool:
    """Whether a text can stand in a header as it is.

    >>> is_plain("k-1"), is_plain("a b"), is_plain("")
    (True, False, False)
    """
    return bool(text) and all("!" <= letter <= "~" for letter in text)
