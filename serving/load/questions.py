"""What a shop is asked under load: its own customers, categories and products, found out by asking.

What comes in: a running service, or a file of examples. What goes out: `Questions`. Nothing of it is told
on: names of customers stay between the service and this program.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wire import Answer, Ask, Line, Service


class NoAnswerError(Exception):
    """The service does not answer what is needed to ask it more."""


@dataclass(frozen=True)
class Questions:
    """What can be asked.

    Attributes:
        customer_ids: Customers it knows.
        categories: Categories it knows; or brands, where it has none.
        kind: Which of the two.
        products: Products it knows.
        keywords: Words that find several of them.
        as_of: Of which instant its scores are.
    """

    customer_ids: list[str]
    categories: list[str]
    kind: str
    products: list[str]
    keywords: list[str]
    as_of: str

    def customer(self, number: int) -> Ask:
        """All that is known of one customer."""
        return Ask.of("/customers", {"customer_ids": [self.customer_ids[number % len(self.customer_ids)]]})

    def history(self, number: int, orders: int = 30) -> Ask:
        """What is to be expected of a customer with so many orders."""
        draw, end = random.Random(number), datetime.fromisoformat(self.as_of)
        days = sorted(draw.sample(range(1, 400), orders), reverse=True)
        lines = [
            {
                "customer_id": f"load-{number}",
                "order_id": str(day),
                "ordered_at": (end - timedelta(days=day)).isoformat(),
                "product_id": draw.choice(self.products) if self.products else None,
            }
            for day in days
        ]
        return Ask.of("/predict", {"orders": lines})

    def target(self, number: int) -> Ask:
        """Who wants one category?"""
        body = {self.kind: self.categories[number % len(self.categories)], "limit": 1000}
        return Ask.of("/interested_in", body)

    def products_set(self, number: int, size: int) -> Ask:
        """Who wants any of so many products? Another number asks for another set."""
        some = random.Random(f"{size}-{number}").sample(self.products, min(size, len(self.products)))
        return Ask.of("/interested_in", {"product": some, "limit": 1000})

    def keyword(self, number: int) -> Ask:
        """Who wants what a word finds?"""
        return Ask.of(
            "/interested_in", {"keyword": self.keywords[number % len(self.keywords)], "limit": 1000}
        )


async def questions(service: Service, file: Path | None, seed: int) -> Questions:
    """What can be asked of a service: what a file says, the rest by asking.

    Raises:
        NoAnswerError: It does not answer, or refuses.
    """
    told: dict[str, Any] = json.loads(file.read_text()) if file else {}
    line = Line(service)
    health = await _asked(line, Ask("/health"))
    stranger = {"customer_id": "load", "order_id": "1", "ordered_at": "2000-01-01"}
    predicted = await _asked(line, Ask.of("/predict", {"orders": [stranger], "interests": 100}))
    by_kind: dict[str, list[str]] = {}
    for one in predicted["customers"][0]["interests"]:
        by_kind.setdefault(one["kind"], []).append(one["target"])
    kind = next((name for name in ("category", "brand", "product") if name in by_kind), "product")
    categories = told.get("categories") or by_kind.get(kind, [])
    found = await _asked(line, Ask.of("/interested_in", {kind: categories[0], "limit": 10_000}))
    customers = told.get("customer_ids") or [one["customer_id"] for one in found["customers"]]
    random.Random(seed).shuffle(customers)
    recommended = (
        await _asked(line, Ask.of("/recommend", {"customer_id": customers[0], "limit": 1000}))
        if "product" in by_kind
        else {"products": []}
    )
    products = told.get("products") or [one["product_id"] for one in recommended["products"]]
    words = Counter(
        word
        for one in recommended["products"]
        for word in set(str(one.get("name") or "").casefold().split())
        if len(word) > 3 and word.isalpha()
    )
    line.close()
    keywords = told.get("keywords") or [word for word, _ in words.most_common(40)]
    return Questions(customers, categories, kind, products, keywords, health["as_of"])


async def _asked(line: Line, ask: Ask) -> Any:
    answer: Answer = await line.ask(ask)
    if answer.status != 200:
        code = answer.json()["error"]["code"] if answer.body else "no answer"
        raise NoAnswerError(f"{ask.path} was answered {answer.status} ({code}); is a --key needed?")
    return answer.json()
