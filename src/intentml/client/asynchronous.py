"""The client that awaits: `intentml.AsyncClient`, with the methods of `intentml.Client`.

What comes in: questions. What goes out: results (`answers`), or an error. What is asked, and what comes of
it, stands in `questions` and `exchange`; here it is sent.
"""

from __future__ import annotations

import asyncio
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


class AsyncClient:
    """Asks a running service, and waits beside other work of asyncio.

        async with im.AsyncClient("http://127.0.0.1:3000") as shop:
            (await shop.interested_in(category="CHEESE", limit=100)).customers

    Everything else is as in `intentml.Client`: arguments, results, retries, errors.

    Args:
        url: Where the service listens.
        key: The API key, if it wants one.
        timeout: Seconds that one request may take, its retries and the waits between included.
        retries: How often a request is sent again, at most.
        edges: Clock, sleep, chance and transport, for tests; its sleep is awaited.

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
        self._http: httpx.AsyncClient = self._httpx.AsyncClient(
            base_url=self.url, headers=standing_headers(key), transport=self._edges.transport
        )

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def interested_in(
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
        """Who wants to buy these? Customers, ranked; what is named is one set of products."""
        return await self._ask(
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

    async def recommend(
        self,
        customer_id: str | None = None,
        limit: int = 10,
        *,
        orders: Orders | None = None,
        keyword: str | None = None,
        exclude_bought_days: float | None = None,
        horizon_days: int | None = None,
    ) -> answers.Recommendation:
        """What does this customer want? Products, ranked."""
        return await self._ask(
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

    async def customers(self, customer_ids: str | Iterable[str]) -> answers.Customers:
        """All that is known and predicted of these customers."""
        return await self._ask(questions.customers(customer_ids))

    async def lifecycle(self, customer_ids: str | Iterable[str]) -> answers.Lifecycle:
        """Where these customers stand, against their own rhythm or the shop's."""
        return await self._ask(questions.lifecycle(customer_ids))

    async def predict(
        self,
        orders: Orders,
        *,
        horizon_days: int | None = None,
        interests: int = 10,
    ) -> answers.Predicted:
        """What is to be expected of customers with these histories, known to the shop or not."""
        return await self._ask(questions.predict(orders, horizon_days, interests))

    async def explain(
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
        """Why a customer is expected to buy that, or not to order."""
        return await self._ask(
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

    async def add_orders(self, orders: Orders, *, idempotency_key: str | None = None) -> answers.Accepted:
        """New order lines: their customers are scored anew, and every answer from then on knows them."""
        return await self._ask(questions.add_orders(orders, idempotency_key or self._edges.new_key()))

    async def audiences(self) -> answers.Audiences:
        """The audiences there are, and how many are in each."""
        return await self._ask(questions.audiences())

    async def preview(self, audience: Audience) -> answers.Preview:
        """An audience at a glance."""
        return await self._ask(questions.preview(audience))

    async def members(
        self,
        audience: Audience,
        *,
        fields: str | Iterable[str] = (),
        limit: int | None = None,
        page_size: int = 1_000,
    ) -> answers.Members:
        """Who is in an audience: all pages of it, joined."""
        return await self._ask(questions.members(audience, fields, limit, page_size))

    async def explain_member(self, audience: Audience, customer_id: str) -> answers.AudienceAnswer:
        """Why a customer is in an audience, or is not: every part of the rule, with the value seen."""
        return await self._ask(questions.explain_member(audience, customer_id))

    async def compare(self, audiences: Sequence[str]) -> answers.Comparison:
        """Audiences side by side."""
        return await self._ask(questions.compare(audiences))

    async def health(self) -> answers.Health:
        """Which scores and which model answer."""
        return await self._ask(questions.health())

    async def ready(self) -> bool:
        """Whether it is ready to answer; asked once, without retries."""
        return await self._ask(questions.ready())

    async def version(self) -> dict[str, Any]:
        """The versions of what answers."""
        return await self._ask(questions.version())

    async def reload(self) -> answers.Answer:
        """Have the service take up new scores; needs a key that may."""
        return await self._ask(questions.reload())

    async def _ask(self, conversation: Conversation[Result]) -> Result:
        """Take the steps of a conversation to its end."""
        steps = talk(conversation, self._patience, self._edges.clock, self._edges.randomness)
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._take(step))
        except StopIteration as end:
            result: Result = end.value
            return result

    async def _take(self, step: Send | Wait) -> Outcome | None:
        if isinstance(step, Send):
            return await self._send(step)
        await (self._edges.sleep or asyncio.sleep)(step.seconds)
        return None

    async def _send(self, step: Send) -> Outcome:
        asked, parts = step.question, []
        end = self._edges.clock() + step.seconds
        try:
            async with self._http.stream(
                asked.method, asked.path, content=asked.content, headers=asked.headers, timeout=step.seconds
            ) as response:
                async for part in response.aiter_bytes():
                    parts.append(part)
                    if self._edges.clock() > end:
                        return Lost("the answer came too slowly", in_time=False)
                return Reply(response.status_code, response.headers, b"".join(parts))
        except self._httpx.RequestError as problem:
            in_time = not isinstance(problem, self._httpx.TimeoutException)
            return Lost(type(problem).__name__, in_time=in_time)
