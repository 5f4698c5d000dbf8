"""The declarations: complete, unique, and made from columns that the contracts know."""

from __future__ import annotations

import pytest

from intentml.tables.contracts import CONTRACTS
from intentml.traits.catalogue import TRAITS, traits_named, with_used
from intentml.traits.first_order import FIRST_ORDER
from intentml.traits.recency import RECENCY
from intentml.traits.rhythm import RHYTHM
from intentml.traits.trait import Trait
from intentml.traits.value import VALUE

every_trait = pytest.mark.parametrize("trait", TRAITS.values(), ids=TRAITS)


def test_no_name_is_declared_twice() -> None:
    assert len(TRAITS) == len(RECENCY) + len(VALUE) + len(RHYTHM) + len(FIRST_ORDER)


@every_trait
def test_it_is_made_from_columns_of_the_contracts(trait: Trait) -> None:
    for need in trait.needs:
        table, column = need.split(".")
        assert column in CONTRACTS[table]


@every_trait
def test_it_says_what_it_means_and_when_it_is_null(trait: Trait) -> None:
    assert trait.meaning.endswith(".")
    assert trait.unit
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
