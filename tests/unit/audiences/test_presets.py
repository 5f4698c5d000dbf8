"""The presets: every one at work on the simulated shop, and every number of their sources on people by hand.

People made by hand are called after what they did; an age such as `7` is that many days before as_of, and
`7+` one second more.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from intentml.audiences.audience import presets, rules_of
from intentml.audiences.audiences import Audiences
from intentml.audiences.families import interested, long_tail, never_sold
from intentml.audiences.lead_score import read_lead_score
from intentml.audiences.leaves import Comparison
from intentml.audiences.parse import parse
from intentml.audiences.rule import leaves
from intentml.audiences.scored import view_of
from intentml.audiences.selector import Selector
from intentml.datasets.simulated import SimulatedShop, simulate_shop
from intentml.errors import RuleError
from intentml.scores.stages import LifecycleLimits, ReturnTimes, lifecycle
from intentml.tables.read import shop_from_frames
from intentml.timeline import OrderLog, known_by
from intentml.traits import FIELDS
from intentml.workflows import score, train
from tiny import log_of

PRESETS = presets()
AS_OF = "2024-06-01"
# The simulated shop sells nothing that dear, so its average orders are small or medium.
NOBODY_IN_THE_SIMULATED_SHOP = {"large-ticket"}


# -- every preset, on the simulated shop ----------------------------------------------------------


@pytest.fixture(scope="module")
def simulated() -> Audiences:
    tables = simulate_shop(
        SimulatedShop(
            customers=1_000,
            products_per_type=6,
            start=dt.date(2023, 10, 1),
            end=dt.date(2025, 3, 2),
            seed=1,
        )
    )
    log = OrderLog.from_tables(
        shop_from_frames(
            orders=tables.orders, products=tables.products, customers=tables.customers, events=tables.events
        )
    )
    quick = ["priors.horizons_days=[28]", "priors.windows=1", "priors.sample_per_window=1000"]
    model = train(log, as_of="2025-03-01", settings=quick)
    scores = score(model, log, as_of="2025-03-01", horizon_days=28)
    return Audiences(view_of(known_by(log, "2025-03-01"), scores), PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_text_that_reads_back_says_who_and_whence_and_names_known_fields(name):
    preset = PRESETS[name]
    assert parse(preset.text) == preset.rule
    assert preset.about
    assert preset.source[0] in "COSK"
    assert preset.source[1:3].isdigit()
    named = {leaf.field for leaf in leaves(preset.rule) if isinstance(leaf, Comparison)}
    assert named <= {*FIELDS, "newcomer", "lead_score"}


def test_every_preset_is_usable_on_the_simulated_shop_and_finds_somebody_and_not_everybody(simulated):
    found = simulated.usable()
    everybody = len(simulated.view.customer_ids)
    assert set(found) == set(PRESETS)
    assert {name for name, count in found.items() if count == 0} == NOBODY_IN_THE_SIMULATED_SHOP
    odd = {name: count for name, count in found.items() if not isinstance(count, int) or count >= everybody}
    assert odd == {}


def members(audiences: Audiences, *names: str) -> set[str]:
    """Whoever is in one of the audiences."""
    return {one for name in names for one in audiences.selector.members(audiences.find(name).rule)}


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("slipping-or-lost", ["incentive-low", "incentive-medium", "incentive-high"]),
        ("lost", ["fast-churn", "late-churn"]),
        ("cart-abandoners", ["abandoned-cart-regular", "abandoned-cart-not-regular"]),
    ],
)
def test_groups_that_get_different_letters_share_nobody(simulated, whole, parts):
    groups = [members(simulated, part) for part in parts]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert set().union(*groups) <= members(simulated, whole)
    if whole != "cart-abandoners":  # a regular customer's cart rests 15 days after an order
        assert set().union(*groups) == members(simulated, whole)


@pytest.mark.parametrize(
    ("preset", "bought", "missing"),
    [
        ("bike-without-lock", "bike", "Bike locks"),
        ("guitar-without-case", "guitar", "Guitar cases"),
        ("tent-without-repellent", "tent", "Mosquito repellents"),
    ],
)
def test_cross_sell_finds_who_bought_the_one_and_not_the_other(simulated, preset, bought, missing):
    view = simulated.view
    lines = view.lines.to_pandas()
    paths = pd.Series(view.catalogue.paths).fillna("")
    product = lines["product"].astype("Int64")
    text = product.map(pd.Series(view.catalogue.names).fillna("") + " " + paths).str.lower()
    has = set(lines["row"][text.str.contains(rf"\b{bought}s?\b", na=False)])
    lacks = set(lines["row"][product.map(paths).str.endswith(missing, na=False)])
    assert members(simulated, preset) == set(view.customer_ids[sorted(has - lacks)])
    assert has & lacks


TEN = [
    "Shirts",
    "Sneakers",
    "Trousers",
    "Sweatshirts",
    "Socks",
    "Nike",
    "Adidas",
    "Under Armour",
    "Vettex",
    "Hummel",
]


def test_each_of_the_ten_names_has_an_audience_and_so_have_rare_products_and_new_ones(simulated):
    rare, new = long_tail(simulated.view, 5), never_sold(simulated.view)
    asked = interested(TEN, products=rare) | interested(products=new[:1], among="one-time")
    *by_name, newcomer = (members(simulated, one.text) for one in asked.values())
    tenth = -(-len(simulated.view.customer_ids) // 10)
    assert [len(one) for one in by_name] == [tenth] * 15
    assert len(set(map(frozenset, by_name[:10]))) == 10
    assert newcomer
    assert newcomer <= members(simulated, "one-time")


def test_who_is_new_with_one_order_is_new_in_the_lifecycle_too(simulated):
    assert members(simulated, "new-one-off") == members(simulated, "new")
    assert members(simulated, "new-high-potential").isdisjoint(members(simulated, "one-time"))


def test_the_lead_score_is_seen_by_members_and_reasons(simulated):
    leads = simulated.members("qualified-leads")
    assert (leads["lead_score"] >= 30).all()
    first = leads.iloc[0]
    assert simulated.explain("qualified-leads", first["customer_id"]).seen == {
        "lead_score": first["lead_score"]
    }


# -- the numbers of the sources, on people made by hand ---------------------------------------------

# Ages of each one's orders, newest first; one piece of 10 each.
BOUGHT = {
    "quarterly": "120 211 302",  # every three months, four months without
    "yearly": "274 639 1004",  # once a year, nine months ago
    "gone-regular": "200 291 382",
    "gone-once": "150",
    "gone-twice": "120 130",
    "gone-weekly": "15 22 29",
    "once-59": "59",
    "once-60": "60",
    "three-orders": "10 20 30",
    "four-orders": "10 20 30 40",
    "bought-30": "30",
    "bought-30+": "30+",
    "bought-90": "90",
    "bought-91": "91",
    "bought-183": "183",
    "bought-183+": "183+",
    "more": "10 20 100",
    "less": "10 100 120",
    "as-often": "10 100",
    "cart-14": "14",
    "cart-15": "15",
    "cart-183": "183",
    "cart-183+": "183+",
    "cart-bought": "1",
    "viewed-bought": "1",
    "viewed-20-bought": "10",
    "cold-bought": "80",
    "cold-bought-90": "90",
    "checkout-bought": "1",
    "buyer-20-city": "10",
    "buyer-40-residential": "10",
    "buyer-60": "10",
}
LINES = [
    *({"name": name, "age": age} for name, ages in BOUGHT.items() for age in ages.split()),
    {"name": "ticket-1999", "unit_price": 1999.99},
    {"name": "ticket-2000", "unit_price": 2000.0},
    {"name": "ticket-10000", "unit_price": 10_000.0},
    {"name": "ticket-10000.01", "unit_price": 10_000.01},
    {"name": "first-2", "quantity": 2},
    {"name": "first-3", "quantity": 3},
    *(
        {"name": f"returned-{back}-of-10", "quantity": 5, "age": age}
        for back in (1, 2)
        for age in ("40", "50")
    ),
    *({"name": f"returned-{back}-of-10", "quantity": -back, "age": "30"} for back in (1, 2)),
    {"name": "returned-once", "quantity": 1, "age": "40"},
    {"name": "returned-once", "quantity": -1, "age": "30"},
    {"name": "promo-code", "promo_code": "SPRING"},
]
MAIL = [(0, 2), (1, 2), (2, 2), (0, 3), (1, 3), (3, 3), (3, 5), (4, 5)]  # opened, sent
EVENTS = [
    *((f"nps-{answer}", "nps_answer", "5", answer) for answer in (0, 1, 6, 7, 8, 9, 10)),
    *((f"viewed-{age}", "product_view", age, None) for age in ("7", "7+", "8", "31", "90", "90+")),
    ("viewed-bought", "product_view", "3", None),
    ("viewed-20-bought", "product_view", "20", None),
    ("cold-bought", "product_view", "200", None),
    ("cold-bought-90", "product_view", "200", None),
    *((f"cart-{age}", "cart_add", "2", None) for age in ("14", "15", "183", "183+", "bought", "never")),
    *((f"old-cart-{age}", "cart_add", age, None) for age in ("30", "30+")),
    *((f"checkout-{age}", "checkout_started", age, None) for age in ("30", "30+")),
    ("checkout-bought", "checkout_started", "5", None),
    *((f"opened-{n}-of-{of}", "email_sent", f"{20 + day}", None) for n, of in MAIL for day in range(of)),
    *((f"opened-{n}-of-{of}", "email_opened", f"{10 + day}", None) for n, of in MAIL for day in range(n)),
    *((f"visits-{n}", "visit", f"{day + 1}", None) for n in (1, 2) for day in range(n)),
    ("coupon", "coupon_redeemed", "20", None),
]
KM_PER_DEGREE = 111.195
CUSTOMERS = {
    "aged-17": {"birth_date": "2006-06-02"},
    "aged-18": {"birth_date": "2006-06-01", "area_type": "city"},
    "aged-34": {"birth_date": "1989-06-02", "area_type": "city"},
    "aged-35": {"birth_date": "1989-06-01", "area_type": "residential"},
    "aged-49": {"birth_date": "1974-06-02", "area_type": "city"},
    "aged-50": {"birth_date": "1974-06-01", "area_type": "rural"},
    "aged-20-rural": {"birth_date": "2004-01-01", "area_type": "rural"},
    "aged-55-residential": {"birth_date": "1969-01-01", "area_type": "residential"},
    "buyer-20-city": {"birth_date": "2004-01-01", "area_type": "city"},
    "buyer-40-residential": {"birth_date": "1984-01-01", "area_type": "residential"},
    "buyer-60": {"birth_date": "1964-01-01"},
    "in-29.9-km": {"latitude": 48.857 + 29.9 / KM_PER_DEGREE, "longitude": 2.352},
    "in-30.1-km": {"latitude": 48.857 + 30.1 / KM_PER_DEGREE, "longitude": 2.352},
    "clubber": {"groups": "staff;club", "acquisition_source": "social", "gender": "female"},
    "clubless": {"groups": "staff", "acquisition_source": "search", "gender": "male"},
    "person": {"client_type": "individual", "subscribed": "true", "language": "es"},
    "company": {"client_type": "corporate", "subscribed": "true", "language": "fr"},
    "ministry": {"client_type": "government", "subscribed": "false", "language": "es"},
}
IMPORTANCE = {"gone-regular": "vip", "four-orders": "vip", "quarterly": "frequent", "three-orders": "loyal"}
NOT_ORDERING_90_DAYS = {"quarterly": 0.51, "four-orders": 0.5, "three-orders": 0.9}


def ago(age: str) -> str:
    """So many days before as_of; `7+` is one second more."""
    days = pd.Timedelta(days=float(age.rstrip("+")), seconds=int(age.endswith("+")))
    return (pd.Timestamp(AS_OF, tz="UTC") - days).isoformat()


@pytest.fixture(scope="module")
def by_hand() -> Selector:
    names = sorted({*CUSTOMERS, *(line["name"] for line in LINES), *(event[0] for event in EVENTS)})
    orders = pd.DataFrame(LINES).fillna({"age": "20", "quantity": 1, "unit_price": 10.0})
    log = log_of(
        {
            "orders": pd.DataFrame(
                {
                    "customer_id": orders["name"],
                    "order_id": [f"o{number:03d}" for number in range(len(orders))],
                    "ordered_at": orders["age"].map(ago),
                    "quantity": orders["quantity"],
                    "unit_price": orders["unit_price"],
                    "promo_code": orders["promo_code"],
                }
            ),
            "customers": pd.DataFrame(
                [
                    {"customer_id": name, "created_at": ago("2000"), **CUSTOMERS.get(name, {})}
                    for name in names
                ]
            ),
            "events": pd.DataFrame(
                [(name, kind, ago(age), value) for name, kind, age, value in EVENTS],
                columns=["customer_id", "event_type", "occurred_at", "value"],
            ),
        }
    )
    view = view_of(known_by(log, AS_OF))
    told = view.customers.to_pandas()
    limits = {"cycle_days": 20, "returns": 99, "source": "first"}
    stages = lifecycle(
        told["frequency"],
        told["recency_days"],
        told["gap_median_days"].where(told["frequency"] >= 3),
        np.zeros(len(told)),
        LifecycleLimits(
            first=ReturnTimes(usual_days=60, lost_days=150, **limits),
            second=ReturnTimes(usual_days=40, lost_days=100, **limits),
            later=ReturnTimes(usual_days=25, lost_days=70, **limits),
        ),
    )
    one_time = np.where(told["frequency"] == 1, "one_time", None)
    columns = {
        "lifecycle": pa.array(stages.tolist()),
        "importance": pa.array(told["customer_id"].map(IMPORTANCE).fillna(pd.Series(one_time)), pa.string()),
        "survival_90": pa.array(told["customer_id"].map(NOT_ORDERING_90_DAYS).fillna(0.1)),
    }
    table = view.customers
    for name, values in columns.items():
        table = table.append_column(name, values)
    return Selector(replace(view, customers=table), rules_of(PRESETS.values()))


@pytest.mark.parametrize(
    ("preset", "inside", "outside"),
    [
        # C09, C13
        ("one-time", "gone-once once-59", "as-often aged-18"),
        ("vip", "gone-regular four-orders", "quarterly"),
        ("vip-lost", "gone-regular", "four-orders gone-once"),
        # C11: every three months slips after four; once a year is active at nine months
        ("slipping-away", "quarterly once-60", "yearly once-59 gone-regular"),
        ("active", "yearly", "quarterly gone-regular"),
        ("lost", "gone-regular gone-once", "quarterly yearly once-60"),
        ("new", "once-59", "once-60 three-orders"),
        ("just-ordered", "bought-30 three-orders", "bought-30+ yearly gone-weekly"),
        ("slipping-or-lost", "quarterly gone-once", "yearly"),
        # O05, C15
        ("fast-churn", "gone-once", "gone-regular once-60"),
        ("late-churn", "gone-regular gone-twice", "gone-once quarterly"),
        ("incentive-low", "quarterly once-60", "gone-once gone-regular yearly"),
        ("incentive-medium", "gone-regular gone-twice", "quarterly gone-once"),
        ("incentive-high", "gone-once", "quarterly gone-regular"),
        # C07, C08
        ("subscribed", "person company", "ministry aged-18"),
        ("subscribed-in-spanish", "person", "company ministry"),
        ("buying-more", "more four-orders", "less as-often aged-18"),
        ("buying-less", "less quarterly", "more as-often aged-18"),
        # O01, O03, O04
        ("valuable-at-risk", "quarterly", "four-orders three-orders"),
        ("frequent-returners", "returned-2-of-10", "returned-1-of-10 returned-once"),
        ("non-returners", "first-2", "returned-1-of-10 returned-once aged-18"),
        ("large-first-order", "first-3", "first-2"),
        # S01, S09: a birthday decides, and every age is in one band
        ("age-18-34", "aged-18 aged-34", "aged-17 aged-35 person"),
        ("age-35-49", "aged-35 aged-49", "aged-34 aged-50"),
        ("age-50-up", "aged-50", "aged-49 person"),
        ("prospects-18-34-city", "aged-18 aged-34", "aged-17 aged-35 aged-49 aged-20-rural buyer-20-city"),
        ("prospects-35-49-residential", "aged-35", "aged-34 aged-55-residential buyer-40-residential"),
        ("prospects-50-up", "aged-50 aged-55-residential", "aged-49 buyer-60"),
        ("near-paris", "in-29.9-km", "in-30.1-km person"),
        ("women", "clubber", "clubless person"),
        ("men", "clubless", "clubber person"),
        # S02, S08: three months; S07: six months; S08: more than three orders
        ("inactive", "bought-91", "bought-90 aged-18"),
        ("regular", "bought-183 three-orders", "bought-183+ aged-18"),
        ("more-than-three-orders", "four-orders", "three-orders"),
        # S03
        ("super-active-readers", "opened-4-of-5 opened-3-of-3", "opened-3-of-5 opened-2-of-2"),
        ("moderate-readers", "opened-3-of-5 opened-1-of-3", "opened-4-of-5 opened-0-of-3 opened-1-of-2"),
        ("inactive-readers", "opened-0-of-3", "opened-1-of-3 opened-0-of-2 person"),
        # S04, S05
        ("prospects", "aged-18 cart-never", "once-59"),
        ("prospects-without-cart", "aged-18", "cart-never once-59"),
        ("club-members", "clubber", "clubless person"),
        ("from-social", "clubber", "clubless person"),
        ("promo-users", "promo-code coupon", "once-59 person"),
        # O06, S07: 15 days and six months
        ("cart-abandoners", "cart-14 cart-15 cart-never old-cart-30", "cart-bought old-cart-30+ once-59"),
        ("checkout-abandoners", "checkout-30", "checkout-30+ checkout-bought cart-15"),
        ("abandoned-cart-regular", "cart-15 cart-183", "cart-14 cart-183+ cart-never cart-bought bought-30"),
        ("abandoned-cart-not-regular", "cart-183+ cart-never", "cart-14 cart-15 cart-183 cart-bought person"),
        # K01: 0 is a detractor too
        ("detractors", "nps-0 nps-1 nps-6", "nps-7 person"),
        ("neutrals", "nps-7 nps-8", "nps-6 nps-9"),
        ("promoters", "nps-9 nps-10", "nps-8 person"),
        # K02: day 7 is hot, day 31 warm
        ("intent-hot", "viewed-7", "viewed-7+ viewed-bought person"),
        ("intent-warm", "viewed-7+ viewed-8 viewed-31 viewed-90", "viewed-7 viewed-90+ viewed-20-bought"),
        ("intent-cold", "viewed-90+", "viewed-90 viewed-31 cold-bought cold-bought-90 person"),
        # K04, K05
        ("new-visitors", "visits-1", "visits-2 person"),
        ("recurring-visitors", "visits-2", "visits-1"),
        ("individuals", "person", "company ministry aged-18"),
        ("long-cycle-clients", "company ministry", "person"),
        ("small-ticket", "ticket-1999 once-59", "ticket-2000 person"),
        ("medium-ticket", "ticket-2000 ticket-10000", "ticket-1999 ticket-10000.01"),
        ("large-ticket", "ticket-10000.01", "ticket-10000"),
    ],
)  # fmt: skip
def test_the_numbers_of_the_sources_hold(by_hand, preset, inside, outside):
    everybody = set(by_hand.view.customer_ids)
    found = set(by_hand.members(PRESETS[preset].rule))
    assert {*inside.split(), *outside.split()} <= everybody
    assert set(inside.split()) <= found
    assert found.isdisjoint(outside.split())


def test_the_three_temperatures_share_nobody(by_hand):
    found = [list(by_hand.members(PRESETS[f"intent-{warmth}"].rule)) for warmth in ("hot", "warm", "cold")]
    assert sum(map(len, found)) == len({*found[0], *found[1], *found[2]}) > 3


def test_a_shop_that_lacks_an_attribute_has_nobody_in_its_audience_and_does_not_fail():
    orders = pd.DataFrame({"customer_id": ["a"], "order_id": ["1"], "ordered_at": [ago("3")]})
    bare = Audiences(view_of(known_by(log_of({"orders": orders}), AS_OF)), PRESETS)
    for name in (
        "subscribed",
        "subscribed-in-spanish",
        "near-paris",
        "promoters",
        "club-members",
        "intent-hot",
    ):
        told = bare.preview(name)
        assert told.customers == 0
    assert bare.preview("subscribed").notes == (
        "subscribed is unknown of everybody: the shop's tables have no customers.subscribed",
    )
    assert all("latitude" in note or "longitude" in note for note in bare.preview("near-paris").notes)
    assert len(bare.preview("near-paris").notes) == 2
    assert bare.notes("event('cart_add', last 7 days)") == ("the shop has no event of type cart_add",)


def test_a_column_of_the_shops_own_that_is_called_like_a_made_field_stands():
    orders = pd.DataFrame({"customer_id": ["a"], "order_id": ["1"], "ordered_at": [ago("3")]})
    customers = pd.DataFrame({"customer_id": ["a"], "lead_score": [40.0]})
    known = known_by(log_of({"orders": orders, "customers": customers}), AS_OF)
    assert Audiences(view_of(known), PRESETS).members("qualified-leads")["lead_score"].tolist() == [40.0]
    points = read_lead_score()
    assert Audiences(view_of(known, lead_score=points), PRESETS).preview("qualified-leads").customers == 0


def test_the_few_words_of_a_field_are_all_that_it_holds_and_another_is_a_slip_of_the_pen(simulated):
    view = simulated.view
    assert {"lifecycle", "importance", "newcomer", "visitor", "funnel_step", "nps_group"} <= set(view.words)
    for name, words in view.words.items():
        assert {value for value in view.customers[name].unique().to_pylist() if value is not None} <= set(
            words
        )
    with pytest.raises(RuleError, match="visitor is never 'returning'") as caught:
        simulated.preview("visitor = returning")
    assert caught.value.hint == "it is one of new, recurring"
