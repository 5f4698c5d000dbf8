"""Survival at any horizon is a field: what a rule compares is what `Scores.survival` tells."""

from __future__ import annotations

import shutil

import numpy as np
import pyarrow as pa
import pytest

import scored_shop
from hand_view import hand_view
from intentml.audiences.audiences import Audiences
from intentml.audiences.engine import Engine
from intentml.audiences.lead_score import LeadScore
from intentml.audiences.parse import parse
from intentml.audiences.scored import view_of
from intentml.audiences.selector import Selector
from intentml.audiences.survival import CURVE
from intentml.audiences.view import ShopView
from intentml.errors import RuleError
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import known_by

BETWEEN = [8, 29, 100, 149, 200, 364]


@pytest.fixture(scope="module")
def view() -> ShopView:
    scores = scored_shop.scores()
    return view_of(known_by(scored_shop.log(), scores.manifest.as_of), scores)


def check(selector: Selector, days: int) -> None:
    """Every comparison finds whom the numbers of the scores say."""
    told = scored_shop.scores().survival(days).to_numpy()
    name, everybody = f"survival_{days}", np.arange(len(told), dtype=np.int32)
    assert selector.values(name, everybody).to_pylist() == told.tolist()
    limit, lower = (float(np.quantile(told, share, method="nearest")) for share in (0.5, 0.2))
    for rule, fit in {
        f"{name} > {limit!r}": told > limit,
        f"{name} >= {limit!r}": told >= limit,
        f"{name} = {limit!r}": told == limit,
        f"{name} BETWEEN {lower!r} AND {limit!r}": (told >= lower) & (told <= limit),
        f"NOT {name} < {limit!r} AND orders >= 0": told >= limit,
        f"{name} IS NULL": np.zeros(len(told), bool),
    }.items():
        assert selector.rows(parse(rule)).tolist() == np.flatnonzero(fit).tolist(), rule


@pytest.mark.parametrize("days", BETWEEN)
def test_a_rule_compares_what_the_scores_tell(view: ShopView, days: int) -> None:
    check(Selector(view), days)


@pytest.mark.parametrize("days", SURVIVAL_DAYS)
def test_the_days_of_the_curve_are_the_columns_of_the_scores(view: ShopView, days: int) -> None:
    everybody = np.arange(len(view.customers), dtype=np.int32)
    values = Selector(view).values(f"survival_{days}", everybody).to_pylist()
    assert values == scored_shop.scores().table[f"survival_{days}"].to_pylist()
    assert values == pytest.approx(scored_shop.scores().survival(days).tolist(), rel=1e-12)


@pytest.mark.slow
def test_spark_finds_the_same_people(view: ShopView) -> None:
    sql = pytest.importorskip("pyspark.sql", reason="Spark comes with the extra `spark`")
    if shutil.which("java") is None:
        pytest.skip("Spark needs a Java machine")
    from intentml.audiences.spark import SparkEngine

    session = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    engine: Engine = SparkEngine(session)
    for days in BETWEEN[:3]:
        check(Selector(view, engine=engine), days)
    session.stop()


def test_it_is_shown_explained_and_worth_points_like_any_field(view: ShopView) -> None:
    told = scored_shop.scores().survival(100)
    limit = float(told.median())
    audiences = Audiences(view, {})
    members = audiences.members(f"survival_100 > {limit!r}").set_index("customer_id")
    assert members["survival_100"].to_dict() == told[told > limit].to_dict()
    assert audiences.preview(f"survival_100 > {limit!r}").customers == len(members)
    customer = str(told.index[0])
    reason = audiences.explain("survival_100 >= 0.0 AND orders >= 0", customer)
    assert reason.parts[0].seen == {"survival_100": told.iloc[0]}
    weights = LeadScore.model_validate(
        {
            "behaviour": [{"points": 3, "rule": f"survival_100 > {limit!r}"}],
            "profile": [{"points": 1, "rule": "orders >= 0"}],
            "source": [{"points": 1, "rule": "orders >= 0"}],
        }
    )
    scores = scored_shop.scores()
    worth = Selector(view_of(known_by(scored_shop.log(), scores.manifest.as_of), scores, weights))
    assert worth.members(parse("lead_score >= 5")).tolist() == sorted(members.index)


def test_what_was_worked_out_is_let_go_and_worked_out_again(view: ShopView) -> None:
    selector, rule = Selector(view), parse("survival_100 > 0.5")
    first = selector.rows(rule).tolist()
    selector.forget()
    assert selector.rows(rule).tolist() == first


@pytest.mark.parametrize("name", ["survival_3", "survival_400", "survival_0100", "survival_0"])
def test_days_outside_the_curve_are_an_unknown_field(view: ShopView, name: str) -> None:
    selector = Selector(view)
    with pytest.raises(RuleError, match=f"names '{name}', which is no field") as caught:
        selector.count(parse(f"{name} > 0.5"))
    assert "any whole number of days from 7 to 365" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["survival_100", "survival_90"])
def test_without_scores_it_says_what_it_needs(name: str) -> None:
    with pytest.raises(RuleError, match="which is no field") as caught:
        Selector(hand_view(orders=[1, 2])).count(parse(f"{name} > 0.5"))
    assert "needs scores" in (caught.value.hint or "")


def test_a_customer_without_a_curve_is_unknown_between_its_days_too() -> None:
    view = hand_view(**{name: pa.array([0.5, None], pa.float64()) for name in CURVE})
    selector = Selector(view)
    assert selector.rows(parse("survival_100 IS NULL")).tolist() == [1]
    assert selector.rows(parse("survival_100 > 0.4")).tolist() == [0]
    assert selector.rows(parse("survival_100 <= 0.4")).tolist() == []


def test_a_column_of_that_name_in_the_customers_table_stands() -> None:
    curve = {name: [0.5, 0.5] for name in CURVE}
    selector = Selector(hand_view(**curve, survival_100=[7.0, 8.0]))
    assert selector.rows(parse("survival_100 > 7")).tolist() == [1]
