"""The declarations: complete, unique, and made from columns that the contracts know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from intentml.tables.contracts import CONTRACTS
from intentml.traits.catalogue import DECLARED, TRAITS, missing_traits, traits_named, with_used
from intentml.traits.trait import Trait
from tiny import tiny_tables

every_trait = pytest.mark.parametrize("trait", TRAITS.values(), ids=TRAITS)


def test_no_name_is_declared_twice() -> None:
    assert len(TRAITS) == len(DECLARED)


@every_trait
def test_it_is_made_from_columns_of_the_contracts(trait: Trait) -> None:
    for need in trait.needs:
        table, column = need.split(".")
        assert column in CONTRACTS[table]


@every_trait
def test_it_says_what_it_means_and_when_it_is_null(trait: Trait) -> None:
    assert trait.meaning.endswith(".")
    assert bool(trait.unit) == (trait.type in ("int64", "float64"))
    assert trait.null_means or trait.prospects is not None or trait.relation == "customers"


@every_trait
def test_only_an_expression_over_customers_uses_other_traits(trait: Trait) -> None:
    assert not trait.uses or trait.relation == "customers"
    assert set(trait.uses) <= set(TRAITS)


def test_what_a_trait_uses_comes_before_it() -> None:
    names = [trait.name for trait in with_used(traits_named(["monetary_net"]))]
    assert names == ["monetary", "returned_amount", "monetary_net"]


def test_names_come_back_in_catalogue_order_and_once() -> None:
    names = [trait.name for trait in traits_named(["monetary", "recency_days", "monetary"])]
    assert names == ["recency_days", "monetary"]


def test_a_shop_that_lacks_a_column_lacks_the_traits_made_from_it_and_those_made_of_them() -> None:
    lacking = missing_traits(tiny_tables())
    assert lacking["promo_orders"] == lacking["promo_share"] == "orders.promo_code"
    assert lacking["age"] == "customers.birth_date"
    assert "monetary" not in lacking


def test_a_shop_of_orders_alone_still_has_what_orders_tell() -> None:
    tables = replace(tiny_tables(), present={"orders": ("customer_id", "order_id", "ordered_at")})
    lacking = missing_traits(tables)
    assert lacking["funnel_step"] == lacking["visits"] == "events.event_type"
    assert lacking["monetary_net"] == "orders.unit_price"
    assert not {"frequency", "recency_days", "gap_median_days", "first_order_items"} & set(lacking)
