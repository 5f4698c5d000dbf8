"""What can be turned on the simulated shop: every knob with its unit, range, default and reason.

What comes in: keyword values. What goes out: one frozen value that, together with the code, fixes
every row of the shop. It draws nothing.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator


class SimulatedShop(BaseModel):
    """Settings of a simulated shop; the same settings give byte-identical tables.

    `dial` moves everything personal (rate, rhythm, lifetime, tastes, brands, repeat habit, basket
    size, browsing) from each customer's own value at 0 to the shop's average at 1. At 1 every
    customer is there from the first day, never leaves, and orders by the same memoryless law, so
    nothing about a person's future can be learnt from the past.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    customers: int = Field(
        20_000, ge=1, description="people with an account; 20,000 is a mid-sized shop that takes seconds"
    )
    seed: int = Field(0, ge=0, description="root of all randomness; any integer, 0 by custom")
    dial: float = Field(0.0, ge=0, le=1, description="0 = lawful, 1 = pure noise; lawful is what a shop is")
    start: dt.date = Field(
        dt.date(2023, 7, 1), description="first day (UTC) of the shop; two years show each season twice"
    )
    end: dt.date = Field(
        dt.date(2025, 7, 1), description="first day (UTC) after the data, half-open as all windows"
    )
    departments: int = Field(7, ge=1, le=7, description="nodes of the first level; 7 = the whole vocabulary")
    categories_per_department: int = Field(
        4, ge=1, le=4, description="most nodes of the second level in a department; 4 = the whole vocabulary"
    )
    types_per_category: int = Field(
        3, ge=1, le=3, description="most nodes of the third level in a category; 3 = the whole vocabulary"
    )
    products_per_type: int = Field(
        30, ge=2, le=2_000, description="products of a type, sold or not; 30 gives some 2,000 products"
    )
    prospects: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="share of the customers who sign up and never buy; a fifth, so that they matter",
    )
    one_time_buyers: float = Field(
        0.48,
        ge=0,
        le=1,
        description="share of the others who leave after one order; with newcomers and early leavers "
        "about 60 % of the buyers then have exactly one order, as shops report",
    )
    median_gap_days: float = Field(
        55, ge=2, le=1_000, description="median over customers of the mean days between orders; two months"
    )
    gap_spread: float = Field(
        0.8,
        ge=0,
        le=2,
        description="standard deviation of the logarithm of the mean gap; 0.8 = weekly to yearly",
    )
    max_regularity: float = Field(
        8,
        ge=1,
        le=50,
        description="largest gamma shape of the gaps; 1 = random, 8 = gaps within a third of the mean",
    )
    lifetime_days: float = Field(
        400,
        ge=5,
        description="mean days until a customer is lost for good, at average satisfaction; a year and a bit",
    )
    first_order_delay_days: float = Field(
        30,
        ge=1,
        description="mean days from sign-up to the first order of those who do not order at once; a month",
    )
    noise_gap_days: float = Field(
        250, ge=2, description="mean days between orders at dial 1; 250 gives about as many orders as dial 0"
    )
    lines_per_order: float = Field(
        1.8,
        gt=0,
        le=30,
        description="Poisson mean of an average customer's lines before empty baskets are redrawn",
    )
    taste_concentration: float = Field(
        5.0,
        gt=0,
        le=1_000,
        description="Dirichlet concentration of tastes around the persona; 5 = a few favourites",
    )
    browsing_per_year: float = Field(
        4.0, ge=0, le=400, description="mean visits without an order per customer and year; one a quarter"
    )
    guest_orders: float = Field(
        0.01, ge=0, le=1, description="orders without a customer per order with one; 1 % is common in tills"
    )
    late_lines: float = Field(
        0.02,
        ge=0,
        le=1,
        description="share of orders recorded days, not minutes, later; 2 % makes as_of honest",
    )
    block_customers: int = Field(
        5_000, ge=1, description="customers drawn together; a full block is the same in a shop of any size"
    )

    @model_validator(mode="after")
    def _dates_in_order(self) -> SimulatedShop:
        if (self.end - self.start).days < 2:
            raise ValueError(f"end {self.end} must be at least 2 days after start {self.start}")
        return self

    @property
    def days(self) -> int:
        """Days from start to end."""
        return (self.end - self.start).days

    @property
    def blocks(self) -> int:
        """Number of blocks of customers."""
        return -(-self.customers // self.block_customers)

    def toward_average(self, own: npt.ArrayLike, average: float) -> npt.NDArray[np.float64]:
        """A positive personal quantity moved by the dial, on the logarithmic scale."""
        moved = (1 - self.dial) * np.log(own) + self.dial * np.log(average)
        return np.exp(np.asarray(moved, np.float64))

    def rng(self, *place: int) -> np.random.Generator:
        """An independent stream for one place, e.g. (block, stage); the same whatever else is drawn."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=place))
