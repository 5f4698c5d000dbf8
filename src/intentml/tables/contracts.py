"""What a row means: the columns of orders, products, customers and events, by name, type and meaning.

What comes in: nothing. What goes out: one `Contract` per table, which reading, checking, datasets
and docs all use; a column name is written here and nowhere else as a bare rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

Kind = Literal["text", "time", "date", "number", "flag"]

TIMESTAMP = pa.timestamp("us", tz="UTC")
ARROW_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "time": TIMESTAMP,
    "date": pa.date32(),
    "number": pa.float64(),
    "flag": pa.bool_(),
}


@dataclass(frozen=True)
class Column:
    """One column of a contract.

    Attributes:
        name: Its name in our tables; a mapping translates foreign names into it.
        kind: text, time (instant), date, number or flag.
        meaning: One line for the docs, with the unit where there is one.
        required: The table is refused without it, and nulls in it are failures.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type that the column has after reading."""
        return ARROW_TYPES[self.kind]


@dataclass(frozen=True)
class Contract:
    """The columns of one table.

    Attributes:
        name: Table (and file) name.
        columns: All columns the package knows, in order.
        key: Column that must be unique and not null, if any.
        open: Whether columns beyond the contract are kept as they are.
    """

    name: str
    columns: tuple[Column, ...]
    key: str | None = None
    open: bool = False

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in contract order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that the table cannot do without."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the table after reading (contract columns alone)."""
        return pa.schema([(column.name, column.arrow_type) for column in self.columns])


ORDERS = Contract(
    "orders",
    (
        Column("customer_id", "text", "who bought; null = unknown buyer, counted, not used", required=True),
        Column("order_id", "text", "the order (basket, invoice) the line belongs to", required=True),
        Column("ordered_at", "time", "when it was ordered", required=True),
        Column("product_id", "text", "what was bought; null = no product known"),
        Column("quantity", "number", "pieces; null counts as 1, negative is a return"),
        Column("unit_price", "number", "price paid per piece, in `currency`"),
        Column("currency", "text", "ISO 4217 code"),
        Column("status", "text", "null or completed = bought; returned; others counted, not used"),
        Column("discount", "number", "discount on the whole line, in `currency`"),
        Column("promo_code", "text", "promotion code used"),
        Column("tax", "number", "tax on the whole line, in `currency`"),
        Column("channel", "text", "where it was ordered: web, store, app ..."),
        Column("recorded_at", "time", "when the shop's systems knew of the line"),
        Column("returned_at", "time", "when the line was returned"),
    ),
)

PRODUCTS = Contract(
    "products",
    (
        Column("product_id", "text", "the product", required=True),
        Column("name", "text", "its name, searched by keyword"),
        Column("category", "text", "the source's main level, not always the leaf"),
        Column("category_path", "text", "`a > b > c`, from the root"),
        Column("brand", "text", "its brand"),
        Column("price", "number", "list price; undated, so the model never reads it"),
        Column("created_at", "time", "when it joined the catalogue; null = always there"),
    ),
    key="product_id",
)

CUSTOMERS = Contract(
    "customers",
    (
        Column("customer_id", "text", "the customer", required=True),
        Column("email", "text", "address; never logged"),
        Column("phone", "text", "telephone number; never logged"),
        Column("birth_date", "date", "date of birth"),
        Column("gender", "text", "as the shop writes it"),
        Column("country", "text", "ISO 3166 code or name"),
        Column("region", "text", "region or state"),
        Column("department", "text", "department or county"),
        Column("city", "text", "city"),
        Column("latitude", "number", "degrees north"),
        Column("longitude", "number", "degrees east"),
        Column("area_type", "text", "city, residential, rural ..."),
        Column("language", "text", "ISO 639 code"),
        Column("subscribed", "flag", "agreed to e-mail"),
        Column("client_type", "text", "individual, corporate, government"),
        Column("groups", "text", "groups the customer is in, separated by `;`"),
        Column("acquisition_source", "text", "search, social, referral ..."),
        Column("created_at", "time", "when they signed up; null = always there"),
        Column("consent_ad_user_data", "text", "granted, denied or unknown"),
        Column("consent_ad_personalization", "text", "granted, denied or unknown"),
    ),
    key="customer_id",
    open=True,
)

EVENTS = Contract(
    "events",
    (
        Column("customer_id", "text", "who did it", required=True),
        Column("event_type", "text", "signup, visit, page_view, product_view, cart_add ...", required=True),
        Column("occurred_at", "time", "when it happened", required=True),
        Column("recorded_at", "time", "when the shop's systems knew of it"),
        Column("product_id", "text", "the product it was about"),
        Column("session_id", "text", "visit it belongs to"),
        Column("page_type", "text", "home, product, pricing ..."),
        Column("source", "text", "search, social, mail ..."),
        Column("duration_s", "number", "seconds on the page or in the visit"),
        Column("value", "number", "an amount or an answer (NPS: 0 to 10)"),
        Column("campaign_id", "text", "campaign it belongs to"),
    ),
    open=True,
)

EVENT_TYPES = (
    "signup",
    "visit",
    "page_view",
    "product_view",
    "cart_add",
    "cart_remove",
    "checkout_started",
    "email_sent",
    "email_opened",
    "email_clicked",
    "nps_answer",
    "campaign_received",
    "coupon_redeemed",
)

CONTRACTS: dict[str, Contract] = {table.name: table for table in (ORDERS, PRODUCTS, CUSTOMERS, EVENTS)}
PATH_SEPARATOR = " > "
