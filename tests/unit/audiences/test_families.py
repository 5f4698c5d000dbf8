"""Audiences made in families: by product names, and by combination."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from intentml.audiences.audience import audience_of, named, rules_of
from intentml.audiences.families import crossed, interested, long_tail, never_sold, read_folder
from intentml.audiences.selector import Selector
from intentml.errors import RuleError
from random_rules import random_view


def test_a_name_gives_an_audience_that_reads_like_one_written_by_hand():
    found = interested(["Under Armour", "Zapatillas d'été"], brands=["Nike"], products=["p1"], top_share=0.05)
    assert {name: one.text for name, one in found.items()} == {
        "interested-under-armour": "interested_in('Under Armour', top 5%)",
        "interested-zapatillas-d-ete": "interested_in('Zapatillas d''été', top 5%)",
        "interested-brand-nike": "interested_in(brand = 'Nike', top 5%)",
        "interested-product-p1": "interested_in(product = 'p1', top 5%)",
    }
    assert found["interested-under-armour"].title == "Interested in Under Armour"


@pytest.mark.parametrize(
    ("names", "why"),
    [(["Nike", "NIKE"], "two audiences would be called 'interested-nike'"), (["鞋"], "no letter")],
)
def test_names_that_cannot_be_told_apart_are_refused(names, why):
    with pytest.raises(RuleError, match=why):
        interested(names)


def test_every_combination_of_groups_is_an_audience():
    view = random_view(np.random.default_rng(3), customers=60)
    rules = {"few": "orders <= 1", "many": "orders > 1", "lyon": "city = Lyon", "paris": "city = Paris"}
    one = {name: audience_of(name, {"title": name.title(), "rule": rule}) for name, rule in rules.items()}
    both = crossed({n: one[n] for n in ("few", "many")}, {n: one[n] for n in ("lyon", "paris")})
    assert list(both) == ["few-and-lyon", "few-and-paris", "many-and-lyon", "many-and-paris"]
    assert both["many-and-paris"].title == "Many, Paris"
    selector = Selector(view, rules_of(one.values()))
    found = [set(selector.members(audience.rule)) for audience in both.values()]
    expected = set(selector.members(one["many"].rule)) & set(selector.members(one["paris"].rule))
    assert found[3] == expected != set()
    assert sum(map(len, found)) == len(set().union(*found))


def test_the_long_tail_is_what_fewest_customers_bought_and_the_never_sold_is_no_part_of_it():
    view = random_view(np.random.default_rng(5))
    bought = view.lines.to_pandas().dropna(subset=["product"]).query("product != 2")
    lines = view.lines.filter(view.lines["product"].to_numpy() != 2)
    view = replace(view, lines=lines)
    buyers = bought.groupby("product")["row"].nunique().sort_values(kind="stable")
    assert long_tail(view, 3) == [f"p{int(product)}" for product in buyers.index[:3]]
    assert never_sold(view) == ["p2"]
    with pytest.raises(RuleError, match="needs the shop's tables"):
        long_tail(replace(view, lines=None))


def test_a_file_of_a_folder_holds_an_audience_or_a_family(tmp_path):
    (tmp_path / "often.yaml").write_text("title: Often\nrule: orders >= 5\n")
    (tmp_path / "brands.yaml").write_text(
        "interested: {keywords: [sneakers], brands: [Nike, Puma], among: often, top_share: 0.05}\n"
    )
    found, broken = read_folder(tmp_path)
    assert not broken
    family = interested(["sneakers"], brands=["Nike", "Puma"], among="often", top_share=0.05)
    assert found == {"often": audience_of("often", {"title": "Often", "rule": "orders >= 5"}), **family}
    assert len(found) == 4


def test_a_family_is_no_audience(tmp_path):
    (tmp_path / "brands.yaml").write_text("interested: {brands: [Nike]}\n")
    with pytest.raises(RuleError, match="'brands' is a family of audiences"):
        named(str(tmp_path / "brands.yaml"), {})


@pytest.mark.parametrize(
    ("family", "why"),
    [
        ("{}", "the family 'brands' names nothing"),
        ("{keyword: [Nike]}", "interested: keyword: there is no such key"),
        ("{keywords: Nike}", "interested: keywords: it should be a valid list"),
        ("{keywords: [Nike], top_share: 2}", "interested: top_share: "),
        ("{keywords: [Nike, nike]}", "two audiences would be called 'interested-nike'"),
        ("{keywords: [own]}", "two audiences would be called 'interested-own'"),
    ],
)
def test_a_family_that_cannot_be_told_is_one_error(tmp_path, family, why):
    (tmp_path / "interested-own.yaml").write_text("title: Own\nrule: orders >= 5\n")
    (tmp_path / "brands.yaml").write_text(f"interested: {family}\n")
    found, broken = read_folder(tmp_path)
    (stem,) = broken
    assert re.search(why, broken[stem].message)
    assert list(found) == ([] if stem == "interested-own" else ["interested-own"])


def test_broken_files_are_told_each_by_its_name_and_the_others_are_had(tmp_path):
    (tmp_path / "fine.yaml").write_text("title: Fine\nrule: orders >= 5\n")
    broken = {
        "cut": b"title: [",
        "latin": "title: Stra\xdfe\nrule: orders >= 5\n".encode("latin-1"),
        "empty": b"",
        "worse": b"title: Worse\nrule: orders >=\n",
        "Capital": b"title: Capital\nrule: orders >= 1\n",
        "spring": b"title: Spring\nrule: orders >= 1\nfrom: 2025-02-30\n",
        "deep": b"rule: " + b"[" * 3_000 + b"]" * 3_000,
    }
    for name, content in broken.items():
        (tmp_path / f"{name}.yaml").write_bytes(content)
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    found, told = read_folder(tmp_path)
    assert list(found) == ["fine"]
    assert set(told) == {*broken, "folder", "gone"}
    assert "spring.yaml is no YAML: day is out of range" in told["spring"].message
    assert "cut.yaml is no YAML in line 1" in told["cut"].message
    assert "latin.yaml is no text in UTF-8" in told["latin"].message
    assert not any(str(tmp_path) in problem.message for problem in told.values())
