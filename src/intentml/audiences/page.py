"""The docs page of the presets: every capability that four sources name, and what answers it here.

What comes in: the presets, and the rows below. What goes out: Markdown text; who writes it to a file is the
caller's matter. A preset stands in the rows that its `source` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from intentml.audiences.audience import Audience, presets

HEADER = """# Audiences

Made by `presets_page()` from the presets and `audiences/page.py`; a test holds it up to date.

A file of this folder is an audience of the shop's own, named after the file:

```yaml
title: Lost VIPs
about: >-
  The best customers of the past who do not come back.
rule: >-
  importance = vip AND lifecycle = lost AND NOT purchased(brand = 'Nike', last 90 days)
```

`holdout: 0.2` beside them keeps a fifth of the members, the same ones every day, from being contacted:
`members`, `refresh`, `diff` and `as-of` mark them, and `lift` compares the others with them.

A rule is text, or the same as a tree of `all`, `any` and `none`, in YAML or JSON:

```yaml
rule:
  all:
    - {field: importance, op: "=", value: vip}
    - purchased: {category: [CHEESE], last_days: 90, orders: {at_least: 2}}
    - none:
        - interested_in: {keyword: sneaker, top_share: 0.2}
        - event: {type: [product_view], last_days: 14, count: {at_least: 3}}
```

Windows count in days. `purchased` takes product, category, brand or keyword; last and before last days;
orders, quantity and spend. `event` takes its type, products as those, last and before last days; count,
value, page_type, source and campaign_id. The fields a rule may name are the traits, the columns of the
scores, survival at any horizon (`survival_100`), any further column of the customers table, and two of the
shop's own making: `newcomer` (one_off, returning or high_potential while the first order lies within the
shop's usual time to a second one; else null) and `lead_score` (points for rules, summed: `lead_score.yaml` of
the package, or a file of that form). [TRAITS.md](TRAITS.md) lists them all, with the operators of each type.
A file with a preset's name stands in the preset's place.

## What the sources ask, and what answers it

C = Clerk.io Audience, O = Optimove, S = ShopiMind, K = a class on segmentation.
"""
DECISIONS = """
## Where the sources leave something open

| row | open | here |
| --- | --- | --- |
| C11 | when a customer is lost | from two of the own cycles on; slipping away from 1.2; both stretch \
for irregular customers where validation says so |
| C11 | Just Ordered, a state that another page of the vendor has | a part of active and new, so nobody \
is in two stages |
| C09 | how large the share of one-time buyers is (70 % and 90 % are told) | reported, never assumed |
| K02 | days 8 to 30 | warm, as up to day 90; cold after |
| K01 | whether an answer of 0 counts | it does, among the detractors |
| S09 | 35 and 50 years are in two bands | each in the upper one |
| S07, S08 | regular and loyal | two audiences: `regular` asks when, `more-than-three-orders` how often |
| S08 | 150 EUR before tax | `last_order_spend_without_tax`, in the shop's main currency |
| S03 | what opening all, some or none is | four in five, some, none; of three e-mails or more in 90 days |
| S07, S08 | months | in rules, 3 and 6 are 91 and 183 days; scenarios count by the calendar |
| O03 | whether a returner is worth less | value is told after returns; a high rate shuts nobody out |

## The presets
"""


class Row(NamedTuple):
    """A capability that a source names.

    Attributes:
        row: Its number among the project's acceptance examples.
        asks: What it asks, in a few words.
        by: What answers it besides presets: a command, a function, a field.
        shown: The test that shows it; or what brings it.
        real: The test that shows it on the orders of a real shop, where one can.
    """

    row: str
    asks: str
    by: str
    shown: str
    real: str = ""


_PRESETS = "tests/unit/audiences/test_presets.py"
_NUMBERS = f"{_PRESETS}::test_the_numbers_of_the_sources_hold"
_USABLE = (
    f"{_PRESETS}::test_every_preset_is_usable_on_the_simulated_shop_and_finds_somebody_and_not_everybody"
)
_TEN = f"{_PRESETS}::test_each_of_the_ten_names_has_an_audience_and_so_have_rare_products_and_new_ones"
_FAMILIES = "tests/unit/audiences/test_families.py"
_LEDGER = "tests/unit/audiences/test_ledger.py"
_SCORES = "tests/unit/scores/test_scores.py"
_STAGES = "tests/unit/scores/test_stages.py"
_IMPORTANCE = "tests/unit/scores/test_stages_importance.py"
_SCENARIOS = "tests/unit/scenarios/test_presets.py"
_INSIGHTS = "tests/unit/insights"
_REAL = "tests/system/test_presets_on_real_shops.py"
_ACTIVATION = "comes with activation"

ROWS = (
    Row(
        "C01",
        "Products in, the customers who want them out",
        "`intentml interested-in`, `interested_in(...)` in a rule",
        f"{_SCORES}::test_interested_in_is_the_ranking_of_every_customer_by_brute_force",
    ),
    Row(
        "C02",
        "An audience for each category and brand, by keyword",
        "`interested([...])`; a family in YAML",
        _TEN,
    ),
    Row(
        "C03",
        "Everybody's likely next purchases, from all orders",
        "`intentml score`: interests",
        f"{_SCORES}::test_interests_are_each_customers_best_targets",
    ),
    Row("C04", "Interest in what hardly sells", "`interested(products=long_tail(view))`", _TEN),
    Row("C05", "Interest in what never sold", "`interested(products=...)`, `never_sold(view)`", _TEN),
    Row(
        "C06",
        "Bought the one, not the other",
        "`purchased(...) AND NOT purchased(...)`",
        f"{_PRESETS}::test_cross_sell_finds_who_bought_the_one_and_not_the_other",
    ),
    Row(
        "C07",
        "The shop's own columns, where it has them",
        "every column of the customers table",
        f"{_PRESETS}::test_a_shop_that_lacks_an_attribute_has_nobody_in_its_audience_and_does_not_fail",
    ),
    Row("C08", "How often, and how that changes", "`orders_change_90d` and other traits", _NUMBERS),
    Row(
        "C09",
        "Four groups of importance",
        "`importance`",
        _NUMBERS,
    ),
    Row(
        "C10",
        "Those groups move with the shop",
        "limits at each scoring",
        f"{_IMPORTANCE}::test_limits_are_one_and_two_deviations_above_the_mean",
    ),
    Row(
        "C11",
        "Stages by the own rhythm",
        "`lifecycle`",
        f"{_STAGES}::"
        "test_who_buys_every_three_months_slips_at_four_and_who_buys_once_a_year_is_active_at_nine",
    ),
    Row("C12", "Stages follow the customer", "`intentml audience refresh`", _NUMBERS),
    Row(
        "C13",
        "Everything combined freely",
        "rules; `interested(..., among='one-time')`",
        "tests/unit/audiences/test_selector.py::test_random_rules_find_whom_the_interpreter_finds",
    ),
    Row(
        "C14",
        "Who enters is told once",
        "`intentml audience diff`",
        f"{_LEDGER}::test_any_history_is_kept_and_handed_out_exactly_once",
    ),
    Row(
        "C15",
        "An incentive for each group",
        "",
        f"{_PRESETS}::test_groups_that_get_different_letters_share_nobody",
    ),
    Row(
        "C16",
        "Products for a customer, by orders",
        "`intentml recommend`",
        f"{_SCORES}::test_recommend_tells_what_was_bought_and_when",
    ),
    Row(
        "C17",
        "Products for a customer, by keyword",
        "`intentml recommend --keyword`",
        f"{_SCORES}::test_recommend_by_keyword_ranks_the_products_it_finds",
    ),
    Row("C18", "Newsletters on a schedule", "", _ACTIVATION),
    Row("C19", "Lists at e-mail and advertising platforms, kept up to date", "", _ACTIVATION),
    Row("C20", "A seed for lookalikes", "`similar_to('vip', top 10%)`", _USABLE),
    Row(
        "C21",
        "The base over time",
        "`intentml report`",
        f"{_INSIGHTS}/test_lifecycle.py::test_the_base_is_counted_at_each_instant",
    ),
    Row(
        "C22",
        "Audiences compared by what they may bring",
        "`intentml audience compare`",
        f"{_INSIGHTS}/test_comparison.py::"
        "test_the_most_potential_goes_by_revenue_for_soon_and_by_value_of_a_customer_for_long",
    ),
    Row(
        "C23",
        "What will be shown is known beforehand",
        "an audience's title and rule in one line; `intentml recommend --keyword`",
        f"{_FAMILIES}::test_a_name_gives_an_audience_that_reads_like_one_written_by_hand",
    ),
    Row("C24", "Lists by e-mail address", "", _ACTIVATION),
    Row("O01", "Value and behaviour, past and predicted", "traits and scores in one rule", _NUMBERS),
    Row(
        "O02",
        "New customers: one-off or of high potential",
        "`newcomer`",
        f"{_PRESETS}::test_who_is_new_with_one_order_is_new_in_the_lifecycle_too",
    ),
    Row(
        "O03",
        "Returners and what they are worth",
        "`return_rate`, `monetary_net`",
        _NUMBERS,
        f"{_REAL}::test_frequent_returners_are_those_of_whose_pieces_a_fifth_came_back",
    ),
    Row(
        "O04",
        "The size of the first order, and from which on a second one follows",
        "`intentml report` finds the threshold",
        f"{_INSIGHTS}/test_first_order.py::test_a_planted_threshold_is_found_with_honest_rates",
        f"{_REAL}::test_the_size_of_the_first_order_is_counted_over_its_lines",
    ),
    Row("O05", "Lost at once, lost late", "", _NUMBERS),
    Row("O06", "Left in the cart", "`abandoned_cart`, `intentml recommend`", _NUMBERS),
    Row(
        "S01",
        "Age, gender, place, radius",
        "`within_km(...)`, `country`, `region`, `city`",
        _NUMBERS,
        f"{_REAL}::test_a_demographic_column_of_the_shop_makes_an_audience",
    ),
    Row("S02", "Purchases, views, baskets, visits, funnel, time on the site", "traits", _NUMBERS),
    Row("S03", "Who opens e-mails", "`email_open_rate_90d`", _NUMBERS),
    Row("S04", "Prospects, new, loyal, disengaging", "", _NUMBERS),
    Row(
        "S05",
        "Promotions, groups, where they came from",
        "",
        _NUMBERS,
        f"{_REAL}::test_promotion_users_are_those_with_a_code_or_a_redeemed_coupon",
    ),
    Row(
        "S06",
        "Segments that move",
        "`intentml audience refresh`, `as-of`",
        f"{_LEDGER}::test_membership_is_told_as_it_was",
    ),
    Row(
        "S07",
        "What happens to an abandoned cart",
        "scenario `abandoned-cart`",
        f"{_SCENARIOS}::test_an_abandoned_cart_is_told_of_after_4_hours_or_24_and_gets_5_percent_at_last",
    ),
    Row(
        "S08",
        "What happens to the inactive",
        "scenario `inactive`",
        f"{_SCENARIOS}::test_the_inactive_are_written_to_after_3_6_and_12_months",
    ),
    Row(
        "S09",
        "What happens to prospects, by age and place",
        "scenario `prospects`",
        f"{_SCENARIOS}::test_prospects_are_written_to_on_their_days_by_age_and_place",
    ),
    Row("S10", "Answers at once", "`intentml serve`", "comes with the service (issue 6)"),
    Row("K01", "Promoters, neutrals, detractors", "`nps`, `nps_group`", _NUMBERS),
    Row("K02", "Hot, warm, cold", "", _NUMBERS),
    Row(
        "K03",
        "Points for behaviour, profile and source",
        "`lead_score`, `lead_score.yaml`",
        "tests/unit/audiences/test_lead_score.py::"
        "test_the_lead_score_is_the_sum_of_the_points_of_the_rules_that_hold",
    ),
    Row("K04", "New and recurring visitors", "`visitor`, `visits_90d`", _NUMBERS),
    Row("K05", "Kinds of clients, sizes of tickets", "", _NUMBERS),
    Row(
        "K06",
        "Role, company, motivations, worries of a person",
        "columns of the customers table, where a shop asked for them",
        "no order history has such data; `intentml report` tells what sets a group apart",
    ),
    Row(
        "K07",
        "Groups alike in age, gender and satisfaction",
        "`crossed(ages, genders, answers)`",
        f"{_FAMILIES}::test_every_combination_of_groups_is_an_audience",
    ),
)


def presets_page() -> str:
    """The page as Markdown: a table of capabilities, what was decided, a table of presets."""
    known = presets()
    lines = [
        HEADER,
        "| row | asks | preset | or by | shown by |",
        "| --- | --- | --- | --- | --- |",
        *(_capability(row, known) for row in ROWS),
        DECISIONS,
        "| preset | who | rule | source |",
        "| --- | --- | --- | --- |",
        *_table(known),
    ]
    return "\n".join(lines) + "\n"


def rows_of(audience: Audience) -> list[str]:
    """The capabilities that a preset answers, as its source names them."""
    return audience.source.split(";")[0].split(", ") if audience.source else []


def _capability(row: Row, known: dict[str, Audience]) -> str:
    names = [f"`{name}`" for name, audience in known.items() if row.row in rows_of(audience)]
    shown = ", on real orders ".join(
        f"`{test.split('::')[1]}`" if "::" in test else test for test in (row.shown, row.real) if test
    )
    return f"| {row.row} | {row.asks} | {', '.join(names)} | {row.by} | {shown} |"


def _table(known: dict[str, Audience]) -> Iterator[str]:
    for name, audience in known.items():
        yield f"| `{name}` | {audience.title}. {audience.about} | `{audience.text}` | {audience.source} |"
