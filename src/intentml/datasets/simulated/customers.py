"""The hidden state of customers: who they are to the shop, which no table shows.

What comes in: settings, the catalogue and a block number. What goes out: `Hidden`, a struct of
arrays, already moved by the dial. It draws no order and no attribute of the customers table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from intentml.datasets.simulated.catalogue import Catalogue
from intentml.datasets.simulated.settings import SimulatedShop

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

NEVER_BUYS, BUYS_ONCE, BUYS_AGAIN = 0, 1, 2
NO_DEATH = 10**9
"""Day index of a death that does not come."""


@dataclass(frozen=True)
class Hidden:
    """Hidden state of U customers, in the order of their ids.

    Attributes:
        number: Number in the shop, from 0; the id follows from it.
        kind: NEVER_BUYS, BUYS_ONCE (leaves after one order) or BUYS_AGAIN.
        signup_day: Day index of the account.
        death_day: First day index on which the customer is lost for good; NO_DEATH if never.
        death_rate: Hazard of death per calendar day.
        mean_gap: Mean gap between orders, in shop days.
        regularity: Gamma shape of the gaps; 1 = memoryless.
        basket: Poisson mean of the lines of an order, before season and before empty ones are redrawn.
        persona: Kind of person.
        satisfaction: Standard normal; the happier stay longer and answer surveys better.
        brand_loyalty: Chance to take the favourite brand of a category.
        repeat_habit: Factor on the category's chance to take the product of last time.
        return_rate: Chance that a line comes back, before the category's factor.
        promo_affinity: Chance that an order uses a promotion code.
        store_share: Chance that an order is made in the store.
        browsing: Visits without an order per day.
        opener: Chance to open an e-mail.
        client: 0 individual, 1 corporate, 2 government.
        tastes: Shares of the categories in the customer's baskets. Shape: (U, J), rows sum to 1.
    """

    number: I64
    kind: I64
    signup_day: I64
    death_day: I64
    death_rate: F64
    mean_gap: F64
    regularity: F64
    basket: F64
    persona: I64
    satisfaction: F64
    brand_loyalty: F64
    repeat_habit: F64
    return_rate: F64
    promo_affinity: F64
    store_share: F64
    browsing: F64
    opener: F64
    client: I64
    tastes: F64

    def __len__(self) -> int:
        return len(self.number)

    @classmethod
    def concat(cls, parts: list[Hidden]) -> Hidden:
        """Blocks one after the other."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def alive(self, day: int) -> npt.NDArray[np.bool_]:
        """Whether each customer is alive throughout a day index. Shapes: (U,)."""
        return self.death_day > day


def block_range(settings: SimulatedShop, block: int) -> tuple[int, int]:
    """Numbers of the first customer of a block and of the one after its last."""
    first = block * settings.block_customers
    return first, min(first + settings.block_customers, settings.customers)


def same_day_chance(settings: SimulatedShop) -> float:
    """Chance that a buyer orders on the day of sign-up."""
    return 0.75 * (1 - settings.dial)


def first_order_delay(settings: SimulatedShop) -> float:
    """Mean shop days from sign-up to the first order of the others; memoryless."""
    return float(settings.toward_average(settings.first_order_delay_days, settings.noise_gap_days))


def draw_hidden(settings: SimulatedShop, catalogue: Catalogue, block: int) -> Hidden:
    """Draw the hidden state of one block of customers."""
    rng = settings.rng(1, block, 0)
    personal = 1 - settings.dial
    first, last = block_range(settings, block)
    size = last - first
    persona = rng.choice(len(catalogue.persona_shares), size=size, p=catalogue.persona_shares)
    satisfaction = rng.normal(size=size)
    client = rng.choice(3, size=size, p=(0.92, 0.06, 0.02))
    returner = rng.random(size) < 0.12
    # Frequent returners and companies buy more at a time, and returners more often.
    basket = np.exp(rng.normal(-0.1, 0.45, size=size) + 0.26 * returner + 0.47 * (client > 0))
    gap = settings.median_gap_days * np.exp(settings.gap_spread * rng.normal(size=size) - 0.22 * returner)
    kind = _draw_kinds(rng, settings, basket)
    death_rate = personal * np.exp(-0.4 * satisfaction - 0.08) / settings.lifetime_days
    signup = np.floor(personal * rng.integers(settings.days, size=size)).astype(np.int64)
    returns = np.where(returner, rng.uniform(0.25, 0.5, size=size), rng.beta(1.5, 40, size=size))
    browsing = settings.toward_average(rng.gamma(2.0, 0.5, size=size) + 1e-6, 1.0)

    def mixed(own: F64, average: float) -> F64:
        return personal * own + settings.dial * average

    return Hidden(
        number=np.arange(first, last),
        kind=kind,
        signup_day=signup,
        death_day=_draw_death_days(rng, signup, death_rate),
        death_rate=death_rate,
        mean_gap=settings.toward_average(np.maximum(gap, 2.0), settings.noise_gap_days),
        regularity=settings.toward_average(settings.max_regularity ** rng.random(size), 1.0),
        basket=settings.lines_per_order * settings.toward_average(basket, 1.0),
        persona=persona,
        satisfaction=satisfaction,
        brand_loyalty=personal * rng.beta(1.5, 1.5, size=size),
        repeat_habit=personal * rng.uniform(0.0, 1.2, size=size),
        return_rate=mixed(returns, 0.075),
        promo_affinity=mixed(rng.beta(0.6, 3.0, size=size), 1 / 6),
        store_share=mixed(rng.beta(0.5, 1.5, size=size), 0.25),
        browsing=settings.browsing_per_year / 365 * browsing,
        opener=rng.choice((0.75, 0.25, 0.02), size=size, p=(0.25, 0.4, 0.35)),
        client=client,
        tastes=_draw_tastes(rng, settings, catalogue, persona),
    )


def _draw_death_days(rng: np.random.Generator, signup: I64, death_rate: F64) -> I64:
    """The first day without the customer; each day after the sign-up is survived with exp(-rate)."""
    life = rng.exponential(size=len(signup)) / np.maximum(death_rate, 1e-300)
    day: I64 = (signup + 1 + np.floor(np.minimum(life, NO_DEATH))).astype(np.int64)
    return np.where(death_rate > 0, np.minimum(day, NO_DEATH), NO_DEATH)


def _draw_tastes(
    rng: np.random.Generator, settings: SimulatedShop, catalogue: Catalogue, persona: I64
) -> F64:
    """Dirichlet tastes around the persona's, moved toward the shop's by the dial. Shape: (U, J)."""
    shape = settings.taste_concentration * catalogue.personas[persona]
    own = rng.standard_gamma(shape) + 1e-12 * shape  # the second term keeps a row of zeros away
    own /= own.sum(axis=1, keepdims=True)
    tastes: F64 = (1 - settings.dial) * own + settings.dial * catalogue.tastes
    return tastes


def _draw_kinds(rng: np.random.Generator, settings: SimulatedShop, basket: F64) -> I64:
    """Who never buys, once, or again; a bigger basket makes one order less likely the only one."""
    personal = 1 - settings.dial
    never = rng.random(len(basket)) < personal * settings.prospects
    odds = settings.one_time_buyers / max(1 - settings.one_time_buyers, 1e-12) * basket**-0.8
    once = rng.random(len(basket)) < personal * odds / (1 + odds)
    kind: I64 = np.select([never, once], [NEVER_BUYS, BUYS_ONCE], BUYS_AGAIN).astype(np.int64)
    return kind
