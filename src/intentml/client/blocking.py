"""The client that blocks: `intentml.Client`.

What comes in: questions. What goes out: results (`answers`), or an error. What is asked, and what comes of
it, stands in `questions` and `exchange`; here it is sent.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from intentml.client import questions
from intentml.client.edges import Edges, httpx_module, patience, service_address, standing_headers
from intentml.client.exchange import Conversation, Lost, Outcome, Reply, Result, Send, Wait, talk

if TYPE_CHECKING:
    import httpx

    from intentml.client import answers
    from intentml.client.lines import Orders
    from intentml.client.questions import Audience


class Client:
    """Asks a running service.

        with im.Client("http://127.0.0.1:3000") as shop:
            shop.interested_in(category="CHEESE", limit=100).customers

    A question is sent again where no connection was to be had and where the service says 429 or 503, after a
    wait that grows, is drawn at random, and is at least what the service asks for. Any other refusal is
    raised at once, as the class of `intentml.errors` that the same question raises in Python, with its
    `status` and `request_id`.

    Args:
        url: Where the service listens.
        key: The API key, if it wants one.
        timeout: Seconds that one request may take, its retries and the waits between included. Questions
            about many customers are several requests.
        retries: How often a request is sent again, at most.
        edges: Clock, sleep, chance and transport, for tests.

    Raises:
        ServiceError: httpx is not installed.
        RequestError: The address, the key, `timeout` or `retries` cannot be meant.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 10.0,
        retries: int = 3,
        edges: Edges | None = None,
    ) -> None:
        self.url = service_address(url)
        self._edges = edges or Edges()
        self._patience = patience(timeout, retries)
        self._httpx = httpx_module()
        self._http: httpx.Client = self._httpx.Client(
            base_url=self.url, headers=standing_headers(key), transport=self._edges.transport
        )

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def interested_in(
        self,
        *,
        product: str | Iterable[str] = (),
        category: str | Iterable[str] = (),
        brand: str | Iterable[str] = (),
        keyword: str | None = None,
        new_product: Mapping[str, Any] | None = None,
        audience: Audience | None = None,
        limit: int | None = None,
        min_probability: float | None = None,
        share: float | None = None,
        horizon_days: int | None = None,
    ) -> answers.InterestedIn:
        """Who wants to buy these? Customers, ranked; what is named is one set of products.

        Args:
            product: One or more product ids.
            category: One or more categories or nodes.
            brand: One or more brands.
            keyword: Words that products are searched by.
            new_product: A product that is not in the catalogue: name, category, brand, price.
            audience: Only its members: a name, or a rule as text or tree.
            limit: At most this many customers; or else one of the next two.
            min_probability: Only customers at least this likely to buy.
            share: Only this share of the customers, the likeliest.
            horizon_days: One of the horizons scored; the first where left out.
        """
        return self._ask(
            questions.interested_in(
                {
                    "product": product,
                    "category": category,
                    "brand": brand,
                    "keyword": keyword,
                    "new_product": new_product,
                    "audience": audience,
                    "limit": limit,
                    "min_probability": min_probability,
                    "share": share,
                    "horizon_days": horizon_days,
                }
            )
        )

    def recommend(
        self,
        customer_id: str | None = None,
        limit: int = 10,
        *,
        orders: Orders | None = None,
        keyword: str | None = None,
        exclude_bought_days: float | None = None,
        horizon_days: int | None = None,
    ) -> answers.Recommendation:
        """What does this customer want? Products, ranked.

        Args:
            customer_id: The customer, whom the shop knows.
            limit: At most so many products.
            orders: Or the customer's whole history, as in `predict`.
            keyword: Only products that match.
            exclude_bought_days: Leave out what was bought within so many days before as_of.
            horizon_days: One of the horizons scored; the first where left out.
        """
        return self._ask(
            questions.recommend(
                orders,
                {
                    "customer_id": customer_id,
                    "limit": limit,
                    "keyword": keyword,
                    "exclude_bought_days": exclude_bought_days,
                    "horizon_days": horizon_days,
                },
            )
        )

    def customers(self, customer_ids: str | Iterable[str]) -> answers.Customers:
        """All that is known and predicted of these customers.

        Args:
            customer_ids: As many as you like; they are asked about 1,000 at once.
        """
        return self._ask(questions.customers(customer_ids))

    def lifecycle(self, customer_ids: str | Iterable[str]) -> answers.Lifecycle:
        """Where these customers stand, against their own rhythm or the shop's.

        Args:
            customer_ids: As many as you like; they are asked about 1,000 at once.
        """
        return self._ask(questions.lifecycle(customer_ids))

    def predict(
        self,
        orders: Orders,
        *,
        horizon_days: int | None = None,
        interests: int = 10,
    ) -> answers.Predicted:
        """What is to be expected of customers with these histories, known to the shop or not.

        Args:
            orders: Whole histories before as_of, in the columns of the table orders: a DataFrame or a
                dictionary a line. What is missing is left out; a time without a zone is the shop's own.
                1,000 customers are asked about at once.
            horizon_days: One of the horizons scored; the first where left out.
            interests: How many targets of each kind a customer.
        """
        return self._ask(questions.predict(orders, horizon_days, interests))

    def explain(
        self,
        orders: Orders | None = None,
        *,
        customer_id: str | None = None,
        product: str | None = None,
        category: str | None = None,
        brand: str | None = None,
        no_order: bool = False,
        horizon_days: int | None = None,
    ) -> answers.Explained:
        """Why a customer is expected to buy that, or not to order.

        Args:
            orders: One customer's whole history, as in `predict`.
            customer_id: Or the customer, whose history the shop knows.
            product: A product id; or else one of the next three.
            category: A category or node.
            brand: A brand.
            no_order: Why the customer may not order at all.
            horizon_days: One of the horizons scored; the first where left out.
        """
        return self._ask(
            questions.explain(
                orders,
                {
                    "customer_id": customer_id,
                    "product": product,
                    "category": category,
                    "brand": brand,
                    "no_order": no_order or None,
                    "horizon_days": horizon_days,
                },
            )
        )

    def add_orders(self, orders: Orders, *, idempotency_key: str | None = None) -> answers.Accepted:
        """New order lines: their customers are scored anew, and every answer from then on knows them.

        Args:
            orders: As in `predict`, but only what is new, and of at most 1,000 customers: they are sent as
                one, so that all of them are taken in or none.
            idempotency_key: Lines sent again under the same key count once; a new one where none is
                given, the same for all retries of this call.
        """
        return self._ask(questions.add_orders(orders, idempotency_key or self._edges.new_key()))

    def audiences(self) -> answers.Audiences:
        """The audiences there are, and how many are in each."""
        return self._ask(questions.audiences())

    def preview(self, audience: Audience) -> answers.Preview:
        """An audience at a glance.

        Args:
            audience: The name of one, or a rule as text or tree.
        """
        return self._ask(questions.preview(audience))

    def members(
        self,
        audience: Audience,
        *,
        fields: str | Iterable[str] = (),
        limit: int | None = None,
        page_size: int = 1_000,
    ) -> answers.Members:
        """Who is in an audience: all pages of it, joined.

        Args:
            audience: The name of one, or a rule as text or tree.
            fields: Fields of the members that are told beside their ids.
            limit: At most so many customers.
            page_size: How many are asked for at once.
        """
        return self._ask(questions.members(audience, fields, limit, page_size))

    def explain_member(self, audience: Audience, customer_id: str) -> answers.AudienceAnswer:
        """Why a customer is in an audience, or is not: every part of the rule, with the value seen.

        Args:
            audience: The name of one, or a rule as text or tree.
            customer_id: The customer.
        """
        return self._ask(questions.explain_member(audience, customer_id))

    def compare(self, audiences: Sequence[str]) -> answers.Comparison:
        """Audiences side by side.

        Args:
            audiences: Names.
        """
        return self._ask(questions.compare(audiences))

    def health(self) -> answers.Health:
        """Which scores and which model answer."""
        return self._ask(questions.health())

    def ready(self) -> bool:
        """Whether it is ready to answer; asked once, without retries."""
        return self._ask(questions.ready())

    def version(self) -> dict[str, Any]:
        """The versions of what answers."""
        return self._ask(questions.version())

    def reload(self) -> answers.Answer:
        """Have the service take up new scores; needs a key that may."""
        return self._ask(questions.reload())

    def _ask(self, conversation: Conversation[Result]) -> Result:
        """Take the steps of a conversation to its end."""
        steps = talk(conversation, self._patience, self._edges.clock, self._edges.randomness)
        try:
            step = next(steps)
            while True:
                step = steps.send(self._take(step))
        except StopIteration as end:
            result: Result = end.value
            return result

    def _take(self, step: Send | Wait) -> Outcome | None:
        if isinstance(step, Send):
            return self._send(step)
        (self._edges.sleep or time.sleep)(step.seconds)
        return None

    def _send(self, step: Send) -> Outcome:
        asked, parts = step.question, []
        end = self._edges.clock() + step.seconds
        try:
            with self._http.stream(
                asked.method, asked.path, content=asked.content, headers=asked.headers, timeout=step.seconds
            ) as response:
                for part in response.iter_bytes():
                    parts.append(part)
                    if self._edges.clock() > end:
                        return Lost("the answer came too slowly", in_time=False)
                return Reply(response.status_code, response.headers, b"".join(parts))
        except self._httpx.RequestError as problem:
            in_time = not isinstance(problem, self._httpx.TimeoutException)
            return Lost(type(problem).__name__, in_time=in_time)
