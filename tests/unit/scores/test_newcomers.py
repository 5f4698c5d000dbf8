from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intentml.errors import UnknownTargetError
from intentml.inference.folder import SavedModel
from intentml.prediction import logit
from intentml.scores.scores import Scores
from intentml.timeline import OrderLog
from intentml.workflows import score, train
from scored_shop import QUICK, sigmoid
from tiny import log_of

AS_OF = "2024-06-01"
#            category, brand, price, share of the customers who buy it
CATALOGUE = {
    "tea-cheap": ("TEA", "Oro", 2.0, 0.6),
    "tea-dear": ("TEA", "Plata", 40.0, 0.05),
    "tea-new": ("TEA", "Oro", None, 0.0),  # known, never sold
    "cup-1": ("CUPS", "Oro", 5.0, 0.3),
    "cup-2": ("CUPS", "Plata", 6.0, 0.3),
    "rug": ("RUGS", None, 90.0, 0.02),
}
DEPARTMENTS = {"TEA": "FOOD", "CUPS": "HOME", "RUGS": "HOME"}


@pytest.fixture(scope="module")
def log() -> OrderLog:
    """A year of eighty customers who buy in proportion to the shares above."""
    rng = np.random.default_rng(5)
    ids = list(CATALOGUE)
    share = np.array([CATALOGUE[product][3] for product in ids])
    lines = 1200
    product = rng.choice(ids, lines, p=share / share.sum())
    orders = pd.DataFrame(
        {
            "customer_id": [f"c{number:02d}" for number in rng.integers(0, 80, lines)],
            "order_id": [f"o{number}" for number in range(lines)],
            "ordered_at": pd.Timestamp("2023-06-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 366, lines), unit="D"),
            "product_id": product,
            "unit_price": [CATALOGUE[one][2] for one in product],
        }
    )
    products = pd.DataFrame(
        {
            "product_id": ids,
            "category": [CATALOGUE[one][0] for one in ids],
            "category_path": [f"{DEPARTMENTS[CATALOGUE[one][0]]} > {CATALOGUE[one][0]}" for one in ids],
            "brand": [CATALOGUE[one][1] for one in ids],
        }
    )
    return log_of({"orders": orders, "products": products})


@pytest.fixture(scope="module")
def model(log) -> SavedModel:
    return train(log, as_of=AS_OF, settings=QUICK)


@pytest.fixture(scope="module")
def shop(model, log) -> Scores:
    return score(model, log, as_of=AS_OF, horizon_days=28)


def asked(shop: Scores, **product: object) -> np.ndarray:
    """Probabilities of all customers, sorted by id."""
    return (
        shop.interested_in(new_product=product).customers.sort_values("customer_id")["probability"].to_numpy()
    )


def test_a_new_product_without_price_is_wanted_like_one_of_its_kind_but_for_never_having_sold(shop, model):
    known = shop.interested_in(product="tea-new").customers.sort_values("customer_id")["probability"]
    scores = shop.scores_of("product")
    neighbours = np.diff(scores.pairs.tocsc().indptr)[scores.find("tea-new")]
    assert neighbours == 0  # nothing but category, brand and popularity speaks for it
    # One that the catalogue has had for long, and that nobody bought, may be one that nobody will.
    unsold = model.predictor.targets["product"][28].explore.by_column["unsold"]
    assert unsold < -0.1
    new = asked(shop, category="TEA", brand="Oro")
    assert logit(new) + unsold == pytest.approx(logit(known.to_numpy()), abs=1e-4)


def test_siblings_of_like_price_count_more(shop):
    cheap, middle, dear = (asked(shop, category="TEA", price=price).mean() for price in (2.0, 9.0, 40.0))
    assert cheap > middle > dear


def test_a_product_of_a_category_that_sells_is_wanted_more(shop):
    assert asked(shop, category="TEA").mean() > asked(shop, category="RUGS").mean()


def test_without_a_category_it_is_an_average_product_of_its_brand(shop):
    average = asked(shop)
    assert asked(shop, brand="Plata").mean() != pytest.approx(average.mean())
    assert average.min() > 0


def test_a_brand_that_the_catalogue_does_not_have_says_nothing(shop):
    assert asked(shop, category="TEA", brand="Nueva") == pytest.approx(asked(shop, category="TEA"))


def test_the_name_is_told_and_not_read(shop):
    assert asked(shop, category="TEA", name="Anything") == pytest.approx(asked(shop, category="TEA"))
    answer = shop.interested_in(new_product={"category": "TEA", "name": "Anything"})
    assert answer.matched_products == ({"product_id": None, "name": "Anything"},)


def test_a_node_stands_for_its_products_and_for_the_category_that_they_share(shop):
    assert asked(shop, category="FOOD") == pytest.approx(asked(shop, category="TEA"))
    between = asked(shop, category="HOME").mean()
    assert asked(shop, category="RUGS").mean() < between < asked(shop, category="CUPS").mean()


def test_an_unknown_category_offers_the_nearest(shop):
    with pytest.raises(UnknownTargetError) as caught:
        asked(shop, category="TEAS")
    assert "'TEA'" in caught.value.hint


def test_its_probability_is_the_logistic_of_its_logit(shop):
    from intentml.scores.selection import NewProduct

    logits = shop.newcomer_logits(NewProduct(category="TEA"))
    assert asked(shop, category="TEA") == pytest.approx(sigmoid(logits))
